/* int8_amx with the matrix unit in plain C: same packing, same sums. */
#include "optimizations/core/simd.h"
#include "tests/support/amx_model.h"

#include "optimizations/linear/linear_int8_amx.c"

#include "tests/support/int8_model.h"
#include "tests/support/linear_steps.h"
#include "tests/support/rounding_edges.h"

Test(linear_model, gives_the_bits_of_the_plain_variant)
{
    static const int64_t sizes[][3] = {
        {16, 16, 64}, {17, 1, 64}, {32, 32, 128}, {33, 47, 192}, {70, 100, 256}};
    if (!__builtin_cpu_supports("avx512vnni")) {
        cr_skip("SKIP: the model needs a CPU with avx512vnni\n");
    }
    test_int8_model(&vlt_variant_linear_int8_amx, VLT_ISA_AMX, sizes, sizeof sizes / sizeof *sizes);
}

Test(linear_model, stays_within_half_a_step_of_each_operand)
{
    test_context test;
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx512vnni")) {
        cr_skip("SKIP: the model needs a CPU with avx512vnni\n");
    }
    test.caps.isa |= VLT_ISA_AMX; /* the model is there, whatever the CPU */
    cr_expect_gt(test_rounding_edges(&test, &vlt_variant_linear_int8_amx), 0);
    test_context_release(&test);
}

Test(linear_model, gives_the_same_bits_together_and_apart)
{
    test_context test;
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx512vnni")) {
        cr_skip("SKIP: the model needs a CPU with avx512vnni\n");
    }
    test.caps.isa |= VLT_ISA_AMX; /* the model is there, whatever the CPU */
    cr_expect_gt(test_linear_steps(&test, &vlt_variant_linear_int8_amx, false), 0);
    cr_expect_gt(test_linear_steps(&test, &vlt_variant_linear_int8_amx, true), 0);
    test_context_release(&test);
}
