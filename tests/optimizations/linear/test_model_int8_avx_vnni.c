/* int8_avx_vnni with its sum of four products in plain C: same packing, same sums. */
#include "optimizations/core/simd.h"
#include "tests/support/avx_vnni_model.h"

#include "optimizations/linear/linear_int8_avx_vnni.c"

#include "tests/support/int8_model.h"
#include "tests/support/linear_steps.h"
#include "tests/support/rounding_edges.h"

Test(linear_model, gives_the_bits_of_the_plain_variant)
{
    static const int64_t sizes[][3] = {{1, 1, 1},   {1, 33, 5},    {2, 64, 64},
                                       {3, 65, 31}, {5, 17, 100},  {6, 16, 64},
                                       {7, 15, 33}, {13, 70, 199}, {70, 100, 256}};
    if (!__builtin_cpu_supports("avx2")) {
        cr_skip("SKIP: the model needs a CPU with avx2\n");
    }
    test_int8_model(&vlt_variant_linear_int8_avx_vnni, VLT_ISA_AVX_VNNI, sizes,
                    sizeof sizes / sizeof *sizes);
}

Test(linear_model, stays_within_half_a_step_of_each_operand)
{
    test_context test;
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx2")) {
        cr_skip("SKIP: the model needs a CPU with avx2\n");
    }
    test.caps.isa |= VLT_ISA_AVX_VNNI; /* the model is there, whatever the CPU */
    cr_expect_gt(test_rounding_edges(&test, &vlt_variant_linear_int8_avx_vnni), 0);
    test_context_release(&test);
}

Test(linear_model, gives_the_same_bits_together_and_apart)
{
    test_context test;
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx2")) {
        cr_skip("SKIP: the model needs a CPU with avx2\n");
    }
    test.caps.isa |= VLT_ISA_AVX_VNNI; /* the model is there, whatever the CPU */
    cr_expect_gt(test_linear_steps(&test, &vlt_variant_linear_int8_avx_vnni, false), 0);
    cr_expect_gt(test_linear_steps(&test, &vlt_variant_linear_int8_avx_vnni, true), 0);
    test_context_release(&test);
}
