/* Bottleneck: each step of the baseline writes all rows to memory and starts all threads anew.
 * Idea: a block of rows goes through norm, q, k, v, head norms, rope and into the cache in one
 * thread while it is in the caches, and, once attention has passed over all rows, through o, norm,
 * gate, up, silu and down; two thread regions take the place of a dozen, and the inner rows exist
 * for one block per thread only.
 * Loses: with few rows, where all threads are at each step, only by what planning costs; with more,
 * where the weights are much larger than the cache, since each block of rows streams them again.
 *
 * Norms, q, k and v, and silu are done with the products beside them where these can
 * (linear_step.h): a row that is decoded passes four regions of threads instead of seven.
 * Rows that make no whole block for every thread go through the steps with all threads at each.
 * Children are chosen as everywhere, for problems of `rows` rows; one set serves all threads.
 * Blocks do not depend on the number of threads: the bits do not either.
 */
#include <stdlib.h>

#include "optimizations/core/blocks.h"
#include "optimizations/decoder_block/decoder_block_parts.h"

enum { KNOB_ROWS, KNOB_THREADS };

static const int64_t rows_values[] = {16, 32, 64, 128};
static const vlt_knob knobs[] = {
    {"rows", "rows of a block", rows_values, 4, 128, NULL},
    VLT_KNOB_THREADS,
};

struct state {
    vlt_context single;               /* the plan's without threads, for what a block runs */
    vlt_decoder_block_parts alone;    /* one thread through a block */
    vlt_decoder_block_parts together; /* all of them through one block */
    int64_t block;
};

/* One run. */
struct job {
    const struct state *state;
    const vlt_decoder_block_args *args;
    float *q;     /* [rows, q_width] */
    float *mixed; /* [rows, q_width] */
};

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    struct state *s = plan->state = calloc(1, sizeof *s);
    int64_t rows = plan->problem.dim[VLT_DECODER_BLOCK_DIM_ROWS];
    int64_t block = vlt_plan_knob(plan, KNOB_ROWS);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "decoder_block: no memory for a plan");
    }
    s->single = *plan->context;
    s->single.threads = NULL;
    s->block = block < rows ? block : rows;
    vlt_status status = vlt_decoder_block_parts_init(&s->alone, plan, &s->single, s->block, err);
    if (status == VLT_OK) {
        vlt_decoder_block_parts_adopt(&s->alone, plan);
        status = vlt_decoder_block_parts_init(&s->together, plan, plan->context, s->block, err);
    }
    if (status == VLT_OK) {
        vlt_decoder_block_parts_join(&s->alone);
        vlt_decoder_block_parts_join(&s->together);
    }
    return status;
}

static int64_t shared_width(const vlt_decoder_block_parts *parts)
{
    return parts->kv_width > parts->inner ? parts->kv_width : parts->inner;
}

static size_t worker_bytes(const struct state *s, const vlt_decoder_block_parts *parts)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)(s->block * s->alone.width), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->block * shared_width(&s->alone)), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->block * shared_width(&s->alone)), sizeof(float));
    vlt_frame_add(&bytes, vlt_decoder_block_parts_scratch(parts));
    return bytes;
}

/* The workers' frames, what all need together and attention's scratch take each other's place. */
static size_t scratch(const vlt_plan *plan)
{
    const struct state *s = plan->state;
    size_t bytes = 0, workers = 0;
    size_t together = worker_bytes(s, &s->together);
    size_t attention = vlt_decoder_block_attention_scratch(&s->alone);
    vlt_frames_reserve(&workers, vlt_threads_count(plan->context->threads),
                       worker_bytes(s, &s->alone));
    vlt_frame_reserve(&bytes, (size_t)(s->alone.rows * s->alone.q_width), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->alone.rows * s->alone.q_width), sizeof(float));
    workers = workers > together ? workers : together;
    vlt_frame_add(&bytes, workers > attention ? workers : attention);
    return bytes;
}

static vlt_decoder_block_rows take(const struct job *job, vlt_frame *frame, int64_t row,
                                   int64_t rows)
{
    const struct state *s = job->state;
    vlt_decoder_block_rows r = {.args = job->args, .row = row, .rows = rows};
    r.x = vlt_frame_take(frame, (size_t)(s->block * s->alone.width), sizeof(float));
    r.k = r.up = vlt_frame_take(frame, (size_t)(s->block * shared_width(&s->alone)), sizeof(float));
    r.v = r.gate = vlt_frame_take(frame, (size_t)(s->block * shared_width(&s->alone)),
                                  sizeof(float));
    return r;
}

static const vlt_decoder_block_parts *parts_of(const struct state *s, bool together)
{
    return together ? &s->together : &s->alone;
}

static vlt_status before_attention(const void *argument, vlt_frame frame, int64_t row, int64_t rows,
                                   bool together, vlt_error *err)
{
    const struct job *job = argument;
    const vlt_decoder_block_parts *parts = parts_of(job->state, together);
    vlt_decoder_block_rows r = take(job, &frame, row, rows);
    return vlt_decoder_block_before(parts, frame, &r, job->q + row * parts->q_width, err);
}

static vlt_status after_attention(const void *argument, vlt_frame frame, int64_t row, int64_t rows,
                                  bool together, vlt_error *err)
{
    const struct job *job = argument;
    const vlt_decoder_block_parts *parts = parts_of(job->state, together);
    vlt_decoder_block_rows r = take(job, &frame, row, rows);
    return vlt_decoder_block_after(parts, frame, &r, job->mixed + row * parts->q_width, err);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const struct state *s = plan->state;
    const vlt_decoder_block_parts *parts = &s->alone;
    struct job job = {.state = s, .args = args};
    job.q = vlt_frame_take(&frame, (size_t)(parts->rows * parts->q_width), sizeof(float));
    job.mixed = vlt_frame_take(&frame, (size_t)(parts->rows * parts->q_width), sizeof(float));
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
        status = vlt_decoder_block_attend(parts, frame, job.args, job.q, job.mixed, err);
    }
    return status == VLT_OK ? vlt_blocks_run(&blocks, after_attention, &job, err) : status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_decoder_block_parts_release(&s->alone);
        vlt_decoder_block_parts_release(&s->together);
        free(s);
    }
}

VLT_VARIANT(decoder_block, fused, .summary = "blocks of rows through all steps in one thread",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs,
            .applicable = vlt_decoder_block_applicable, .prepare = prepare, .scratch = scratch,
            .run = run, .release = release);
