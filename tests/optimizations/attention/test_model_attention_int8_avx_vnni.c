/* attention's int8_avx_vnni with its sum of four products in plain C: same packing, same sums. */
#include "optimizations/core/simd.h"
#include "tests/support/avx_vnni_model.h"

#include "optimizations/attention/attention_int8_avx_vnni.c"

#include <criterion/criterion.h>

#include "tests/support/attention_edges.h"

static void begin(test_context *test)
{
    test_context_init(test);
    if (!__builtin_cpu_supports("avx2")) {
        cr_skip("SKIP: the model needs a CPU with avx2\n");
    }
    test->caps.isa |= VLT_ISA_AVX_VNNI; /* the model is there, whatever the CPU */
}

Test(attention_model_int8_avx_vnni, stays_within_half_a_step_of_each_operand)
{
    test_context test;
    begin(&test);
    cr_expect_gt(test_attention_edges(&test, &vlt_variant_attention_int8_avx_vnni), 0);
    test_context_release(&test);
}
