/* What a caller asks of a parsed expression besides its value. */
#include "tuner/space/expression.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/space/expression_internal.h"

vlt_status vlt_expression_fail(const vlt_expression *expression, int column, vlt_error *err,
                               const char *format, ...)
{
    char message[VLT_ERROR_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vlt_utf8_vformat(message, sizeof message, format, arguments);
    va_end(arguments);
    return vlt_fail(err, VLT_STATUS_INPUT, "%s: column %d: %s", expression->name, column, message);
}

void vlt_expression_destroy(vlt_expression *expression)
{
    if (!expression) {
        return;
    }
    for (int i = 0; i < expression->names_count; i++) {
        free(expression->names[i].text);
    }
    for (int i = 0; i < expression->texts_count; i++) {
        free(expression->texts[i]);
    }
    free(expression->names);
    free(expression->texts);
    free(expression->node);
    free(expression->text);
    free(expression->name);
    free(expression);
}

const char *vlt_expression_text(const vlt_expression *expression)
{
    return expression->text;
}

int vlt_expression_name_count(const vlt_expression *expression)
{
    return expression->slot_count;
}

static const vlt_expression_name_entry *entry_of(const vlt_expression *expression, int slot)
{
    int i = 0;
    while (expression->names[i].slot != slot) {
        i++;
    }
    return &expression->names[i];
}

const char *vlt_expression_name(const vlt_expression *expression, int index)
{
    return entry_of(expression, index)->text;
}

vlt_status vlt_expression_unknown(const vlt_expression *expression, int index,
                                  const char *const *known, int known_count, vlt_error *err)
{
    const vlt_expression_name_entry *entry = entry_of(expression, index);
    const char *near = vlt_nearest_name(entry->text, known, known_count);
    return vlt_expression_fail(expression, entry->column, err, "unknown parameter '%s'%s%s%s",
                               entry->text, near ? ", did you mean '" : "", near ? near : "",
                               near ? "'?" : "");
}

/* The root of conjunct number *index below `node`, or -1 with *index lowered by their number. */
static int find_part(const vlt_expression *expression, int node, int *index)
{
    const vlt_node *at = &expression->node[node];
    if (at->kind != VLT_NODE_AND) {
        return (*index)-- == 0 ? node : -1;
    }
    int found = find_part(expression, at->first, index);
    return found >= 0 ? found : find_part(expression, expression->node[at->first].next, index);
}

int vlt_expression_part_count(const vlt_expression *expression)
{
    int count = 0;
    for (int index = 0; find_part(expression, expression->root, &index) >= 0; index = ++count) {
    }
    return count;
}

/* Marks what stands below a node; `used` has one flag for every name. */
static void mark_names(const vlt_expression *expression, int node, bool *used)
{
    const vlt_node *at = &expression->node[node];
    if (at->name >= 0) {
        used[at->name] = true;
    }
    for (int child = at->first; child >= 0; child = expression->node[child].next) {
        mark_names(expression, child, used);
    }
}

vlt_status vlt_expression_part(const vlt_expression *expression, int index, vlt_expression **out,
                               vlt_error *err)
{
    vlt_expression *part;
    vlt_status status = vlt_expression_parse(expression->text, expression->name, &part, err);
    *out = NULL;
    if (status != VLT_OK) {
        return status;
    }
    bool *used = calloc((size_t)part->names_count + 1, sizeof *used);
    if (!used) {
        vlt_expression_destroy(part);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", expression->name);
    }
    part->root = find_part(part, part->root, &index); /* equal texts make equal trees */
    const vlt_node *root = &part->node[part->root];
    char *text = strndup(part->text + root->begin, (size_t)(root->end - root->begin));
    if (!text) {
        free(used);
        vlt_expression_destroy(part);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", expression->name);
    }
    free(part->text);
    part->text = text;
    mark_names(part, part->root, used);
    part->slot_count = 0;
    for (int i = 0; i < part->names_count; i++) {
        bool counts = used[i] && part->names[i].slot >= 0;
        part->names[i].slot = counts ? part->slot_count++ : -1;
    }
    free(used);
    *out = part;
    return VLT_OK;
}
