/* attention's bf16_avx512 with its instructions in plain C: same packing, same order of sums. */
#include "optimizations/core/simd.h"
#include "tests/support/bf16_model.h"

#include "optimizations/attention/attention_bf16_avx512.c"

#include <criterion/criterion.h>

#include "tests/support/attention_edges.h"

static void begin(test_context *test)
{
    test_context_init(test);
    if (!__builtin_cpu_supports("avx512bw")) {
        cr_skip("SKIP: the model needs a CPU with avx512bw\n");
    }
    test->caps.isa |= VLT_ISA_AVX512_BF16; /* the model is there, whatever the CPU */
}

Test(attention_model_bf16_avx512, stays_within_half_a_step_of_each_operand)
{
    test_context test;
    begin(&test);
    cr_expect_gt(test_attention_edges(&test, &vlt_variant_attention_bf16_avx512), 0);
    test_context_release(&test);
}
