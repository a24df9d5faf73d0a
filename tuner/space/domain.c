#include "tuner/space/domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/space/domain_internal.h"

static vlt_status no_memory(const vlt_domain *domain, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", domain->name);
}

vlt_status vlt_domain_create(const char *name, vlt_domain **out, vlt_error *err)
{
    vlt_domain *domain = calloc(1, sizeof *domain);
    *out = NULL;
    if (!domain || !(domain->name = strdup(name))) {
        free(domain);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    *out = domain;
    return VLT_OK;
}

static void release_parameter(vlt_parameter *parameter)
{
    for (int i = 0; parameter->value && i < parameter->value_count; i++) {
        if (parameter->value[i].kind == VLT_SCALAR_TEXT) {
            free((char *)parameter->value[i].text);
        }
    }
    free(parameter->value);
    free(parameter->name);
}

void vlt_domain_destroy(vlt_domain *domain)
{
    if (!domain) {
        return;
    }
    for (int i = 0; i < domain->parameter_count; i++) {
        release_parameter(&domain->parameter[i]);
    }
    for (int i = 0; i < domain->clause_count; i++) {
        vlt_expression_destroy(domain->clause[i].expression);
        free(domain->clause[i].parameter);
    }
    for (int i = 0; i < domain->group_count; i++) {
        free(domain->group[i].member);
        free(domain->group[i].key);
    }
    free(domain->clause);
    free(domain->group);
    free(domain->name);
    free(domain);
}

static int compare_values(const void *a, const void *b)
{
    return vlt_scalar_compare(a, b);
}

static bool is_ordered(const vlt_parameter *parameter, vlt_order order)
{
    if (order != VLT_ORDER_AUTO) {
        return order == VLT_ORDER_ORDERED;
    }
    for (int i = 0; i < parameter->value_count; i++) {
        vlt_scalar_kind kind = parameter->value[i].kind;
        if (kind != VLT_SCALAR_INTEGER && kind != VLT_SCALAR_REAL) {
            return false;
        }
    }
    return parameter->value_count > 2;
}

static vlt_status copy_values(const vlt_domain *domain, vlt_parameter *parameter,
                              const vlt_scalar *values, int count, vlt_error *err)
{
    parameter->value = calloc((size_t)count, sizeof *parameter->value);
    if (!parameter->value) {
        return no_memory(domain, err);
    }
    for (int i = 0; i < count; i++) {
        vlt_scalar value = values[i];
        if (value.kind == VLT_SCALAR_TEXT && !(value.text = strdup(value.text))) {
            return no_memory(domain, err);
        }
        parameter->value[i] = value;
        parameter->value_count++;
    }
    qsort(parameter->value, (size_t)count, sizeof *parameter->value, compare_values);
    for (int i = 1; i < count; i++) {
        if (!vlt_scalar_compare(&parameter->value[i - 1], &parameter->value[i])) {
            char text[64];
            vlt_scalar_format(&parameter->value[i], text, sizeof text);
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: parameter '%s' has the value %s twice",
                            domain->name, parameter->name, text);
        }
    }
    return VLT_OK;
}

vlt_status vlt_domain_add(vlt_domain *domain, const char *name, const vlt_scalar *values, int count,
                          vlt_order order, vlt_error *err)
{
    if (vlt_domain_find_parameter(domain, name) >= 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: parameter '%s' is named twice", domain->name,
                        name);
    }
    if (count < 1 || count > VLT_DOMAIN_VALUE_MAX) {
        return vlt_fail(err, count < 1 ? VLT_STATUS_INPUT : VLT_STATUS_LIMIT,
                        "%s: parameter '%s' has %d values, expected 1 to %d", domain->name, name,
                        count, VLT_DOMAIN_VALUE_MAX);
    }
    if (domain->parameter_count == VLT_DOMAIN_PARAMETER_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: more than %d parameters", domain->name,
                        VLT_DOMAIN_PARAMETER_MAX);
    }
    vlt_parameter parameter = {.name = strdup(name)};
    vlt_status status = parameter.name ? copy_values(domain, &parameter, values, count, err)
                                       : no_memory(domain, err);
    if (status != VLT_OK) {
        release_parameter(&parameter);
        return status;
    }
    parameter.ordered = is_ordered(&parameter, order);
    domain->parameter[domain->parameter_count++] = parameter;
    return VLT_OK;
}

vlt_status vlt_domain_set_usual(vlt_domain *domain, const char *name, const vlt_scalar *value,
                                vlt_error *err)
{
    int index = vlt_domain_find_parameter(domain, name);
    int digit = index < 0 ? -1 : vlt_parameter_find(&domain->parameter[index], value);
    if (digit < 0) {
        char text[64];
        vlt_scalar_format(value, text, sizeof text);
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: parameter '%s' has no value %s", domain->name,
                        name, text);
    }
    domain->parameter[index].usual = digit;
    return VLT_OK;
}

static vlt_status add_clause(vlt_domain *domain, const vlt_clause *clause, vlt_error *err)
{
    size_t bytes = (size_t)(domain->clause_count + 1) * sizeof *domain->clause;
    vlt_clause *grown = realloc(domain->clause, bytes);
    if (!grown) {
        vlt_expression_destroy(clause->expression);
        free(clause->parameter);
        return no_memory(domain, err);
    }
    domain->clause = grown;
    domain->clause[domain->clause_count++] = *clause;
    return VLT_OK;
}

/* A clause over parameters with an index below `below`. */
static vlt_status add_expression(vlt_domain *domain, vlt_expression *expression, int condition_of,
                                 int below, vlt_error *err)
{
    const char *known[VLT_DOMAIN_PARAMETER_MAX];
    vlt_clause clause = {.expression = expression,
                         .parameter_count = vlt_expression_name_count(expression),
                         .condition_of = condition_of};
    clause.parameter = calloc((size_t)clause.parameter_count + 1, sizeof *clause.parameter);
    if (!clause.parameter) {
        vlt_expression_destroy(expression);
        return no_memory(domain, err);
    }
    for (int i = 0; i < below; i++) {
        known[i] = domain->parameter[i].name;
    }
    for (int i = 0; i < clause.parameter_count; i++) {
        int index = vlt_domain_find_parameter(domain, vlt_expression_name(expression, i));
        if (index < 0 || index >= below) {
            vlt_status status = vlt_expression_unknown(expression, i, known, below, err);
            vlt_expression_destroy(expression);
            free(clause.parameter);
            return status;
        }
        clause.parameter[i] = index;
    }
    return add_clause(domain, &clause, err);
}

vlt_status vlt_domain_add_condition(vlt_domain *domain, const char *name,
                                    vlt_expression *expression, vlt_error *err)
{
    int index = vlt_domain_find_parameter(domain, name);
    if (index < 0) {
        vlt_expression_destroy(expression);
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: a condition of '%s', which is no parameter",
                        domain->name, name);
    }
    return add_expression(domain, expression, index, index, err);
}

vlt_status vlt_domain_add_constraint(vlt_domain *domain, vlt_expression *expression, vlt_error *err)
{
    return add_expression(domain, expression, -1, domain->parameter_count, err);
}

vlt_status vlt_domain_add_rule(vlt_domain *domain, vlt_domain_rule *rule, void *user,
                               const int *parameters, int count, vlt_error *err)
{
    vlt_clause clause = {.rule = rule, .user = user, .parameter_count = count, .condition_of = -1};
    clause.parameter = calloc((size_t)count + 1, sizeof *clause.parameter);
    if (!clause.parameter) {
        return no_memory(domain, err);
    }
    memcpy(clause.parameter, parameters, (size_t)count * sizeof *parameters);
    return add_clause(domain, &clause, err);
}

const char *vlt_domain_name(const vlt_domain *domain)
{
    return domain->name;
}

uint64_t vlt_domain_count(const vlt_domain *domain)
{
    return domain->count;
}

int vlt_domain_parameter_count(const vlt_domain *domain)
{
    return domain->parameter_count;
}

const vlt_parameter *vlt_domain_parameter(const vlt_domain *domain, int index)
{
    return &domain->parameter[index];
}

int vlt_domain_clause_count(const vlt_domain *domain)
{
    return domain->clause_count;
}

const vlt_expression *vlt_domain_clause(const vlt_domain *domain, int index, int *condition_of)
{
    *condition_of = domain->clause[index].condition_of;
    return domain->clause[index].expression;
}

int vlt_domain_find_parameter(const vlt_domain *domain, const char *name)
{
    for (int i = 0; i < domain->parameter_count; i++) {
        if (!strcmp(domain->parameter[i].name, name)) {
            return i;
        }
    }
    return -1;
}

int vlt_parameter_find(const vlt_parameter *parameter, const vlt_scalar *value)
{
    const vlt_scalar *found = bsearch(value, parameter->value, (size_t)parameter->value_count,
                                      sizeof *parameter->value, compare_values);
    return found ? (int)(found - parameter->value) : -1;
}
