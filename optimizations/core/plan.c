#include "optimizations/core/plan.h"

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

void vlt_ledger_release(vlt_ledger *ledger)
{
    for (int i = 0; i < ledger->count; i++) {
        free((void *)ledger->entry[i].runs);
    }
    free(ledger->entry);
    *ledger = (vlt_ledger){0};
}

/* Best effort: a ledger that cannot grow loses a line, never the plan. */
static void ledger_note(vlt_ledger *ledger, vlt_plan *plan)
{
    char bucket[VLT_BUCKET_BYTES];
    if (!ledger) {
        return;
    }
    vlt_problem_bucket(&plan->problem, bucket, sizeof bucket);
    for (int i = 0; i < ledger->count; i++) {
        vlt_ledger_entry *entry = &ledger->entry[i];
        if (entry->variant == plan->variant && entry->source == plan->source &&
            !memcmp(&entry->binding, &plan->binding, sizeof entry->binding) &&
            !strcmp(entry->bucket, bucket)) {
            plan->runs = entry->runs;
            return;
        }
    }
    if (ledger->count == ledger->capacity) {
        int capacity = ledger->capacity ? ledger->capacity * 2 : 32;
        vlt_ledger_entry *entry = realloc(ledger->entry, (size_t)capacity * sizeof *entry);
        if (!entry) {
            return;
        }
        ledger->entry = entry;
        ledger->capacity = capacity;
    }
    vlt_ledger_entry *entry = &ledger->entry[ledger->count++];
    *entry = (vlt_ledger_entry){.op = plan->problem.op,
                                .variant = plan->variant,
                                .binding = plan->binding,
                                .source = plan->source,
                                .runs = calloc(1, sizeof *entry->runs)};
    memcpy(entry->bucket, bucket, sizeof bucket);
    memcpy(entry->dim, plan->problem.dim, sizeof entry->dim);
    plan->runs = entry->runs;
}

/* The choice nearest to the problem, or NULL. Forced ones match every bucket. */
static const vlt_choice *find_choice(const vlt_choices *choices, const vlt_problem *problem,
                                     bool forced, double *distance)
{
    const vlt_choice *best = NULL;
    for (int i = 0; choices && i < choices->count; i++) {
        const vlt_choice *choice = &choices->entry[i];
        if (choice->op != problem->op || choice->forced != forced) {
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

static bool usable(const vlt_context *context, const vlt_problem *problem,
                   const vlt_variant *variant, const vlt_binding *binding, char *reason)
{
    if (!vlt_registry_applicable(variant, problem, context->caps, reason)) {
        return false;
    }
    if (variant->valid && !variant->valid(problem, context->caps, binding)) {
        snprintf(reason, VLT_REASON_BYTES, "these knob values are not valid here");
        return false;
    }
    return true;
}

/* May the context choose it? Who names a variant (vlt_plan_create_with) permits what it loses. */
static bool permitted(const vlt_context *context, const vlt_problem *problem,
                      const vlt_variant *variant, const vlt_binding *binding, char *reason)
{
    if (variant->quality > context->quality) {
        snprintf(reason, VLT_REASON_BYTES, "it needs --quality %s",
                 vlt_quality_name(variant->quality));
        return false;
    }
    return usable(context, problem, variant, binding, reason);
}

/* Sets plan->variant, binding and source. */
static void choose(vlt_plan *plan)
{
    const vlt_context *context = plan->context;
    const vlt_problem *problem = &plan->problem;
    char reason[VLT_REASON_BYTES];
    double distance = 0;

    for (int forced = 1; forced >= 0; forced--) {
        if (!forced && context->policy == VLT_POLICY_BASELINE) {
            break;
        }
        const vlt_choice *choice = find_choice(context->choices, problem, forced, &distance);
        if (choice && permitted(context, problem, choice->variant, &choice->binding, reason)) {
            plan->variant = choice->variant;
            plan->binding = choice->binding;
            plan->source = forced          ? VLT_CHOICE_FORCED
                           : distance == 0 ? VLT_CHOICE_TUNED
                                           : VLT_CHOICE_NEAREST;
            return;
        }
        if (choice) {
            vlt_log(context, VLT_LOG_WARNING, "%s: %s variant '%s' passed over: %s",
                    problem->op->name, forced ? "forced" : "tuned", choice->variant->name, reason);
        }
    }
    int count = context->policy == VLT_POLICY_BASELINE ? 1
                                                       : vlt_registry_variant_count(problem->op);
    for (int i = 1; i < count; i++) {
        const vlt_variant *variant = vlt_registry_variant(problem->op, i);
        vlt_binding_defaults(variant, &plan->binding);
        bool no_default = variant->copies_weights && variant->quality == VLT_QUALITY_EXACT;
        if (!no_default && permitted(context, problem, variant, &plan->binding, reason)) {
            plan->variant = variant;
            plan->source = VLT_CHOICE_DEFAULT;
            return;
        }
    }
    plan->variant = vlt_registry_variant(problem->op, 0);
    vlt_binding_defaults(plan->variant, &plan->binding);
    plan->source = VLT_CHOICE_BASELINE;
}

static vlt_status prepare(vlt_plan *plan, vlt_plan **out, vlt_error *err)
{
    char reason[VLT_REASON_BYTES] = "";
    vlt_status status = vlt_problem_check(&plan->problem, err);
    if (status == VLT_OK &&
        !usable(plan->context, &plan->problem, plan->variant, &plan->binding, reason)) {
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
    ledger_note(plan->context->ledger, plan);
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
    choose(plan);
    return prepare(plan, out, err);
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
    return prepare(plan, out, err);
}

void vlt_plan_adopt(vlt_plan *plan, vlt_plan *const *child, int count)
{
    plan->composite = true;
    for (int i = 0; i < count; i++) {
        plan->loss += child[i] ? child[i]->loss : 0;
        plan->tolerance += child[i] ? child[i]->tolerance : 0;
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

vlt_status vlt_plan_run_in(vlt_scratch *scratch, const vlt_plan *plan, const void *args,
                           vlt_error *err)
{
    vlt_status status = vlt_scratch_reserve(scratch, vlt_plan_scratch(plan), err);
    return status == VLT_OK ? vlt_plan_run(plan, vlt_scratch_frame(scratch), args, err) : status;
}
