/* Lists of values, as the Values of a T1 file: "[1] + [2 * i for i in range(1, 11)]". */
#include <stdlib.h>
#include <string.h>

#include "tuner/space/expression_internal.h"

/* Steps of loops until a list is given up. */
enum { STEPS_MAX = 1 << 20 };

typedef struct list {
    vlt_scalar *value; /* owned */
    int count, capacity;
} list;

static vlt_status compute_list(vlt_computation *c, int node, list *out);

static const vlt_node *node_at(const vlt_computation *c, int index)
{
    return &c->expression->node[index];
}

static vlt_status step(vlt_computation *c, const vlt_node *node)
{
    return c->steps_left-- > 0 ? VLT_OK
                               : vlt_expression_fail(c->expression, node->column, c->err,
                                                     "a list of more than %d steps", STEPS_MAX);
}

static vlt_status append(vlt_computation *c, const vlt_node *node, const vlt_scalar *value,
                         list *out)
{
    if (out->count == VLT_EXPRESSION_LIST_MAX) {
        return vlt_fail(c->err, VLT_STATUS_LIMIT, "%s: column %d: a list of more than %d values",
                        c->expression->name, node->column, VLT_EXPRESSION_LIST_MAX);
    }
    if (out->count == out->capacity) {
        int capacity = out->capacity ? 2 * out->capacity : 32;
        void *grown = realloc(out->value, (size_t)capacity * sizeof *out->value);
        if (!grown) {
            return vlt_fail(c->err, VLT_STATUS_NOMEM, "%s: out of memory", c->expression->name);
        }
        out->value = grown;
        out->capacity = capacity;
    }
    out->value[out->count++] = *value;
    return VLT_OK;
}

static vlt_status compute_range(vlt_computation *c, const vlt_node *node, list *out)
{
    int64_t bound[3] = {0, 0, 1};
    int count = 0;
    for (int i = node->first; i >= 0; i = node_at(c, i)->next) {
        vlt_scalar value;
        vlt_status status = vlt_expression_compute(c, i, &value);
        if (status != VLT_OK) {
            return status;
        }
        if (value.kind != VLT_SCALAR_INTEGER || value.integer > INT32_MAX ||
            value.integer < -INT32_MAX) {
            return vlt_expression_fail(c->expression, node_at(c, i)->column, c->err,
                                       "range() needs integers below 2^31");
        }
        bound[count++] = value.integer;
    }
    if (count == 1) {
        bound[1] = bound[0];
        bound[0] = 0;
    }
    if (!bound[2]) {
        return vlt_expression_fail(c->expression, node->column, c->err, "range() with a step of 0");
    }
    vlt_status status = VLT_OK;
    for (int64_t i = bound[0]; status == VLT_OK && (bound[2] > 0 ? i < bound[1] : i > bound[1]);
         i += bound[2]) {
        const vlt_scalar value = vlt_scalar_integer(i);
        status = step(c, node);
        status = status == VLT_OK ? append(c, node, &value, out) : status;
    }
    return status;
}

static vlt_status compute_for(vlt_computation *c, const vlt_node *node, list *out)
{
    int element = node->first, source = node_at(c, element)->next;
    int condition = node_at(c, source)->next;
    const vlt_scalar outer = c->variables[node->name];
    list values = {0};
    vlt_status status = compute_list(c, source, &values);
    for (int i = 0; i < values.count && status == VLT_OK; i++) {
        vlt_scalar value = vlt_scalar_bool(true);
        c->variables[node->name] = values.value[i];
        status = step(c, node);
        if (status == VLT_OK && condition >= 0) {
            status = vlt_expression_compute(c, condition, &value);
        }
        if (status != VLT_OK || !vlt_scalar_true(&value)) {
            continue;
        }
        if (node_at(c, element)->kind == VLT_NODE_FOR) {
            status = compute_list(c, element, out);
        } else {
            status = vlt_expression_compute(c, element, &value);
            status = status == VLT_OK ? append(c, node, &value, out) : status;
        }
    }
    c->variables[node->name] = outer;
    free(values.value);
    return status;
}

static int compare_values(const void *a, const void *b)
{
    return vlt_scalar_compare(a, b);
}

static vlt_status compute_list(vlt_computation *c, int index, list *out)
{
    const vlt_node *node = node_at(c, index);
    vlt_status status = VLT_OK;
    int before = out->count;
    if (node->kind == VLT_NODE_LIST) {
        for (int i = node->first; i >= 0 && status == VLT_OK; i = node_at(c, i)->next) {
            vlt_scalar value;
            status = vlt_expression_compute(c, i, &value);
            status = status == VLT_OK ? append(c, node, &value, out) : status;
        }
        return status;
    }
    if (node->kind == VLT_NODE_FOR) {
        return compute_for(c, node, out);
    }
    if (node->kind == VLT_NODE_BINARY && node->token == VLT_TOKEN_PLUS) {
        status = compute_list(c, node->first, out);
        return status == VLT_OK ? compute_list(c, node_at(c, node->first)->next, out) : status;
    }
    if (node->kind == VLT_NODE_CALL && node->function == VLT_FUNCTION_range) {
        return compute_range(c, node, out);
    }
    if (node->kind == VLT_NODE_CALL && node->function > VLT_FUNCTION_range) {
        status = compute_list(c, node->first, out);
        if (status == VLT_OK && node->function == VLT_FUNCTION_sorted && out->count > before) {
            qsort(out->value + before, (size_t)(out->count - before), sizeof *out->value,
                  compare_values);
        }
        return status;
    }
    return vlt_expression_fail(c->expression, node->column, c->err, "a list is needed here");
}

vlt_status vlt_expression_list(const vlt_expression *expression, vlt_scalar **out, int *count,
                               vlt_error *err)
{
    list values = {0};
    *out = NULL;
    *count = 0;
    if (expression->slot_count) {
        return vlt_expression_unknown(expression, 0, NULL, 0, err);
    }
    vlt_computation c = {.expression = expression, .steps_left = STEPS_MAX, .err = err};
    c.variables = calloc((size_t)expression->names_count + 1, sizeof *c.variables);
    if (!c.variables) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", expression->name);
    }
    vlt_status status = compute_list(&c, expression->root, &values);
    free(c.variables);
    if (status != VLT_OK) {
        free(values.value);
        return status;
    }
    *out = values.value;
    *count = values.count;
    return VLT_OK;
}
