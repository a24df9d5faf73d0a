#include "optimizations/core/choices.h"

#include <assert.h>
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

static vlt_choice *find_forced(vlt_choices *choices, const vlt_op *op)
{
    for (int i = 0; i < choices->count; i++) {
        if (choices->entry[i].op == op && choices->entry[i].forced) {
            return &choices->entry[i];
        }
    }
    return NULL;
}

/* Puts op and variant of "OP=VARIANT[:...]" into *choice; *knobs is what follows. */
static vlt_status read_forced(const char *text, vlt_choice *choice, const char **knobs,
                              vlt_error *err)
{
    char path[512];
    vlt_problem problem;
    size_t length = strlen(text), op_length = strcspn(text, "="), end = strcspn(text, ":");
    if (length >= sizeof path || op_length >= end || op_length == 0) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected OP=VARIANT[:KNOB=V,...]", text);
    }
    if (memchr(text, '@', end)) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "'%s': a forced variant is for every size, expected no '@'", text);
    }
    memcpy(path, text, end);
    path[op_length] = '/';
    path[end] = '\0';
    *knobs = text + end + (text[end] == ':');
    vlt_status status = vlt_registry_parse(path, &problem, &choice->variant, &choice->binding, err);
    choice->op = problem.op;
    return status;
}

vlt_status vlt_choices_force(vlt_choices *choices, const char *text, vlt_error *err)
{
    vlt_choice choice = {.bucket = "*", .forced = true};
    const char *knobs = "";
    uint32_t given;
    vlt_status status = read_forced(text, &choice, &knobs, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_choice *before = find_forced(choices, choice.op);
    if (before && before->variant != choice.variant) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s and %s for operator %s, expected one",
                        before->variant->name, choice.variant->name, choice.op->name);
    }
    if (before) {
        choice = *before;
    }
    status = vlt_binding_parse_over(choice.variant, knobs, &choice.binding, &given, err);
    choice.knobs_given |= given;
    return status == VLT_OK ? vlt_choices_set(choices, &choice, err) : status;
}

void vlt_choices_settle(vlt_choices *choices, const vlt_op *op, const char *knob, int64_t value)
{
    int at = 0;
    while (at < choices->settled_count &&
           (choices->settled[at].op != op || strcmp(choices->settled[at].knob, knob))) {
        at++;
    }
    assert(at < VLT_SETTLED_MAX);
    choices->settled[at] = (vlt_settled_knob){op, knob, value};
    choices->settled_count += at == choices->settled_count;
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
