#include "tests/support/multiply.h"

vlt_status test_multiply(test_context *test, const vlt_variant *variant, const vlt_matrix *w,
                         const float *x, int64_t m, float *y)
{
    const vlt_linear_constants constants = {.weight = *w};
    const vlt_problem problem = vlt_linear_problem(m, &constants);
    const vlt_linear_args args = {
        .x = x, .y = y, .rows = m, .x_stride = w->columns, .y_stride = w->rows};
    vlt_plan *plan = NULL;
    vlt_status status = vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL);
    if (status == VLT_OK) {
        status = test_run(plan, &args, NULL);
    }
    vlt_plan_destroy(plan);
    return status;
}
