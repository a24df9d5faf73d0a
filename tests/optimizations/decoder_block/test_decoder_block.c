#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/decoder_block/decoder_block.h"
#include "tests/support/reference.h"
#include "tests/support/fused_block.h"
#include "tests/support/variants.h"

Test(decoder_block, variants_equal_the_baseline)
{
    /* rows, context, width, heads, kv_heads, head, inner, weights, cache */
    static const int64_t sizes[][9] = {
        {1, 1, 1, 1, 1, 2, 1, VLT_FORMAT_BF16, VLT_FORMAT_F32},
        {1, 40, 144, 4, 2, 36, 100, VLT_FORMAT_BF16, VLT_FORMAT_F32},
        {5, 9, 33, 3, 1, 18, 65, VLT_FORMAT_F16, VLT_FORMAT_F32},
        {16, 30, 96, 8, 8, 64, 70, VLT_FORMAT_BF16, VLT_FORMAT_F32},
        {37, 37, 72, 2, 1, 72, 130, VLT_FORMAT_F32, VLT_FORMAT_F32},
        {130, 200, 192, 4, 2, 64, 512, VLT_FORMAT_BF16, VLT_FORMAT_F32},
        {33, 70, 96, 4, 2, 48, 130, VLT_FORMAT_F32, VLT_FORMAT_BF16},
        {1, 70, 96, 4, 2, 48, 130, VLT_FORMAT_BF16, VLT_FORMAT_BF16},
        {65, 65, 64, 8, 1, 128, 33, VLT_FORMAT_BF16, VLT_FORMAT_F32},
        {1, 300, 192, 4, 2, 64, 512, VLT_FORMAT_BF16, VLT_FORMAT_F32}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_decoder_block, sizes[i]), 0);
    }
    test_context_release(&test);
}

static float *hidden_of(const void *args)
{
    return ((const vlt_decoder_block_args *)args)->hidden;
}

Test(decoder_block, fused_gives_the_bits_of_its_children)
{
    enum { WIDTH = 74 };
    static const int64_t rows[] = {1, 2, 3, 4, 5, 7, 11, 12, 13, 16, 17, 40, 128};
    const fused_block block = {
        .problem = {.op = &vlt_op_decoder_block,
                    .dim = {0, 150, WIDTH, 4, 2, 34, 531, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
        .width = WIDTH,
        .hidden = hidden_of};
    test_fused_block(block, rows, sizeof rows / sizeof *rows);
}

/* The layer in double; cache rows before `first` come from the caches as they are. */
static void exact(const vlt_workload *workload, double *h)
{
    const vlt_decoder_block_constants *c = workload->problem.constants;
    const vlt_decoder_block_args *a = workload->args;
    const int64_t *dim = workload->problem.dim;
    const vlt_kv_layer *layer = &a->slot[0].cache->layer[0];
    const float *k_cache = (const void *)layer->k, *v_cache = (const void *)layer->v;
    int rows = (int)a->rows, first = (int)a->slot[0].first, cache = (int)layer->capacity;
    int width = (int)dim[VLT_DECODER_BLOCK_DIM_WIDTH],
        heads = (int)dim[VLT_DECODER_BLOCK_DIM_HEADS],
        kv_heads = (int)dim[VLT_DECODER_BLOCK_DIM_KV_HEADS],
        head = (int)dim[VLT_DECODER_BLOCK_DIM_HEAD], inner = (int)dim[VLT_DECODER_BLOCK_DIM_INNER];
    int kv_width = kv_heads * head, q_width = heads * head;
    double *x = calloc((size_t)(rows * width), sizeof *x);
    double *q = calloc((size_t)(rows * q_width), sizeof *q),
           *mixed = calloc((size_t)(rows * q_width), sizeof *q);
    double *k = calloc((size_t)(cache * kv_width), sizeof *k),
           *v = calloc((size_t)(cache * kv_width), sizeof *v);
    double *gate = calloc((size_t)(rows * inner), sizeof *gate),
           *up = calloc((size_t)(rows * inner), sizeof *up);
    for (int j = 0; j < first; j++) {
        for (int i = 0; i < kv_width; i++) { /* [head][row][i] to [row][head][i] */
            int at = (i / head * cache + j) * head + i % head;
            k[j * kv_width + i] = (double)k_cache[at];
            v[j * kv_width + i] = (double)v_cache[at];
        }
    }
    for (int i = 0; i < rows * width; i++) {
        h[i] = (double)a->hidden[i];
    }
    test_norm(h, c->input_norm, NULL, c->epsilon, rows, width, x);
    test_linear(x, c->q_weight.data, NULL, rows, q_width, width, false, q);
    test_linear(x, c->k_weight.data, NULL, rows, kv_width, width, false, k + first * kv_width);
    test_linear(x, c->v_weight.data, NULL, rows, kv_width, width, false, v + first * kv_width);
    test_norm(q, c->q_norm, NULL, c->epsilon, rows * heads, head, q);
    test_norm(k + first * kv_width, c->k_norm, NULL, c->epsilon, rows * kv_heads, head,
              k + first * kv_width);
    test_rope(q, a->cos, a->sin, rows, q_width, heads, head);
    test_rope(k + first * kv_width, a->cos, a->sin, rows, kv_width, kv_heads, head);
    for (int r = 0; r < rows; r++) {
        for (int j = 0; j < heads; j++) {
            int kv = j / (heads / kv_heads) * head;
            test_attend(q + r * q_width + j * head, k + kv, v + kv, kv_width, first + r + 1, head,
                        mixed + r * q_width + j * head);
        }
    }
    test_linear(mixed, c->o_weight.data, NULL, rows, width, q_width, true, h);
    test_norm(h, c->post_norm, NULL, c->epsilon, rows, width, x);
    test_linear(x, c->gate_weight.data, NULL, rows, inner, width, false, gate);
    test_linear(x, c->up_weight.data, NULL, rows, inner, width, false, up);
    for (int i = 0; i < rows * inner; i++) {
        gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
    }
    test_linear(gate, c->down_weight.data, NULL, rows, width, inner, true, h);
    free(x);
    free(q);
    free(mixed);
    free(k);
    free(v);
    free(gate);
    free(up);
}

Test(decoder_block, baseline_equals_a_computation_in_double)
{
    enum { ROWS = 9, WIDTH = 40 };
    test_context test;
    vlt_workload workload;
    vlt_plan *plan = NULL;
    double h[ROWS * WIDTH];
    test_context_init(&test);
    vlt_problem problem = {.op = &vlt_op_decoder_block,
                           .dim = {ROWS, 21, WIDTH, 4, 2, 18, 50, VLT_FORMAT_F32, VLT_FORMAT_F32}};
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 3, NULL), VLT_OK);
    workload.reset(&workload);
    exact(&workload, h);
    test.context.policy = VLT_POLICY_BASELINE;
    cr_assert_eq(vlt_plan_create(&test.context, &workload.problem, &plan, NULL), VLT_OK);
    cr_assert_eq(test_run(plan, workload.args, NULL), VLT_OK);
    const vlt_decoder_block_args *args = workload.args;
    for (int i = 0; i < ROWS * WIDTH; i++) {
        cr_assert_float_eq(args->hidden[i], h[i], 1e-5, "%d: %g, expected %g", i,
                           (double)args->hidden[i], h[i]);
    }
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    test_context_release(&test);
}

/* Rooflines go by it: the layer's arithmetic is that of its products, its bytes what they read. */
Test(decoder_block, costs_what_its_children_cost)
{
    enum { WIDTH = 64, KV_WIDTH = 32, INNER = 512 }; /* products outweigh attention */
    test_context test;
    vlt_workload workload;
    test_context_init(&test);
    vlt_problem problem = {
        .op = &vlt_op_decoder_block,
        .dim = {64, 128, WIDTH, 4, 2, 16, INNER, VLT_FORMAT_BF16, VLT_FORMAT_F32}};
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 3, NULL), VLT_OK);
    vlt_cost cost[2];
    for (int rounded = 0; rounded < 2; rounded++) {
        vlt_plan *plan = NULL;
        test.context.quality = rounded ? VLT_QUALITY_INT8 : VLT_QUALITY_EXACT;
        cr_assert_eq(vlt_plan_create(&test.context, &workload.problem, &plan, NULL), VLT_OK);
        vlt_plan_cost(plan, &cost[rounded]);
        cr_expect_eq(cost[rounded].compute, rounded ? VLT_COMPUTE_INT8 : VLT_COMPUTE_F32);
        vlt_plan_destroy(plan);
    }
    const double weights = WIDTH * (2 * WIDTH + 2 * KV_WIDTH + 3 * INNER),
                 scales = 3 * WIDTH + 2 * KV_WIDTH + 2 * INNER;
    cr_expect_eq(cost[0].flops, cost[1].flops);
    cr_expect_float_eq(cost[0].bytes - cost[1].bytes, weights - 4 * scales, 256, "%g less",
                       cost[0].bytes - cost[1].bytes);
    vlt_workload_release(&workload);
    test_context_release(&test);
}
