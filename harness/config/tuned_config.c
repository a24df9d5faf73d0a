/* The decisions in memory, and how they become choices. */
#include <stdlib.h>
#include <string.h>

#include "harness/config/tuned.h"

void vlt_tuned_config_release(vlt_tuned_config *config)
{
    free(config->decision);
    *config = (vlt_tuned_config){0};
}

vlt_status vlt_tuned_config_set(vlt_tuned_config *config, const vlt_tuned_decision *decision,
                                vlt_error *err)
{
    for (int i = 0; i < config->count; i++) {
        if (!strcmp(config->decision[i].op, decision->op) &&
            !strcmp(config->decision[i].bucket, decision->bucket)) {
            config->decision[i] = *decision;
            return VLT_OK;
        }
    }
    if (config->count == config->capacity) {
        int capacity = config->capacity ? config->capacity * 2 : 32;
        void *grown = realloc(config->decision, (size_t)capacity * sizeof *config->decision);
        if (!grown) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "tuned config: out of memory at decision %d",
                            config->count);
        }
        config->decision = grown;
        config->capacity = capacity;
    }
    config->decision[config->count++] = *decision;
    return VLT_OK;
}

const vlt_tuned_decision *vlt_tuned_config_find(const vlt_tuned_config *config, const char *op,
                                                const char *bucket)
{
    for (int i = 0; i < config->count; i++) {
        if (!strcmp(config->decision[i].op, op) && !strcmp(config->decision[i].bucket, bucket)) {
            return &config->decision[i];
        }
    }
    return NULL;
}

/* A bucket names every dimension that takes part in it, once, in order, rounded: then formatting
 * what was read gives the same text. */
static vlt_status check_bucket(const vlt_op *op, const char *bucket, vlt_error *err)
{
    vlt_problem problem = {.op = op};
    char again[VLT_BUCKET_BYTES];
    if (!strcmp(bucket, "*")) {
        return VLT_OK;
    }
    for (int i = 0; i < op->dim_count; i++) {
        problem.dim[i] = op->dims[i].min;
    }
    vlt_status status = vlt_problem_parse(&problem, bucket, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_problem_bucket(&problem, again, sizeof again);
    return strcmp(again, bucket) != 0
               ? vlt_fail(err, VLT_STATUS_INPUT, "%s: bucket '%s', expected '%s'", op->name, bucket,
                          again)
               : VLT_OK;
}

static vlt_status resolve(const vlt_tuned_decision *decision, vlt_choice *choice, vlt_error *err)
{
    *choice = (vlt_choice){.op = vlt_registry_find_op(decision->op)};
    if (!choice->op) {
        return vlt_fail(err, VLT_STATUS_INPUT, "unknown operator '%s'", decision->op);
    }
    memcpy(choice->bucket, decision->bucket, sizeof choice->bucket);
    choice->variant = vlt_registry_find_variant(choice->op, decision->variant);
    if (!choice->variant) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s has no variant '%s'", decision->op,
                        decision->variant);
    }
    vlt_status status = check_bucket(choice->op, decision->bucket, err);
    return status != VLT_OK
               ? status
               : vlt_binding_parse(choice->variant, decision->knobs, &choice->binding, err);
}

vlt_status vlt_tuned_choices(const vlt_tuned_config *config, const char *name, vlt_choices *choices,
                             vlt_error *err)
{
    vlt_choice choice;
    for (int i = 0; i < config->count; i++) {
        if (resolve(&config->decision[i], &choice, err) != VLT_OK) {
            return vlt_fail_in(err, VLT_STATUS_INPUT, "%s: decision %d: ", name, i + 1);
        }
    }
    vlt_status status = VLT_OK;
    for (int i = 0; i < config->count && status == VLT_OK; i++) {
        status = resolve(&config->decision[i], &choice, err);
        if (status == VLT_OK) {
            status = vlt_choices_set(choices, &choice, err);
        }
    }
    return status;
}
