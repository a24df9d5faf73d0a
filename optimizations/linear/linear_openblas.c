/* Bottleneck: the arithmetic, which OpenBLAS has tuned by hand for decades.
 * Idea: its sgemm over weights widened to f32 once; our threads, pieces of 256 outputs.
 * Loses: where weights are read once (decoding), because f32 is twice the bytes of BF16.
 */
#include "optimizations/peers/openblas/openblas_shim.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_openblas_quiet(plan->context->caps->isa);
    return vlt_sgemm_prepare(plan, vlt_openblas_sgemm, "openblas", err);
}

VLT_VARIANT(linear, openblas, .summary = "OpenBLAS sgemm on weights widened to f32",
            .copies_weights = true, .applicable = vlt_linear_plain, .prepare = prepare,
            .run = vlt_sgemm_run, .release = vlt_sgemm_release);
