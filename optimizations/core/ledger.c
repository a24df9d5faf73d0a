#include "optimizations/core/ledger.h"

#include <stdlib.h>
#include <string.h>

void vlt_ledger_release(vlt_ledger *ledger)
{
    for (int i = 0; i < ledger->count; i++) {
        free((void *)ledger->entry[i].runs);
    }
    free(ledger->entry);
    free(ledger->passed);
    *ledger = (vlt_ledger){0};
}

void vlt_ledger_note(vlt_ledger *ledger, vlt_plan *plan)
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
            entry->plans++;
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
                                .plans = 1,
                                .composite = plan->composite,
                                .runs = calloc(1, sizeof *entry->runs)};
    memcpy(entry->bucket, bucket, sizeof bucket);
    memcpy(entry->dim, plan->problem.dim, sizeof entry->dim);
    plan->runs = entry->runs;
}

bool vlt_ledger_note_passed(vlt_ledger *ledger, const vlt_variant *variant, bool forced)
{
    if (!ledger) {
        return true;
    }
    for (int i = 0; i < ledger->passed_count; i++) {
        vlt_ledger_passed *passed = &ledger->passed[i];
        if (passed->variant == variant && passed->forced == forced) {
            passed->plans++;
            return false;
        }
    }
    vlt_ledger_passed *passed = realloc(ledger->passed,
                                        (size_t)(ledger->passed_count + 1) * sizeof *passed);
    if (passed) {
        ledger->passed = passed;
        passed[ledger->passed_count++] = (vlt_ledger_passed){variant, forced, 1};
    }
    return true;
}

bool vlt_ledger_met(const vlt_ledger *ledger, const vlt_op *op)
{
    for (int i = 0; ledger && i < ledger->count; i++) {
        if (ledger->entry[i].op == op) {
            return true;
        }
    }
    return false;
}

void vlt_ledger_warn_unmet(const vlt_context *context, const vlt_ledger *other)
{
    for (int i = 0; context->choices && i < context->choices->count; i++) {
        const vlt_choice *choice = &context->choices->entry[i];
        if (choice->forced && !vlt_ledger_met(context->ledger, choice->op) &&
            !vlt_ledger_met(other, choice->op)) {
            vlt_log(context, VLT_LOG_WARNING,
                    "--force %s=%s had no effect: operator '%s' was never met", choice->op->name,
                    choice->variant->name, choice->op->name);
        }
    }
}
