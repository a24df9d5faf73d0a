/* Every variant of linear that rounds and runs here, on what is hard to round. */
#include <criterion/criterion.h>

#include "optimizations/linear/linear.h"
#include "tests/support/rounding_edges.h"

Test(linear_rounding, variants_stay_within_half_a_step_of_each_operand)
{
    test_context test;
    int compared = 0;
    test_context_init(&test);
    for (int i = 0; i < vlt_registry_variant_count(&vlt_op_linear); i++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_linear, i);
        if (variant->quality != VLT_QUALITY_EXACT) {
            compared += test_rounding_edges(&test, variant);
        }
    }
    cr_assert_geq(compared, 200); /* int8_rows runs everywhere, on every shape */
    test_context_release(&test);
}
