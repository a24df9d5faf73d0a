#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/tree.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/replay/t1.h"

enum { PLACE_BYTES = VLT_QUOTED_PATH_BYTES + 256, NAME_BYTES = 256 };

typedef struct parameter {
    char name[NAME_BYTES];
    vlt_order order;
    const vlt_tree *entry;
} parameter;

typedef struct reading {
    const char *name;
    char place[PLACE_BYTES];
    vlt_tree_document *document;
    parameter *parameter; /* owned */
    int count;
    vlt_error *err;
} reading;

static vlt_status fail(reading *r, const char *what, const vlt_tree *found, const char *expected)
{
    return vlt_fail(r->err, VLT_STATUS_INPUT, "%s: %s is %s, expected %s", r->place, what,
                    vlt_tree_quoted(found).text, expected);
}

static void release(reading *r)
{
    vlt_tree_destroy(r->document);
    free(r->parameter);
}

static bool copy_text(const vlt_tree *text, char *out, size_t out_bytes)
{
    if (!text || text->type != VLT_TREE_STRING || text->length >= out_bytes ||
        memchr(text->text, 0, text->length)) {
        return false;
    }
    memcpy(out, text->text, text->length);
    out[text->length] = 0;
    return true;
}

static vlt_status read_parameter(reading *r, const vlt_tree *entry)
{
    static const char *const types[] = {"int", "uint", "float", "double", "bool", "string"};
    parameter *p = &r->parameter[r->count];
    const vlt_tree *type = vlt_tree_get(entry, "Type");
    if (!copy_text(vlt_tree_get(entry, "Name"), p->name, sizeof p->name)) {
        return fail(r, "Name", vlt_tree_get(entry, "Name"), "a short text");
    }
    for (int i = 0; i < r->count; i++) {
        if (!strcmp(r->parameter[i].name, p->name)) {
            return vlt_fail(r->err, VLT_STATUS_INPUT, "%s: parameter '%s' is named twice", r->place,
                            p->name);
        }
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (vlt_tree_is(type, types[i])) {
            p->order = i < 4 ? VLT_ORDER_AUTO : VLT_ORDER_UNORDERED;
            p->entry = entry;
            r->count++;
            return VLT_OK;
        }
    }
    return fail(r, "Type", type, "int, uint, float, bool or string");
}

static vlt_status begin(reading *r, const char *text, size_t bytes, const char *name,
                        vlt_error *err)
{
    *r = (reading){.name = name, .err = err};
    vlt_status status = vlt_tree_parse_file(text, bytes, name, false, &r->document, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_tree *space = vlt_tree_get(vlt_tree_root(r->document), "ConfigurationSpace");
    const vlt_tree *all = vlt_tree_get(space, "TuningParameters");
    vlt_utf8_format(r->place, sizeof r->place, "%s: ConfigurationSpace", name);
    if (!all || all->type != VLT_TREE_ARRAY || !all->count) {
        return fail(r, "TuningParameters", all, "an array of parameters");
    }
    if (all->count > VLT_DOMAIN_PARAMETER_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: %u parameters, at most %d", r->place,
                        all->count, VLT_DOMAIN_PARAMETER_MAX);
    }
    r->parameter = calloc(all->count, sizeof *r->parameter);
    if (!r->parameter) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    for (uint32_t i = 0; i < all->count && status == VLT_OK; i++) {
        vlt_utf8_format(r->place, sizeof r->place, "%s: TuningParameters[%u]", name, i);
        status = read_parameter(r, &all->child[i]);
    }
    return status;
}

/* An expression from a JSON text; `what` and the number name it. */
static vlt_status parse_text(reading *r, const vlt_tree *text, const char *what,
                             vlt_expression **out)
{
    *out = NULL;
    if (!text || text->type != VLT_TREE_STRING || memchr(text->text, 0, text->length)) {
        return fail(r, what, text, "a text");
    }
    char *copy = strndup(text->text, text->length);
    if (!copy) {
        return vlt_fail(r->err, VLT_STATUS_NOMEM, "%s: out of memory", r->name);
    }
    vlt_status status = vlt_expression_parse(copy, r->place, out, r->err);
    free(copy);
    return status;
}

static vlt_status add_parameter(reading *r, const parameter *p, vlt_domain *domain)
{
    vlt_expression *expression;
    vlt_scalar *values = NULL;
    int count;
    vlt_status status = parse_text(r, vlt_tree_get(p->entry, "Values"), "Values", &expression);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_expression_list(expression, &values, &count, r->err);
    if (status == VLT_OK) {
        status = vlt_domain_add(domain, p->name, values, count, p->order, r->err);
    }
    free(values);
    vlt_expression_destroy(expression);
    return status;
}

static vlt_status add_constraints(reading *r, vlt_domain *domain)
{
    const vlt_tree *space = vlt_tree_get(vlt_tree_root(r->document), "ConfigurationSpace");
    const vlt_tree *all = vlt_tree_get(space, "Conditions");
    vlt_status status = VLT_OK;
    if (!all || all->type == VLT_TREE_NULL) {
        return VLT_OK;
    }
    if (all->type != VLT_TREE_ARRAY) {
        return fail(r, "Conditions", all, "an array");
    }
    for (uint32_t i = 0; i < all->count && status == VLT_OK; i++) {
        vlt_expression *expression;
        vlt_utf8_format(r->place, sizeof r->place, "%s: Conditions[%u]", r->name, i);
        status = parse_text(r, vlt_tree_get(&all->child[i], "Expression"), "Expression",
                            &expression);
        if (status == VLT_OK) {
            status = vlt_domain_add_constraint(domain, expression, r->err);
        }
    }
    return status;
}

vlt_status vlt_t1_parse(const char *text, size_t bytes, const char *name, vlt_domain **out,
                        vlt_error *err)
{
    reading r;
    vlt_domain *domain = NULL;
    *out = NULL;
    vlt_status status = begin(&r, text, bytes, name, err);
    if (status == VLT_OK) {
        status = vlt_domain_create(name, &domain, err);
    }
    for (int i = 0; i < r.count && status == VLT_OK; i++) {
        vlt_utf8_format(r.place, sizeof r.place, "%s: TuningParameters[%d].Values", name, i);
        status = add_parameter(&r, &r.parameter[i], domain);
    }
    status = status == VLT_OK ? add_constraints(&r, domain) : status;
    status = status == VLT_OK ? vlt_domain_build(domain, err) : status;
    release(&r);
    if (status != VLT_OK) {
        vlt_domain_destroy(domain);
        return status;
    }
    *out = domain;
    return VLT_OK;
}

vlt_status vlt_t1_order(const char *text, size_t bytes, const char *name, vlt_recording *recording,
                        vlt_error *err)
{
    reading r;
    vlt_status status = begin(&r, text, bytes, name, err);
    for (int i = 0; i < r.count && status == VLT_OK; i++) {
        vlt_recording_order(recording, r.parameter[i].name, r.parameter[i].order);
    }
    release(&r);
    return status;
}
