#include "optimizations/core/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/need.h"
#include "optimizations/core/utf8_text.h"

/* The catalogue three times over: declarations, the operators, the variants. CMake has made it from
 * variants.def: the lines that are built. */
#define OP(id)                extern const vlt_op vlt_op_##id;
#define V(id, how, isa, need) extern const vlt_variant vlt_variant_##id##_##how;
#include "optimizations/core/catalogue.def"
#undef V
#undef OP

static const vlt_op *const ops[] = {
#define OP(id) &vlt_op_##id,
#define V(id, how, isa, need)
#include "optimizations/core/catalogue.def"
#undef V
#undef OP
};

static const struct {
    const vlt_op *op;
    const vlt_variant *variant;
    uint32_t needs; /* VLT_ISA_* */
    vlt_need need;
} variants[] = {
#define OP(id)
#define V(id, how, isa, need) \
    {&vlt_op_##id, &vlt_variant_##id##_##how, VLT_ISA_##isa, VLT_NEED_##need},
#include "optimizations/core/catalogue.def"
#undef V
#undef OP
};

enum { OP_COUNT = sizeof ops / sizeof *ops, VARIANT_COUNT = sizeof variants / sizeof *variants };

int vlt_registry_op_count(void)
{
    return OP_COUNT;
}

const vlt_op *vlt_registry_op(int index)
{
    return ops[index];
}

const vlt_op *vlt_registry_find_op(const char *name)
{
    for (int i = 0; i < OP_COUNT; i++) {
        if (!strcmp(ops[i]->name, name)) {
            return ops[i];
        }
    }
    return NULL;
}

int vlt_registry_variant_count(const vlt_op *op)
{
    int count = 0;
    for (int i = 0; i < VARIANT_COUNT; i++) {
        count += variants[i].op == op;
    }
    return count;
}

const vlt_variant *vlt_registry_variant(const vlt_op *op, int index)
{
    for (int i = 0; i < VARIANT_COUNT; i++) {
        if (variants[i].op == op && index-- == 0) {
            return variants[i].variant;
        }
    }
    return NULL;
}

const vlt_variant *vlt_registry_find_variant(const vlt_op *op, const char *name)
{
    for (int i = 0; i < VARIANT_COUNT; i++) {
        if (variants[i].op == op && !strcmp(variants[i].variant->name, name)) {
            return variants[i].variant;
        }
    }
    return NULL;
}

/* VARIANT_COUNT for what is not in the catalogue, as a test's own. */
static int index_of(const vlt_variant *variant)
{
    int i = 0;
    while (i < VARIANT_COUNT && variants[i].variant != variant) {
        i++;
    }
    return i;
}

uint32_t vlt_registry_needs(const vlt_variant *variant)
{
    int i = index_of(variant);
    return i < VARIANT_COUNT ? variants[i].needs : 0;
}

vlt_need vlt_registry_need(const vlt_variant *variant)
{
    int i = index_of(variant);
    return i < VARIANT_COUNT ? variants[i].need : VLT_NEED_NONE;
}

static const char *need_name(vlt_need need)
{
    static const char *const names[] = {
#define VLT_NEED_NAME(code, name) name,
        VLT_NEED_MAP(VLT_NEED_NAME)
#undef VLT_NEED_NAME
    };
    return names[need];
}

const char *vlt_registry_needs_name(const vlt_variant *variant)
{
    switch (vlt_registry_needs(variant)) {
#define VLT_ISA_CASE(code, bit, name) \
    case VLT_ISA_##code:              \
        return name;
        VLT_ISA_MAP(VLT_ISA_CASE)
#undef VLT_ISA_CASE
    default:
        return need_name(vlt_registry_need(variant));
    }
}

bool vlt_registry_applicable(const vlt_variant *variant, const vlt_problem *problem,
                             const vlt_caps *caps, char *reason)
{
    char ignored[VLT_REASON_BYTES];
    reason = reason ? reason : ignored;
    reason[0] = '\0';
    if (vlt_registry_needs(variant) & ~caps->isa) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "%s has no %s",
                        caps->isa_of[0] ? caps->isa_of : "this CPU",
                        vlt_registry_needs_name(variant));
        return false;
    }
    if (vlt_registry_need(variant) == VLT_NEED_DEVICE && !caps->device[0]) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "%s",
                        caps->device_reason[0] ? caps->device_reason
                                               : "it needs a device (--device)");
        return false;
    }
    return !variant->applicable || variant->applicable(problem, caps, reason);
}

bool vlt_registry_usable(const vlt_variant *variant, const vlt_problem *problem,
                         const vlt_caps *caps, const vlt_binding *binding, char *reason)
{
    char ignored[VLT_REASON_BYTES];
    reason = reason ? reason : ignored;
    if (!vlt_registry_applicable(variant, problem, caps, reason)) {
        return false;
    }
    if (variant->valid && !variant->valid(problem, caps, binding)) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "these knob values are not valid here");
        return false;
    }
    return true;
}

vlt_quality vlt_registry_quality(vlt_quality quality, const vlt_caps *caps)
{
    vlt_quality best = VLT_QUALITY_EXACT;
    for (int i = 0; i < VARIANT_COUNT; i++) {
        vlt_quality its = variants[i].variant->quality;
        bool here = !(variants[i].needs & ~caps->isa) &&
                    (variants[i].need != VLT_NEED_DEVICE || caps->device[0]);
        if (here && its <= quality && its > best) {
            best = its;
        }
    }
    return best;
}

void vlt_variant_cost(const vlt_variant *variant, const vlt_problem *problem, vlt_cost *cost)
{
    problem->op->cost(problem, cost);
    if (variant->cost) {
        variant->cost(problem, cost);
    }
}

void vlt_binding_defaults(const vlt_variant *variant, vlt_binding *binding)
{
    *binding = (vlt_binding){0};
    for (int i = 0; i < variant->knob_count; i++) {
        binding->value[i] = variant->knobs[i].default_value;
    }
}

static vlt_status bind_value(const vlt_variant *variant, const vlt_knob *knob, const char *text,
                             size_t length, int64_t *value, vlt_error *err)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool is_number = end == text + length && length && !errno;
    for (int i = 0; knob->labels && i < knob->value_count; i++) {
        if (strlen(knob->labels[i]) == length && !strncmp(knob->labels[i], text, length)) {
            *value = knob->values[i];
            return VLT_OK;
        }
    }
    if (is_number && vlt_knob_takes(knob, number)) {
        *value = number;
        return VLT_OK;
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "%s/%s: knob '%s' does not take '%s'", variant->op,
                    variant->name, knob->name, vlt_quoted(text, length).text);
}

vlt_status vlt_binding_parse(const vlt_variant *variant, const char *text, vlt_binding *binding,
                             vlt_error *err)
{
    uint32_t given;
    vlt_binding_defaults(variant, binding);
    return vlt_binding_parse_over(variant, text, binding, &given, err);
}

vlt_status vlt_binding_parse_over(const vlt_variant *variant, const char *text,
                                  vlt_binding *binding, uint32_t *given, vlt_error *err)
{
    *given = 0;
    text = text ? text : "";
    while (*(text += strspn(text, " ,"))) {
        size_t name_length = strcspn(text, "= ,");
        int index = 0;
        while (index < variant->knob_count &&
               (strlen(variant->knobs[index].name) != name_length ||
                strncmp(variant->knobs[index].name, text, name_length))) {
            index++;
        }
        if (index == variant->knob_count) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s/%s has no knob '%s'", variant->op,
                            variant->name, vlt_quoted(text, name_length).text);
        }
        bool twice = (*given & (UINT32_C(1) << index)) != 0;
        if (text[name_length] != '=' || twice) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s/%s: knob '%s' is given %s", variant->op,
                            variant->name, variant->knobs[index].name,
                            twice ? "twice" : "without a value");
        }
        text += name_length + 1;
        size_t value_length = strcspn(text, " ,");
        vlt_status status = bind_value(variant, &variant->knobs[index], text, value_length,
                                       &binding->value[index], err);
        if (status != VLT_OK) {
            return status;
        }
        text += value_length;
        *given |= UINT32_C(1) << index;
    }
    return VLT_OK;
}

void vlt_binding_format(const vlt_variant *variant, const vlt_binding *binding, char *text,
                        size_t text_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < variant->knob_count && used < text_bytes; i++) {
        const vlt_knob *knob = &variant->knobs[i];
        const char *label = vlt_knob_label(knob, binding->value[i]);
        const char *separator = used ? " " : "";
        int length = label ? snprintf(text + used, text_bytes - used, "%s%s=%s", separator,
                                      knob->name, label)
                           : snprintf(text + used, text_bytes - used, "%s%s=%lld", separator,
                                      knob->name, (long long)binding->value[i]);
        used += length > 0 ? (size_t)length : 0;
    }
}

int vlt_variant_knob_index(const vlt_variant *variant, const char *knob)
{
    for (int i = 0; i < variant->knob_count; i++) {
        if (!strcmp(variant->knobs[i].name, knob)) {
            return i;
        }
    }
    return -1;
}

vlt_knob_list vlt_variant_knob_values(const vlt_variant *variant, int index, const vlt_caps *caps,
                                      char *reason)
{
    const vlt_knob *knob = &variant->knobs[index];
    char unheard[VLT_REASON_BYTES];
    reason = reason ? reason : unheard;
    reason[0] = '\0';
    if (variant->offers && !variant->offers(knob, caps, reason)) {
        return (vlt_knob_list){.value = {knob->default_value}, .count = 1};
    }
    return vlt_knob_values(knob, caps);
}

int64_t vlt_binding_value(const vlt_variant *variant, const vlt_binding *binding, const char *knob)
{
    const int index = vlt_variant_knob_index(variant, knob);
    return index < 0 ? 0 : binding->value[index];
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64], length = strlen(b);
    if (length >= 63 || strlen(a) >= 63) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            size_t shorter = (row[j] < diagonal ? row[j] : diagonal) + 1;
            row[j + 1] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[length];
}

const char *vlt_nearest_name(const char *name, const char *const *names, int count)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 2 + 2;
    for (int i = 0; i < count; i++) {
        bool begins = name[0] && !strncmp(names[i], name, strlen(name)); /* cut short */
        size_t distance = begins ? 0 : edit_distance(name, names[i]);
        if (distance < best_distance) {
            best_distance = distance;
            best = names[i];
        }
    }
    return best;
}

const vlt_op *vlt_registry_require_op(const char *name, vlt_error *err)
{
    const char *names[OP_COUNT];
    const vlt_op *op = vlt_registry_find_op(name);
    if (op) {
        return op;
    }
    for (int i = 0; i < OP_COUNT; i++) {
        names[i] = ops[i]->name;
    }
    const char *near = vlt_nearest_name(name, names, OP_COUNT);
    vlt_fail(err, VLT_STATUS_USAGE, "unknown operator '%s'%s%s%s", name,
             near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

const vlt_shape *vlt_registry_find_shape(const vlt_op *op, const char *name, size_t length)
{
    for (int i = 0; i < op->shape_count; i++) {
        if (strlen(op->shapes[i].name) == length && !strncmp(op->shapes[i].name, name, length)) {
            return &op->shapes[i];
        }
    }
    return NULL;
}

/* "DIM=N,...", the name of a bench shape, or both; what is not named is as in the first shape. */
static vlt_status parse_sizes(const vlt_op *op, const char *dims, vlt_problem *problem,
                              vlt_error *err)
{
    const size_t length = strcspn(dims, ",=");
    const vlt_shape *named = dims[length] == '=' ? NULL : vlt_registry_find_shape(op, dims, length);
    if (length && dims[length] != '=' && !named) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "%s: '%s', expected a bench shape or DIMENSION=NUMBER", op->name, dims);
    }
    *problem = (vlt_problem){.op = op};
    memcpy(problem->dim, named ? named->dim : op->shapes[0].dim, sizeof problem->dim);
    dims += named ? length + (dims[length] == ',') : 0;
    return vlt_problem_parse(problem, dims, err);
}

vlt_status vlt_registry_parse(const char *text, vlt_problem *problem, const vlt_variant **variant,
                              vlt_binding *binding, vlt_error *err)
{
    char copy[512];
    size_t length = strlen(text);
    if (length >= sizeof copy) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s' is %zu bytes long, expected below %zu",
                        vlt_quoted_word(text).text, length, sizeof copy);
    }
    memcpy(copy, text, length + 1);
    char *knobs = strchr(copy, ':');
    char *dims = strchr(copy, '@');
    char *slash = strchr(copy, '/');
    if (!slash || (dims && slash > dims) || (knobs && slash > knobs)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected OP/VARIANT[@DIM=N,...][:KNOB=V,...]",
                        text);
    }
    *slash = '\0';
    if (knobs) {
        *knobs++ = '\0';
    }
    if (dims) {
        *dims++ = '\0';
    }
    if (!*copy || !slash[1]) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "'%s' names no %s, expected OP/VARIANT[@DIM=N,...][:KNOB=V,...]", text,
                        *copy ? "variant" : "operator");
    }
    if (dims && !*dims) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s: nothing behind '@', expected DIM=N,...", copy);
    }
    const vlt_op *op = vlt_registry_require_op(copy, err);
    if (!op) {
        return VLT_STATUS_USAGE;
    }
    *variant = vlt_registry_find_variant(op, slash + 1);
    if (!*variant) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s has no variant '%s'", op->name, slash + 1);
    }
    vlt_status status = parse_sizes(op, dims ? dims : "", problem, err);
    return status != VLT_OK ? status : vlt_binding_parse(*variant, knobs, binding, err);
}
