#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "harness/measure/cupti_records.h"
#include "harness/measure/roofline.h"
#include "optimizations/linear/linear.h"
#include "harness/machine/isa.h"
#include "harness/measure/roofline_kernels.h"

Test(roofline, ceilings_of_this_machine)
{
    vlt_machine_sources sources = {.no_gpu = true};
    vlt_machine *machine;
    vlt_roofline roofline;
    vlt_error err = {0};
    cr_assert_eq(vlt_machine_probe(&sources, &machine, &err), VLT_OK);
    cr_assert_eq(vlt_roofline_measure(machine, 0.3, &roofline, &err), VLT_OK, "%s", err.message);
    cr_assert_geq(roofline.bandwidth_count, 1);
    cr_assert_eq(roofline.bandwidth[0].threads, 1);
    cr_assert_gt(roofline.bandwidth[0].bytes_per_s, 1e8);
    double memory = vlt_roofline_bandwidth_of(&roofline, 1);
    for (int i = 0; i < roofline.cache_count; i++) {
        const vlt_roofline_cache *cache = &roofline.cache[i];
        cr_assert(cache->bytes_per_s > 1e8 && cache->bytes_per_s < 1e14, "%s: %g", cache->level,
                  cache->bytes_per_s);
        cr_assert(!strcmp(cache->level, "L3") || cache->threads > 1 ||
                      cache->bytes_per_s > 0.5 * memory,
                  "%s reads %g, memory %g", cache->level, cache->bytes_per_s, memory);
    }
    cr_assert_geq(roofline.peak_count, 1);
    for (int i = 0; i < roofline.peak_count; i++) {
        cr_assert_gt(roofline.peak[i].ops_per_s, 1e8, "%s %s",
                     vlt_compute_name(roofline.peak[i].type), roofline.peak[i].isa);
        cr_assert_lt(roofline.peak[i].ops_per_s, 1e15, "work was optimised away: %s %s",
                     vlt_compute_name(roofline.peak[i].type), roofline.peak[i].isa);
    }
    bool has_bf16 = (machine->caps.isa & (VLT_ISA_AVX512_BF16 | VLT_ISA_AMX)) != 0;
    cr_assert_eq(isnan(vlt_roofline_peak_of(&roofline, VLT_COMPUTE_BF16, 1)), !has_bf16,
                 "what the machine lacks is no number");
    cr_assert_eq(vlt_roofline_measure(machine, 0, &roofline, &err), VLT_STATUS_USAGE);
    vlt_machine_destroy(machine);
}

static vlt_roofline known(void)
{
    return (vlt_roofline){.bandwidth = {{1, 10e9}, {2, 16e9}},
                          .bandwidth_count = 2,
                          .peak = {{VLT_COMPUTE_F32, "base", 1, 8e9},
                                   {VLT_COMPUTE_F32, "AVX2", 1, 100e9},
                                   {VLT_COMPUTE_F32, "base", 2, 16e9},
                                   {VLT_COMPUTE_F32, "AVX2", 2, 200e9}},
                          .peak_count = 4};
}

Test(roofline, shares_follow_the_lower_roof)
{
    vlt_roofline roofline = known();
    vlt_cost compute = {.compute = VLT_COMPUTE_F32, .flops = 200e9, .bytes = 1e9};
    vlt_cost memory = {.compute = VLT_COMPUTE_F32, .flops = 1e9, .bytes = 16e9};
    cr_assert_eq(vlt_roofline_peak_of(&roofline, VLT_COMPUTE_F32, 1), 100e9);
    cr_assert_eq(vlt_roofline_peak_of(&roofline, VLT_COMPUTE_F32, 5), 200e9, "nearest below");
    cr_assert_float_eq(vlt_roofline_share(&roofline, &compute, 2, false, 2), 0.5, 1e-12);
    cr_assert_float_eq(vlt_roofline_share(&roofline, &memory, 2, false, 4), 0.25, 1e-12);
    cr_assert_float_eq(vlt_roofline_share(&roofline, &memory, 1, false, 1.6), 1, 1e-12);
}

/* The peak is that of the arithmetic that the variant does: three products of BF16 for one of f32.
 */
Test(roofline, a_variant_is_held_against_its_own_arithmetic)
{
    vlt_roofline roofline = known();
    roofline.peak[4] = (vlt_roofline_peak){VLT_COMPUTE_BF16, "AMX", 1, 900e9};
    roofline.peak[5] = (vlt_roofline_peak){VLT_COMPUTE_INT8, "AMX", 1, 1800e9};
    roofline.peak_count = 6;
    vlt_problem problem = {.op = &vlt_op_linear, .dim = {1000, 1000, 1000, VLT_FORMAT_BF16}};
    vlt_cost exact, split, rounded;
    vlt_variant_cost(vlt_registry_find_variant(&vlt_op_linear, "avx2"), &problem, &exact);
    vlt_variant_cost(vlt_registry_find_variant(&vlt_op_linear, "amx"), &problem, &split);
    vlt_variant_cost(vlt_registry_find_variant(&vlt_op_linear, "int8_rows"), &problem, &rounded);
    cr_expect_float_eq(vlt_roofline_share(&roofline, &exact, 1, false, 0.02), 1, 1e-9);
    cr_expect_float_eq(vlt_roofline_share(&roofline, &split, 1, false, 6e9 / 900e9), 1, 1e-9);
    cr_expect_float_eq(vlt_roofline_share(&roofline, &rounded, 1, false, 2e9 / 1800e9), 1, 1e-9);
    cr_expect_lt(rounded.bytes, exact.bytes);
}

/* Hot data comes from the levels as far as they may hold it (twice: read and written in place), the
 * rest from memory. */
Test(roofline, hot_data_has_the_roof_of_its_caches)
{
    vlt_roofline roofline = known();
    roofline.cache[0] = (vlt_roofline_cache){"L1", 16 << 10, 1, 200e9, 32 << 10};
    roofline.cache[1] = (vlt_roofline_cache){"L1", 16 << 10, 2, 400e9, 64 << 10};
    roofline.cache[2] = (vlt_roofline_cache){"L2", 256 << 10, 1, 80e9, 512 << 10};
    roofline.cache_count = 3;
    const double k = 1024, l1 = 64 * k, l2 = 1024 * k;
    cr_expect_float_eq(vlt_roofline_bandwidth_hot(&roofline, 1, 32 * k), 200e9, 1);
    cr_expect_float_eq(vlt_roofline_bandwidth_hot(&roofline, 1, l1), 200e9, 1);
    cr_expect_float_eq(vlt_roofline_bandwidth_hot(&roofline, 2, 2 * l1), 400e9, 1);
    cr_expect_float_eq(vlt_roofline_bandwidth_hot(&roofline, 1, 5 * l1),
                       5 * l1 / (l1 / 200e9 + 4 * l1 / 80e9), 1);
    cr_expect_float_eq(vlt_roofline_bandwidth_hot(&roofline, 1, 3 * l2),
                       3 * l2 / (l1 / 200e9 + (l2 - l1) / 80e9 + 2 * l2 / 10e9), 1);
    roofline.cache_count = 0;
    cr_expect_eq(vlt_roofline_bandwidth_hot(&roofline, 1, k), 10e9);
    roofline.cache_count = 3;
    vlt_cost cost = {.bytes = 16 * k};
    double hot = vlt_roofline_share(&roofline, &cost, 1, true, 1e-6);
    double cold = vlt_roofline_share(&roofline, &cost, 1, false, 1e-6);
    cr_assert_float_eq(hot, 16 * k / 200e9 / 1e-6, 1e-12);
    cr_assert_float_eq(cold, 16 * k / 10e9 / 1e-6, 1e-12);
}

Test(roofline, kernels_read_every_byte)
{
    enum { BYTES = 16 << 10 };
    static _Alignas(64) uint64_t data[BYTES / 8];
    vlt_caps caps = {.isa = vlt_isa_detect()};
    static const struct {
        uint32_t needs;
        vlt_read_kernel *kernel;
    } reads[] = {{VLT_ISA_BASE, vlt_read_base},
                 {VLT_ISA_AVX2, vlt_read_avx2},
                 {VLT_ISA_AVX2, vlt_read_streams_avx2},
                 {VLT_ISA_AVX512, vlt_read_avx512},
                 {VLT_ISA_AVX512, vlt_read_streams_avx512}};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        if ((caps.isa & reads[i].needs) != reads[i].needs) {
            continue;
        }
        memset(data, 0, sizeof data);
        cr_assert_eq(reads[i].kernel(data, BYTES), 0);
        int missed = 0;
        for (size_t w = 0; w < BYTES / 8; w++) {
            data[w] = 1;
            uint64_t seen = reads[i].kernel(data, BYTES);
            /* the AVX2 kernels hand on two words of four */
            missed += seen == 0 && (reads[i].needs != VLT_ISA_AVX2 || w % 4 == 0 || w % 4 == 3);
            data[w] = 0;
        }
        cr_expect_eq(missed, 0, "kernel %zu: %d words", i, missed);
    }
}

Test(roofline, an_unknown_ceiling_gives_no_share)
{
    vlt_roofline roofline = known();
    vlt_cost compute = {.compute = VLT_COMPUTE_BF16, .flops = 1e9, .bytes = 1e9}, nothing = {0};
    cr_assert(isnan(vlt_roofline_share(&roofline, &compute, 2, false, 1)));
    cr_assert(isnan(vlt_roofline_share(&roofline, &nothing, 2, false, 1)));
    cr_assert(isnan(vlt_roofline_share(&roofline, &compute, 2, false, 0)));
    roofline.bandwidth_count = 0;
    cr_assert(isnan(vlt_roofline_share(&roofline, &compute, 2, false, 1)));
    vlt_cost no_memory = {.compute = VLT_COMPUTE_F32, .flops = 200e9};
    cr_assert_float_eq(vlt_roofline_share(&roofline, &no_memory, 2, false, 1), 1, 1e-12);
}

Test(cupti, record_prefixes_are_read_by_their_offsets)
{
    unsigned char record[256] = {0};
    vlt_activity activity;
    uint32_t kind = VLT_CUPTI_KIND_CONCURRENT_KERNEL, stream = 7;
    uint64_t start = 1000, end = 4000, bytes = 65536;
    memcpy(record, &kind, 4);
    memcpy(record + 16, &start, 8);
    memcpy(record + 24, &end, 8);
    memcpy(record + 48, &stream, 4);
    cr_assert(vlt_cupti_record_read(record, &activity));
    cr_assert_eq(activity.kind, VLT_ACTIVITY_KERNEL);
    cr_assert_eq(activity.end_ns - activity.start_ns, 3000);
    cr_assert_eq(activity.stream, 7);

    memset(record, 0, sizeof record);
    kind = VLT_CUPTI_KIND_MEMCPY;
    memcpy(record, &kind, 4);
    memcpy(record + 8, &bytes, 8);
    memcpy(record + 16, &start, 8);
    memcpy(record + 24, &end, 8);
    memcpy(record + 40, &stream, 4);
    record[4] = 2; /* device to host */
    cr_assert(vlt_cupti_record_read(record, &activity));
    cr_assert_eq(activity.kind, VLT_ACTIVITY_COPY_FROM);
    cr_assert_eq(activity.bytes, 65536);
    cr_assert_eq(activity.stream, 7);
    record[4] = 8; /* device to device: no traffic of the link */
    cr_assert_not(vlt_cupti_record_read(record, &activity));
    kind = 17;
    memcpy(record, &kind, 4);
    cr_assert_not(vlt_cupti_record_read(record, &activity));
}
