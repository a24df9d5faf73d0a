/* verify.h: correctness gates speed.
 *
 * A variant is run against the baseline on one workload: outputs are poisoned before, compared
 * after, guard bytes around them checked, and the run is repeated once to catch what a first run
 * leaves behind. Nothing is timed before this has passed.
 */
#ifndef VLT_HARNESS_VERIFY_H
#define VLT_HARNESS_VERIFY_H

#include "optimizations/core/plan.h"

typedef struct vlt_verify_result {
    double worst;       /* largest |difference| over largest |baseline|, over all outputs */
    double worst_share; /* the same as a share of the output's tolerance; <= 1 passes */
    const char *output; /* where */
    size_t index;
} vlt_verify_result;

/* VLT_OK: equal within the tolerances. WRONG: the message names operator, variant, problem,
 * output, index and both values. result may be NULL. */
vlt_status vlt_verify(vlt_context *context, const vlt_problem *problem, const vlt_variant *variant,
                      const vlt_binding *binding, uint64_t seed, vlt_verify_result *result,
                      vlt_error *err);

#endif
