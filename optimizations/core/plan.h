/* plan.h: a variant with its knobs bound to a problem, memory prepared, ready to run. */
#ifndef VLT_CORE_PLAN_H
#define VLT_CORE_PLAN_H

#include <assert.h>
#include <stdatomic.h>

#include "optimizations/core/context.h"

/* Owned by whoever created it. Immutable once prepared, so that any thread may run it, unless the
 * operator keeps state (op.h). Variants set `state` in prepare. */
typedef struct vlt_plan {
    vlt_context *context;
    const vlt_variant *variant;
    vlt_problem problem;
    vlt_binding binding;
    vlt_choice_source source;
    void *state;
    size_t scratch_bytes;  /* of a run, deepest child included */
    bool composite;        /* it has adopted children */
    double loss;           /* what the variant and its children may lose together */
    double tolerance;      /* how far outputs may be from the baseline's: a leaf's own tolerance and
                              loss, a composite's the sum of its children's */
    vlt_cost heaviest;     /* of the adopted children, the one of the most flops a row */
    double saved_bytes;    /* that the children read less than their operators say */
    _Atomic int64_t *runs; /* of the ledger, NULL: nobody counts */
} vlt_plan;

/* Chooses a variant for the problem (forced, then the policy: tuned bucket, nearest tuned bucket,
 * default; or the baseline), checks that it is applicable, prepares it and notes it in the
 * ledger. A choice that is not applicable here is passed over with a warning. */
vlt_status vlt_plan_create(vlt_context *context, const vlt_problem *problem, vlt_plan **out,
                           vlt_error *err);

/* What vlt_plan_create would choose, noted likewise: *out has variant, binding and source, is not
 * prepared, cannot be run, and is nothing to destroy. For who asks alone how something is done. */
vlt_status vlt_plan_settle(vlt_context *context, const vlt_problem *problem, vlt_plan *out,
                           vlt_error *err);

/* Prepares this very variant, whatever it loses; UNSUPPORTED with the reason when it is not
 * applicable. A NULL binding means the defaults. */
vlt_status vlt_plan_create_with(vlt_context *context, const vlt_problem *problem,
                                const vlt_variant *variant, const vlt_binding *binding,
                                vlt_plan **out, vlt_error *err);

/* In prepare: these are the plans that a run of `plan` passes through once each. NULLs are fine. */
void vlt_plan_adopt(vlt_plan *plan, vlt_plan *const *child, int count);

/* What a run costs: what the variant says, a composite's in the arithmetic of its heaviest child
 * and with the bytes that its children read. */
void vlt_plan_cost(const vlt_plan *plan, vlt_cost *cost);

void vlt_plan_destroy(vlt_plan *plan); /* NULL is fine */

/* Bytes that the frame of a run must have. NULL: 0. */
static inline size_t vlt_plan_scratch(const vlt_plan *plan)
{
    return plan ? plan->scratch_bytes : 0;
}

/* The ledger learns of a run. */
static inline void vlt_plan_count_run(const vlt_plan *plan)
{
    if (plan->runs) {
        atomic_fetch_add_explicit(plan->runs, 1, memory_order_relaxed);
    }
}

/* The plan gets the front of the frame, exactly what it asked for. */
static inline vlt_status vlt_plan_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                                      vlt_error *err)
{
    vlt_plan_count_run(plan);
    assert(frame.left_bytes >= plan->scratch_bytes);
    frame.left_bytes = plan->scratch_bytes;
    vlt_frame_seal(frame);
    return plan->variant->run(plan, frame, args, err);
}

/* A piece of a run of a plan without scratch, inside another operator, which counts the whole. */
static inline vlt_status vlt_plan_run_piece(const vlt_plan *plan, const void *args, vlt_error *err)
{
    assert(plan->scratch_bytes == 0);
    return plan->variant->run(plan, (vlt_frame){0}, args, err);
}

/* Reserves in `scratch` what the plan needs, asking the plan's context where that is more than
 * there is. LIMIT or NOMEM; then the block is as it was. */
vlt_status vlt_plan_reserve(vlt_scratch *scratch, const vlt_plan *plan, vlt_error *err);

/* For those who run a plan now and then: reserves in `scratch` what it needs, then runs it. */
vlt_status vlt_plan_run_in(vlt_scratch *scratch, const vlt_plan *plan, const void *args,
                           vlt_error *err);

/* Value of the variant's knob number `index`, as bound. */
static inline int64_t vlt_plan_knob(const vlt_plan *plan, int index)
{
    return plan->binding.value[index];
}

#endif
