/* Target sizes and normalisation, in the references' double and float arithmetic. */
#include <math.h>

#include "harness/model/processor.h"

enum { ASPECT_MAX = 200 };

/* side / factor rounded to nearest, ties to even, times factor. */
static int64_t round_even(int64_t side, int64_t factor)
{
    int64_t quotient = side / factor, rest = side % factor;
    bool up = 2 * rest > factor || (2 * rest == factor && quotient % 2);
    return (quotient + up) * factor;
}

static vlt_status check_aspect(int64_t h, int64_t w, vlt_error *err)
{
    double ratio = h > w ? (double)h / (double)w : (double)w / (double)h;
    if (ratio > ASPECT_MAX) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%lldx%lld pixels: aspect ratio %g, expected at most %d", (long long)w,
                        (long long)h, ratio, ASPECT_MAX);
    }
    return VLT_OK;
}

/* Fits the rounded size (of `frames` frames, which round to `frames_rounded`) between the limits.
 */
static void fit(int64_t frames, int64_t frames_rounded, int64_t h, int64_t w, int64_t factor,
                int64_t pixels_min, int64_t pixels_max, int64_t *out_h, int64_t *out_w)
{
    double f = (double)factor, area = (double)(frames * h * w);
    *out_h = round_even(h, factor);
    *out_w = round_even(w, factor);
    double rounded = (double)frames_rounded * (double)*out_h * (double)*out_w;
    if (rounded > (double)pixels_max) {
        double beta = sqrt(area / (double)pixels_max);
        *out_h = (int64_t)floor((double)h / beta / f) * factor;
        *out_w = (int64_t)floor((double)w / beta / f) * factor;
        *out_h = *out_h < factor ? factor : *out_h;
        *out_w = *out_w < factor ? factor : *out_w;
    } else if (rounded < (double)pixels_min) {
        double beta = sqrt((double)pixels_min / area);
        *out_h = (int64_t)ceil((double)h * beta / f) * factor;
        *out_w = (int64_t)ceil((double)w * beta / f) * factor;
    }
}

/* Limits below one tile, or a limit in between two sizes, can leave a side of 0, which no reference
 * can resize to; and a huge least size can ask for more than any reference holds. */
static vlt_status check_result(int64_t h, int64_t w, int64_t out_h, int64_t out_w, vlt_error *err)
{
    enum { SIDE_MAX = 1 << 20 };
    if (out_h < 1 || out_w < 1 || out_h > SIDE_MAX || out_w > SIDE_MAX) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%lldx%lld pixels: the limits ask for %lldx%lld, expected sides of 1 to %d",
                        (long long)w, (long long)h, (long long)out_w, (long long)out_h, SIDE_MAX);
    }
    return VLT_OK;
}

/* Without resizing the size must fit as it is. */
static vlt_status keep_size(int64_t factor, int64_t h, int64_t w, int64_t *out_h, int64_t *out_w,
                            vlt_error *err)
{
    *out_h = h;
    *out_w = w;
    if (h % factor || w % factor) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%lldx%lld pixels: without resizing, expected multiples of %lld",
                        (long long)w, (long long)h, (long long)factor);
    }
    return VLT_OK;
}

vlt_status vlt_processor_image_size(const vlt_processor_config *config, int64_t h, int64_t w,
                                    int64_t *out_h, int64_t *out_w, vlt_error *err)
{
    int64_t factor = config->patch * config->merge;
    if (!config->resize) {
        return keep_size(factor, h, w, out_h, out_w, err);
    }
    vlt_status status = check_aspect(h, w, err);
    if (status == VLT_OK) {
        fit(1, 1, h, w, factor, config->pixels_min, config->pixels_max, out_h, out_w);
        status = check_result(h, w, *out_h, *out_w, err);
    }
    return status;
}

/* The budget of a video: as the file says, or capped a frame as qwen-vl-utils does. */
static int64_t video_budget(const vlt_processor_config *config, int64_t frames, int64_t factor)
{
    if (!config->cap_frames) {
        return config->pixels_max;
    }
    int64_t frame = config->frame_tokens_max * factor * factor;
    int64_t share = config->pixels_max / frames;
    int64_t least = (int64_t)((double)config->pixels_min * 1.05);
    frame = frame < share ? frame : share;
    return (frame > least ? frame : least) * frames;
}

vlt_status vlt_processor_video_size(const vlt_processor_config *config, vlt_dialect dialect,
                                    int64_t frames, int64_t h, int64_t w, int64_t *out_h,
                                    int64_t *out_w, vlt_error *err)
{
    int64_t factor = config->patch * config->merge, from_h = h, from_w = w;
    if (!config->resize) {
        return keep_size(factor, h, w, out_h, out_w, err);
    }
    if (frames < config->temporal) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%lld frames, expected at least %lld",
                        (long long)frames, (long long)config->temporal);
    }
    if (h < factor || w < factor) {
        if (dialect == VLT_DIALECT_4_57) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%lldx%lld pixels, expected at least %lld a side in dialect 4.57",
                            (long long)w, (long long)h, (long long)factor);
        }
        double scale = fmax((double)factor / (double)h, (double)factor / (double)w);
        h = (int64_t)((double)h * scale);
        w = (int64_t)((double)w * scale);
    }
    vlt_status status = check_aspect(h, w, err);
    if (status == VLT_OK) {
        fit(frames, round_even(frames, config->temporal), h, w, factor, config->pixels_min,
            video_budget(config, frames, factor), out_h, out_w);
        status = check_result(from_h, from_w, *out_h, *out_w, err);
    }
    return status;
}

/* torch folds the factor into mean and std, all in f32; Pillow's side scales in f64, rounds to f32,
 * then subtracts and divides in f32. */
void vlt_processor_table(const vlt_processor_config *config, vlt_arithmetic arithmetic,
                         vlt_patchify_constants *out)
{
    bool torch = arithmetic == VLT_ARITHMETIC_TORCH;
    bool fused = torch && config->rescale && config->normalize;
    float unscale = fused ? (float)(1.0 / config->rescale_factor) : 1;
    double factor = fused || !config->rescale ? 1 : config->rescale_factor;
    float mean[3] = {0, 0, 0}, std[3] = {1, 1, 1};
    for (int c = 0; c < 3 && config->normalize; c++) {
        mean[c] = (float)config->mean[c] * unscale;
        std[c] = (float)config->std[c] * unscale;
    }
    /* torch multiplies by the factor as f32, and so does v * (double)(float)factor, rounded */
    vlt_patchify_constants_init(out, torch ? (double)(float)factor : factor, mean, std);
}
