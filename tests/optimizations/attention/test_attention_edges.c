/* Variants of attention that round, on inputs that are hard to round. Those whose instructions this
 * CPU lacks: test_model_attention_*.c. */
#include <criterion/criterion.h>

#include "tests/support/attention_edges.h"

Test(attention_edges, outputs_stay_within_half_a_step_of_each_operand)
{
    test_context test;
    int compared = 0;
    test_context_init(&test);
    for (int i = 0; i < vlt_registry_variant_count(&vlt_op_attention); i++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_attention, i);
        if (variant->quality != VLT_QUALITY_EXACT) {
            compared += test_attention_edges(&test, variant);
        }
    }
    test_context_release(&test);
    if (!compared) {
        cr_skip("SKIP: no variant of attention rounds on this CPU\n");
    }
}

/* A block of the cache of which some values are zeros and the others below a hundredth: a row of
 * zeros must not take their bits. */
Test(attention_edges, zeros_among_small_values_cost_them_nothing)
{
    test_context test;
    test_context_init(&test);
    for (int i = 0; i < vlt_registry_variant_count(&vlt_op_attention); i++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_attention, i);
        const struct edge_case c = {.q_rows = 16,
                                    .kv_rows = 100,
                                    .head = 64,
                                    .causal = true,
                                    .format = VLT_FORMAT_F32,
                                    .seed = 3};
        const vlt_problem problem = edge_problem(&c);
        if (variant->quality == VLT_QUALITY_EXACT ||
            !vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
            continue;
        }
        edge_inputs(&c, EDGE_PLAIN);
        for (int64_t at = 0; at < c.kv_rows * c.head; at++) {
            edge_v[at] *= at / c.head % 5 ? 1e-3f : 0;
        }
        edge_run(&test, variant, &c);
        edge_compare(variant, &c);
    }
    test_context_release(&test);
}
