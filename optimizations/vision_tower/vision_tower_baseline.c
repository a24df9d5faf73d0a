/* The tower as its formula reads: child plans one after the other, each over all patches. */
#include <stdlib.h>

#include "optimizations/activation/activation.h"
#include "optimizations/core/children.h"
#include "optimizations/vision_tower/vision_positions.h"

enum { ROW_CHUNK = 16 }; /* patches that a thread claims to add their positions */

enum { STEP_NORM, STEP_FC1, STEP_GELU, STEP_FC2, STEPS };

struct merger {
    vlt_plan *step[STEPS];
};

struct state {
    const vlt_vision_tower_constants *constants;
    int64_t patches, width, heads, head, blocks, out, merge, merged, taps;
    vlt_patch_embed_constants embedding;
    vlt_plan *patch;      /* of patches in f32 */
    vlt_plan *pixels;     /* of images that are bytes; NULL: none are */
    vlt_plan **block;     /* [blocks] */
    struct merger merger; /* main */
    struct merger deepstack[VLT_VISION_TAPS_MAX];
};

/* One run. */
struct job {
    const struct state *state;
    const vlt_vision_tower_args *args;
    vlt_frame frame;       /* for children */
    float *hidden;         /* [patches, width] */
    float *cos, *sin;      /* [patches, head / 2] */
    int64_t *segment_rows; /* [segments] */
    int64_t rows, tokens;
    int segments;
};

static vlt_status create_merger(vlt_context *context, const vlt_merger_constants *c,
                                int64_t patches, int64_t width, struct merger *out, vlt_error *err)
{
    int64_t merged = c->fc1.weight.columns, tokens = patches * width / merged;
    const vlt_problem problem[STEPS] = {
        [STEP_NORM] = vlt_norm_problem(patches * width / c->norm_width, c->norm_width,
                                       VLT_NORM_LAYER, &c->norm),
        [STEP_FC1] = vlt_linear_problem(tokens, &c->fc1),
        [STEP_GELU] = vlt_activation_problem(tokens, merged, VLT_ACTIVATION_GELU_ERF),
        [STEP_FC2] = vlt_linear_problem(tokens, &c->fc2),
    };
    return vlt_children_create(context, problem, STEPS, out->step, err);
}

static vlt_status create_children(vlt_plan *plan, struct state *s, vlt_error *err)
{
    const vlt_vision_tower_constants *c = s->constants;
    const int64_t *dim = plan->problem.dim;
    const vlt_problem patch = vlt_linear_problem(s->patches, &c->patch);
    vlt_status status = vlt_plan_create(plan->context, &patch, &s->patch, err);
    if (status == VLT_OK && c->pixels) {
        s->embedding = (vlt_patch_embed_constants){&c->patch, c->pixels};
        const vlt_problem pixels = vlt_patch_embed_problem(s->patches, c->temporal, &s->embedding);
        status = vlt_plan_create(plan->context, &pixels, &s->pixels, err);
    }
    for (int64_t i = 0; i < s->blocks && status == VLT_OK; i++) {
        const vlt_problem block = {
            .op = &vlt_op_vision_block,
            .dim = {[VLT_VISION_BLOCK_DIM_ROWS] = s->patches,
                    [VLT_VISION_BLOCK_DIM_SEGMENT] = dim[VLT_VISION_TOWER_DIM_SEGMENT],
                    [VLT_VISION_BLOCK_DIM_WIDTH] = s->width,
                    [VLT_VISION_BLOCK_DIM_HEADS] = s->heads,
                    [VLT_VISION_BLOCK_DIM_INNER] = dim[VLT_VISION_TOWER_DIM_INNER],
                    [VLT_VISION_BLOCK_DIM_WEIGHTS] = c->block[i].fc1_weight.format},
            .constants = &c->block[i]};
        status = vlt_plan_create(plan->context, &block, &s->block[i], err);
    }
    if (status == VLT_OK) {
        status = create_merger(plan->context, &c->merger, s->patches, s->width, &s->merger, err);
    }
    for (int64_t k = 0; k < s->taps && status == VLT_OK; k++) {
        status = create_merger(plan->context, &c->deepstack[k], s->patches, s->width,
                               &s->deepstack[k], err);
    }
    return status;
}

static void adopt_children(vlt_plan *plan, const struct state *s)
{
    vlt_plan_adopt(plan, s->pixels ? &s->pixels : &s->patch, 1); /* a patch passes through one */
    vlt_plan_adopt(plan, s->block, (int)s->blocks);
    vlt_plan_adopt(plan, s->merger.step, STEPS);
    for (int64_t k = 0; k < s->taps; k++) {
        vlt_plan_adopt(plan, s->deepstack[k].step, STEPS);
    }
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const int64_t *dim = plan->problem.dim;
    struct state *s = plan->state = calloc(1, sizeof *s);
    if (s) {
        s->block = calloc((size_t)dim[VLT_VISION_TOWER_DIM_BLOCKS], sizeof *s->block);
    }
    if (!s || !s->block) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "vision_tower: no memory for a plan");
    }
    s->constants = plan->problem.constants;
    s->patches = dim[VLT_VISION_TOWER_DIM_PATCHES];
    s->width = dim[VLT_VISION_TOWER_DIM_WIDTH];
    s->heads = dim[VLT_VISION_TOWER_DIM_HEADS];
    s->head = s->width / s->heads;
    s->blocks = dim[VLT_VISION_TOWER_DIM_BLOCKS];
    s->out = dim[VLT_VISION_TOWER_DIM_OUT];
    s->merge = dim[VLT_VISION_TOWER_DIM_MERGE];
    s->merged = s->width * s->merge * s->merge;
    s->taps = dim[VLT_VISION_TOWER_DIM_TAPS];
    vlt_status status = create_children(plan, s, err);
    if (status == VLT_OK) {
        adopt_children(plan, s);
    }
    return status;
}

static size_t deepest_child(const struct state *s)
{
    size_t deepest = vlt_plan_scratch(s->patch);
    const size_t others[] = {vlt_plan_scratch(s->pixels),
                             vlt_children_scratch(s->block, (int)s->blocks),
                             vlt_children_scratch(s->merger.step, STEPS)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        deepest = others[i] > deepest ? others[i] : deepest;
    }
    for (int64_t k = 0; k < s->taps; k++) {
        size_t bytes = vlt_children_scratch(s->deepstack[k].step, STEPS);
        deepest = bytes > deepest ? bytes : deepest;
    }
    return deepest;
}

/* A merger needs normed and inner while no block runs: they take the place of a block's scratch. */
static size_t scratch(const vlt_plan *plan)
{
    const struct state *s = plan->state;
    const size_t wide = (size_t)(s->patches * s->width);
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, wide, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->patches * (s->head / 2)), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->patches * (s->head / 2)), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->patches / (s->merge * s->merge)), sizeof(int64_t));
    size_t merging = deepest_child(s);
    vlt_frame_reserve(&merging, wide, sizeof(float));
    vlt_frame_reserve(&merging, wide, sizeof(float));
    vlt_frame_add(&bytes, merging);
    return bytes;
}

struct position_job {
    const struct state *state;
    const vlt_grid *grid;
    float *x;
};

static void add_positions(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct position_job *job = argument;
    const struct state *s = job->state;
    (void)worker;
    vlt_vision_position_add(&s->constants->position, s->constants->position_side, job->grid,
                            s->merge, begin, end, job->x);
}

static vlt_status embed_patches(const struct job *job, const vlt_vision_image *image,
                                int64_t patches, float *x, vlt_error *err)
{
    const struct state *s = job->state;
    if (!image->pixels) {
        return vlt_linear_rows(s->patch, job->frame, image->patches, x, patches, false, err);
    }
    const vlt_patch_embed_args args = {.pixels = image->pixels, .out = x, .rows = patches};
    return vlt_plan_run(s->pixels, job->frame, &args, err);
}

/* Patch embedding, learned positions, rotary angles, segments. */
static vlt_status embed(const vlt_plan *plan, struct job *job, vlt_error *err)
{
    const struct state *s = job->state;
    vlt_status status = VLT_OK;
    for (int i = 0; i < job->args->images && status == VLT_OK; i++) {
        const vlt_vision_image *image = &job->args->image[i];
        int64_t patches = vlt_grid_patches(&image->grid), half = s->head / 2;
        float *x = job->hidden + job->rows * s->width;
        status = embed_patches(job, image, patches, x, err);
        if (status == VLT_OK) {
            status = vlt_tap_see(job->args->tap, "vision.patch_embed", -1, x, patches, s->width,
                                 err);
        }
        struct position_job positions = {s, &image->grid, x};
        vlt_threads_for(plan->context->threads, patches, ROW_CHUNK, 0, add_positions, &positions);
        vlt_vision_rope(&image->grid, s->merge, s->head, s->constants->rope_theta,
                        job->cos + job->rows * half, job->sin + job->rows * half);
        for (int64_t t = 0; t < image->grid.t; t++) {
            job->segment_rows[job->segments++] = image->grid.h * image->grid.w;
        }
        job->rows += patches;
    }
    job->tokens = job->rows / (s->merge * s->merge);
    return status;
}

static vlt_status merge(const struct job *job, const struct merger *merger,
                        const vlt_merger_constants *c, float *out, vlt_error *err)
{
    const struct state *s = job->state;
    vlt_frame frame = job->frame;
    float *normed = vlt_frame_take(&frame, (size_t)(s->patches * s->width), sizeof(float));
    float *inner = vlt_frame_take(&frame, (size_t)(s->patches * s->width), sizeof(float));
    const vlt_activation_args gelu = {.x = inner,
                                      .out = inner,
                                      .rows = job->tokens,
                                      .x_stride = s->merged,
                                      .out_stride = s->merged};
    vlt_status status;
    if ((status = vlt_norm_rows(merger->step[STEP_NORM], frame, job->hidden, normed,
                                job->rows * s->width / c->norm_width, err)) != VLT_OK ||
        (status = vlt_linear_rows(merger->step[STEP_FC1], frame, normed, inner, job->tokens, false,
                                  err)) != VLT_OK ||
        (status = vlt_plan_run(merger->step[STEP_GELU], frame, &gelu, err)) != VLT_OK) {
        return status;
    }
    return vlt_linear_rows(merger->step[STEP_FC2], frame, inner, out, job->tokens, false, err);
}

/* The DeepStack merger that reads the output of this block, if one does. */
static vlt_status tap_block(const struct job *job, int64_t block, vlt_error *err)
{
    const struct state *s = job->state;
    vlt_status status = VLT_OK;
    for (int64_t k = 0; k < s->taps && status == VLT_OK; k++) {
        if (s->constants->deepstack_block[k] == block) {
            float *out = job->args->deepstack[k];
            status = merge(job, &s->deepstack[k], &s->constants->deepstack[k], out, err);
            if (status == VLT_OK) {
                status = vlt_tap_see(job->args->tap, "vision.deepstack.%d", k, out, job->tokens,
                                     s->out, err);
            }
        }
    }
    return status;
}

static vlt_status run_blocks(const struct job *job, vlt_error *err)
{
    const struct state *s = job->state;
    const vlt_tap *tap = job->args->tap;
    const vlt_vision_block_args args = {.hidden = job->hidden,
                                        .cos = job->cos,
                                        .sin = job->sin,
                                        .segment_rows = job->segment_rows,
                                        .segments = job->segments,
                                        .rows = job->rows};
    vlt_status status = VLT_OK;
    for (int64_t i = 0; i < s->blocks && status == VLT_OK; i++) {
        if (!vlt_tap_goes_on(tap, i, s->blocks)) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted in vision block %lld",
                            (long long)i);
        }
        status = vlt_plan_run(s->block[i], job->frame, &args, err);
        if (status == VLT_OK) {
            status = vlt_tap_see(tap, "vision.block.%d", i, job->hidden, job->rows, s->width, err);
        }
        if (status == VLT_OK) {
            status = tap_block(job, i, err);
        }
    }
    return status;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const struct state *s = plan->state;
    struct job job = {.state = s, .args = args};
    job.hidden = vlt_frame_take(&frame, (size_t)(s->patches * s->width), sizeof(float));
    job.cos = vlt_frame_take(&frame, (size_t)(s->patches * (s->head / 2)), sizeof(float));
    job.sin = vlt_frame_take(&frame, (size_t)(s->patches * (s->head / 2)), sizeof(float));
    job.segment_rows = vlt_frame_take(&frame, (size_t)(s->patches / (s->merge * s->merge)),
                                      sizeof(int64_t));
    job.frame = frame;
    vlt_status status = embed(plan, &job, err);
    if (status == VLT_OK) {
        status = run_blocks(&job, err);
    }
    if (status == VLT_OK) {
        status = merge(&job, &s->merger, &s->constants->merger, job.args->embedding, err);
    }
    return status == VLT_OK ? vlt_tap_see(job.args->tap, "vision.merged", -1, job.args->embedding,
                                          job.tokens, s->out, err)
                            : status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (!s) {
        return;
    }
    vlt_plan_destroy(s->patch);
    vlt_plan_destroy(s->pixels);
    if (s->block) {
        vlt_children_destroy(s->block, (int)s->blocks);
    }
    vlt_children_destroy(s->merger.step, STEPS);
    for (int64_t k = 0; k < s->taps; k++) {
        vlt_children_destroy(s->deepstack[k].step, STEPS);
    }
    free(s->block);
    free(s);
}

VLT_VARIANT(vision_tower, baseline, .summary = "child plans one after the other",
            .prepare = prepare, .scratch = scratch, .run = run, .release = release);
