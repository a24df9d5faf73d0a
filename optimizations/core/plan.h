/* plan.h: a variant with its knobs bound to a problem, memory prepared, ready to run. */
#ifndef VLT_CORE_PLAN_H
#define VLT_CORE_PLAN_H

#include <stdatomic.h>

#include "optimizations/core/context.h"

/* Owned by whoever created it; run by one thread at a time. Variants use `state` alone. */
typedef struct vlt_plan {
    vlt_context *context;
    const vlt_variant *variant;
    vlt_problem problem;
    vlt_binding binding;
    vlt_choice_source source;
    void *state;
    _Atomic int64_t *runs; /* of the ledger, NULL: nobody counts */
} vlt_plan;

/* Chooses a variant for the problem (forced, then the policy: tuned bucket, nearest tuned bucket,
 * default; or the baseline), checks that it is applicable, prepares it and notes it in the
 * ledger. A choice that is not applicable here is passed over with a warning. */
vlt_status vlt_plan_create(vlt_context *context, const vlt_problem *problem, vlt_plan **out,
                           vlt_error *err);

/* Prepares this very variant; UNSUPPORTED with the reason when it is not applicable. A NULL
 * binding means the defaults. */
vlt_status vlt_plan_create_with(vlt_context *context, const vlt_problem *problem,
                                const vlt_variant *variant, const vlt_binding *binding,
                                vlt_plan **out, vlt_error *err);

void vlt_plan_destroy(vlt_plan *plan); /* NULL is fine */

static inline vlt_status vlt_plan_run(vlt_plan *plan, const void *args, vlt_error *err)
{
    if (plan->runs) {
        atomic_fetch_add_explicit(plan->runs, 1, memory_order_relaxed);
    }
    return plan->variant->run(plan, args, err);
}

/* Value of the variant's knob number `index`, as bound. */
static inline int64_t vlt_plan_knob(const vlt_plan *plan, int index)
{
    return plan->binding.value[index];
}

#endif
