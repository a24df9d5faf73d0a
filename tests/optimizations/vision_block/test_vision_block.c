#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/vision_block/vision_block.h"
#include "tests/support/reference.h"
#include "tests/support/fused_block.h"
#include "tests/support/variants.h"

Test(vision_block, variants_equal_the_baseline)
{
    /* rows, segment, width, heads, inner, weights */
    static const int64_t sizes[][6] = {
        {1, 1, 2, 1, 1, VLT_FORMAT_BF16},        {4, 4, 144, 2, 100, VLT_FORMAT_BF16},
        {37, 37, 72, 2, 65, VLT_FORMAT_F16},     {64, 64, 128, 2, 384, VLT_FORMAT_BF16},
        {70, 32, 36, 1, 50, VLT_FORMAT_F32},     {300, 128, 64, 1, 130, VLT_FORMAT_BF16},
        {257, 100, 144, 4, 200, VLT_FORMAT_BF16}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_vision_block, sizes[i]), 0);
    }
    test_context_release(&test);
}

static float *hidden_of(const void *args)
{
    return ((const vlt_vision_block_args *)args)->hidden;
}

Test(vision_block, fused_gives_the_bits_of_its_children)
{
    enum { WIDTH = 72 };
    static const int64_t rows[] = {1, 2, 3, 5, 7, 11, 12, 13, 16, 17, 40, 128};
    const fused_block block = {
        .problem = {.op = &vlt_op_vision_block, .dim = {0, 30, WIDTH, 2, 531, VLT_FORMAT_BF16}},
        .width = WIDTH,
        .hidden = hidden_of};
    test_fused_block(block, rows, sizeof rows / sizeof *rows);
}

/* The block in double. */
static void exact(const vlt_workload *workload, double *h)
{
    const vlt_vision_block_constants *c = workload->problem.constants;
    const vlt_vision_block_args *a = workload->args;
    const int64_t *dim = workload->problem.dim;
    int rows = (int)a->rows, width = (int)dim[VLT_VISION_BLOCK_DIM_WIDTH],
        heads = (int)dim[VLT_VISION_BLOCK_DIM_HEADS], inner = (int)dim[VLT_VISION_BLOCK_DIM_INNER];
    int head = width / heads, first = 0;
    double *x = calloc((size_t)(rows * width), sizeof *x),
           *z = calloc((size_t)(rows * inner), sizeof *z);
    double *qkv = calloc((size_t)(rows * 3 * width), sizeof *qkv);
    for (int i = 0; i < rows * width; i++) {
        h[i] = (double)a->hidden[i];
    }
    test_norm(h, c->norm1_weight, c->norm1_bias, 1e-6, rows, width, x);
    test_linear(x, c->qkv_weight.data, c->qkv_bias, rows, 3 * width, width, false, qkv);
    test_rope(qkv, a->cos, a->sin, rows, 3 * width, 2 * heads, head);
    for (int s = 0; s < a->segments; s++) {
        int count = (int)a->segment_rows[s];
        const double *k = qkv + first * 3 * width + width;
        for (int r = first; r < first + count; r++) {
            for (int j = 0; j < heads; j++) {
                test_attend(qkv + r * 3 * width + j * head, k + j * head, k + width + j * head,
                            3 * width, count, head, x + r * width + j * head);
            }
        }
        first += count;
    }
    test_linear(x, c->proj_weight.data, c->proj_bias, rows, width, width, true, h);
    test_norm(h, c->norm2_weight, c->norm2_bias, 1e-6, rows, width, x);
    test_linear(x, c->fc1_weight.data, c->fc1_bias, rows, inner, width, false, z);
    for (int i = 0; i < rows * inner; i++) {
        double inside = 0.7978845608028654 * (z[i] + 0.044715 * z[i] * z[i] * z[i]);
        z[i] = 0.5 * z[i] * (1 + tanh(inside));
    }
    test_linear(z, c->fc2_weight.data, c->fc2_bias, rows, width, inner, true, h);
    free(x);
    free(z);
    free(qkv);
}

Test(vision_block, baseline_equals_a_computation_in_double)
{
    enum { ROWS = 19, WIDTH = 36 };
    test_context test;
    vlt_workload workload;
    vlt_plan *plan = NULL;
    double h[ROWS * WIDTH];
    test_context_init(&test);
    vlt_problem problem = {.op = &vlt_op_vision_block,
                           .dim = {ROWS, 8, WIDTH, 2, 50, VLT_FORMAT_F32}};
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 3, NULL), VLT_OK);
    workload.reset(&workload);
    exact(&workload, h);
    test.context.policy = VLT_POLICY_BASELINE;
    cr_assert_eq(vlt_plan_create(&test.context, &workload.problem, &plan, NULL), VLT_OK);
    cr_assert_eq(test_run(plan, workload.args, NULL), VLT_OK);
    const vlt_vision_block_args *args = workload.args;
    for (int i = 0; i < ROWS * WIDTH; i++) {
        cr_assert_float_eq(args->hidden[i], h[i], 1e-5, "%d: %g, expected %g", i,
                           (double)args->hidden[i], h[i]);
    }
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    test_context_release(&test);
}
