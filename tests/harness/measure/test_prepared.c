/* What a measured side is made of. */
#include <criterion/criterion.h>
#include <string.h>

#include "harness/machine/quick_caps.h"
#include "harness/measure/prepared.h"
#include "optimizations/core/frame.h"
#include "tests/support/variants.h"

static const char block[] =
    "vision_block/baseline@rows=12,segment=12,width=64,heads=2,inner=80,weights=1";

/* The bits of the block where everything in it is a baseline. */
static void expect(const vlt_workload *measured)
{
    vlt_caps caps;
    int threads;
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    vlt_workload workload;
    vlt_plan *plan;
    vlt_scratch scratch = {0};
    vlt_quick_caps(&caps, &threads);
    vlt_context context = {.caps = &caps, .policy = VLT_POLICY_BASELINE};
    cr_assert_eq(vlt_what_parse(block, &problem, &variant, &binding, NULL), VLT_OK);
    cr_assert_eq(vlt_workload_init(&workload, &context, &problem, 1, NULL), VLT_OK);
    cr_assert_eq(vlt_plan_create(&context, &workload.problem, &plan, NULL), VLT_OK);
    cr_assert_eq(vlt_plan_run_in(&scratch, plan, workload.args, NULL), VLT_OK);
    for (int i = 0; i < workload.output_count; i++) {
        const vlt_output *a = &workload.output[i], *b = &measured->output[i];
        cr_expect_arr_eq(a->data, b->data, (size_t)a->count * vlt_dtype_bytes(a->dtype), "%s",
                         a->name);
    }
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    vlt_scratch_release(&scratch);
}

Test(prepared, the_baseline_of_a_composite_has_baseline_children)
{
    const vlt_prepare_request request = {.what = block, .seed = 1, .threads = 1};
    vlt_prepared *prepared = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_prepared_create(&request, &prepared, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_prepared_run(prepared, 1), 0);
    expect(vlt_prepared_workload(prepared));
    vlt_prepared_destroy(prepared);
}
