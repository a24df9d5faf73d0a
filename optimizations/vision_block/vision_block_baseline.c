/* The block as its formula reads, one child plan after the other, each over all rows. */
#include <stdlib.h>

#include "optimizations/vision_block/vision_block_parts.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_vision_block_parts *parts = plan->state = calloc(1, sizeof *parts);
    if (!parts) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "vision_block: no memory for a plan");
    }
    vlt_status status = vlt_vision_block_parts_init(
        parts, plan, plan->context, plan->problem.dim[VLT_VISION_BLOCK_DIM_ROWS], err);
    if (status == VLT_OK) {
        vlt_vision_block_parts_adopt(parts, plan);
    }
    return status;
}

/* Two pieces: `narrow` holds normalised rows, then the attention's output; `wide` holds q | k | v,
 * then the inner rows. */
static size_t wide_count(const vlt_vision_block_parts *parts)
{
    int64_t qkv = 3 * parts->width;
    return (size_t)(parts->rows * (parts->inner > qkv ? parts->inner : qkv));
}

static size_t scratch(const vlt_plan *plan)
{
    const vlt_vision_block_parts *parts = plan->state;
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)(parts->rows * parts->width), sizeof(float));
    vlt_frame_reserve(&bytes, wide_count(parts), sizeof(float));
    vlt_frame_add(&bytes, vlt_children_scratch(parts->child, VLT_VISION_CHILDREN));
    return bytes;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const vlt_vision_block_parts *parts = plan->state;
    const vlt_vision_block_args *a = args;
    float *narrow = vlt_frame_take(&frame, (size_t)(parts->rows * parts->width), sizeof(float));
    float *wide = vlt_frame_take(&frame, wide_count(parts), sizeof(float));
    vlt_status status = vlt_vision_block_before(parts, frame, a, 0, a->rows, narrow, wide, err);
    if (status == VLT_OK) {
        status = vlt_vision_block_attend(parts, frame, a, wide, narrow, err);
    }
    return status == VLT_OK
               ? vlt_vision_block_after(parts, frame, a, 0, a->rows, narrow, narrow, wide, err)
               : status;
}

static void release(vlt_plan *plan)
{
    if (plan->state) {
        vlt_vision_block_parts_release(plan->state);
        free(plan->state);
    }
}

VLT_VARIANT(vision_block, baseline, .summary = "child plans one after the other",
            .applicable = vlt_vision_block_applicable, .prepare = prepare, .scratch = scratch,
            .run = run, .release = release);
