/* The order of patchify.h as loops over the output, every value looked up. */
#include "optimizations/patchify/patchify_internal.h"

/* Patch at (y, x) of the frames -> out[3 * temporal * patch * patch]. */
static void one_patch(const vlt_patchify_args *args, const vlt_patchify_constants *constants,
                      int64_t patch, int64_t temporal, int64_t y, int64_t x, float *out)
{
    for (int c = 0; c < 3; c++) {
        for (int64_t t = 0; t < temporal; t++) {
            for (int64_t row = 0; row < patch; row++) {
                const uint8_t *pixel = args->frame[t] + (y + row) * args->stride + x * 3 + c;
                for (int64_t column = 0; column < patch; column++) {
                    *out++ = constants->table[c][pixel[column * 3]];
                }
            }
        }
    }
}

/* The same, the bytes of frame[0] as they are -> out[3 * patch * patch]. */
static void one_patch_bytes(const vlt_patchify_args *args, int64_t patch, int64_t y, int64_t x,
                            uint8_t *out)
{
    for (int c = 0; c < 3; c++) {
        for (int64_t row = 0; row < patch; row++) {
            const uint8_t *pixel = args->frame[0] + (y + row) * args->stride + x * 3 + c;
            for (int64_t column = 0; column < patch; column++) {
                *out++ = pixel[column * 3];
            }
        }
    }
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    return vlt_patchify_check(&plan->problem, err);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_patchify_args *a = args;
    const int64_t *dim = plan->problem.dim;
    int64_t patch = dim[VLT_PATCHIFY_DIM_PATCH], temporal = dim[VLT_PATCHIFY_DIM_TEMPORAL];
    int64_t merge = dim[VLT_PATCHIFY_DIM_MERGE], tile = patch * merge;
    unsigned char *out = a->out;
    for (int64_t y = 0; y < dim[VLT_PATCHIFY_DIM_H]; y += tile) {
        for (int64_t x = 0; x < dim[VLT_PATCHIFY_DIM_W]; x += tile) {
            for (int64_t k = 0; k < merge * merge; k++) {
                int64_t top = y + k / merge * patch, left = x + k % merge * patch;
                if (dim[VLT_PATCHIFY_DIM_BYTES]) {
                    one_patch_bytes(a, patch, top, left, out);
                } else {
                    one_patch(a, plan->problem.constants, patch, temporal, top, left, (void *)out);
                }
                out += vlt_patchify_row_bytes(&plan->problem);
            }
        }
    }
    return VLT_OK;
}

VLT_VARIANT(patchify, baseline, .summary = "plain loops, one table lookup a value",
            .prepare = prepare, .run = run);
