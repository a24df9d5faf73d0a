#include "optimizations/core/ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

void vlt_log(const vlt_context *context, vlt_log_level level, const char *format, ...)
{
    if (context->log) {
        char message[VLT_ERROR_BYTES]; /* a path is shown whole */
        va_list args;
        va_start(args, format);
        vlt_utf8_vformat(message, sizeof message, format, args);
        va_end(args);
        context->log(context->log_user, level, message);
    }
}

vlt_status vlt_context_admit(const vlt_context *context, uint64_t bytes, const char *what,
                             vlt_error *err)
{
    return context->admit ? context->admit(context->admit_user, bytes, what, err) : VLT_OK;
}

/* The choice nearest to the problem, or NULL. Forced ones match every bucket. variant: only choices
 * of this one; NULL: of any. */
static const vlt_choice *find_choice(const vlt_choices *choices, const vlt_problem *problem,
                                     const vlt_variant *variant, bool forced, double *distance)
{
    const vlt_choice *best = NULL;
    for (int i = 0; choices && i < choices->count; i++) {
        const vlt_choice *choice = &choices->entry[i];
        if (choice->op != problem->op || choice->forced != forced ||
            (variant && choice->variant != variant)) {
            continue;
        }
        double d = vlt_bucket_distance(&choice->place, problem);
        if (d >= 0 && (!best || d < *distance)) {
            best = choice;
            *distance = d;
        }
    }
    return best;
}

/* May the context choose it? Who names a variant (vlt_plan_create_with) permits what it loses. */
static bool permitted(const vlt_context *context, const vlt_problem *problem,
                      const vlt_variant *variant, const vlt_binding *binding, char *reason)
{
    if (variant->quality > context->quality) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "it needs --quality %s",
                        vlt_quality_name(variant->quality));
        return false;
    }
    return vlt_registry_usable(variant, problem, context->caps, binding, reason);
}

/* Said once for all the plans that meet it. */
static void pass_over(const vlt_plan *plan, const vlt_choice *choice, const char *reason)
{
    char bucket[VLT_BUCKET_BYTES];
    if (vlt_ledger_note_passed(plan->context->ledger, choice->variant, choice->forced)) {
        vlt_problem_bucket(&plan->problem, bucket, sizeof bucket);
        vlt_log(plan->context, VLT_LOG_WARNING, "%s: %s variant '%s' is passed over at %s: %s",
                plan->problem.op->name, choice->forced ? "forced" : "tuned", choice->variant->name,
                bucket, reason);
    }
}

/* A forced variant keeps the values that were tuned for it, but for the knobs that are forced; when
 * these do not go together, its defaults. */
static bool choose_forced(vlt_plan *plan)
{
    const vlt_context *context = plan->context;
    const vlt_problem *problem = &plan->problem;
    char reason[VLT_REASON_BYTES];
    double distance = 0;
    const vlt_choice *choice = find_choice(context->choices, problem, NULL, true, &distance);
    if (!choice) {
        return false;
    }
    plan->variant = choice->variant;
    plan->source = VLT_CHOICE_FORCED;
    const vlt_choice *tuned = context->policy == VLT_POLICY_BASELINE
                                  ? NULL
                                  : find_choice(context->choices, problem, choice->variant, false,
                                                &distance);
    plan->binding = tuned ? tuned->binding : choice->binding;
    for (int i = 0; i < choice->variant->knob_count; i++) {
        if (choice->knobs_given & UINT32_C(1) << i) {
            plan->binding.value[i] = choice->binding.value[i];
        }
    }
    if (permitted(context, problem, plan->variant, &plan->binding, reason)) {
        return true;
    }
    plan->binding = choice->binding;
    if (permitted(context, problem, plan->variant, &plan->binding, reason)) {
        return true;
    }
    pass_over(plan, choice, reason);
    return false;
}

static bool choose_tuned(vlt_plan *plan)
{
    const vlt_context *context = plan->context;
    char reason[VLT_REASON_BYTES];
    double distance = 0;
    const vlt_choice *choice = find_choice(context->choices, &plan->problem, NULL, false,
                                           &distance);
    if (!choice) {
        return false;
    }
    if (!permitted(context, &plan->problem, choice->variant, &choice->binding, reason)) {
        if (distance == 0) { /* who was tuned for another problem owes this one nothing */
            pass_over(plan, choice, reason);
        }
        return false;
    }
    plan->variant = choice->variant;
    plan->binding = choice->binding;
    plan->source = distance == 0 ? VLT_CHOICE_TUNED : VLT_CHOICE_NEAREST;
    return true;
}

static bool may_be_default(const vlt_plan *plan, const vlt_variant *variant)
{
    const bool copies = variant->copies_weights && variant->quality == VLT_QUALITY_EXACT;
    return !copies &&
           !(variant->stands_back && variant->stands_back(&plan->problem, plan->context->caps));
}

/* Sets plan->variant, binding and source. */
static void choose_variant(vlt_plan *plan)
{
    const vlt_context *context = plan->context;
    const vlt_problem *problem = &plan->problem;
    bool baseline = context->policy == VLT_POLICY_BASELINE;
    char reason[VLT_REASON_BYTES];
    if (choose_forced(plan) || (!baseline && choose_tuned(plan))) {
        return;
    }
    int count = baseline ? 1 : vlt_registry_variant_count(problem->op);
    for (int i = 1; i < count; i++) {
        const vlt_variant *variant = vlt_registry_variant(problem->op, i);
        vlt_binding_defaults(variant, &plan->binding);
        if (may_be_default(plan, variant) &&
            permitted(context, problem, variant, &plan->binding, reason)) {
            plan->variant = variant;
            plan->source = VLT_CHOICE_DEFAULT;
            return;
        }
    }
    plan->variant = vlt_registry_variant(problem->op, 0);
    vlt_binding_defaults(plan->variant, &plan->binding);
    plan->source = VLT_CHOICE_BASELINE;
}

static void choose(vlt_plan *plan)
{
    const vlt_choices *choices = plan->context->choices;
    choose_variant(plan);
    for (int i = 0; choices && i < choices->settled_count; i++) {
        const vlt_settled_knob *settled = &choices->settled[i];
        const int index = settled->op == plan->problem.op
                              ? vlt_variant_knob_index(plan->variant, settled->knob)
                              : -1;
        if (index >= 0) {
            plan->binding.value[index] = settled->value;
        }
    }
}

static vlt_status prepare(vlt_plan *plan, vlt_plan **out, vlt_error *err)
{
    char reason[VLT_REASON_BYTES] = "";
    vlt_status status = vlt_problem_check(&plan->problem, err);
    if (status == VLT_OK && !vlt_registry_usable(plan->variant, &plan->problem, plan->context->caps,
                                                 &plan->binding, reason)) {
        status = vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s/%s: %s", plan->variant->op,
                          plan->variant->name, reason);
    }
    plan->loss = plan->variant->loss;
    if (status == VLT_OK && plan->variant->prepare) {
        status = plan->variant->prepare(plan, err);
    }
    if (status == VLT_OK && !plan->composite) {
        plan->tolerance = plan->problem.op->tolerance + plan->variant->loss;
    }
    if (status == VLT_OK) {
        plan->scratch_bytes = plan->variant->scratch ? plan->variant->scratch(plan) : 0;
        if (plan->scratch_bytes == SIZE_MAX) {
            status = vlt_fail(err, VLT_STATUS_LIMIT, "%s/%s: its scratch does not fit into memory",
                              plan->variant->op, plan->variant->name);
        }
    }
    if (status != VLT_OK) {
        vlt_plan_destroy(plan);
        return status;
    }
    vlt_ledger_note(plan->context->ledger, plan);
    *out = plan;
    return VLT_OK;
}

static vlt_plan *new_plan(vlt_context *context, const vlt_problem *problem, vlt_error *err)
{
    vlt_plan *plan = calloc(1, sizeof *plan);
    if (!plan) {
        vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for a plan", problem->op->name);
        return NULL;
    }
    plan->context = context;
    plan->problem = *problem;
    return plan;
}

static void begin_making(const vlt_context *context)
{
    if (context->making) {
        pthread_mutex_lock(context->making);
    }
}

static vlt_status end_making(const vlt_context *context, vlt_status status)
{
    if (context->making) {
        pthread_mutex_unlock(context->making);
    }
    return status;
}

vlt_status vlt_plan_create(vlt_context *context, const vlt_problem *problem, vlt_plan **out,
                           vlt_error *err)
{
    *out = NULL;
    vlt_plan *plan = new_plan(context, problem, err);
    if (!plan) {
        return VLT_STATUS_NOMEM;
    }
    vlt_status status = vlt_problem_check(problem, err);
    if (status != VLT_OK) {
        free(plan);
        return status;
    }
    begin_making(context);
    choose(plan);
    return end_making(context, prepare(plan, out, err));
}

vlt_status vlt_plan_settle(vlt_context *context, const vlt_problem *problem, vlt_plan *out,
                           vlt_error *err)
{
    *out = (vlt_plan){.context = context, .problem = *problem};
    vlt_status status = vlt_problem_check(problem, err);
    if (status == VLT_OK) {
        begin_making(context);
        choose(out);
        vlt_ledger_note(context->ledger, out);
        end_making(context, VLT_OK);
    }
    return status;
}

vlt_status vlt_plan_create_with(vlt_context *context, const vlt_problem *problem,
                                const vlt_variant *variant, const vlt_binding *binding,
                                vlt_plan **out, vlt_error *err)
{
    *out = NULL;
    vlt_plan *plan = new_plan(context, problem, err);
    if (!plan) {
        return VLT_STATUS_NOMEM;
    }
    plan->variant = variant;
    plan->source = VLT_CHOICE_FORCED;
    if (binding) {
        plan->binding = *binding;
    } else {
        vlt_binding_defaults(variant, &plan->binding);
    }
    begin_making(context);
    return end_making(context, prepare(plan, out, err));
}

static void adopt_cost(vlt_plan *plan, const vlt_plan *child)
{
    vlt_cost said, is;
    child->problem.op->cost(&child->problem, &said);
    vlt_plan_cost(child, &is);
    plan->saved_bytes += said.bytes - is.bytes;
    /* for each row: children may be made for a block of the rows that others see whole */
    if (is.work > 0 && is.flops * plan->heaviest.work >= plan->heaviest.flops * is.work) {
        plan->heaviest = is;
    }
}

void vlt_plan_adopt(vlt_plan *plan, vlt_plan *const *child, int count)
{
    plan->composite = true;
    for (int i = 0; i < count; i++) {
        if (child[i]) {
            plan->loss += child[i]->loss;
            plan->tolerance += child[i]->tolerance;
            adopt_cost(plan, child[i]);
        }
    }
}

void vlt_plan_cost(const vlt_plan *plan, vlt_cost *cost)
{
    vlt_variant_cost(plan->variant, &plan->problem, cost);
    if (plan->heaviest.flops > 0) {
        cost->compute = plan->heaviest.compute;
        cost->products = plan->heaviest.products;
        cost->bytes -= plan->saved_bytes < cost->bytes ? plan->saved_bytes : 0;
    }
}

void vlt_plan_destroy(vlt_plan *plan)
{
    if (plan) {
        if (plan->variant->release) {
            plan->variant->release(plan);
        }
        free(plan);
    }
}

vlt_status vlt_plan_reserve(vlt_scratch *scratch, const vlt_plan *plan, vlt_error *err)
{
    const size_t bytes = vlt_plan_scratch(plan);
    vlt_status status = bytes > scratch->size_bytes
                            ? vlt_context_admit(plan->context, bytes, "scratch memory", err)
                            : VLT_OK;
    return status == VLT_OK ? vlt_scratch_reserve_by(scratch, plan->context->memory, bytes, err)
                            : status;
}

vlt_status vlt_plan_run_in(vlt_scratch *scratch, const vlt_plan *plan, const void *args,
                           vlt_error *err)
{
    vlt_status status = vlt_plan_reserve(scratch, plan, err);
    return status == VLT_OK ? vlt_plan_run(plan, vlt_scratch_frame(scratch), args, err) : status;
}
