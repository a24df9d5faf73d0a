/* Bottleneck: the resized image leaves the cache before it is cut into patches, and the two steps
 * wait for each other's threads.
 * Idea: bands of token rows over the threads; each band is resized into a buffer of its worker and
 * patchified from there at once.
 * Loses: on images of a few bands, and where rows between two bands are costly to resize twice.
 */
#include "optimizations/core/children.h"
#include "optimizations/preprocess/preprocess_internal.h"

static const int64_t band_values[] = {1, 2, 4, 8};

static const vlt_knob knobs[] = {
    VLT_KNOB_THREADS,
    {"band", "rows of tokens in a band", band_values, 4, 1, NULL},
};

enum { KNOB_THREADS, KNOB_BAND, KNOBS };

struct state {
    vlt_context single;         /* the caller's without threads, for what workers run */
    vlt_plan *resize;           /* NULL where the size stays */
    vlt_plan *band;             /* patchify of a whole band */
    vlt_plan *tail;             /* of the last, lower one; NULL where all are whole */
    vlt_preprocess_whole whole; /* instead of all this, where resize has no rows */
    bool has_whole;
    vlt_preprocess_strips *strips; /* for a still image that comes in rows; else NULL */
    int64_t band_px, bands, tail_px, dst_h, dst_stride, frames, temporal;
    int64_t row_bytes; /* of the patches, for each row of pixels */
    int threads;
};

static void set_bands(struct state *state, const vlt_plan *plan)
{
    const int64_t *dim = plan->problem.dim;
    int64_t tile = dim[VLT_PREPROCESS_DIM_PATCH] * dim[VLT_PREPROCESS_DIM_MERGE];
    int64_t band = vlt_plan_knob(plan, KNOB_BAND) * tile;
    state->dst_h = dim[VLT_PREPROCESS_DIM_DST_H];
    state->dst_stride = dim[VLT_PREPROCESS_DIM_DST_W] * 3;
    state->band_px = band < state->dst_h ? band : state->dst_h;
    state->bands = (state->dst_h + state->band_px - 1) / state->band_px;
    state->tail_px = state->dst_h % state->band_px;
    state->row_bytes = dim[VLT_PREPROCESS_DIM_DST_W] * vlt_preprocess_pixel_bytes(&plan->problem);
    state->frames = dim[VLT_PREPROCESS_DIM_FRAMES];
    state->temporal = dim[VLT_PREPROCESS_DIM_TEMPORAL];
    state->threads = (int)vlt_plan_knob(plan, KNOB_THREADS);
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const int64_t *dim = plan->problem.dim;
    bool same = dim[VLT_PREPROCESS_DIM_SRC_H] == dim[VLT_PREPROCESS_DIM_DST_H] &&
                dim[VLT_PREPROCESS_DIM_SRC_W] == dim[VLT_PREPROCESS_DIM_DST_W];
    vlt_problem resize = vlt_preprocess_resize_problem(&plan->problem);
    vlt_problem patchify = vlt_preprocess_patchify_problem(&plan->problem);
    vlt_status status = vlt_preprocess_check(&plan->problem, err);
    if (status == VLT_OK) {
        status = vlt_alloc(sizeof(struct state), &plan->state, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    struct state *state = plan->state;
    state->single = *plan->context;
    state->single.threads = NULL;
    set_bands(state, plan);
    if (!same) {
        status = vlt_plan_create(plan->context, &resize, &state->resize, err);
        if (status == VLT_OK && !vlt_resize_has_rows(state->resize)) {
            state->has_whole = true;
            return vlt_preprocess_whole_init(&state->whole, plan, err);
        }
    }
    patchify.dim[VLT_PATCHIFY_DIM_H] = state->band_px;
    if (status == VLT_OK) {
        status = vlt_plan_create(&state->single, &patchify, &state->band, err);
    }
    if (status == VLT_OK && state->tail_px) {
        patchify.dim[VLT_PATCHIFY_DIM_H] = state->tail_px;
        status = vlt_plan_create(&state->single, &patchify, &state->tail, err);
    }
    if (status == VLT_OK && dim[VLT_PREPROCESS_DIM_IMAGES] == 1 && state->frames == 1) {
        status = vlt_preprocess_strips_create(plan, state->resize, &state->single, state->threads,
                                              &state->strips, err);
    }
    if (status == VLT_OK) {
        vlt_plan_adopt(plan, (vlt_plan *[]){state->resize, state->band}, 2);
    }
    return status;
}

/* A worker's resized band: [frames, band_px, dst_w, 3]. */
static size_t band_bytes(const struct state *state)
{
    return state->resize ? (size_t)(state->frames * state->band_px * state->dst_stride) : 0;
}

static size_t worker_bytes(const struct state *state)
{
    vlt_plan *const child[] = {state->band, state->tail};
    size_t bytes = 0, deepest = vlt_children_scratch(child, 2);
    size_t rows = state->resize ? vlt_resize_rows_scratch(state->resize) : 0;
    vlt_frame_reserve(&bytes, band_bytes(state), 1);
    vlt_frame_add(&bytes, rows > deepest ? rows : deepest);
    return bytes;
}

static size_t scratch(const vlt_plan *plan)
{
    const struct state *state = plan->state;
    size_t bytes = 0;
    if (state->has_whole) {
        return vlt_preprocess_whole_scratch(&state->whole);
    }
    vlt_frames_reserve(&bytes, vlt_threads_count(plan->context->threads), worker_bytes(state));
    return bytes;
}

struct job {
    const struct state *state;
    const vlt_preprocess_args *args;
    vlt_frames frames; /* of the workers */
};

/* Band `band` of image `image`. */
static void one_band(const struct job *job, int64_t image, int64_t band, vlt_frame frame)
{
    const struct state *state = job->state;
    const vlt_preprocess_args *args = job->args;
    uint8_t *resized = vlt_frame_take(&frame, band_bytes(state), 1);
    const uint8_t *const *src = args->src + image * state->frames;
    int64_t begin = band * state->band_px;
    bool tail = state->tail_px && band == state->bands - 1;
    int64_t end = begin + (tail ? state->tail_px : state->band_px);
    vlt_patchify_args patchify = {.stride = state->resize ? state->dst_stride : args->src_stride,
                                  .out = (char *)args->out +
                                         (image * state->dst_h + begin) * state->row_bytes};
    for (int64_t f = 0; f < state->frames; f++) {
        if (!state->resize) {
            patchify.frame[f] = src[f] + begin * args->src_stride;
        } else {
            uint8_t *rows = resized + f * state->band_px * state->dst_stride;
            vlt_resize_args resize = {.src = src[f],
                                      .dst = rows - begin * state->dst_stride,
                                      .src_stride = args->src_stride,
                                      .dst_stride = state->dst_stride};
            vlt_resize_rows(state->resize, frame, &resize, begin, end);
            patchify.frame[f] = rows;
        }
    }
    for (int64_t t = state->frames; t < state->temporal; t++) {
        patchify.frame[t] = patchify.frame[0];
    }
    vlt_plan_run(tail ? state->tail : state->band, frame, &patchify,
                 NULL); /* fails only in prepare */
}

static void bands(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct job *job = argument;
    for (int64_t i = begin; i < end; i++) {
        one_band(job, i / job->state->bands, i % job->state->bands,
                 vlt_frames_of(&job->frames, worker));
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const struct state *state = plan->state;
    struct job job = {.state = state, .args = args};
    vlt_status status = VLT_OK;
    if (!state->has_whole) {
        job.frames = vlt_frames_take(&frame, vlt_threads_count(plan->context->threads),
                                     worker_bytes(state));
        vlt_threads_for(plan->context->threads, job.args->images * state->bands, 1, state->threads,
                        bands, &job);
        return VLT_OK;
    }
    for (int64_t image = 0; image < job.args->images && status == VLT_OK; image++) {
        status = vlt_preprocess_whole_run(&state->whole, frame, job.args, image, err);
    }
    return status;
}

static void release(vlt_plan *plan)
{
    struct state *state = plan->state;
    if (state) {
        vlt_preprocess_strips_destroy(state->strips);
        vlt_plan_destroy(state->resize);
        vlt_plan_destroy(state->band);
        vlt_plan_destroy(state->tail);
        vlt_preprocess_whole_release(&state->whole);
        vlt_free(state);
    }
}

const vlt_preprocess_strips *vlt_preprocess_fused_strips(const vlt_plan *plan)
{
    return plan->variant->run == run ? ((const struct state *)plan->state)->strips : NULL;
}

VLT_VARIANT(preprocess, fused, .summary = "bands over threads, each resized and cut while in cache",
            .knobs = knobs, .knob_count = KNOBS, .prepare = prepare, .scratch = scratch, .run = run,
            .release = release);
