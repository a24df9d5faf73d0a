/* attention's int8_amx with the matrix unit in plain C: same packing, same order of sums. */
#include "optimizations/core/simd.h"
#include "tests/support/amx_model.h"

#include "optimizations/attention/attention_int8_amx.c"

#include <criterion/criterion.h>

#include "tests/support/attention_edges.h"

static void begin(test_context *test)
{
    test_context_init(test);
    if (!__builtin_cpu_supports("avx512vnni")) {
        cr_skip("SKIP: the model needs a CPU with avx512vnni\n");
    }
    test->caps.isa |= VLT_ISA_AMX; /* the model is there, whatever the CPU */
}

Test(attention_model_int8_amx, stays_within_half_a_step_of_each_operand)
{
    test_context test;
    begin(&test);
    cr_expect_gt(test_attention_edges(&test, &vlt_variant_attention_int8_amx), 0);
    test_context_release(&test);
}

/* What the unit multiplies is what lanes multiply: blocks of keys that are no whole ones,
 * heads that make no whole tile. */
Test(attention_model_int8_amx, gives_the_bits_of_int8_avx512_vnni)
{
    static const int64_t heads[] = {17, 64, 72, 128};
    static float lanes[sizeof edge_out / sizeof *edge_out];
    const vlt_variant *other = vlt_registry_find_variant(&vlt_op_attention, "int8_avx512_vnni");
    test_context test;
    begin(&test);
    if (!(test.caps.isa & VLT_ISA_AVX512_VNNI)) {
        cr_skip("SKIP: the mask has no AVX512_VNNI to compare with\n");
    }
    for (int i = 0; i < 8; i++) {
        const struct edge_case c = {.q_rows = EDGE_Q,
                                    .kv_rows = i < 4 ? EDGE_KV : 129,
                                    .head = heads[i % 4],
                                    .causal = i % 2,
                                    .format = i % 3 ? VLT_FORMAT_F32 : VLT_FORMAT_BF16,
                                    .seed = (uint64_t)i};
        edge_inputs(&c, i % 2 ? EDGE_PLAIN : EDGE_KINDS);
        edge_run(&test, other, &c);
        memcpy(lanes, edge_out, sizeof lanes);
        edge_run(&test, &vlt_variant_attention_int8_amx, &c);
        cr_expect_arr_eq(edge_out, lanes, sizeof lanes, "head %d, %d keys", (int)c.head,
                         (int)c.kv_rows);
    }
    test_context_release(&test);
}
