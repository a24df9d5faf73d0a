/* Steps of a block whose parts are done together give the bits of the parts one after the other,
 * whatever variants of norm, linear and activation meet. */
#include "optimizations/core/ledger.h"
#include "tests/support/linear_steps.h"

static void check_all(bool strange)
{
    test_context test;
    test_context_init(&test);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_linear); v++) {
        test_linear_steps(&test, vlt_registry_variant(&vlt_op_linear, v), strange);
    }
    cr_expect_gt(test_linear_steps(&test, vlt_registry_variant(&vlt_op_linear, 0), strange), 0);
    test_context_release(&test);
}

Test(linear_step, together_and_apart_give_the_same_bits, .timeout = 300)
{
    check_all(false);
}

Test(linear_step, what_cannot_be_rounded_does_too, .timeout = 300)
{
    check_all(true);
}

static unsigned taken_by(test_context *test, const char *name)
{
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_linear, name);
    struct step_plans p;
    unsigned taken = UINT32_MAX;
    if (step_make(test, &step_shapes[STEP_GATED], variant, 0, &p)) {
        vlt_linear_step_join(&p.step);
        taken = p.step.taken;
    }
    step_destroy(&p);
    return taken;
}

/* Rounding variants take all of it, exact ones all but the norm, the plain ones nothing. */
Test(linear_step, what_variants_take)
{
    static const char *const rounded[] = {"int8_avx512_vnni", "int8_avx_vnni", "int8_avx2"};
    static const char *const exact[] = {"avx512", "avx2"}, *const plain[] = {"baseline",
                                                                             "int8_rows"};
    const unsigned behind = VLT_LINEAR_TAKES_OTHERS | VLT_LINEAR_TAKES_ACTIVATION;
    test_context test;
    test_context_init(&test);
    step_fill(&step_shapes[STEP_GATED], false);
    for (int i = 0; i < 3; i++) {
        unsigned taken = taken_by(&test, rounded[i]);
        cr_expect(taken == UINT32_MAX || taken == (behind | VLT_LINEAR_TAKES_NORM), "%s takes %u",
                  rounded[i], taken);
    }
    for (int i = 0; i < 2; i++) {
        unsigned taken = taken_by(&test, exact[i]);
        cr_expect(taken == UINT32_MAX || taken == behind, "%s takes %u", exact[i], taken);
        cr_expect_eq(taken_by(&test, plain[i]), 0, "%s", plain[i]);
    }
    test_context_release(&test);
}

/* Products whose knobs differ are left to themselves. */
Test(linear_step, unequal_products_stay_apart)
{
    const struct step_shape s = {14, 14, 90, 2, {70, 70}, VLT_NORM_RMS, VLT_ACTIVATION_SILU_MUL};
    test_context test;
    test_context_init(&test);
    step_fill(&s, false);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_linear); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_linear, v);
        struct step_plans p = {0};
        if (variant->takes && step_make(&test, &s, variant, 0, &p)) {
            vlt_binding binding = p.product[1]->binding;
            const vlt_problem problem = p.product[1]->problem;
            const int rows = vlt_variant_knob_index(variant, "rows");
            binding.value[rows] = variant->knobs[rows].values[0];
            step_run(&p, &s);
            memcpy(step.apart, step.y, sizeof step.y);
            vlt_plan_destroy(p.product[1]);
            cr_assert_eq(vlt_plan_create_with(&test.context, &problem, variant, &binding,
                                              &p.product[1], NULL),
                         VLT_OK);
            p.step.product[1] = p.product[1];
            vlt_linear_step_join(&p.step);
            cr_expect_eq(p.step.taken, 0, "%s", variant->name);
            step_run(&p, &s);
            cr_expect_eq(step_differences(&s), 0, "%s", variant->name);
        }
        step_destroy(&p);
    }
    test_context_release(&test);
}

/* What is done in pieces counts as one run: the tuner weighs by it. */
Test(linear_step, a_step_is_one_run_of_each_part)
{
    const struct step_shape *s = &step_shapes[STEP_GATED];
    for (int joined = 0; joined < 2; joined++) {
        vlt_ledger ledger = {0};
        test_context test;
        struct step_plans p;
        test_context_init(&test);
        test.context.ledger = &ledger;
        step_fill(s, false);
        if (step_make(&test, s, vlt_registry_find_variant(&vlt_op_linear, "int8_avx2"), 0, &p)) {
            if (joined) {
                vlt_linear_step_join(&p.step);
            }
            step_run(&p, s);
            for (int i = 0; i < ledger.count; i++) {
                const long long runs = (long long)atomic_load(ledger.entry[i].runs);
                cr_expect_eq(runs, ledger.entry[i].op == &vlt_op_linear ? 2 : 1,
                             "%s, joined %d: %lld runs", ledger.entry[i].op->name, joined, runs);
            }
        }
        step_destroy(&p);
        vlt_ledger_release(&ledger);
        test_context_release(&test);
    }
}
