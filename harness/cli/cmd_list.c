/* vltune list: the catalogue with what is applicable here, and why not where it is not. */
#include <stdio.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/json/json.h"
#include "harness/machine/machine.h"
#include "optimizations/core/registry.h"

static void first_problem(const vlt_op *op, vlt_problem *problem)
{
    *problem = (vlt_problem){.op = op};
    memcpy(problem->dim, op->shapes[0].dim, sizeof problem->dim);
}

static json_t *knob_to_json(const vlt_knob *knob, const vlt_caps *caps)
{
    vlt_knob_list list = vlt_knob_values(knob, caps);
    json_t *values = json_array();
    for (int i = 0; i < list.count; i++) {
        const char *label = vlt_knob_label(knob, list.value[i]);
        json_array_append_new(values, label ? json_string(label) : json_integer(list.value[i]));
    }
    return json_pack("{s:s, s:o, s:I, s:s}", "name", knob->name, "values", values, "default",
                     (json_int_t)knob->default_value, "help", knob->help);
}

static json_t *variant_to_json(const vlt_variant *variant, const vlt_problem *problem,
                               const vlt_caps *caps)
{
    char reason[VLT_REASON_BYTES];
    bool applicable = vlt_registry_applicable(variant, problem, caps, reason);
    json_t *knobs = json_array();
    for (int i = 0; i < variant->knob_count; i++) {
        json_array_append_new(knobs, knob_to_json(&variant->knobs[i], caps));
    }
    return json_pack("{s:s, s:b, s:o, s:s, s:o, s:s}", "name", variant->name, "applicable",
                     applicable, "reason", applicable ? json_null() : json_string(reason), "needs",
                     vlt_registry_needs_name(variant), "knobs", knobs, "summary", variant->summary);
}

static json_t *op_to_json(const vlt_op *op, const vlt_caps *caps)
{
    vlt_problem problem;
    first_problem(op, &problem);
    json_t *variants = json_array();
    for (int i = 0; i < vlt_registry_variant_count(op); i++) {
        json_array_append_new(variants,
                              variant_to_json(vlt_registry_variant(op, i), &problem, caps));
    }
    return json_pack("{s:s, s:s, s:o}", "op", op->name, "summary", op->summary, "variants",
                     variants);
}

static void print_op(const vlt_op *op, const vlt_caps *caps)
{
    vlt_problem problem;
    first_problem(op, &problem);
    printf("%-15s %s\n", op->name, op->summary);
    for (int i = 0; i < vlt_registry_variant_count(op); i++) {
        const vlt_variant *variant = vlt_registry_variant(op, i);
        char reason[VLT_REASON_BYTES];
        bool applicable = vlt_registry_applicable(variant, &problem, caps, reason);
        printf("  %s %-14s %-11s %s\n", applicable ? "+" : "-", variant->name,
               vlt_registry_needs_name(variant), applicable ? variant->summary : reason);
        for (int k = 0; k < variant->knob_count; k++) {
            const vlt_knob *knob = &variant->knobs[k];
            printf("%34s%s =", "", knob->name);
            vlt_knob_list list = vlt_knob_values(knob, caps);
            for (int j = 0; j < list.count; j++) {
                const char *label = vlt_knob_label(knob, list.value[j]);
                if (label) {
                    printf(" %s", label);
                } else {
                    printf(" %lld", (long long)list.value[j]);
                }
                printf("%s", list.value[j] == knob->default_value ? "*" : "");
            }
            printf("\n");
        }
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
    if (only && !vlt_registry_find_op(only)) {
        const char *names[64];
        int count = vlt_registry_op_count();
        for (int i = 0; i < count && i < 64; i++) {
            names[i] = vlt_registry_op(i)->name;
        }
        const char *near = vlt_nearest_name(only, names, count);
        status = vlt_fail(err, VLT_STATUS_USAGE, "unknown operator '%s'%s%s%s", only,
                          near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
        goto done;
    }
    for (int i = 0; i < vlt_registry_op_count(); i++) {
        const vlt_op *op = vlt_registry_op(i);
        if (only && strcmp(only, op->name)) {
            continue;
        }
        if (vlt_cli_flag(cli, "json")) {
            json_array_append_new(all, op_to_json(op, caps));
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
                       "machine, - is not,\nwith the reason. * marks the default of a knob.",
            .operand_max = 1, .run = run);
