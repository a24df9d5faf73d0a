/* Who shares the work of attention must not show: threads that take spans of the keys of one row,
 * and sequences that come in one call. */
#include <criterion/criterion.h>
#include <string.h>

#include "optimizations/attention/attention.h"
#include "optimizations/core/random.h"
#include "tests/support/variants.h"

enum { SEQUENCES = 5, Q_ROWS = 40, KV_ROWS = 1300, HEADS = 6, KV_HEADS = 2, HEAD = 40 };
enum { Q_WIDTH = HEADS * HEAD, KV_WIDTH = KV_HEADS * HEAD };

static float q[SEQUENCES][Q_ROWS * Q_WIDTH], k[SEQUENCES][KV_ROWS * KV_WIDTH],
    v[SEQUENCES][KV_ROWS * KV_WIDTH], out[SEQUENCES][Q_ROWS * Q_WIDTH],
    expected[SEQUENCES][Q_ROWS * Q_WIDTH];

static void fill(float *data, size_t count, uint64_t seed)
{
    vlt_random random = {seed};
    for (size_t i = 0; i < count; i++) {
        data[i] = vlt_random_signed(&random) * 2;
    }
}

static void fill_all(void)
{
    fill(&q[0][0], sizeof q / sizeof(float), 1);
    fill(&k[0][0], sizeof k / sizeof(float), 2);
    fill(&v[0][0], sizeof v / sizeof(float), 3);
}

static vlt_attention_args arguments(int sequence, int64_t rows, int64_t kv_rows)
{
    return (vlt_attention_args){.q = q[sequence],
                                .k = vlt_kv_view_f32(k[sequence], KV_WIDTH, HEAD),
                                .v = vlt_kv_view_f32(v[sequence], KV_WIDTH, HEAD),
                                .out = out[sequence],
                                .q_rows = rows,
                                .kv_rows = kv_rows,
                                .q_first = kv_rows - rows,
                                .q_row = Q_WIDTH,
                                .q_head = HEAD,
                                .out_row = Q_WIDTH,
                                .out_head = HEAD};
}

static vlt_plan *plan_of(test_context *test, const vlt_variant *variant, int64_t rows)
{
    const vlt_problem problem = vlt_attention_problem(rows, KV_ROWS, HEADS, KV_HEADS, HEAD, true,
                                                      VLT_FORMAT_F32);
    vlt_plan *plan = NULL;
    if (vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
        cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                     VLT_OK);
    }
    return plan;
}

/* Rows and keys of each sequence, in a plan of up to `plan_rows` rows. */
static void compare_with_alone(test_context *test, int64_t plan_rows, const int64_t *rows,
                               const int64_t *kv_rows)
{
    for (int i = 0; i < vlt_registry_variant_count(&vlt_op_attention); i++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_attention, i);
        vlt_plan *plan = plan_of(test, variant, plan_rows);
        vlt_attention_args args[SEQUENCES];
        memset(out, 0xFF, sizeof out);
        for (int s = 0; s < SEQUENCES && plan; s++) {
            args[s] = arguments(s, rows[s], kv_rows[s]);
            cr_assert_eq(test_run(plan, &args[s], NULL), VLT_OK);
        }
        memcpy(expected, out, sizeof out);
        memset(out, 0xFF, sizeof out);
        if (plan) {
            args[0].more = SEQUENCES - 1;
            cr_assert_eq(test_run(plan, args, NULL), VLT_OK);
            cr_expect_arr_eq(out, expected, sizeof out, "%s", variant->name);
        }
        vlt_plan_destroy(plan);
    }
}

Test(attention_shared, sequences_of_one_call_are_as_alone)
{
    static const int64_t one[SEQUENCES] = {1, 1, 1, 1, 1}, few[SEQUENCES] = {3, 1, 11, 2, 7},
                         many[SEQUENCES] = {40, 1, 17, 12, 5};
    static const int64_t kv_rows[SEQUENCES] = {40, 1, 700, 1300, 129},
                         kv_many[SEQUENCES] = {40, 2, 700, 1300, 129};
    test_context test;
    test_context_init(&test);
    fill_all();
    compare_with_alone(&test, 1, one, kv_rows);
    compare_with_alone(&test, 11, few, kv_rows);
    compare_with_alone(&test, Q_ROWS, many, kv_many);
    test_context_release(&test);
}

/* The plan of another number of threads gives the same bits. */
static void compare_threads(test_context *test, const vlt_variant *variant, int count)
{
    const vlt_threads_options options = {.count = count, .spin_us = 20};
    vlt_threads *before = test->context.threads;
    test->context.threads = NULL;
    if (count > 0) {
        cr_assert_eq(vlt_threads_create(&options, &test->context.threads, NULL), VLT_OK);
    }
    for (int64_t kv_rows = 500; kv_rows <= KV_ROWS; kv_rows += 400) {
        vlt_plan *plan = plan_of(test, variant, 1);
        const vlt_attention_args args = arguments(0, 1, kv_rows);
        float *to = expected[kv_rows / 400];
        if (plan) {
            cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
            if (count == 0) {
                memcpy(to, out[0], Q_WIDTH * sizeof *to);
            }
            cr_expect_arr_eq(out[0], to, Q_WIDTH * sizeof *to, "%s, %d keys, %d threads",
                             variant->name, (int)kv_rows, count);
        }
        vlt_plan_destroy(plan);
    }
    vlt_threads_destroy(test->context.threads);
    test->context.threads = before;
}

/* One row of 2 key heads and 1, 2 and 3 spans of keys, by the caller alone, 2, 3 and 7 threads. */
Test(attention_shared, threads_that_share_the_keys_of_a_row_give_the_bits_of_one)
{
    test_context test;
    test_context_init(&test);
    fill_all();
    for (int i = 0; i < vlt_registry_variant_count(&vlt_op_attention); i++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_attention, i);
        compare_threads(&test, variant, 0);
        compare_threads(&test, variant, 2);
        compare_threads(&test, variant, 3);
        compare_threads(&test, variant, 7);
    }
    test_context_release(&test);
}
