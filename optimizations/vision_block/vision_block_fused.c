/* Bottleneck: each step of the baseline writes all rows to memory and starts all threads anew.
 * Idea: a block of rows goes through norm, qkv and rope in one thread while it is in the cache,
 * and, once attention has passed over all rows, through proj, norm, fc1, gelu and fc2; two thread
 * regions take the place of eight, and the inner rows exist for one block per thread only.
 * Loses: with few rows, and where the weights are much larger than the cache,
 * since each block of rows streams them again.
 *
 * Norms and the activation are done by the products beside them where these can (linear_step.h).
 * Rows that make no whole block for every thread go through the steps with all threads at each.
 * Children are chosen as everywhere, for problems of `rows` rows; one set serves all threads.
 * Blocks do not depend on the number of threads: the bits do not either.
 */
#include <stdlib.h>

#include "optimizations/core/blocks.h"
#include "optimizations/vision_block/vision_block_parts.h"

enum { KNOB_ROWS, KNOB_THREADS };

static const int64_t rows_values[] = {32, 64, 128, 256};
static const vlt_knob knobs[] = {
    {"rows", "rows of a block", rows_values, 4, 128, NULL},
    VLT_KNOB_THREADS,
};

struct state {
    vlt_context single;              /* the plan's without threads, for what a block runs */
    vlt_vision_block_parts alone;    /* one thread through a block */
    vlt_vision_block_parts together; /* all of them through one block */
    int64_t block;
};

/* One run. */
struct job {
    const struct state *state;
    const vlt_vision_block_args *args;
    float *qkv;   /* [rows, 3 width] */
    float *mixed; /* [rows, width] */
};

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    struct state *s = plan->state = calloc(1, sizeof *s);
    int64_t rows = plan->problem.dim[VLT_VISION_BLOCK_DIM_ROWS];
    int64_t block = vlt_plan_knob(plan, KNOB_ROWS);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "vision_block: no memory for a plan");
    }
    s->single = *plan->context;
    s->single.threads = NULL;
    s->block = block < rows ? block : rows;
    vlt_status status = vlt_vision_block_parts_init(&s->alone, plan, &s->single, s->block, err);
    if (status == VLT_OK) {
        vlt_vision_block_parts_adopt(&s->alone, plan);
        status = vlt_vision_block_parts_init(&s->together, plan, plan->context, s->block, err);
    }
    if (status == VLT_OK) {
        vlt_vision_block_parts_join(&s->alone);
        vlt_vision_block_parts_join(&s->together);
    }
    return status;
}

static size_t narrow_count(const struct state *s)
{
    return (size_t)(s->block * s->alone.width);
}

static size_t wide_count(const struct state *s)
{
    return (size_t)(s->block * s->alone.inner);
}

static size_t worker_bytes(const struct state *s, const vlt_vision_block_parts *parts)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, narrow_count(s), sizeof(float));
    vlt_frame_reserve(&bytes, wide_count(s), sizeof(float));
    vlt_frame_add(&bytes, vlt_vision_block_parts_scratch(parts));
    return bytes;
}

/* The workers' frames, what all need together and attention's scratch take each other's place. */
static size_t scratch(const vlt_plan *plan)
{
    const struct state *s = plan->state;
    size_t bytes = 0, workers = 0;
    size_t together = worker_bytes(s, &s->together);
    size_t attention = vlt_plan_scratch(s->alone.child[VLT_VISION_ATTENTION]);
    vlt_frames_reserve(&workers, vlt_threads_count(plan->context->threads),
                       worker_bytes(s, &s->alone));
    vlt_frame_reserve(&bytes, (size_t)(s->alone.rows * 3 * s->alone.width), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->alone.rows * s->alone.width), sizeof(float));
    workers = workers > together ? workers : together;
    vlt_frame_add(&bytes, workers > attention ? workers : attention);
    return bytes;
}

static const vlt_vision_block_parts *parts_of(const struct state *s, bool together)
{
    return together ? &s->together : &s->alone;
}

static vlt_status before_attention(const void *argument, vlt_frame frame, int64_t row, int64_t rows,
                                   bool together, vlt_error *err)
{
    const struct job *job = argument;
    const vlt_vision_block_parts *parts = parts_of(job->state, together);
    float *narrow = vlt_frame_take(&frame, narrow_count(job->state), sizeof *narrow);
    return vlt_vision_block_before(parts, frame, job->args, row, rows, narrow,
                                   job->qkv + row * 3 * parts->width, err);
}

static vlt_status after_attention(const void *argument, vlt_frame frame, int64_t row, int64_t rows,
                                  bool together, vlt_error *err)
{
    const struct job *job = argument;
    const vlt_vision_block_parts *parts = parts_of(job->state, together);
    float *narrow = vlt_frame_take(&frame, narrow_count(job->state), sizeof *narrow);
    float *wide = vlt_frame_take(&frame, wide_count(job->state), sizeof *wide);
    return vlt_vision_block_after(parts, frame, job->args, row, rows,
                                  job->mixed + row * parts->width, narrow, wide, err);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const struct state *s = plan->state;
    const vlt_vision_block_parts *parts = &s->alone;
    struct job job = {.state = s, .args = args};
    job.qkv = vlt_frame_take(&frame, (size_t)(parts->rows * 3 * parts->width), sizeof(float));
    job.mixed = vlt_frame_take(&frame, (size_t)(parts->rows * parts->width), sizeof(float));
    vlt_frame rest = frame;
    vlt_blocks blocks = {.threads = plan->context->threads,
                         .limit = (int)vlt_plan_knob(plan, KNOB_THREADS),
                         .rows = job.args->rows,
                         .block = s->block,
                         .frame = frame,
                         .frames = vlt_frames_take(&rest, vlt_threads_count(plan->context->threads),
                                                   worker_bytes(s, &s->alone))};
    vlt_status status = vlt_blocks_run(&blocks, before_attention, &job, err);
    if (status == VLT_OK) {
        status = vlt_vision_block_attend(parts, frame, job.args, job.qkv, job.mixed, err);
    }
    return status == VLT_OK ? vlt_blocks_run(&blocks, after_attention, &job, err) : status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_vision_block_parts_release(&s->alone);
        vlt_vision_block_parts_release(&s->together);
        free(s);
    }
}

VLT_VARIANT(vision_block, fused, .summary = "blocks of rows through all steps in one thread",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs,
            .applicable = vlt_vision_block_applicable, .prepare = prepare, .scratch = scratch,
            .run = run, .release = release);
