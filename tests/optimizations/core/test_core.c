#include <criterion/criterion.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/norm/norm.h"
#include "tests/support/variants.h"

Test(status, message_names_the_subject)
{
    vlt_error err = {0};
    cr_assert_eq(vlt_fail(&err, VLT_STATUS_INPUT, "shape [%d], expected [%d]", 3, 4),
                 VLT_STATUS_INPUT);
    vlt_fail_in(&err, VLT_STATUS_INPUT, "tensor '%s': ", "w");
    cr_assert_str_eq(err.message, "tensor 'w': shape [3], expected [4]");
    cr_assert_eq(vlt_status_exit_code(VLT_STATUS_INPUT), 2);
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

Test(problem, buckets_round_sizes_up)
{
    vlt_problem problem = vlt_norm_problem(33, 128, VLT_NORM_RMS, NULL);
    char text[VLT_BUCKET_BYTES];
    vlt_problem_format(&problem, text, sizeof text);
    cr_assert_str_eq(text, "rows=33,width=128,kind=0");
    vlt_problem_bucket(&problem, text, sizeof text);
    cr_assert_str_eq(text, "rows=64,width=128,kind=0");
    cr_assert_eq(vlt_problem_bucket_distance(&problem, text), 0);
    cr_assert_gt(vlt_problem_bucket_distance(&problem, "rows=128,width=128,kind=0"), 0);
    cr_assert_lt(vlt_problem_bucket_distance(&problem, "rows=64,width=64,kind=0"), 0);
    cr_assert_lt(vlt_problem_bucket_distance(&problem, "nonsense"), 0);
}

Test(problem, parse_names_what_is_wrong)
{
    vlt_problem problem = vlt_norm_problem(1, 8, VLT_NORM_RMS, NULL);
    vlt_error err = {0};
    cr_assert_eq(vlt_problem_parse(&problem, "rows=5,width=16", &err), VLT_OK);
    cr_assert_eq(problem.dim[0], 5);
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
                bool among = false;
                for (int j = 0; j < variant->knobs[k].value_count; j++) {
                    among |= variant->knobs[k].values[j] == variant->knobs[k].default_value;
                }
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
