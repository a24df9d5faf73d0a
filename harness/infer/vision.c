#include "harness/infer/vision.h"

#include <stdio.h>
#include <string.h>

#include "optimizations/activation/activation.h"

/* Small images are computed together up to this many patches; a larger one goes alone. */
enum { GROUP_PATCHES = 4096, ROW_CHUNK = 16 };

/* A stretch of visuals that go through the tower together. */
struct group {
    vlt_engine *engine;
    const vlt_vision_request *request;
    int first, end;
    int64_t patches, segment;
    int64_t token_first; /* row in the outputs */
    int segments;

    vlt_arena arena;
    float *hidden;         /* [patches, width] */
    float *cos, *sin;      /* [patches, head / 2] */
    float *normed;         /* [patches, width], which is [tokens, merged width] */
    float *inner;          /* [tokens, merged width] */
    int64_t *segment_rows; /* [segments] */
};

static void take_buffers(struct group *group, bool plan)
{
    const vlt_vision_config *vision = &group->engine->config.vision;
    const size_t patches = (size_t)group->patches, width = (size_t)vision->width;
    const struct {
        void *out;
        size_t count, bytes;
    } piece[] = {
        {&group->hidden, patches * width, sizeof(float)},
        {&group->cos, patches * (width / (size_t)vision->heads / 2), sizeof(float)},
        {&group->sin, patches * (width / (size_t)vision->heads / 2), sizeof(float)},
        {&group->normed, patches * width, sizeof(float)},
        {&group->inner, patches * width, sizeof(float)},
        {&group->segment_rows, (size_t)group->segments, sizeof(int64_t)},
    };
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
        if (plan) {
            vlt_arena_reserve(&group->arena, piece[i].count, piece[i].bytes);
        } else {
            void *taken = vlt_arena_take(&group->arena, piece[i].count, piece[i].bytes);
            memcpy(piece[i].out, &taken, sizeof taken);
        }
    }
}

/* Visuals [first, end) that fit together; at least one. */
static void measure_group(struct group *group)
{
    const vlt_vision_request *request = group->request;
    group->patches = group->segment = 0;
    group->segments = 0;
    for (group->end = group->first; group->end < request->count; group->end++) {
        const vlt_grid *grid = &request->visual[group->end].grid;
        int64_t patches = vlt_grid_patches(grid), frame = grid->h * grid->w;
        if (group->end > group->first && group->patches + patches > GROUP_PATCHES) {
            break;
        }
        group->patches += patches;
        group->segments += (int)grid->t;
        group->segment = frame > group->segment ? frame : group->segment;
    }
}

struct position_work {
    const vlt_engine *engine;
    const vlt_grid *grid;
    float *x;
};

static void add_positions(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct position_work *work = argument;
    (void)worker;
    vlt_vision_position_add(&work->engine->config.vision, &work->engine->weights.position,
                            work->grid, begin, end, work->x);
}

/* Patch embedding, learned positions, rope tables, segments. */
static vlt_status embed(struct group *group, vlt_error *err)
{
    vlt_engine *engine = group->engine;
    const vlt_vision_config *vision = &engine->config.vision;
    const int64_t values = engine->weights.patch.weight.columns;
    const int64_t half = vision->width / vision->heads / 2;
    int64_t row = 0;
    int segment = 0;
    for (int i = group->first; i < group->end; i++) {
        const vlt_visual *visual = &group->request->visual[i];
        int64_t patches = vlt_grid_patches(&visual->grid);
        float *x = group->hidden + row * vision->width;
        vlt_linear_args args = {.x = visual->patches,
                                .y = x,
                                .rows = patches,
                                .x_stride = values,
                                .y_stride = vision->width};
        vlt_status status = vlt_plan_run_in(&engine->scratch, engine->vision.patch, &args, err);
        if (status == VLT_OK) {
            status = vlt_dump_rows(group->request->dump, "vision.patch_embed", VLT_DTYPE_F32, x,
                                   patches, vision->width, err);
        }
        if (status != VLT_OK) {
            return status;
        }
        struct position_work work = {.engine = engine, .grid = &visual->grid, .x = x};
        vlt_threads_for(engine->threads, patches, ROW_CHUNK, 0, add_positions, &work);
        vlt_vision_rope(vision, &visual->grid, group->cos + row * half, group->sin + row * half);
        for (int64_t t = 0; t < visual->grid.t; t++) {
            group->segment_rows[segment++] = visual->grid.h * visual->grid.w;
        }
        row += patches;
    }
    return VLT_OK;
}

static vlt_status merge(struct group *group, const vlt_merger_plans *plans,
                        const vlt_merger_weights *weights, float *out, vlt_error *err)
{
    const vlt_vision_config *vision = &group->engine->config.vision;
    const int64_t merged = weights->fc1.weight.columns,
                  tokens = group->patches * vision->width / merged;
    vlt_norm_args norm = {.x = group->hidden,
                          .out = group->normed,
                          .rows = group->patches * vision->width / weights->norm_width,
                          .x_stride = weights->norm_width,
                          .out_stride = weights->norm_width};
    vlt_linear_args fc1 = {.x = group->normed,
                           .y = group->inner,
                           .rows = tokens,
                           .x_stride = merged,
                           .y_stride = merged};
    vlt_linear_args fc2 = {
        .x = group->inner, .y = out, .rows = tokens, .x_stride = merged, .y_stride = vision->out};
    vlt_activation_args gelu = {.x = group->inner,
                                .out = group->inner,
                                .rows = tokens,
                                .x_stride = merged,
                                .out_stride = merged};
    vlt_scratch *scratch = &group->engine->scratch;
    vlt_status status = vlt_plan_run_in(scratch, plans->norm, &norm, err);
    if (status == VLT_OK) {
        status = vlt_plan_run_in(scratch, plans->fc1, &fc1, err);
    }
    if (status == VLT_OK) {
        status = vlt_plan_run_in(scratch, plans->gelu, &gelu, err);
    }
    if (status == VLT_OK) {
        status = vlt_plan_run_in(scratch, plans->fc2, &fc2, err);
    }
    return status;
}

/* The DeepStack merger that reads the output of this block, if one does. */
static vlt_status tap(struct group *group, int64_t block, vlt_error *err)
{
    const vlt_vision_config *vision = &group->engine->config.vision;
    vlt_status status = VLT_OK;
    for (int k = 0; k < vision->deepstack_count && status == VLT_OK; k++) {
        if (vision->deepstack[k] == block) {
            float *out = group->request->deepstack[k] + group->token_first * vision->out;
            int64_t tokens = group->patches / (vision->merge * vision->merge);
            status = merge(group, &group->engine->vision.deepstack[k],
                           &group->engine->weights.deepstack[k], out, err);
            if (status == VLT_OK) {
                status = vlt_dump_layer(group->request->dump, "vision.deepstack.%d", k, out, tokens,
                                        vision->out, err);
            }
        }
    }
    return status;
}

static vlt_status run_blocks(struct group *group, vlt_error *err)
{
    vlt_engine *engine = group->engine;
    const vlt_vision_config *vision = &engine->config.vision;
    const vlt_vision_request *request = group->request;
    vlt_vision_block_args args = {.hidden = group->hidden,
                                  .cos = group->cos,
                                  .sin = group->sin,
                                  .segment_rows = group->segment_rows,
                                  .segments = group->segments,
                                  .rows = group->patches};
    vlt_status status = VLT_OK;
    for (int64_t i = 0; i < vision->blocks && status == VLT_OK; i++) {
        if (request->progress && !request->progress(request->progress_user, i, vision->blocks)) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted in vision block %lld",
                            (long long)i);
        }
        status = vlt_plan_run_in(&engine->scratch, engine->vision.block[i], &args, err);
        if (status == VLT_OK) {
            status = vlt_dump_layer(request->dump, "vision.block.%d", i, group->hidden,
                                    group->patches, vision->width, err);
        }
        if (status == VLT_OK) {
            status = tap(group, i, err);
        }
    }
    return status;
}

static vlt_status run_group(struct group *group, vlt_error *err)
{
    vlt_engine *engine = group->engine;
    const vlt_vision_config *vision = &engine->config.vision;
    const vlt_vision_request *request = group->request;
    float *out = request->embedding + group->token_first * vision->out;
    int64_t tokens = group->patches / (vision->merge * vision->merge);
    char what[64];

    vlt_status status = vlt_engine_vision_plans(engine, group->patches, group->segment, err);
    take_buffers(group, true);
    if (status == VLT_OK) {
        snprintf(what, sizeof what, "vision tower of %lld patches", (long long)group->patches);
        status = vlt_context_admit(&engine->context, group->arena.used_bytes, what, err);
    }
    if (status == VLT_OK) {
        status = vlt_arena_commit(&group->arena, err);
    }
    if (status == VLT_OK) {
        take_buffers(group, false);
        status = embed(group, err);
    }
    if (status == VLT_OK) {
        status = run_blocks(group, err);
    }
    if (status == VLT_OK) {
        status = merge(group, &engine->vision.merger, &engine->weights.merger, out, err);
    }
    if (status == VLT_OK) {
        status = vlt_dump_rows(request->dump, "vision.merged", VLT_DTYPE_F32, out, tokens,
                               vision->out, err);
    }
    vlt_arena_release(&group->arena);
    group->token_first += tokens;
    return status;
}

vlt_status vlt_vision_run(vlt_engine *engine, const vlt_vision_request *request, vlt_error *err)
{
    struct group group = {.engine = engine, .request = request};
    vlt_status status = VLT_OK;
    while (group.first < request->count && status == VLT_OK) {
        measure_group(&group);
        status = run_group(&group, err);
        group.first = group.end;
    }
    return status;
}
