#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/core/memory.h"
#include "optimizations/norm/norm.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

Test(memory, tables_are_zeros_of_any_size)
{
    static const size_t sizes[] = {0, 1, 4096, 4097, (2 << 20) - 1, 2 << 20, (5 << 20) + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *block;
        cr_assert_eq(vlt_table_take(sizes[i], &block, NULL), VLT_OK);
        const unsigned char *byte = block;
        cr_expect_eq((uintptr_t)block % VLT_ALIGN, 0);
        for (size_t at = 0; at < sizes[i]; at++) {
            cr_assert_eq(byte[at], 0, "byte %zu of %zu", at, sizes[i]);
        }
        memset(block, 1, sizes[i]);
        vlt_table_release(block, sizes[i]);
    }
    vlt_table_release(NULL, 0);
}

/* What is expected to be written keeps what was written. */
Test(memory, expected_pages_keep_their_bytes)
{
    enum { BYTES = 1 << 20 };
    unsigned char *block = malloc(BYTES);
    memset(block, 7, BYTES / 2);
    vlt_pages_expect(block + 5, BYTES - 5);
    vlt_pages_expect(block, 1);
    vlt_pages_expect(block, 0);
    for (size_t i = 0; i < BYTES / 2; i++) {
        cr_assert_eq(block[i], 7);
    }
    free(block);
}

Test(status, message_names_the_subject)
{
    vlt_error err = {0};
    cr_assert_eq(vlt_fail(&err, VLT_STATUS_INPUT, "shape [%d], expected [%d]", 3, 4),
                 VLT_STATUS_INPUT);
    vlt_fail_in(&err, VLT_STATUS_INPUT, "tensor '%s': ", "w");
    cr_assert_str_eq(err.message, "tensor 'w': shape [3], expected [4]");
    cr_assert_eq(vlt_status_exit_code(VLT_STATUS_INPUT), 2);
    cr_assert_eq(vlt_status_exit_code(VLT_STATUS_NOMEM), 2,
                 "the machine's, not the program's fault");
    cr_assert_eq(vlt_status_exit_code(VLT_STATUS_INTERRUPTED), 130);
    cr_assert_eq(vlt_fail(NULL, VLT_STATUS_IO, "x"), VLT_STATUS_IO);
}

Test(memory, sizes_are_checked)
{
    size_t out = 7;
    cr_assert_not(vlt_mul_size(SIZE_MAX / 2, 3, &out));
    cr_assert_not(vlt_add_size(SIZE_MAX, 1, &out));
    cr_assert_eq(out, 7);
    int64_t huge[] = {INT64_MAX, INT64_MAX}, negative[] = {-1};
    cr_assert_eq(vlt_dims_bytes(huge, 2, 4, &out, NULL), VLT_STATUS_LIMIT);
    cr_assert_eq(vlt_dims_bytes(negative, 1, 4, &out, NULL), VLT_STATUS_LIMIT);
}

/* Whether the mapping that `at` lies in asks for large pages. */
static bool asks_for_large_pages(const void *at)
{
    char line[512];
    uintmax_t begin, end;
    bool inside = false, asks = false;
    FILE *maps = fopen("/proc/self/smaps", "r");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%jx-%jx ", &begin, &end) == 2) {
            inside = begin <= (uintptr_t)at && (uintptr_t)at < end;
        } else if (inside && !strncmp(line, "VmFlags:", 8)) {
            asks = strstr(line, " hg ") || strstr(line, " hg\n");
        }
    }
    fclose(maps);
    return asks;
}

Test(memory, what_is_filled_asks_for_large_pages)
{
    const size_t large = (size_t)64 << 20, sizes[] = {0, 1, 4096, large - 1};
    void *block;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_eq(vlt_alloc_filled(sizes[i], &block, NULL), VLT_OK);
        cr_assert_eq((uintptr_t)block % VLT_ALIGN, 0);
        memset(block, 1, sizes[i]);
        vlt_free(block);
    }
    cr_assert_eq(vlt_alloc_filled(large, &block, NULL), VLT_OK);
    bool asks = asks_for_large_pages((char *)block + large / 2);
    vlt_free(block);
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK)) {
        test_skip("this kernel has no transparent large pages");
    } else {
        cr_assert(asks);
    }
    cr_assert_eq(vlt_alloc_filled(SIZE_MAX, &block, NULL), VLT_STATUS_LIMIT);
}

Test(memory, arena_hands_out_what_was_planned)
{
    vlt_arena arena = {0};
    vlt_arena_reserve(&arena, 3, 5);
    vlt_arena_reserve(&arena, 100, 4);
    cr_assert_eq(vlt_arena_commit(&arena, NULL), VLT_OK);
    unsigned char *a = vlt_arena_take(&arena, 3, 5), *b = vlt_arena_take(&arena, 100, 4);
    cr_assert_eq((uintptr_t)a % VLT_ALIGN, 0);
    cr_assert_geq(b - a, VLT_ALIGN);
    memset(a, 1, 15);
    memset(b, 2, 400);
    vlt_arena_release(&arena);
    vlt_arena_release(&arena);
    vlt_arena_reserve(&arena, SIZE_MAX, 2);
    cr_assert_eq(vlt_arena_commit(&arena, NULL), VLT_STATUS_LIMIT);
}

static double distance(const vlt_problem *problem, const char *text)
{
    vlt_bucket bucket;
    vlt_error err = {0};
    cr_assert_eq(vlt_bucket_parse(problem->op, text, &bucket, &err), VLT_OK, "%s", err.message);
    return vlt_bucket_distance(&bucket, problem);
}

Test(problem, buckets_round_sizes_up)
{
    vlt_problem problem = vlt_norm_problem(33, 128, VLT_NORM_RMS, NULL);
    char text[VLT_BUCKET_BYTES];
    vlt_problem_format(&problem, text, sizeof text);
    cr_assert_str_eq(text, "rows=33,width=128,kind=0");
    vlt_problem_bucket(&problem, text, sizeof text);
    cr_assert_str_eq(text, "rows=64,width=128,kind=0");
    cr_assert_eq(distance(&problem, text), 0);
    cr_assert_gt(distance(&problem, "rows=128,width=128,kind=0"), 0);
    cr_assert_lt(distance(&problem, "rows=64,width=64,kind=0"), 0);
    cr_assert_eq(distance(&problem, "*"), 0);
}

Test(problem, a_bucket_that_is_none_is_refused)
{
    vlt_bucket bucket;
    vlt_error err = {0};
    cr_expect_eq(vlt_bucket_parse(&vlt_op_norm, "nonsense", &bucket, &err), VLT_STATUS_USAGE);
    cr_expect_eq(vlt_bucket_parse(&vlt_op_norm, "rows=64,width=64", &bucket, &err),
                 VLT_STATUS_USAGE);
    cr_expect(strstr(err.message, "kind"), "%s", err.message);
    vlt_choices choices = {0};
    vlt_choice choice = {.op = &vlt_op_norm, .bucket = "rows=64"};
    cr_expect_eq(vlt_choices_set(&choices, &choice, &err), VLT_STATUS_USAGE);
    cr_expect_eq(choices.count, 0);
    vlt_choices_release(&choices);
}

Test(problem, parse_names_what_is_wrong)
{
    vlt_problem problem = vlt_norm_problem(1, 8, VLT_NORM_RMS, NULL);
    vlt_error err = {0};
    cr_assert_eq(vlt_problem_parse(&problem, "rows=5,width=16", &err), VLT_OK);
    cr_assert_eq(problem.dim[0], 5);
    const vlt_variant *variant;
    vlt_binding binding;
    cr_assert_eq(
        vlt_registry_parse("norm/baseline@prompt,rows=7", &problem, &variant, &binding, &err),
        VLT_OK);
    cr_assert_eq(vlt_problem_parse(&problem, "prompt", NULL), VLT_STATUS_USAGE,
                 "a bucket has no names");
    cr_assert(problem.dim[0] == 7 && problem.dim[1] == problem.op->shapes[0].dim[1]);
    cr_assert_eq(vlt_problem_parse(&problem, "columns=5", &err), VLT_STATUS_USAGE);
    cr_assert_str_eq(err.message, "norm has no dimension 'columns'");
    cr_assert_eq(vlt_problem_parse(&problem, "rows=0", &err), VLT_STATUS_USAGE);
    cr_assert_eq(vlt_problem_parse(&problem, "rows=9x", &err), VLT_STATUS_USAGE);
    cr_assert_eq(vlt_problem_parse(&problem, "rows", &err), VLT_STATUS_USAGE);
}

Test(registry, baseline_comes_first)
{
    for (int i = 0; i < vlt_registry_op_count(); i++) {
        const vlt_op *op = vlt_registry_op(i);
        cr_assert_str_eq(vlt_registry_variant(op, 0)->name, "baseline", "%s", op->name);
        cr_assert_eq(vlt_registry_needs(vlt_registry_variant(op, 0)), VLT_ISA_BASE);
        cr_assert_gt(op->shape_count, 0);
        for (int v = 0; v < vlt_registry_variant_count(op); v++) {
            const vlt_variant *variant = vlt_registry_variant(op, v);
            cr_assert_str_eq(variant->op, op->name);
            for (int k = 0; k < variant->knob_count; k++) {
                const vlt_knob *knob = &variant->knobs[k];
                bool among = vlt_knob_takes(knob, knob->default_value);
                cr_assert(among, "%s/%s: default of %s is not among its values", op->name,
                          variant->name, variant->knobs[k].name);
            }
        }
    }
}

Test(registry, a_spec_is_parsed_or_refused)
{
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    vlt_error err = {0};
    cr_assert_eq(vlt_registry_parse("norm/avx2@rows=3", &problem, &variant, &binding, &err),
                 VLT_OK);
    cr_assert_eq(problem.dim[0], 3);
    cr_assert_str_eq(variant->name, "avx2");
    cr_assert_neq(vlt_registry_parse("norm", &problem, &variant, &binding, &err), VLT_OK);
    cr_assert_neq(vlt_registry_parse("norm/x", &problem, &variant, &binding, &err), VLT_OK);
    cr_assert_neq(vlt_registry_parse("nrom/avx2", &problem, &variant, &binding, &err), VLT_OK);
    cr_assert(strstr(err.message, "did you mean 'norm'"));
    cr_assert_neq(vlt_registry_parse("norm/avx2:x=1", &problem, &variant, &binding, &err), VLT_OK);
}

Test(plan, choices_reach_the_kernel)
{
    test_context test;
    test_context_init(&test);
    float weight[8] = {0};
    vlt_norm_constants constants = {.weight = weight};
    vlt_problem problem = vlt_norm_problem(2, 8, VLT_NORM_RMS, &constants);
    vlt_choices choices = {0};
    vlt_ledger ledger = {0};
    vlt_plan *plan = NULL;
    test.context.choices = &choices;
    test.context.ledger = &ledger;

    vlt_choice choice = {.op = &vlt_op_norm, .variant = vlt_registry_variant(&vlt_op_norm, 0)};
    vlt_problem_bucket(&problem, choice.bucket, sizeof choice.bucket);
    cr_assert_eq(vlt_choices_set(&choices, &choice, NULL), VLT_OK);
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
    cr_assert_eq(plan->source, VLT_CHOICE_TUNED);
    cr_assert_str_eq(plan->variant->name, "baseline");
    vlt_plan_destroy(plan);

    problem.dim[0] = 100;
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
    cr_assert_eq(plan->source, VLT_CHOICE_NEAREST);
    vlt_plan_destroy(plan);

    test.context.policy = VLT_POLICY_BASELINE;
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
    cr_assert_eq(plan->source, VLT_CHOICE_BASELINE);
    vlt_plan_destroy(plan);

    if (test.caps.isa & VLT_ISA_AVX2) {
        cr_assert_eq(vlt_choices_force(&choices, "norm=avx2", NULL), VLT_OK);
        cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
        cr_assert_eq(plan->source, VLT_CHOICE_FORCED);
        vlt_plan_destroy(plan);
        test.caps.isa = 0;
        cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
        cr_assert_eq(plan->source, VLT_CHOICE_BASELINE);
        vlt_plan_destroy(plan);
    }
    cr_assert_geq(ledger.count, 3);
    vlt_ledger_release(&ledger);
    vlt_choices_release(&choices);
    test_context_release(&test);
}

/* A choice that cannot run where it was tuned is told; for another problem it was no promise. */
Test(plan, a_choice_is_missed_where_it_was_tuned_alone)
{
    test_context test;
    test_context_init(&test);
    float weight[8] = {0};
    vlt_norm_constants constants = {.weight = weight};
    vlt_problem problem = vlt_norm_problem(2, 8, VLT_NORM_RMS, &constants);
    const vlt_variant *avx2 = vlt_registry_find_variant(&vlt_op_norm, "avx2");
    vlt_choices choices = {0};
    vlt_ledger ledger = {0};
    vlt_choice choice = {.op = &vlt_op_norm, .variant = avx2};
    test.context.choices = &choices;
    test.context.ledger = &ledger;
    test.caps.isa = 0;
    vlt_problem_bucket(&problem, choice.bucket, sizeof choice.bucket);
    cr_assert_eq(vlt_choices_set(&choices, &choice, NULL), VLT_OK);
    for (int tuned = 0; tuned < 2; tuned++) {
        vlt_plan *plan = NULL;
        problem.dim[0] = tuned ? 2 : 100;
        cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
        cr_expect_str_eq(plan->variant->name, "baseline");
        cr_expect_eq(ledger.passed_count, tuned);
        vlt_plan_destroy(plan);
    }
    vlt_ledger_release(&ledger);
    vlt_choices_release(&choices);
    test_context_release(&test);
}

/* Any number of threads may be asked for; which ones are tried is up to the machine. */
Test(knob, threads_come_from_the_machine)
{
    static const vlt_knob threads = VLT_KNOB_THREADS;
    const vlt_caps laptop = {.cpu_count = 8, .core_count = 4},
                   server = {.cpu_count = 96, .core_count = 48},
                   one = {.cpu_count = 1, .core_count = 1},
                   odd = {.cpu_count = 12, .core_count = 6};
    vlt_knob_list list = vlt_knob_values(&threads, &laptop);
    cr_expect_eq(list.count, 4);
    cr_expect_arr_eq(list.value, ((int64_t[]){0, 1, 2, 4}), 4 * sizeof(int64_t));
    list = vlt_knob_values(&threads, &server);
    cr_expect_eq(list.value[list.count - 1], 64);
    cr_expect_eq(list.value[list.count - 2], 48);
    list = vlt_knob_values(&threads, &odd);
    cr_expect_arr_eq(list.value, ((int64_t[]){0, 1, 2, 4, 6, 8}), 6 * sizeof(int64_t));
    cr_expect_eq(vlt_knob_values(&threads, &one).count, 1);
    cr_expect(vlt_knob_takes(&threads, 37));
    cr_expect(!vlt_knob_takes(&threads, -1));
    cr_expect(!vlt_knob_takes(&threads, 1025));

    vlt_binding binding;
    vlt_error err = {0};
    const vlt_variant *fused = vlt_registry_find_variant(vlt_registry_find_op("vision_block"),
                                                         "fused");
    cr_expect_eq(vlt_binding_parse(fused, "threads=23", &binding, &err), VLT_OK, "%s", err.message);
    cr_expect_eq(binding.value[1], 23);
    cr_expect_eq(vlt_binding_parse(fused, "threads=2000", &binding, &err), VLT_STATUS_USAGE);
}
