/* A variant of the tests' own that replaces a whole tower: one file and one line of the catalogue.
 * Bottleneck: none. Idea: every formula as a loop, no child plan. Loses: to everything.
 */
#include <math.h>
#include <string.h>

#include "optimizations/vision_tower/vision_positions.h"

/* Buffers of a run, from the frame. */
struct rows {
    float *hidden, *normed, *wide, *out; /* [patches, width], .., [patches, 3 width or inner], .. */
    float *cos, *sin, *score, *weight;
};

static int64_t widest(const vlt_problem *problem)
{
    const int64_t *dim = problem->dim;
    const int64_t merge = dim[VLT_VISION_TOWER_DIM_MERGE];
    const int64_t all[] = {3 * dim[VLT_VISION_TOWER_DIM_WIDTH], dim[VLT_VISION_TOWER_DIM_INNER],
                           dim[VLT_VISION_TOWER_DIM_WIDTH] * merge * merge,
                           dim[VLT_VISION_TOWER_DIM_VALUES]};
    int64_t most = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        most = all[i] > most ? all[i] : most;
    }
    return most;
}

/* Counts the bytes, or takes them: the same list for both. */
static void lay_out(const vlt_problem *problem, size_t *bytes, vlt_frame *frame, struct rows *rows)
{
    const size_t patches = (size_t)problem->dim[VLT_VISION_TOWER_DIM_PATCHES];
    const size_t width = (size_t)problem->dim[VLT_VISION_TOWER_DIM_WIDTH];
    const size_t wide = (size_t)widest(problem);
    const struct {
        float **out;
        size_t count;
    } list[] = {{&rows->hidden, patches * width}, {&rows->normed, patches * width},
                {&rows->wide, patches * wide},    {&rows->out, patches * wide},
                {&rows->cos, patches * width},    {&rows->sin, patches * width},
                {&rows->score, patches},          {&rows->weight, wide}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (frame) {
            *list[i].out = vlt_frame_take(frame, list[i].count, sizeof(float));
        } else {
            vlt_frame_reserve(bytes, list[i].count, sizeof(float));
        }
    }
}

static size_t scratch(const vlt_plan *plan)
{
    struct rows rows;
    size_t bytes = 0;
    lay_out(&plan->problem, &bytes, NULL, &rows);
    return bytes;
}

/* out[count, n] = x[count, k] W^T + bias, added to what is there where `add` says so. */
static void linear(const vlt_matrix *weight, const float *bias, const float *x, int64_t count,
                   bool add, float *row, float *out)
{
    const int64_t n = weight->rows, k = weight->columns;
    for (int64_t o = 0; o < n; o++) {
        vlt_matrix_row(weight, o, row);
        for (int64_t r = 0; r < count; r++) {
            double sum = bias ? bias[o] : 0;
            for (int64_t i = 0; i < k; i++) {
                sum += (double)x[r * k + i] * row[i];
            }
            out[r * n + o] = (float)sum + (add ? out[r * n + o] : 0);
        }
    }
}

static void layer_norm(const float *weight, const float *bias, const float *x, int64_t count,
                       int64_t width, float *out)
{
    for (int64_t r = 0; r < count; r++, x += width, out += width) {
        double mean = 0, square = 0;
        for (int64_t i = 0; i < width; i++) {
            mean += x[i];
        }
        mean /= (double)width;
        for (int64_t i = 0; i < width; i++) {
            square += (x[i] - mean) * (x[i] - mean);
        }
        double scale = 1 / sqrt(square / (double)width + (double)VLT_VISION_BLOCK_EPSILON);
        for (int64_t i = 0; i < width; i++) {
            out[i] = (float)((x[i] - mean) * scale) * weight[i] + bias[i];
        }
    }
}

static void rotate(float *x, const float *cos, const float *sin, int64_t half)
{
    for (int64_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = b * cos[i] + a * sin[i];
    }
}

/* One query row of one head over the rows of its segment. */
static void attend(const float *q, const float *keys, int64_t count, int64_t stride, int64_t width,
                   int64_t head, float *score, float *out)
{
    double most = -INFINITY, sum = 0;
    for (int64_t r = 0; r < count; r++) {
        double dot = 0;
        for (int64_t i = 0; i < head; i++) {
            dot += (double)q[i] * keys[r * stride + i];
        }
        score[r] = (float)(dot / sqrt((double)head));
        most = fmax(most, score[r]);
    }
    memset(out, 0, (size_t)head * sizeof *out);
    for (int64_t r = 0; r < count; r++) {
        double share = exp(score[r] - most);
        sum += share;
        for (int64_t i = 0; i < head; i++) {
            out[i] += (float)share * keys[r * stride + width + i];
        }
    }
    for (int64_t i = 0; i < head; i++) {
        out[i] = (float)(out[i] / sum);
    }
}

/* Attention of `count` rows with each other; wide holds q, k and v, out gets [count, width]. */
static void attention(struct rows *rows, int64_t first, int64_t count, int64_t width, int64_t heads)
{
    const int64_t head = width / heads, half = head / 2, stride = 3 * width;
    float *qkv = rows->wide + first * stride;
    for (int64_t r = 0; r < count; r++) {
        for (int64_t h = 0; h < 2 * heads; h++) { /* q and k lie side by side */
            rotate(qkv + r * stride + h * head, rows->cos + (first + r) * half,
                   rows->sin + (first + r) * half, half);
        }
    }
    for (int64_t r = 0; r < count; r++) {
        for (int64_t h = 0; h < heads; h++) {
            attend(qkv + r * stride + h * head, qkv + width + h * head, count, stride, width, head,
                   rows->score, rows->out + (first + r) * width + h * head);
        }
    }
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static double gelu_erf(double x)
{
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

static void each(float *x, int64_t count, double (*function)(double))
{
    for (int64_t i = 0; i < count; i++) {
        x[i] = (float)function(x[i]);
    }
}

static void block(const vlt_vision_block_constants *c, const vlt_vision_tower_args *args,
                  struct rows *rows, int64_t count, int64_t width, int64_t heads)
{
    int64_t first = 0;
    layer_norm(c->norm1_weight, c->norm1_bias, rows->hidden, count, width, rows->normed);
    linear(&c->qkv_weight, c->qkv_bias, rows->normed, count, false, rows->weight, rows->wide);
    for (int i = 0; i < args->images; i++) {
        const vlt_grid *grid = &args->image[i].grid;
        for (int64_t t = 0; t < grid->t; t++, first += grid->h * grid->w) {
            attention(rows, first, grid->h * grid->w, width, heads);
        }
    }
    linear(&c->proj_weight, c->proj_bias, rows->out, count, true, rows->weight, rows->hidden);
    layer_norm(c->norm2_weight, c->norm2_bias, rows->hidden, count, width, rows->normed);
    linear(&c->fc1_weight, c->fc1_bias, rows->normed, count, false, rows->weight, rows->wide);
    each(rows->wide, count * c->fc1_weight.rows, gelu_tanh);
    linear(&c->fc2_weight, c->fc2_bias, rows->wide, count, true, rows->weight, rows->hidden);
}

static void merge(const vlt_merger_constants *c, struct rows *rows, int64_t values, float *out)
{
    const int64_t merged = c->fc1.weight.columns, tokens = values / merged;
    layer_norm(c->norm.weight, c->norm.bias, rows->hidden, values / c->norm_width, c->norm_width,
               rows->normed);
    linear(&c->fc1.weight, c->fc1.bias, rows->normed, tokens, false, rows->weight, rows->wide);
    each(rows->wide, tokens * c->fc1.weight.rows, gelu_erf);
    linear(&c->fc2.weight, c->fc2.bias, rows->wide, tokens, false, rows->weight, out);
}

static int64_t embed(const vlt_problem *problem, const vlt_vision_tower_args *args,
                     struct rows *rows)
{
    const vlt_vision_tower_constants *c = problem->constants;
    const int64_t width = problem->dim[VLT_VISION_TOWER_DIM_WIDTH];
    const int64_t half = width / problem->dim[VLT_VISION_TOWER_DIM_HEADS] / 2;
    const int64_t side = problem->dim[VLT_VISION_TOWER_DIM_MERGE];
    int64_t count = 0;
    for (int i = 0; i < args->images; i++) {
        const vlt_vision_image *image = &args->image[i];
        const int64_t patches = vlt_grid_patches(&image->grid);
        float *x = rows->hidden + count * width;
        const float *values = image->patches;
        if (image->pixels) {
            vlt_patchify_widen(c->pixels, c->temporal, c->patch.weight.columns, image->pixels,
                               patches, rows->wide);
            values = rows->wide;
        }
        linear(&c->patch.weight, c->patch.bias, values, patches, false, rows->weight, x);
        vlt_vision_position_add(&c->position, c->position_side, &image->grid, side, 0, patches, x);
        vlt_vision_rope(&image->grid, side, 2 * half, c->rope_theta, rows->cos + count * half,
                        rows->sin + count * half);
        count += patches;
    }
    return count;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *arguments, vlt_error *err)
{
    const vlt_vision_tower_args *args = arguments;
    const vlt_problem *problem = &plan->problem;
    const vlt_vision_tower_constants *c = problem->constants;
    const int64_t width = problem->dim[VLT_VISION_TOWER_DIM_WIDTH];
    struct rows rows;
    (void)err;
    lay_out(problem, NULL, &frame, &rows);
    const int64_t count = embed(problem, args, &rows);
    for (int64_t i = 0; i < problem->dim[VLT_VISION_TOWER_DIM_BLOCKS]; i++) {
        block(&c->block[i], args, &rows, count, width, problem->dim[VLT_VISION_TOWER_DIM_HEADS]);
        for (int64_t k = 0; k < problem->dim[VLT_VISION_TOWER_DIM_TAPS]; k++) {
            if (c->deepstack_block[k] == i) {
                merge(&c->deepstack[k], &rows, count * width, args->deepstack[k]);
            }
        }
    }
    merge(&c->merger, &rows, count * width, args->embedding);
    return VLT_OK;
}

VLT_VARIANT(vision_tower, plain, .summary = "every formula as a loop", .scratch = scratch,
            .run = run);
