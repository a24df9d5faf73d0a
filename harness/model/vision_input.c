#include "harness/model/vision_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/image/image_rows.h"
#include "optimizations/preprocess/preprocess.h"

enum { FILE_LIMIT = 1 << 30 };

struct vlt_vision_reader {
    vlt_context *context;
    vlt_processor processor;
    vlt_vision_options options;
    vlt_patchify_constants image_table, video_table;
    vlt_plan *plan; /* of the last shape, or NULL */
    vlt_scratch scratch;
};

static vlt_image_manner manner_of(vlt_arithmetic arithmetic)
{
    return arithmetic == VLT_ARITHMETIC_TORCH    ? VLT_IMAGE_AS_TORCH
           : arithmetic == VLT_ARITHMETIC_PILLOW ? VLT_IMAGE_AS_PILLOW
                                                 : VLT_IMAGE_AS_PILLOW12;
}

static vlt_status read_name(const char *option, const char *text, const char *const *names,
                            int count, int *out, vlt_error *err)
{
    *out = 0;
    for (int i = 0; text && i < count; i++) {
        if (!strcmp(text, names[i])) {
            *out = i;
            return VLT_OK;
        }
    }
    return text ? vlt_fail(err, VLT_STATUS_USAGE, "--%s '%s', expected %s%s%s or %s", option, text,
                           names[0], count > 2 ? ", " : "", count > 2 ? names[1] : "",
                           names[count - 1])
                : VLT_OK;
}

vlt_status vlt_vision_options_read(const char *reference, const char *exif, const char *alpha,
                                   const char *dialect, bool strict, vlt_vision_options *out,
                                   vlt_error *err)
{
    static const char *const references[] = {"torch", "pillow", "pillow12"};
    static const char *const exifs[] = {"auto", "on", "off"};
    static const char *const alphas[] = {"auto", "drop", "white"};
    static const char *const dialects[] = {"5", "4.57"};
    int value[4] = {0};
    vlt_status status = read_name("reference", reference, references, 3, &value[0], err);
    if (status == VLT_OK) {
        status = read_name("exif", exif, exifs, 3, &value[1], err);
    }
    if (status == VLT_OK) {
        status = read_name("alpha", alpha, alphas, 3, &value[2], err);
    }
    if (status == VLT_OK) {
        status = read_name("dialect", dialect, dialects, 2, &value[3], err);
    }
    *out = (vlt_vision_options){.arithmetic = (vlt_arithmetic)value[0],
                                .images = {.manner = manner_of((vlt_arithmetic)value[0]),
                                           .exif = (vlt_image_exif)value[1],
                                           .alpha = (vlt_image_alpha)value[2],
                                           .strict = strict},
                                .dialect = (vlt_dialect)value[3]};
    return status;
}

vlt_status vlt_vision_reader_create(vlt_context *context, const vlt_processor *processor,
                                    const vlt_vision_options *options, vlt_vision_reader **out,
                                    vlt_error *err)
{
    vlt_vision_reader *reader = calloc(1, sizeof *reader);
    *out = reader;
    if (!reader) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "image reader: out of memory");
    }
    reader->context = context;
    reader->processor = *processor;
    reader->options = *options;
    reader->options.images.manner = manner_of(options->arithmetic);
    vlt_processor_table(&processor->image, options->arithmetic, &reader->image_table);
    if (processor->video.present) {
        vlt_processor_table(&processor->video, options->arithmetic, &reader->video_table);
    }
    return VLT_OK;
}

void vlt_vision_reader_destroy(vlt_vision_reader *reader)
{
    if (reader) {
        vlt_plan_destroy(reader->plan);
        vlt_scratch_release(&reader->scratch);
        free(reader);
    }
}

void vlt_vision_input_release(vlt_vision_input *input)
{
    vlt_block_give(input->source, input->patches ? (void *)input->patches : input->pixels);
    *input = (vlt_vision_input){0};
}

/* The plan of this problem: the last one, or a new one. */
static vlt_status find_plan(vlt_vision_reader *reader, const vlt_problem *problem, vlt_error *err)
{
    if (reader->plan && reader->plan->problem.constants == problem->constants &&
        !memcmp(reader->plan->problem.dim, problem->dim, sizeof problem->dim)) {
        return VLT_OK;
    }
    vlt_plan_destroy(reader->plan);
    return vlt_plan_create(reader->context, problem, &reader->plan, err);
}

/* *patches: of the form that the reader's plan gives, `out`'s. */
static vlt_status alloc_patches(const vlt_vision_reader *reader, vlt_vision_input *out,
                                void **patches, vlt_error *err)
{
    const vlt_context *context = reader->context;
    const bool pixels = reader->plan->problem.dim[VLT_PREPROCESS_DIM_BYTES];
    char what[96];
    size_t bytes;
    *patches = NULL;
    const int64_t dims[] = {out->rows, pixels ? out->pixel_values : out->row_values};
    vlt_status status = vlt_dims_bytes(dims, 2, pixels ? 1 : sizeof(float), &bytes, err);
    if (status == VLT_OK) {
        snprintf(what, sizeof what, "%lld x %lld x %lld patches", (long long)out->grid[0],
                 (long long)out->grid[1], (long long)out->grid[2]);
        status = vlt_context_admit(context, bytes, what, err);
    }
    if (status == VLT_OK) {
        status = vlt_block_take(context->blocks, bytes, patches, err);
    }
    out->patches = pixels ? NULL : *patches;
    out->pixels = pixels ? *patches : NULL;
    out->table = pixels ? reader->plan->problem.constants : NULL;
    out->source = context->blocks;
    return status;
}

/* Plan and patches of a shape whose images and sizes are set; grid and patches are set here. */
static vlt_status prepare(vlt_vision_reader *reader, const vlt_processor_config *config,
                          const vlt_patchify_constants *table, vlt_preprocess_shape *shape,
                          vlt_vision_input *out, vlt_error *err)
{
    shape->arithmetic = reader->options.arithmetic;
    shape->patch = config->patch;
    shape->temporal = config->temporal;
    shape->merge = config->merge;
    shape->bytes = reader->options.pixels && shape->frames == 1;
    vlt_problem problem = vlt_preprocess_problem(shape, table);
    out->grid[0] = shape->images;
    out->grid[1] = shape->dst_h / shape->patch;
    out->grid[2] = shape->dst_w / shape->patch;
    out->rows = out->grid[0] * out->grid[1] * out->grid[2];
    out->pixel_values = 3 * shape->patch * shape->patch;
    out->row_values = shape->temporal * out->pixel_values;
    return find_plan(reader, &problem, err);
}

/* src[groups * frames] of one size -> out; grid and patches are set here. */
static vlt_status preprocess(vlt_vision_reader *reader, const vlt_processor_config *config,
                             const vlt_patchify_constants *table, const uint8_t *const *src,
                             vlt_preprocess_shape *shape, vlt_vision_input *out, vlt_error *err)
{
    void *patches = NULL;
    vlt_status status = prepare(reader, config, table, shape, out, err);
    if (status == VLT_OK) {
        status = alloc_patches(reader, out, &patches, err);
    }
    if (status == VLT_OK) {
        vlt_preprocess_args args = {
            .src = src, .src_stride = shape->src_w * 3, .images = shape->images, .out = patches};
        status = vlt_plan_run_in(&reader->scratch, reader->plan, &args, err);
    }
    if (status != VLT_OK) {
        vlt_vision_input_release(out);
    }
    return status;
}

static void add_ms(double *total, uint64_t since_ns)
{
    *total += (double)(vlt_clock_wall(vlt_clock_system()) - since_ns) * 1e-6;
}

struct timed_rows {
    vlt_image_rows *rows;
    double decode_ms;
};

static vlt_status read_rows(void *user, int64_t count, uint8_t *rgb, int64_t stride, vlt_error *err)
{
    struct timed_rows *timed = user;
    uint64_t start = vlt_clock_wall(vlt_clock_system());
    vlt_status status = vlt_image_rows_read(timed->rows, count, rgb, stride, err);
    add_ms(&timed->decode_ms, start);
    return status;
}

/* Decoded, resized and cut strip by strip. */
static vlt_status through_strips(vlt_vision_reader *reader, struct timed_rows *timed,
                                 const char *name, vlt_vision_input *out, vlt_error *err)
{
    void *patches = NULL;
    vlt_status status = alloc_patches(reader, out, &patches, err);
    if (status == VLT_OK) {
        status = vlt_scratch_reserve(&reader->scratch, vlt_preprocess_rows_scratch(reader->plan),
                                     err);
    }
    if (status != VLT_OK && name) {
        vlt_fail_in(err, status, "%s: ", name);
    }
    if (status == VLT_OK) {
        const vlt_preprocess_rows rows = {read_rows, timed, patches};
        status = vlt_preprocess_run_rows(reader->plan, vlt_scratch_frame(&reader->scratch), &rows,
                                         err);
    }
    if (status != VLT_OK) {
        vlt_vision_input_release(out);
    }
    return status;
}

/* False where the picture has to be there as a whole, be it to say what is wrong with it. What the
 * wall shows beyond the time that decoding was busy is preprocessing. */
static bool read_in_strips(vlt_vision_reader *reader, const vlt_vision_source *source,
                           vlt_vision_input *out, vlt_vision_times *times, vlt_status *status,
                           vlt_error *err)
{
    vlt_vision_times spent = {0};
    struct timed_rows timed = {0};
    vlt_preprocess_shape shape = {.images = 1, .frames = 1};
    const vlt_processor_config *config = &reader->processor.image;
    uint64_t start = vlt_clock_wall(vlt_clock_system());
    timed.rows = vlt_image_rows_open(reader->context, source->data, source->data_bytes,
                                     source->name, &reader->options.images);
    add_ms(&timed.decode_ms, start);
    if (!timed.rows) {
        times->decode_ms += timed.decode_ms;
        return false;
    }
    vlt_image_rows_size(timed.rows, &shape.src_h, &shape.src_w);
    out->source_h = shape.src_h;
    out->source_w = shape.src_w;
    bool can = vlt_processor_image_size(config, shape.src_h, shape.src_w, &shape.dst_h,
                                        &shape.dst_w, NULL) == VLT_OK &&
               prepare(reader, config, &reader->image_table, &shape, out, NULL) == VLT_OK &&
               vlt_preprocess_has_rows(reader->plan);
    if (can) {
        *status = through_strips(reader, &timed, source->name, out, err);
        add_ms(&spent.preprocess_ms, start);
        spent.preprocess_ms -= timed.decode_ms;
        times->preprocess_ms += spent.preprocess_ms > 0 ? spent.preprocess_ms : 0;
    }
    times->decode_ms += timed.decode_ms;
    vlt_image_rows_close(timed.rows);
    return can;
}

static vlt_status read_whole(vlt_vision_reader *reader, const vlt_vision_source *source,
                             vlt_vision_input *out, vlt_vision_times *times, vlt_error *err)
{
    vlt_image image = {0};
    vlt_preprocess_shape shape = {.images = 1, .frames = 1};
    const vlt_processor_config *config = &reader->processor.image;
    uint64_t start = vlt_clock_wall(vlt_clock_system());
    vlt_status status = vlt_image_decode(reader->context, source->data, source->data_bytes,
                                         source->name, &reader->options.images, &image, err);
    add_ms(&times->decode_ms, start);
    if (status != VLT_OK) {
        return status;
    }
    start = vlt_clock_wall(vlt_clock_system());
    shape.src_h = out->source_h = image.h;
    shape.src_w = out->source_w = image.w;
    status = vlt_processor_image_size(config, image.h, image.w, &shape.dst_h, &shape.dst_w, err);
    if (status == VLT_OK) {
        const uint8_t *src = image.rgb;
        status = preprocess(reader, config, &reader->image_table, &src, &shape, out, err);
    }
    add_ms(&times->preprocess_ms, start);
    vlt_image_release(&image);
    return status != VLT_OK && source->name ? vlt_fail_in(err, status, "%s: ", source->name)
                                            : status;
}

vlt_status vlt_vision_read_image(vlt_vision_reader *reader, const vlt_vision_source *source,
                                 vlt_vision_input *out, vlt_vision_times *times, vlt_error *err)
{
    vlt_vision_times ignored = {0};
    vlt_status status = VLT_OK;
    *out = (vlt_vision_input){0};
    times = times ? times : &ignored;
    return read_in_strips(reader, source, out, times, &status, err)
               ? status
               : read_whole(reader, source, out, times, err);
}

vlt_status vlt_vision_read_file(vlt_vision_reader *reader, const char *path, vlt_vision_input *out,
                                vlt_vision_times *times, vlt_error *err)
{
    char *data = NULL;
    size_t bytes = 0;
    uint64_t start = vlt_clock_wall(vlt_clock_system());
    *out = (vlt_vision_input){0};
    const vlt_stop *stop = reader->options.stop.asked ? &reader->options.stop : NULL;
    vlt_status status = vlt_read_file_until(path, FILE_LIMIT, stop, &data, &bytes, err);
    if (times) {
        add_ms(&times->decode_ms, start);
    }
    if (status == VLT_OK) {
        vlt_vision_source source = {data, bytes, path};
        status = vlt_vision_read_image(reader, &source, out, times, err);
    }
    free(data);
    return status;
}

/* Decodes a frame, which must have the size of the first; messages say which one it is. */
static vlt_status decode_frame(vlt_vision_reader *reader, const vlt_vision_source *frame,
                               int64_t number, int64_t count, vlt_image *image, vlt_error *err)
{
    char subject[VLT_ERROR_BYTES];
    vlt_image *current = &image[number - 1];
    vlt_utf8_format(subject, sizeof subject, "frame %lld of %lld%s%s", (long long)number,
                    (long long)count, frame->name ? " " : "", frame->name ? frame->name : "");
    vlt_status status = vlt_image_decode(reader->context, frame->data, frame->data_bytes, subject,
                                         &reader->options.images, current, err);
    if (status == VLT_OK && (current->h != image->h || current->w != image->w)) {
        status = vlt_fail(
            err, VLT_STATUS_INPUT, "%s: %lldx%lld pixels, the first frame has %lldx%lld", subject,
            (long long)current->w, (long long)current->h, (long long)image->w, (long long)image->h);
    }
    return status;
}

vlt_status vlt_vision_read_video(vlt_vision_reader *reader, const vlt_vision_source *frames,
                                 int64_t frame_count, vlt_vision_input *out,
                                 vlt_vision_times *times, vlt_error *err)
{
    const vlt_processor_config *config = &reader->processor.video;
    vlt_vision_times ignored = {0};
    vlt_image *image = NULL;
    const uint8_t **src = NULL;
    *out = (vlt_vision_input){0};
    times = times ? times : &ignored;
    if (!config->present) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "video: the model has neither video_preprocessor_config.json nor "
                        "processor_config.json with a video_processor");
    }
    if (frame_count < 1) {
        return vlt_fail(err, VLT_STATUS_INPUT, "video: no frames");
    }
    int64_t groups = (frame_count + config->temporal - 1) / config->temporal;
    vlt_preprocess_shape shape = {.images = groups, .frames = config->temporal};
    vlt_status status = VLT_OK;
    image = calloc((size_t)frame_count, sizeof *image);
    src = calloc((size_t)(groups * config->temporal), sizeof *src);
    if (!image || !src) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "video: out of memory");
        goto done;
    }
    uint64_t start = vlt_clock_wall(vlt_clock_system());
    for (int64_t i = 0; i < frame_count && status == VLT_OK; i++) {
        status = decode_frame(reader, &frames[i], i + 1, frame_count, image, err);
    }
    add_ms(&times->decode_ms, start);
    if (status != VLT_OK) {
        goto done;
    }
    start = vlt_clock_wall(vlt_clock_system());
    shape.src_h = out->source_h = image[0].h;
    shape.src_w = out->source_w = image[0].w;
    status = vlt_processor_video_size(config, reader->options.dialect, frame_count, image[0].h,
                                      image[0].w, &shape.dst_h, &shape.dst_w, err);
    for (int64_t i = 0; i < groups * config->temporal; i++) {
        src[i] = image[i < frame_count ? i : frame_count - 1].rgb; /* the last one fills up */
    }
    if (status == VLT_OK) {
        status = preprocess(reader, config, &reader->video_table, src, &shape, out, err);
    }
    add_ms(&times->preprocess_ms, start);
done:
    for (int64_t i = 0; image && i < frame_count; i++) {
        vlt_image_release(&image[i]);
    }
    free(image);
    free(src);
    return status;
}
