#include "harness/model/processor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "optimizations/core/utf8_text.h"

enum {
    FILE_LIMIT = 1 << 20,
    ASPECT_MAX = 200,
    PATCH_MAX = 256,
    MERGE_MAX = 16,
    RESAMPLE_BICUBIC = 3
};

#define AREA_MAX (INT64_C(1) << 50)

static vlt_status read_flag(const json_t *object, const char *name, const char *key, bool *out,
                            vlt_error *err)
{
    bool found = false;
    return vlt_json_bool(object, name, key, out, &found, err);
}

/* A list of three numbers, or one number for all channels. */
static vlt_status read_channels(const json_t *object, const char *name, const char *key,
                                double *out, vlt_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' is missing", name, key);
    }
    if (json_is_array(value) && json_array_size(value) != 3) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: %s has %zu values, expected 3", name, key,
                        json_array_size(value));
    }
    for (size_t c = 0; c < 3; c++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, c) : value;
        if (!json_is_number(item) || !isfinite(json_number_value(item))) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: %s[%zu] is no number", name, key, c);
        }
        out[c] = json_number_value(item);
    }
    return VLT_OK;
}

/* size.shortest_edge and size.longest_edge, which are areas; min_pixels and max_pixels, the old
 * names of the same, override them. */
static vlt_status read_limits(const json_t *object, const char *name, vlt_processor_config *out,
                              vlt_error *err)
{
    static const char *const edges[] = {"shortest_edge", "longest_edge"};
    static const char *const names[] = {"min_pixels", "max_pixels"};
    int64_t *limits[] = {&out->pixels_min, &out->pixels_max};
    const json_t *size = NULL;
    bool has_size = false;
    char inner[96];
    vlt_utf8_format(inner, sizeof inner, "%s: size", name);
    vlt_status status = vlt_json_object(object, name, "size", &size, &has_size, err);
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        bool found = false;
        status = vlt_json_int(object, name, names[i], 1, AREA_MAX, limits[i], &found, err);
        if (status == VLT_OK && !found && !has_size) {
            status = vlt_fail(err, VLT_STATUS_INPUT, "%s: key 'size' is missing", name);
        } else if (status == VLT_OK && !found) {
            status = vlt_json_int(size, inner, edges[i], 1, AREA_MAX, limits[i], NULL, err);
        }
    }
    if (status == VLT_OK && out->pixels_min > out->pixels_max) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: the least size is %lld pixels, the most %lld",
                          name, (long long)out->pixels_min, (long long)out->pixels_max);
    }
    return status;
}

static vlt_status read_normalisation(const json_t *object, const char *name,
                                     vlt_processor_config *out, vlt_error *err)
{
    vlt_status status = VLT_OK;
    if (out->rescale) {
        status = vlt_json_double(object, name, "rescale_factor", 1e-12, 1e12, &out->rescale_factor,
                                 NULL, err);
    }
    if (status == VLT_OK && out->normalize) {
        status = read_channels(object, name, "image_mean", out->mean, err);
    }
    if (status == VLT_OK && out->normalize) {
        status = read_channels(object, name, "image_std", out->std, err);
    }
    for (int c = 0; c < 3 && status == VLT_OK && out->normalize; c++) {
        if ((float)out->std[c] == 0) {
            status = vlt_fail(err, VLT_STATUS_INPUT, "%s: image_std[%d] is %g, expected not 0",
                              name, c, out->std[c]);
        }
    }
    return status;
}

static vlt_status read_geometry(const json_t *object, const char *name, vlt_processor_config *out,
                                vlt_error *err)
{
    int64_t resample = RESAMPLE_BICUBIC;
    bool found = false;
    vlt_status status = vlt_json_int(object, name, "patch_size", 1, PATCH_MAX, &out->patch, NULL,
                                     err);
    if (status == VLT_OK) {
        status = vlt_json_int(object, name, "temporal_patch_size", 1, VLT_PATCHIFY_TEMPORAL_MAX,
                              &out->temporal, NULL, err);
    }
    if (status == VLT_OK) {
        status = vlt_json_int(object, name, "merge_size", 1, MERGE_MAX, &out->merge, NULL, err);
    }
    if (status == VLT_OK) {
        status = vlt_json_int(object, name, "resample", 0, 5, &resample, &found, err);
    }
    if (status == VLT_OK && resample != RESAMPLE_BICUBIC) {
        status = vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                          "%s: resample is %lld, expected %d (bicubic)", name, (long long)resample,
                          RESAMPLE_BICUBIC);
    }
    return status;
}

static vlt_status read_config(const json_t *object, const char *name, bool video,
                              vlt_processor_config *out, vlt_error *err)
{
    *out = (vlt_processor_config){.resize = true, .rescale = true, .normalize = true};
    vlt_utf8_format(out->file, sizeof out->file, "%s", name);
    vlt_status status = read_geometry(object, name, out, err);
    if (status == VLT_OK) {
        status = read_limits(object, name, out, err);
    }
    if (status == VLT_OK) {
        status = read_flag(object, name, "do_resize", &out->resize, err);
    }
    if (status == VLT_OK) {
        status = read_flag(object, name, "do_rescale", &out->rescale, err);
    }
    if (status == VLT_OK) {
        status = read_flag(object, name, "do_normalize", &out->normalize, err);
    }
    if (status == VLT_OK) {
        status = read_normalisation(object, name, out, err);
    }
    if (status == VLT_OK && video) {
        bool found = false;
        out->frame_tokens_max = 768; /* of the class, since 5.21; older files do not have the key */
        status = read_flag(object, name, "cap_pixels_per_frame", &out->cap_frames, err);
        if (status == VLT_OK) {
            status = vlt_json_int(object, name, "max_video_tokens", 1, 1 << 24,
                                  &out->frame_tokens_max, &found, err);
        }
    }
    out->present = status == VLT_OK;
    return status;
}

vlt_status vlt_processor_parse(const char *text, size_t bytes, const char *name, bool video,
                               vlt_processor_config *out, vlt_error *err)
{
    json_t *root = NULL;
    vlt_status status = vlt_json_parse(text, bytes, name, &root, err);
    if (status == VLT_OK && !json_is_object(root)) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: no JSON object", name);
    }
    if (status == VLT_OK) {
        status = read_config(root, name, video, out, err);
    }
    json_decref(root);
    return status;
}

/* The file as JSON object, or NULL where there is none. */
static vlt_status load_object(const char *directory, const char *file, json_t **out, vlt_error *err)
{
    char path[4096];
    *out = NULL;
    if (snprintf(path, sizeof path, "%s/%s", directory, file) >= (int)sizeof path) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "path of %s has more than %zu bytes", file,
                        sizeof path);
    }
    if (access(path, F_OK)) {
        return VLT_OK;
    }
    vlt_status status = vlt_json_load(path, FILE_LIMIT, out, err);
    if (status == VLT_OK && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: no JSON object", path);
    }
    return status;
}

struct place {
    const char *object; /* in processor_config.json */
    const char *file;   /* of its own */
    bool video;
};

static vlt_status load_one(const char *directory, const json_t *joint, const struct place *place,
                           vlt_processor_config *out, vlt_error *err)
{
    char name[64];
    json_t *own = NULL;
    const json_t *object = json_object_get(joint, place->object);
    vlt_status status = VLT_OK;
    *out = (vlt_processor_config){0};
    if (json_is_object(object)) {
        vlt_utf8_format(name, sizeof name, "processor_config.json: %s", place->object);
    } else {
        vlt_utf8_format(name, sizeof name, "%s", place->file);
        status = load_object(directory, place->file, &own, err);
        object = own;
    }
    if (status == VLT_OK && object) {
        status = read_config(object, name, place->video, out, err);
        if (status != VLT_OK) {
            vlt_fail_in(err, status, "%s: ", directory);
        }
    }
    json_decref(own);
    return status;
}

vlt_status vlt_processor_load(const char *directory, vlt_processor *out, vlt_error *err)
{
    static const struct place image = {"image_processor", "preprocessor_config.json", false};
    static const struct place video = {"video_processor", "video_preprocessor_config.json", true};
    json_t *joint = NULL;
    *out = (vlt_processor){0};
    vlt_status status = load_object(directory, "processor_config.json", &joint, err);
    if (status == VLT_OK) {
        status = load_one(directory, joint, &image, &out->image, err);
    }
    if (status == VLT_OK && !out->image.present) {
        status = vlt_fail(err, VLT_STATUS_IO,
                          "%s: neither preprocessor_config.json nor processor_config.json with an "
                          "image_processor",
                          directory);
    }
    if (status == VLT_OK) {
        status = load_one(directory, joint, &video, &out->video, err);
    }
    json_decref(joint);
    return status;
}

vlt_status vlt_processor_limit(vlt_processor_config *config, int64_t pixels_min, int64_t pixels_max,
                               vlt_error *err)
{
    config->pixels_min = pixels_min ? pixels_min : config->pixels_min;
    config->pixels_max = pixels_max ? pixels_max : config->pixels_max;
    if (config->pixels_min > config->pixels_max) {
        return vlt_fail(err, VLT_STATUS_INPUT, "the least size is %lld pixels, the most %lld",
                        (long long)config->pixels_min, (long long)config->pixels_max);
    }
    return VLT_OK;
}
