/* The layer as its formula reads, one child plan after the other, each over all rows. */
#include <stdlib.h>

#include "optimizations/decoder_block/decoder_block_parts.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_decoder_block_parts *parts = plan->state = calloc(1, sizeof *parts);
    if (!parts) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "decoder_block: no memory for a plan");
    }
    vlt_status status = vlt_decoder_block_parts_init(
        parts, plan, plan->context, plan->problem.dim[VLT_DECODER_BLOCK_DIM_ROWS], err);
    if (status == VLT_OK) {
        vlt_decoder_block_parts_adopt(parts, plan);
    }
    return status;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static size_t larger_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t scratch(const vlt_plan *plan)
{
    const vlt_decoder_block_parts *parts = plan->state;
    int64_t rows = parts->rows;
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)(rows * parts->width), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(rows * larger(parts->q_width, parts->inner)), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(rows * larger(parts->kv_width, parts->inner)),
                      sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(rows * parts->kv_width), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(rows * parts->q_width), sizeof(float));
    vlt_frame_add(&bytes, larger_size(vlt_decoder_block_parts_scratch(parts),
                                      vlt_decoder_block_attention_scratch(parts)));
    return bytes;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const vlt_decoder_block_parts *parts = plan->state;
    const vlt_decoder_block_args *a = args;
    int64_t rows = parts->rows;
    vlt_decoder_block_rows r = {.args = a, .rows = a->rows};
    r.x = vlt_frame_take(&frame, (size_t)(rows * parts->width), sizeof(float));
    float *q = r.gate = vlt_frame_take(
        &frame, (size_t)(rows * larger(parts->q_width, parts->inner)), sizeof(float));
    r.k = r.up = vlt_frame_take(&frame, (size_t)(rows * larger(parts->kv_width, parts->inner)),
                                sizeof(float));
    r.v = vlt_frame_take(&frame, (size_t)(rows * parts->kv_width), sizeof(float));
    float *mixed = vlt_frame_take(&frame, (size_t)(rows * parts->q_width), sizeof(float));
    vlt_status status = vlt_decoder_block_before(parts, frame, &r, q, err);
    if (status == VLT_OK) {
        status = vlt_decoder_block_attend(parts, frame, a, q, mixed, err);
    }
    return status == VLT_OK ? vlt_decoder_block_after(parts, frame, &r, mixed, err) : status;
}

static void release(vlt_plan *plan)
{
    if (plan->state) {
        vlt_decoder_block_parts_release(plan->state);
        free(plan->state);
    }
}

VLT_VARIANT(decoder_block, baseline, .summary = "child plans one after the other",
            .applicable = vlt_decoder_block_applicable, .prepare = prepare, .scratch = scratch,
            .run = run, .release = release);
