/* What is special about attention in 8 bits over a cache: a row depends on nothing behind it, in
 * whatever pieces its sequence comes, and meets what cannot be rounded as the baseline does. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "optimizations/attention/attention.h"
#include "optimizations/core/random.h"
#include "tests/support/variants.h"

enum { ROWS = 310, HEADS = 4, KV_HEADS = 2, HEAD = 40 };

static float q[ROWS][HEADS][HEAD], k[ROWS][KV_HEADS][HEAD], v[ROWS][KV_HEADS][HEAD];
static float out[ROWS][HEADS][HEAD], whole[ROWS][HEADS][HEAD];

/* Keys and values off their zeros, as those of models are. */
static void fill(void)
{
    vlt_random random = {9};
    for (int at = 0; at < ROWS * HEADS * HEAD; at++) {
        (&q[0][0][0])[at] = vlt_random_signed(&random) * 2;
    }
    for (int at = 0; at < ROWS * KV_HEADS * HEAD; at++) {
        (&k[0][0][0])[at] = vlt_random_signed(&random) + (float)(at % HEAD % 3) * 4;
        (&v[0][0][0])[at] = vlt_random_signed(&random) + (float)(at % 5);
    }
}

/* Rows [first, last) of the sequence to out. */
static void attend(const vlt_plan *plan, int64_t first, int64_t last)
{
    const vlt_attention_args args = {.q = &q[first][0][0],
                                     .k = vlt_kv_view_f32(&k[0][0][0], KV_HEADS * HEAD, HEAD),
                                     .v = vlt_kv_view_f32(&v[0][0][0], KV_HEADS * HEAD, HEAD),
                                     .out = &out[first][0][0],
                                     .q_rows = last - first,
                                     .kv_rows = last,
                                     .q_first = first,
                                     .q_row = HEADS * HEAD,
                                     .q_head = HEAD,
                                     .out_row = HEADS * HEAD,
                                     .out_head = HEAD};
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
}

typedef void check_function(const vlt_plan *plan, const vlt_plan *baseline);

/* Calls `check` with every rounding variant that runs here; a skip where there is none. */
static void each_rounding_variant(check_function *check)
{
    const vlt_problem problem = vlt_attention_problem(ROWS, ROWS, HEADS, KV_HEADS, HEAD, true,
                                                      VLT_FORMAT_F32);
    test_context test;
    vlt_plan *baseline = NULL;
    int checked = 0;
    test_context_init(&test);
    cr_assert_eq(vlt_plan_create_with(&test.context, &problem,
                                      vlt_registry_variant(&vlt_op_attention, 0), NULL, &baseline,
                                      NULL),
                 VLT_OK);
    for (int i = 0; i < vlt_registry_variant_count(&vlt_op_attention); i++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_attention, i);
        vlt_plan *plan = NULL;
        if (variant->quality != VLT_QUALITY_EXACT &&
            vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
            cr_assert_eq(vlt_plan_create_with(&test.context, &problem, variant, NULL, &plan, NULL),
                         VLT_OK);
            fill();
            check(plan, baseline);
            vlt_plan_destroy(plan);
            checked++;
        }
    }
    vlt_plan_destroy(baseline);
    test_context_release(&test);
    if (!checked) {
        cr_skip("SKIP: no variant of attention rounds on this CPU\n");
    }
}

static void expect_same_in_pieces(const vlt_plan *plan, const vlt_plan *baseline)
{
    (void)baseline;
    static const int64_t ends[] = {1, 14, 127, 128, 129, 200, ROWS};
    attend(plan, 0, ROWS);
    memcpy(whole, out, sizeof out);
    memset(out, 0xFF, sizeof out);
    int64_t begin = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        attend(plan, begin, ends[i]);
        begin = ends[i];
    }
    cr_expect_arr_eq(out, whole, sizeof out, "%s", plan->variant->name);
}

Test(attention_int8, pieces_of_a_sequence_give_the_bits_of_the_whole)
{
    each_rounding_variant(expect_same_in_pieces);
}

/* Biased keys and values over several blocks: what the means leave is what is rounded. */
static void expect_near(const vlt_plan *plan, const vlt_plan *baseline)
{
    attend(baseline, 0, ROWS);
    memcpy(whole, out, sizeof out);
    attend(plan, 0, ROWS);
    double largest = 0, worst = 0;
    for (int at = 0; at < ROWS * HEADS * HEAD; at++) {
        const float expected = (&whole[0][0][0])[at], got = (&out[0][0][0])[at];
        largest = fmax(largest, fabs((double)expected));
        worst = fmax(worst, fabs((double)got - (double)expected));
    }
    cr_expect(worst <= plan->loss * largest, "%s: off by %g of %g", plan->variant->name, worst,
              largest);
}

Test(attention_int8, biased_keys_and_values_stay_within_the_loss)
{
    each_rounding_variant(expect_near);
}

/* An infinite key at 150 and a value that is none at 260: rows before see nothing of them, rows
 * behind are the baseline's. */
static void expect_strange(const vlt_plan *plan, const vlt_plan *baseline)
{
    enum { KEY = 150, VALUE = 260 };
    attend(plan, 0, ROWS);
    memcpy(whole, out, sizeof out);
    k[KEY][0][3] = INFINITY;
    v[VALUE][1][7] = NAN;
    attend(plan, 0, ROWS);
    for (int r = 0; r < ROWS; r++) {
        for (int h = 0; h < HEADS; h++) {
            const int from = h < HEADS / KV_HEADS ? KEY : VALUE;
            cr_expect(r >= from || !memcmp(out[r][h], whole[r][h], sizeof out[r][h]),
                      "%s: row %d sees row %d", plan->variant->name, r, from);
        }
    }
    memcpy(whole, out, sizeof out);
    attend(baseline, 0, ROWS);
    for (int r = KEY; r < ROWS; r++) {
        for (int h = 0; h < HEADS; h++) {
            const int from = h < HEADS / KV_HEADS ? KEY : VALUE;
            for (int i = 0; i < HEAD && r >= from; i++) {
                const float a = whole[r][h][i], b = out[r][h][i];
                cr_expect(isnan(b) ? isnan(a) : fabsf(a - b) <= 1e-5f * (1 + fabsf(b)),
                          "%s[%d,%d,%d] is %g, the baseline's %g", plan->variant->name, r, h, i,
                          (double)a, (double)b);
            }
        }
    }
}

Test(attention_int8, what_cannot_be_rounded_is_the_baselines_and_hidden_from_rows_before)
{
    each_rounding_variant(expect_strange);
}
