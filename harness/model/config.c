#include "harness/model/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/config_internal.h"

enum { CONFIG_LIMIT = 16 << 20, WIDTH_MAX = 1 << 20, LAYERS_MAX = 4096 };

/* One required integer: where it goes and what it may be. */
struct field {
    const char *key;
    int64_t *out;
    int64_t low, high;
};

static vlt_status read_fields(const json_t *object, const char *name, const struct field *field,
                              size_t count, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < count && status == VLT_OK; i++) {
        status = vlt_json_int(object, name, field[i].key, field[i].low, field[i].high, field[i].out,
                              NULL, err);
    }
    return status;
}

/* A text that must be one certain word; absent is fine. */
static vlt_status expect_text(const json_t *object, const char *name, const char *key,
                              const char *expected, vlt_error *err)
{
    const char *text = expected;
    bool found;
    vlt_status status = vlt_json_text(object, name, key, &text, &found, err);
    if (status == VLT_OK && strcmp(text, expected)) {
        status = vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s: %s is '%s', expected '%s'", name, key,
                          text, expected);
    }
    return status;
}

static vlt_status read_id_list(const json_t *object, const char *name, const char *key,
                               int64_t high, int *out, int room, int *count, vlt_error *err)
{
    const json_t *list = json_object_get(object, key);
    size_t size = json_array_size(list);
    if (!json_is_array(list) || size > (size_t)room) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: key '%s' has %zu entries, expected a list of at most %d", name, key,
                        size, room);
    }
    for (size_t i = 0; i < size; i++) {
        const json_t *value = json_array_get(list, i);
        int64_t number = json_is_integer(value) ? json_integer_value(value) : -1;
        if (number < 0 || number >= high) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: entry %zu of '%s' is %lld, expected 0 to %lld", name, i, key,
                            (long long)number, (long long)high - 1);
        }
        out[i] = (int)number;
    }
    *count = (int)size;
    return VLT_OK;
}

vlt_status vlt_eos_read(const json_t *object, const char *name, int64_t vocab, vlt_eos *out,
                        vlt_error *err)
{
    const json_t *value = json_object_get(object, "eos_token_id");
    vlt_eos eos = {.count = 1};
    vlt_status status = VLT_OK;
    if (!value || json_is_null(value)) {
        return VLT_OK;
    }
    if (json_is_array(value)) {
        int id[VLT_EOS_MAX], count = 0;
        status = read_id_list(object, name, "eos_token_id", vocab, id, VLT_EOS_MAX, &count, err);
        eos.count = 0;
        for (int i = 0; i < count && status == VLT_OK; i++) {
            bool seen = false;
            for (int j = 0; j < eos.count; j++) {
                seen = seen || eos.id[j] == id[i];
            }
            if (!seen) {
                eos.id[eos.count++] = id[i];
            }
        }
    } else {
        int64_t id = 0;
        status = vlt_json_int(object, name, "eos_token_id", 0, vocab - 1, &id, NULL, err);
        eos.id[0] = (int32_t)id;
    }
    if (status == VLT_OK) {
        *out = eos;
    }
    return status;
}

/* rope_theta and mrope_section, from rope_parameters, or rope_theta beside rope_scaling. */
static vlt_status read_rope(const json_t *text_object, const char *name, vlt_text_config *text,
                            vlt_error *err)
{
    static const int64_t section_default[3] = {24, 20, 20};
    const json_t *rope = NULL;
    bool found = false;
    vlt_status status = vlt_json_object(text_object, name, "rope_parameters", &rope, &found, err);
    const json_t *theta = rope;
    if (status == VLT_OK && !found) {
        theta = text_object;
        status = vlt_json_object(text_object, name, "rope_scaling", &rope, &found, err);
    }
    if (status == VLT_OK) {
        bool inside = theta == rope && rope && json_object_get(rope, "rope_theta");
        status = vlt_json_double(inside ? rope : text_object, name, "rope_theta", 1, 1e12,
                                 &text->rope_theta, NULL, err);
    }
    memcpy(text->mrope_section, section_default, sizeof section_default);
    if (status != VLT_OK || !rope) {
        return status;
    }
    status = expect_text(rope, name, json_object_get(rope, "rope_type") ? "rope_type" : "type",
                         "default", err);
    if (status == VLT_OK && json_object_get(rope, "mrope_section")) {
        int section[3] = {0}, count = 0;
        status = read_id_list(rope, name, "mrope_section", WIDTH_MAX, section, 3, &count, err);
        if (status == VLT_OK && count != 3) {
            status = vlt_fail(err, VLT_STATUS_INPUT, "%s: mrope_section has %d entries, expected 3",
                              name, count);
        }
        for (int i = 0; i < 3; i++) {
            text->mrope_section[i] = section[i];
        }
    }
    return status;
}

static vlt_status check_text(const vlt_text_config *text, const char *name, vlt_error *err)
{
    const int64_t *s = text->mrope_section;
    if (text->heads % text->kv_heads) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: num_attention_heads %lld is no multiple of num_key_value_heads %lld",
                        name, (long long)text->heads, (long long)text->kv_heads);
    }
    if (text->head % 2) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: head_dim is %lld, expected an even number",
                        name, (long long)text->head);
    }
    if (s[0] + s[1] + s[2] != text->head / 2) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: mrope_section [%lld,%lld,%lld] sums to %lld, expected head_dim / 2 = "
                        "%lld",
                        name, (long long)s[0], (long long)s[1], (long long)s[2],
                        (long long)(s[0] + s[1] + s[2]), (long long)text->head / 2);
    }
    return VLT_OK;
}

static vlt_status read_text(const json_t *object, const char *name, vlt_text_config *text,
                            vlt_error *err)
{
    const struct field fields[] = {
        {"hidden_size", &text->width, 1, WIDTH_MAX},
        {"num_hidden_layers", &text->layers, 1, LAYERS_MAX},
        {"num_attention_heads", &text->heads, 1, 4096},
        {"num_key_value_heads", &text->kv_heads, 1, 4096},
        {"head_dim", &text->head, 2, 4096},
        {"intermediate_size", &text->inner, 1, WIDTH_MAX},
        {"vocab_size", &text->vocab, 1, 1 << 24},
        {"max_position_embeddings", &text->position_max, 1, 1 << 30},
    };
    double epsilon = 0;
    bool found, bias = false;
    vlt_status status = read_fields(object, name, fields, sizeof fields / sizeof *fields, err);
    if (status == VLT_OK) {
        status = vlt_json_double(object, name, "rms_norm_eps", 0, 1, &epsilon, NULL, err);
    }
    if (status == VLT_OK) {
        status = vlt_json_bool(object, name, "attention_bias", &bias, &found, err);
    }
    if (status == VLT_OK && bias) {
        status = vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s: attention_bias is true, expected false",
                          name);
    }
    if (status == VLT_OK) {
        status = expect_text(object, name, "hidden_act", "silu", err);
    }
    if (status == VLT_OK) {
        status = read_rope(object, name, text, err);
    }
    text->epsilon = (float)epsilon;
    return status == VLT_OK ? check_text(text, name, err) : status;
}

static vlt_status check_vision(const vlt_vision_config *vision, const char *name, int64_t positions,
                               vlt_error *err)
{
    if (vision->width % vision->heads || vision->width / vision->heads % 4) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: vision hidden_size %lld over num_heads %lld is no multiple of 4", name,
                        (long long)vision->width, (long long)vision->heads);
    }
    if (vision->grid * vision->grid != positions) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: num_position_embeddings is %lld, expected a square (%lld or so)", name,
                        (long long)positions, (long long)(vision->grid * vision->grid));
    }
    for (int i = 1; i < vision->deepstack_count; i++) {
        if (vision->deepstack[i] <= vision->deepstack[i - 1]) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: deepstack_visual_indexes: %d behind %d, expected ascending order",
                            name, vision->deepstack[i], vision->deepstack[i - 1]);
        }
    }
    return VLT_OK;
}

/* 10000, unless a file saved by transformers 5 says otherwise. */
static vlt_status read_vision_rope(const json_t *object, const char *name, double *theta,
                                   vlt_error *err)
{
    const json_t *rope = NULL;
    bool found;
    *theta = 10000;
    vlt_status status = vlt_json_object(object, name, "rope_parameters", &rope, &found, err);
    if (status == VLT_OK && rope) {
        status = vlt_json_double(rope, name, "rope_theta", 1, 1e12, theta, &found, err);
    }
    return status;
}

static vlt_status read_vision(const json_t *object, const char *name, vlt_vision_config *vision,
                              vlt_error *err)
{
    int64_t positions = 0;
    const struct field fields[] = {
        {"hidden_size", &vision->width, 1, WIDTH_MAX},
        {"depth", &vision->blocks, 1, LAYERS_MAX},
        {"num_heads", &vision->heads, 1, 4096},
        {"intermediate_size", &vision->inner, 1, WIDTH_MAX},
        {"out_hidden_size", &vision->out, 1, WIDTH_MAX},
        {"patch_size", &vision->patch, 1, 256},
        {"temporal_patch_size", &vision->temporal, 1, 8},
        {"spatial_merge_size", &vision->merge, 1, 16},
        {"num_position_embeddings", &positions, 1, 1 << 24},
    };
    bool found;
    vlt_status status = read_fields(object, name, fields, sizeof fields / sizeof *fields, err);
    vision->channels = 3;
    if (status == VLT_OK) {
        status = vlt_json_int(object, name, "in_channels", 3, 3, &vision->channels, &found, err);
    }
    if (status == VLT_OK) {
        status = expect_text(object, name, "hidden_act", "gelu_pytorch_tanh", err);
    }
    if (status == VLT_OK) {
        status = read_vision_rope(object, name, &vision->rope_theta, err);
    }
    if (status == VLT_OK) {
        status = read_id_list(object, name, "deepstack_visual_indexes", vision->blocks,
                              vision->deepstack, VLT_DEEPSTACK_MAX, &vision->deepstack_count, err);
    }
    vision->grid = (int64_t)lround(sqrt((double)positions));
    return status == VLT_OK ? check_vision(vision, name, positions, err) : status;
}

static vlt_status read_tokens(const json_t *root, const char *name, vlt_model_config *config,
                              vlt_error *err)
{
    int64_t image = 0, video = 0, start = 0, end = 0;
    const struct field fields[] = {
        {"image_token_id", &image, 0, config->text.vocab - 1},
        {"video_token_id", &video, 0, config->text.vocab - 1},
        {"vision_start_token_id", &start, 0, config->text.vocab - 1},
        {"vision_end_token_id", &end, 0, config->text.vocab - 1},
    };
    vlt_status status = read_fields(root, name, fields, sizeof fields / sizeof *fields, err);
    if (status == VLT_OK && image == video) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: image_token_id and video_token_id are both %lld", name,
                          (long long)image);
    }
    config->image_token = (int32_t)image;
    config->video_token = (int32_t)video;
    config->vision_start_token = (int32_t)start;
    config->vision_end_token = (int32_t)end;
    return status;
}

static vlt_status check_joint(const vlt_model_config *config, const char *name, vlt_error *err)
{
    if (config->vision.out != config->text.width) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: vision out_hidden_size is %lld, but text hidden_size is %lld", name,
                        (long long)config->vision.out, (long long)config->text.width);
    }
    if (config->vision.deepstack_count > config->text.layers) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: %d deepstack_visual_indexes, but only %lld text layers", name,
                        config->vision.deepstack_count, (long long)config->text.layers);
    }
    return VLT_OK;
}

static vlt_status read_root(const json_t *root, const char *name, vlt_model_config *config,
                            vlt_error *err)
{
    const json_t *text = NULL, *vision = NULL;
    const char *model_type;
    bool found = false;
    vlt_status status;
    if (!json_is_object(root)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: no JSON object", name);
    }
    if ((status = vlt_json_text(root, name, "model_type", &model_type, NULL, err)) != VLT_OK ||
        (status = expect_text(root, name, "model_type", "qwen3_vl", err)) != VLT_OK) {
        return status;
    }
    if (json_object_get(root, "quantization_config")) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "%s: quantization_config is present, expected BF16, F16 or F32 weights",
                        name);
    }
    if ((status = vlt_json_object(root, name, "text_config", &text, NULL, err)) != VLT_OK ||
        (status = vlt_json_object(root, name, "vision_config", &vision, NULL, err)) != VLT_OK) {
        return status;
    }
    if ((status = read_text(text, name, &config->text, err)) != VLT_OK) {
        return vlt_fail_in(err, status, "text_config in ");
    }
    if ((status = read_vision(vision, name, &config->vision, err)) != VLT_OK) {
        return vlt_fail_in(err, status, "vision_config in ");
    }
    status = vlt_json_bool(root, name, "tie_word_embeddings", &config->tied, &found, err);
    if (status == VLT_OK && !found) {
        status = vlt_json_bool(text, name, "tie_word_embeddings", &config->tied, &found, err);
    }
    if (status == VLT_OK) {
        status = vlt_eos_read(text, name, config->text.vocab, &config->eos, err);
    }
    if (status == VLT_OK) {
        status = vlt_eos_read(root, name, config->text.vocab, &config->eos, err);
    }
    if (status == VLT_OK) {
        status = read_tokens(root, name, config, err);
    }
    return status == VLT_OK ? check_joint(config, name, err) : status;
}

vlt_status vlt_model_config_parse(const char *text, size_t bytes, const char *name,
                                  vlt_model_config *out, vlt_error *err)
{
    json_t *root;
    vlt_model_config config = {0};
    vlt_status status = vlt_json_parse(text, bytes, name, &root, err);
    if (status == VLT_OK) {
        status = read_root(root, name, &config, err);
        json_decref(root);
    }
    if (status == VLT_OK) {
        *out = config;
    }
    return status;
}

vlt_status vlt_model_config_load(const char *directory, vlt_model_config *out, vlt_error *err)
{
    char *path = NULL, *text = NULL;
    size_t bytes = 0;
    if (asprintf(&path, "%s/config.json", directory) < 0) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", directory);
    }
    vlt_status status = vlt_read_file(path, CONFIG_LIMIT, &text, &bytes, err);
    if (status == VLT_OK) {
        status = vlt_model_config_parse(text, bytes, path, out, err);
    }
    free(text);
    free(path);
    return status;
}

int64_t vlt_vision_config_patch_values(const vlt_vision_config *vision)
{
    return vision->channels * vision->temporal * vision->patch * vision->patch;
}
