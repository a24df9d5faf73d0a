/* vltune list: the catalogue with what is applicable here, and why not where it is not. */
#include <stdio.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/machine/machine.h"
#include "optimizations/core/registry.h"

/* What a variant says to the named shapes of its operator. */
struct answers {
    int shapes, applicable;
    char reason[VLT_REASON_BYTES]; /* of the first refusal */
};

static bool ask_shape(const vlt_variant *variant, const vlt_op *op, int shape, const vlt_caps *caps,
                      char *reason)
{
    vlt_problem problem = {.op = op};
    memcpy(problem.dim, op->shapes[shape].dim, sizeof problem.dim);
    return vlt_registry_applicable(variant, &problem, caps, reason);
}

static struct answers ask_shapes(const vlt_variant *variant, const vlt_op *op, const vlt_caps *caps)
{
    struct answers answers = {.shapes = op->shape_count};
    for (int s = 0; s < op->shape_count; s++) {
        char reason[VLT_REASON_BYTES];
        if (ask_shape(variant, op, s, caps, reason)) {
            answers.applicable++;
        } else if (!answers.reason[0]) {
            memcpy(answers.reason, reason, sizeof reason);
        }
    }
    return answers;
}

static json_t *knob_to_json(const vlt_variant *variant, int index, const vlt_caps *caps)
{
    char reason[VLT_REASON_BYTES];
    const vlt_knob *knob = &variant->knobs[index];
    vlt_knob_list list = vlt_variant_knob_values(variant, index, caps, reason);
    json_t *values = json_array();
    for (int i = 0; i < list.count; i++) {
        const char *label = vlt_knob_label(knob, list.value[i]);
        vlt_json_append(&values, label ? vlt_json_name(label) : json_integer(list.value[i]));
    }
    return vlt_json_make("{s:s, s:o, s:I, s:s, s:o}", "name", knob->name, "values", values,
                         "default", (json_int_t)knob->default_value, "help", knob->help, "reason",
                         *reason ? vlt_json_name(reason) : json_null());
}

/* [{"shape", "reason"}] of the shapes that a variant refuses. */
static json_t *refusals_to_json(const vlt_variant *variant, const vlt_op *op, const vlt_caps *caps)
{
    json_t *refusals = json_array();
    for (int s = 0; s < op->shape_count; s++) {
        char reason[VLT_REASON_BYTES];
        if (!ask_shape(variant, op, s, caps, reason)) {
            vlt_json_append(&refusals, vlt_json_make("{s:s, s:s}", "shape", op->shapes[s].name,
                                                     "reason", reason));
        }
    }
    return refusals;
}

static json_t *variant_to_json(const vlt_variant *variant, const vlt_op *op, const vlt_caps *caps)
{
    const struct answers answers = ask_shapes(variant, op, caps);
    bool applicable = answers.applicable > 0;
    json_t *knobs = json_array();
    for (int i = 0; i < variant->knob_count; i++) {
        vlt_json_append(&knobs, knob_to_json(variant, i, caps));
    }
    return vlt_json_make("{s:s, s:b, s:o, s:s, s:o, s:s, s:o}", "name", variant->name, "applicable",
                         applicable, "reason",
                         applicable ? json_null() : vlt_json_name(answers.reason), "needs",
                         vlt_registry_needs_name(variant), "knobs", knobs, "summary",
                         variant->summary, "refused", refusals_to_json(variant, op, caps));
}

static json_t *op_to_json(const vlt_op *op, const vlt_caps *caps)
{
    json_t *variants = json_array();
    for (int i = 0; i < vlt_registry_variant_count(op); i++) {
        vlt_json_append(&variants, variant_to_json(vlt_registry_variant(op, i), op, caps));
    }
    return vlt_json_make("{s:s, s:s, s:o}", "op", op->name, "summary", op->summary, "variants",
                         variants);
}

static void print_knobs(const vlt_variant *variant, const vlt_caps *caps)
{
    for (int k = 0; k < variant->knob_count; k++) {
        const vlt_knob *knob = &variant->knobs[k];
        char reason[VLT_REASON_BYTES];
        vlt_knob_list list = vlt_variant_knob_values(variant, k, caps, reason);
        printf("%34s%s =", "", knob->name);
        for (int j = 0; j < list.count; j++) {
            const char *label = vlt_knob_label(knob, list.value[j]);
            if (label) {
                printf(" %s", label);
            } else {
                printf(" %lld", (long long)list.value[j]);
            }
            printf("%s", list.value[j] == knob->default_value ? "*" : "");
        }
        printf("%s%s\n", *reason ? "  " : "", reason);
    }
}

/* "not at decode, prefill: needs two rows or more" where a variant does not do every shape. */
static void print_refusals(const vlt_variant *variant, const vlt_op *op, const vlt_caps *caps,
                           const struct answers *answers)
{
    const char *separator = "not at ";
    printf("%34s", "");
    for (int s = 0; s < op->shape_count; s++) {
        char reason[VLT_REASON_BYTES];
        if (!ask_shape(variant, op, s, caps, reason)) {
            printf("%s%s", separator, op->shapes[s].name);
            separator = ", ";
        }
    }
    printf(": %s\n", answers->reason);
}

static void print_op(const vlt_op *op, const vlt_caps *caps)
{
    printf("%-15s %s\n", op->name, op->summary);
    for (int i = 0; i < vlt_registry_variant_count(op); i++) {
        const vlt_variant *variant = vlt_registry_variant(op, i);
        const struct answers answers = ask_shapes(variant, op, caps);
        bool applicable = answers.applicable > 0;
        printf("  %s %-14s %-11s %s\n", applicable ? "+" : "-", variant->name,
               vlt_registry_needs_name(variant), applicable ? variant->summary : answers.reason);
        if (applicable && answers.applicable < answers.shapes) {
            print_refusals(variant, op, caps, &answers);
        }
        print_knobs(variant, caps);
    }
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    const char *only = vlt_cli_operand(cli, 0);
    vlt_machine *machine;
    vlt_status status = vlt_machine_probe(NULL, &machine, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_caps *caps = vlt_machine_caps(machine);
    json_t *all = json_array();
    if (only && !vlt_cli_require_op(cli, only, err)) {
        status = VLT_STATUS_USAGE;
        goto done;
    }
    for (int i = 0; i < vlt_registry_op_count(); i++) {
        const vlt_op *op = vlt_registry_op(i);
        if (only && strcmp(only, op->name)) {
            continue;
        }
        if (vlt_cli_flag(cli, "json")) {
            vlt_json_append(&all, op_to_json(op, caps));
        } else {
            print_op(op, caps);
        }
    }
    if (vlt_cli_flag(cli, "json")) {
        status = vlt_json_print(all, false, stdout, err);
    }
done:
    json_decref(all);
    vlt_machine_destroy(machine);
    return status;
}

VLT_COMMAND(list, .operands = "[OP]",
            .summary = "every operator and variant, and what is applicable here",
            .details = "The first variant of an operator is its baseline; + is applicable on this "
                       "machine, at one of\n"
                       "the operator's named shapes at least (those that it refuses are named), - "
                       "at none of them,\n"
                       "with the reason. * marks the default of a knob.",
            .examples = "list\n"
                        "list linear --json",
            .with = VLT_WITH_JSON | VLT_WITH_ISA, .operand_max = 1, .run = run);
