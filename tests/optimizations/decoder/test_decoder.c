#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/decoder/decoder.h"
#include "tests/support/variants.h"

Test(decoder, variants_equal_the_baseline)
{
    /* rows, sequences, context, width, heads, kv_heads, head, inner, layers, vocab, taps, weights,
     * cache */
    static const int64_t sizes[][13] = {
        {1, 1, 1, 8, 1, 1, 2, 5, 1, 3, 0, VLT_FORMAT_BF16, VLT_FORMAT_F32},
        {5, 1, 9, 33, 3, 1, 18, 65, 2, 50, 1, VLT_FORMAT_F16, VLT_FORMAT_F32},
        {4, 4, 40, 48, 4, 2, 24, 70, 3, 70, 2, VLT_FORMAT_BF16, VLT_FORMAT_F32},
        {64, 1, 100, 48, 4, 2, 24, 70, 3, 70, 2, VLT_FORMAT_F32, VLT_FORMAT_BF16}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_decoder, sizes[i]), 0);
    }
    test_context_release(&test);
}

enum { SEQUENCES = 5, CONTEXT = 60, VOCAB = 90 };

static const vlt_problem several = {.op = &vlt_op_decoder,
                                    .dim = {SEQUENCES, SEQUENCES, CONTEXT, 64, 4, 2, 32, 100, 3,
                                            VOCAB, 2, VLT_FORMAT_BF16, VLT_FORMAT_F32}};

/* Sequences in one step give the bits that each gives alone. */
static void compare_with_alone(test_context *test, int sequences, int layers)
{
    vlt_workload workload;
    vlt_plan *together = NULL, *alone = NULL;
    float logits[VOCAB];
    vlt_problem problem = several;
    problem.dim[VLT_DECODER_DIM_ROWS] = problem.dim[VLT_DECODER_DIM_SEQUENCES] = sequences;
    problem.dim[VLT_DECODER_DIM_LAYERS] = layers;
    problem.dim[VLT_DECODER_DIM_TAPS] = layers - 1;
    cr_assert_eq(vlt_workload_init(&workload, &test->context, &problem, 9, NULL), VLT_OK);
    vlt_problem one = workload.problem;
    one.dim[VLT_DECODER_DIM_ROWS] = one.dim[VLT_DECODER_DIM_SEQUENCES] = 1;
    cr_assert_eq(vlt_plan_create(&test->context, &workload.problem, &together, NULL), VLT_OK);
    cr_assert_eq(vlt_plan_create(&test->context, &one, &alone, NULL), VLT_OK);
    cr_assert_eq(test_run(together, workload.args, NULL), VLT_OK);
    const vlt_decoder_args *args = workload.args;
    for (int i = 0; i < sequences; i++) {
        vlt_decoder_slot slot = args->slot[i];
        const vlt_decoder_args single = {.slot = &slot, .slots = 1};
        slot.logits = logits;
        cr_assert_eq(test_run(alone, &single, NULL), VLT_OK);
        cr_expect_arr_eq(args->slot[i].logits, logits, sizeof logits, "sequence %d", i);
    }
    vlt_plan_destroy(together);
    vlt_plan_destroy(alone);
    vlt_workload_release(&workload);
}

/* Under the baseline and the defaults. */
Test(decoder, sequences_in_one_step_are_as_alone)
{
    test_context test;
    test_context_init(&test);
    compare_with_alone(&test, SEQUENCES, 3);
    test.context.policy = VLT_POLICY_BASELINE;
    compare_with_alone(&test, SEQUENCES, 3);
    test_context_release(&test);
}

/* Their attention is that of one row however many they are: neither the tiles for many rows nor 8
 * bits for them. (linear has another order of sums for many rows; the baseline's has not.) */
Test(decoder, attention_of_many_sequences_is_as_alone)
{
    test_context test;
    vlt_choices choices = {0};
    test_context_init(&test);
    cr_assert_eq(vlt_choices_force(&choices, "linear=baseline", NULL), VLT_OK);
    test.context.choices = &choices;
    for (int quality = VLT_QUALITY_EXACT; quality <= VLT_QUALITY_INT8; quality++) {
        test.context.quality = (vlt_quality)quality;
        compare_with_alone(&test, 16, 1);
        compare_with_alone(&test, 40, 1);
    }
    test_context_release(&test);
    vlt_choices_release(&choices);
}

/* A prompt in two steps and one in one: the cache joins them. */
Test(decoder, a_sequence_goes_on_where_it_was)
{
    test_context test;
    vlt_workload workload;
    vlt_plan *plan = NULL;
    static float whole[VOCAB], parts[VOCAB];
    test_context_init(&test);
    vlt_problem problem = several;
    problem.dim[VLT_DECODER_DIM_ROWS] = 40;
    problem.dim[VLT_DECODER_DIM_SEQUENCES] = 1;
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 4, NULL), VLT_OK);
    cr_assert_eq(vlt_plan_create(&test.context, &workload.problem, &plan, NULL), VLT_OK);
    const vlt_decoder_args *args = workload.args;
    vlt_decoder_slot slot = args->slot[0];
    const vlt_decoder_args step = {.slot = &slot, .slots = 1};
    slot.logits = whole;
    cr_assert_eq(test_run(plan, &step, NULL), VLT_OK);
    slot.rows = 23;
    slot.logits = NULL;
    cr_assert_eq(test_run(plan, &step, NULL), VLT_OK);
    slot.first += 23;
    slot.ids += 23;
    slot.rows = 17;
    slot.logits = parts;
    cr_assert_eq(test_run(plan, &step, NULL), VLT_OK);
    cr_expect_arr_eq(whole, parts, sizeof whole);
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    test_context_release(&test);
}

/* Rows of a picture stand in the place of embeddings, and their DeepStack rows are added behind the
 * first layers. */
Test(decoder, rows_of_pictures_replace_embeddings)
{
    test_context test;
    vlt_workload workload;
    vlt_plan *plan = NULL;
    static float text[VOCAB], same[VOCAB], other[VOCAB], rows[2 * 64], zero[2 * 64], ones[2 * 64];
    const float *deepstack[2] = {zero, zero};
    test_context_init(&test);
    vlt_problem problem = several;
    problem.dim[VLT_DECODER_DIM_ROWS] = 20;
    problem.dim[VLT_DECODER_DIM_SEQUENCES] = 1;
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 4, NULL), VLT_OK);
    cr_assert_eq(vlt_plan_create(&test.context, &workload.problem, &plan, NULL), VLT_OK);
    const vlt_decoder_constants *constants = workload.problem.constants;
    const vlt_decoder_args *args = workload.args;
    vlt_decoder_slot slot = args->slot[0];
    const vlt_decoder_args step = {.slot = &slot, .slots = 1};
    int32_t visual_row[20];
    for (int i = 0; i < 20; i++) {
        visual_row[i] = i == 3 ? 0 : i == 11 ? 1 : -1;
    }
    slot.logits = text;
    cr_assert_eq(test_run(plan, &step, NULL), VLT_OK);
    vlt_matrix_row(&constants->embed, slot.ids[3], rows);
    vlt_matrix_row(&constants->embed, slot.ids[11], rows + 64);
    slot.visual_row = visual_row;
    slot.embedding = rows;
    slot.deepstack = deepstack;
    slot.logits = same;
    cr_assert_eq(test_run(plan, &step, NULL), VLT_OK);
    cr_expect_arr_eq(text, same, sizeof text, "the same rows by another way");
    for (int i = 0; i < 2 * 64; i++) {
        ones[i] = 1;
    }
    deepstack[1] = ones;
    slot.logits = other;
    cr_assert_eq(test_run(plan, &step, NULL), VLT_OK);
    cr_expect_neq(memcmp(same, other, sizeof same), 0);
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    test_context_release(&test);
}
