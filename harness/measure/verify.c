#include "harness/measure/verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/measure/verify_internal.h"
#include "optimizations/core/memory.h"

enum { POISON = 0xA5, GUARD = 0x5C };

size_t vlt_output_bytes(const vlt_output *output)
{
    return output->count * vlt_dtype_bytes(output->dtype);
}

/* Outputs get a poison that no variant writes by luck; guards get another. */
static void poison(vlt_workload *workload)
{
    for (int i = 0; i < workload->output_count; i++) {
        vlt_output *output = &workload->output[i];
        unsigned char *data = output->data;
        memset(data - VLT_GUARD_BYTES, GUARD, VLT_GUARD_BYTES);
        memset(data, POISON, vlt_output_bytes(output));
        memset(data + vlt_output_bytes(output), GUARD, VLT_GUARD_BYTES);
    }
    if (workload->reset) {
        workload->reset(workload);
    }
}

static bool guards_intact(const vlt_output *output)
{
    const unsigned char *data = output->data;
    for (int i = 1; i <= VLT_GUARD_BYTES; i++) {
        if (data[-i] != GUARD || data[vlt_output_bytes(output) + (size_t)i - 1] != GUARD) {
            return false;
        }
    }
    return true;
}

double vlt_output_element(const vlt_output *output, const void *data, size_t index)
{
    switch (output->dtype) {
    case VLT_DTYPE_U8:
        return ((const uint8_t *)data)[index];
    case VLT_DTYPE_BF16:
        return (double)vlt_f32_from_bf16(((const uint16_t *)data)[index]);
    case VLT_DTYPE_F16:
        return (double)vlt_f32_from_f16(((const uint16_t *)data)[index]);
    case VLT_DTYPE_F32:
        return (double)((const float *)data)[index];
    case VLT_DTYPE_I32:
        return ((const int32_t *)data)[index];
    default:
        return (double)((const int64_t *)data)[index];
    }
}

/* Exact outputs are compared as bytes, the others relative to the largest baseline value. A NaN
 * where the baseline has none is a difference without measure. */
vlt_status vlt_verify_compare(const vlt_plan *plan, const vlt_output *output, const void *expected,
                              vlt_verify_result *result, vlt_error *err)
{
    double largest = 0, worst = 0;
    size_t at = 0;
    if (memcmp(output->data, expected, vlt_output_bytes(output)) != 0) {
        for (size_t i = 0; i < output->count; i++) {
            largest = fmax(largest, fabs(vlt_output_element(output, expected, i)));
        }
        for (size_t i = 0; i < output->count; i++) {
            double e = vlt_output_element(output, expected, i),
                   g = vlt_output_element(output, output->data, i);
            double difference = e == g || (isnan(e) && isnan(g)) ? 0 : fabs(e - g);
            difference = isnan(difference) ? INFINITY : difference;
            if (difference > worst) {
                worst = difference;
                at = i;
            }
        }
        worst = worst == 0 ? 0 : largest > 0 ? worst / largest : INFINITY;
    }
    double allowed = output->tolerance + plan->loss;
    double share = worst == 0 ? 0 : allowed > 0 ? worst / allowed : INFINITY;
    if (share > result->worst_share || !result->output) {
        *result = (vlt_verify_result){
            .worst = worst, .worst_share = share, .output = output->name, .index = at};
    }
    if (share > 1) {
        char size[VLT_BUCKET_BYTES];
        vlt_problem_format(&plan->problem, size, sizeof size);
        return vlt_fail(err, VLT_STATUS_WRONG,
                        "%s/%s@%s: output '%s' differs from the baseline at %zu: %.9g, expected "
                        "%.9g (difference %.3g of the largest value, tolerance %.3g)",
                        plan->variant->op, plan->variant->name, size, output->name, at,
                        vlt_output_element(output, output->data, at),
                        vlt_output_element(output, expected, at), worst, allowed);
    }
    return VLT_OK;
}

static vlt_status check_guards(const vlt_plan *plan, const vlt_workload *workload, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < workload->output_count && status == VLT_OK; i++) {
        if (!guards_intact(&workload->output[i])) {
            status = vlt_fail(err, VLT_STATUS_WRONG, "%s/%s: writes outside output '%s'",
                              plan->variant->op, plan->variant->name, workload->output[i].name);
        }
    }
    return status;
}

vlt_status vlt_verify_run_in(const vlt_plan *plan, vlt_frame frame, vlt_workload *workload,
                             vlt_error *err)
{
    poison(workload);
    vlt_status status = vlt_plan_run(plan, frame, workload->args, err);
    return status == VLT_OK ? check_guards(plan, workload, err) : status;
}

vlt_status vlt_verify_run(const vlt_plan *plan, vlt_scratch *scratch, vlt_workload *workload,
                          vlt_error *err)
{
    vlt_status status = vlt_plan_reserve(scratch, plan, err);
    return status == VLT_OK ? vlt_verify_run_in(plan, vlt_scratch_frame(scratch), workload, err)
                            : status;
}

vlt_status vlt_verify(vlt_context *context, const vlt_problem *problem, const vlt_variant *variant,
                      const vlt_binding *binding, uint64_t seed, vlt_verify_result *result,
                      vlt_error *err)
{
    vlt_workload workload = {0};
    vlt_plan *plan = NULL, *baseline_plan = NULL;
    void *expected[VLT_OUTPUT_MAX] = {NULL};
    vlt_verify_result ignored;
    vlt_scratch scratch = {0};
    vlt_context baseline_context = *context;
    baseline_context.policy = VLT_POLICY_BASELINE;
    baseline_context.choices = NULL;
    baseline_context.ledger = NULL;

    result = result ? result : &ignored;
    *result = (vlt_verify_result){0};
    vlt_status status = vlt_workload_init(&workload, context, problem, seed, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_plan_create_with(&baseline_context, &workload.problem,
                                  vlt_registry_variant(problem->op, 0), NULL, &baseline_plan, err);
    if (status != VLT_OK) {
        goto done;
    }
    status = vlt_plan_create_with(context, &workload.problem, variant, binding, &plan, err);
    if (status != VLT_OK) {
        goto done;
    }
    status = vlt_verify_run(baseline_plan, &scratch, &workload, err);
    for (int i = 0; i < workload.output_count && status == VLT_OK; i++) {
        status = vlt_alloc(vlt_output_bytes(&workload.output[i]), &expected[i], err);
        if (status == VLT_OK) {
            memcpy(expected[i], workload.output[i].data, vlt_output_bytes(&workload.output[i]));
        }
    }
    for (int repeat = 0; repeat < 2 && status == VLT_OK; repeat++) {
        status = vlt_verify_run(plan, &scratch, &workload, err);
        for (int i = 0; i < workload.output_count && status == VLT_OK; i++) {
            status = vlt_verify_compare(plan, &workload.output[i], expected[i], result, err);
        }
    }
done:
    for (int i = 0; i < VLT_OUTPUT_MAX; i++) {
        vlt_free(expected[i]);
    }
    vlt_plan_destroy(plan);
    vlt_plan_destroy(baseline_plan);
    vlt_workload_release(&workload);
    vlt_scratch_release(&scratch);
    return status;
}
