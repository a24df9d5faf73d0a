#include "optimizations/core/choices.h"

#include <stdlib.h>
#include <string.h>

vlt_status vlt_choices_set(vlt_choices *choices, const vlt_choice *choice, vlt_error *err)
{
    vlt_bucket place;
    vlt_status status = vlt_bucket_parse(choice->op, choice->bucket, &place, err);
    if (status != VLT_OK) {
        return status;
    }
    for (int i = 0; i < choices->count; i++) {
        vlt_choice *old = &choices->entry[i];
        if (old->op == choice->op && old->forced == choice->forced &&
            !strcmp(old->bucket, choice->bucket)) {
            *old = *choice;
            old->place = place;
            return VLT_OK;
        }
    }
    if (choices->count == choices->capacity) {
        int capacity = choices->capacity ? choices->capacity * 2 : 32;
        vlt_choice *entry = realloc(choices->entry, (size_t)capacity * sizeof *entry);
        if (!entry) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "choices: out of memory at entry %d",
                            choices->count);
        }
        choices->entry = entry;
        choices->capacity = capacity;
    }
    choices->entry[choices->count] = *choice;
    choices->entry[choices->count++].place = place;
    return VLT_OK;
}

void vlt_choices_release(vlt_choices *choices)
{
    free(choices->entry);
    *choices = (vlt_choices){0};
}

vlt_status vlt_choices_force(vlt_choices *choices, const char *text, vlt_error *err)
{
    char path[512];
    size_t length = strlen(text);
    size_t op_length = strcspn(text, "=");
    if (length >= sizeof path || !text[op_length]) {
        return vlt_fail(err, VLT_STATUS_USAGE, "--force '%s', expected OP=VARIANT[:KNOB=V,...]",
                        text);
    }
    memcpy(path, text, length + 1);
    path[op_length] = '/';

    vlt_problem problem;
    vlt_choice choice = {.bucket = "*", .forced = true};
    vlt_status status = vlt_registry_parse(path, &problem, &choice.variant, &choice.binding, err);
    if (status != VLT_OK) {
        return vlt_fail_in(err, status, "--force: ");
    }
    choice.op = problem.op;
    return vlt_choices_set(choices, &choice, err);
}

const char *vlt_choice_source_name(vlt_choice_source source)
{
    static const char *const names[] = {
        [VLT_CHOICE_TUNED] = "tuned",     [VLT_CHOICE_NEAREST] = "nearest",
        [VLT_CHOICE_DEFAULT] = "default", [VLT_CHOICE_BASELINE] = "baseline",
        [VLT_CHOICE_FORCED] = "forced",
    };
    return names[source];
}
