/* Bottleneck: the same pixels are multiplied once for every frame of the patch, as rows of f32 that
 * have eight times the bytes.
 * Idea: the weights of the frames summed and the normalisation taken into them, once; bytes become
 * f32 in blocks of rows that stay in the cache, and `linear` has half the inputs.
 * Loses: where `linear` is faster on weights as they are mapped (BF16 in the matrix unit) than on
 * the f32 of the sums.
 */
#include <stdio.h>
#include <stdlib.h>

#include "optimizations/core/hash.h"
#include "optimizations/patch_embed/patch_embed.h"

enum { MIDDLE = 128 /* taken off each pixel: sums of less magnitude */ };
enum { FOLD_CHUNK = 16, WIDEN_CHUNK = 16 };
enum { KNOB_ROWS };

static const int64_t rows_values[] = {64, 128, 256, 512, 1024};
static const vlt_knob knobs[] = {
    {"rows", "patches that are widened before they are multiplied", rows_values, 5, 256, NULL},
};

struct state {
    const vlt_pack *pack; /* shift[width], then F[width, pixels] */
    vlt_linear_constants linear;
    float *bias; /* [width], b' */
    vlt_plan *child;
    int64_t block, pixels;
};

/* What the pack is made of, besides W. */
struct recipe {
    const vlt_patchify_constants *pixels;
    int64_t temporal;
};

struct fold {
    const vlt_matrix *w;
    const struct recipe *recipe;
    float *shift, *folded;
};

/* f[area] = the sum over the frames of W's row `o`, channel c. */
static void sum_frames(const struct fold *fold, int64_t o, int64_t c, int64_t area, float *f)
{
    enum { PIECE = 256 };
    const int64_t temporal = fold->recipe->temporal;
    float piece[PIECE];
    for (int64_t at = 0; at < area; at += PIECE) {
        int64_t count = area - at < PIECE ? area - at : PIECE;
        vlt_matrix_values(fold->w, o, c * temporal * area + at, count, f + at);
        for (int64_t t = 1; t < temporal; t++) {
            vlt_matrix_values(fold->w, o, (c * temporal + t) * area + at, count, piece);
            for (int64_t i = 0; i < count; i++) {
                f[at + i] += piece[i];
            }
        }
    }
}

static void fold_outputs(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct fold *fold = argument;
    const int64_t area = fold->w->columns / (3 * fold->recipe->temporal);
    (void)worker;
    for (int64_t o = begin; o < end; o++) {
        double shift = 0;
        for (int64_t c = 0; c < 3; c++) {
            const float *table = fold->recipe->pixels->table[c];
            const double slope = ((double)table[255] - (double)table[0]) / 255;
            float *f = fold->folded + (o * 3 + c) * area;
            sum_frames(fold, o, c, area, f);
            for (int64_t i = 0; i < area; i++) {
                shift += (double)f[i] * (double)table[MIDDLE];
                f[i] = (float)((double)f[i] * slope);
            }
        }
        fold->shift[o] = (float)shift;
    }
}

static vlt_status fill(const vlt_pack_request *request, void *out, vlt_error *err)
{
    struct fold fold = {.w = request->matrix, .recipe = request->user, .shift = out};
    (void)err;
    fold.folded = fold.shift + fold.w->rows;
    vlt_threads_for(request->threads, fold.w->rows, FOLD_CHUNK, 0, fold_outputs, &fold);
    return VLT_OK;
}

/* The pack and the matrix in it, both named by W and what it is folded with: plans for other
 * numbers of rows share them, and what `linear` makes of them. */
static vlt_status fold_weights(const vlt_plan *plan, struct state *s, vlt_error *err)
{
    const vlt_patch_embed_constants *constants = plan->problem.constants;
    const vlt_matrix *w = &constants->linear->weight;
    const struct recipe recipe = {constants->pixels,
                                  plan->problem.dim[VLT_PATCH_EMBED_DIM_TEMPORAL]};
    const uint64_t seed = vlt_hash_bytes(&recipe.temporal, sizeof recipe.temporal, w->id);
    const uint64_t id = vlt_hash_bytes(recipe.pixels->table, sizeof recipe.pixels->table, seed);
    char kind[VLT_PACK_KIND_BYTES];
    snprintf(kind, sizeof kind, "patch_embed_folded/1 %016llx", (unsigned long long)id);
    const vlt_pack_request request = {.matrix = w,
                                      .kind = kind,
                                      .bytes = (size_t)w->rows * (size_t)(1 + s->pixels) *
                                               sizeof(float),
                                      .threads = plan->context->threads,
                                      .fill = fill,
                                      .user = &recipe};
    vlt_status status = vlt_packs_take(plan->context->packs, &request, &s->pack, err);
    if (status == VLT_OK) {
        const float *shift = vlt_pack_data(s->pack);
        s->linear.weight = vlt_matrix_of(VLT_FORMAT_F32, shift + w->rows, w->rows, s->pixels);
        s->linear.weight.id = w->id ? id : 0;
    }
    return status;
}

static vlt_status set_bias(const vlt_plan *plan, struct state *s, vlt_error *err)
{
    const float *bias = ((const vlt_patch_embed_constants *)plan->problem.constants)->linear->bias;
    const float *shift = vlt_pack_data(s->pack);
    const int64_t width = s->linear.weight.rows;
    s->bias = malloc((size_t)width * sizeof *s->bias);
    if (!s->bias) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "patch_embed: no memory for a plan");
    }
    for (int64_t o = 0; o < width; o++) {
        s->bias[o] = shift[o] + (bias ? bias[o] : 0);
    }
    s->linear.bias = s->bias;
    return VLT_OK;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const int64_t rows = plan->problem.dim[VLT_PATCH_EMBED_DIM_ROWS];
    struct state *s = plan->state = calloc(1, sizeof *s);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "patch_embed: no memory for a plan");
    }
    s->pixels = vlt_patch_embed_pixels(&plan->problem);
    s->block = vlt_plan_knob(plan, KNOB_ROWS);
    s->block = s->block < rows ? s->block : rows;
    vlt_status status = fold_weights(plan, s, err);
    if (status == VLT_OK) {
        status = set_bias(plan, s, err);
    }
    if (status == VLT_OK) {
        const vlt_problem linear = vlt_linear_problem(s->block, &s->linear);
        status = vlt_plan_create(plan->context, &linear, &s->child, err);
    }
    if (status == VLT_OK) {
        vlt_plan_adopt(plan, &s->child, 1);
    }
    return status;
}

static size_t scratch(const vlt_plan *plan)
{
    const struct state *s = plan->state;
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)(s->block * s->pixels), sizeof(float));
    vlt_frame_add(&bytes, vlt_plan_scratch(s->child));
    return bytes;
}

struct job {
    const uint8_t *bytes; /* of a block */
    float *x;
    int64_t pixels;
};

static void widen(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct job *job = argument;
    const uint8_t *bytes = job->bytes;
    float *x = job->x;
    (void)worker;
    for (int64_t i = begin * job->pixels; i < end * job->pixels; i++) {
        x[i] = (float)(bytes[i] - MIDDLE);
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const struct state *s = plan->state;
    const vlt_patch_embed_args *a = args;
    const int64_t width = plan->problem.dim[VLT_PATCH_EMBED_DIM_WIDTH];
    float *x = vlt_frame_take(&frame, (size_t)(s->block * s->pixels), sizeof(float));
    vlt_status status = VLT_OK;
    for (int64_t row = 0; row < a->rows && status == VLT_OK; row += s->block) {
        const int64_t rows = a->rows - row < s->block ? a->rows - row : s->block;
        struct job job = {a->pixels + row * s->pixels, x, s->pixels};
        vlt_threads_for(plan->context->threads, rows, WIDEN_CHUNK, 0, widen, &job);
        status = vlt_linear_rows(s->child, frame, x, a->out + row * width, rows, false, err);
    }
    return status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_plan_destroy(s->child);
        vlt_packs_drop(s->pack);
        free(s->bias);
        free(s);
    }
}

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    cost->flops /= (double)problem->dim[VLT_PATCH_EMBED_DIM_TEMPORAL];
}

VLT_VARIANT(patch_embed, folded, .summary = "frames and normalisation folded into the weights",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .cost = cost,
            .prepare = prepare, .scratch = scratch, .run = run, .release = release);
