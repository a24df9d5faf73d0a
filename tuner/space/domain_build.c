/* Finding the settings of a domain: groups of parameters that clauses join, each enumerated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/space/domain_internal.h"

/* Steps of an enumeration, and settings of a group, until it is given up. */
static const uint64_t steps_max = UINT64_C(1) << 26, group_max = UINT64_C(1) << 24;

static void describe(const vlt_domain *domain, const vlt_clause *clause, const uint16_t *digits,
                     char *text, size_t text_bytes)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < clause->parameter_count && used + 1 < text_bytes; i++) {
        const vlt_parameter *parameter = &domain->parameter[clause->parameter[i]];
        char value[64];
        vlt_scalar_format(&parameter->value[digits[clause->parameter[i]]], value, sizeof value);
        used += vlt_utf8_format(text + used, text_bytes - used, "%s%s=%s", i ? ", " : "",
                                parameter->name, value);
    }
}

vlt_status vlt_clause_holds(const vlt_domain *domain, const vlt_clause *clause,
                            const uint16_t *digits, bool *out, vlt_error *err)
{
    vlt_scalar values[VLT_DOMAIN_PARAMETER_MAX];
    vlt_error inner;
    inner.message[0] = 0; /* the rest is large, and this runs often */
    if (!clause->expression) {
        *out = clause->rule(clause->user, digits);
        return VLT_OK;
    }
    if (clause->condition_of < 0 && !vlt_clause_applies(domain, clause, digits)) {
        *out = true;
        return VLT_OK;
    }
    for (int i = 0; i < clause->parameter_count; i++) {
        int index = clause->parameter[i];
        values[i] = domain->parameter[index].value[digits[index]];
    }
    vlt_status status = vlt_expression_true(clause->expression, values, out, err ? &inner : NULL);
    if (status != VLT_OK && err) {
        char where[256];
        describe(domain, clause, digits, where, sizeof where);
        return vlt_fail(err, status, "%s%s%s", inner.message, where[0] ? ", where " : "", where);
    }
    return status;
}

/* Gives every parameter the lowest index of those that clauses join it with. */
static void join_parameters(const vlt_domain *domain, int *root)
{
    bool changed = true;
    for (int i = 0; i < domain->parameter_count; i++) {
        root[i] = i;
    }
    while (changed) {
        changed = false;
        for (int c = 0; c < domain->clause_count; c++) {
            const vlt_clause *clause = &domain->clause[c];
            int low = clause->condition_of >= 0 ? root[clause->condition_of] : INT16_MAX;
            for (int i = 0; i < clause->parameter_count; i++) {
                low = root[clause->parameter[i]] < low ? root[clause->parameter[i]] : low;
            }
            for (int i = -1; i < clause->parameter_count; i++) {
                int index = i < 0 ? clause->condition_of : clause->parameter[i];
                if (index >= 0 && root[index] != low) {
                    root[index] = low;
                    changed = true;
                }
            }
        }
    }
}

static vlt_status add_group(vlt_domain *domain, const int *member, int count, vlt_error *err)
{
    vlt_group *group = &domain->group[domain->group_count];
    group->member = calloc((size_t)count, sizeof *group->member);
    if (!group->member) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", domain->name);
    }
    memcpy(group->member, member, (size_t)count * sizeof *member);
    group->member_count = count;
    domain->group_count++;
    uint64_t keys = 1;
    for (int i = 0; i < count; i++) {
        uint64_t values = (uint64_t)domain->parameter[member[i]].value_count;
        if (keys > UINT64_MAX / 2 / values) {
            return vlt_fail(err, VLT_STATUS_LIMIT,
                            "%s: the parameters from '%s' on that constraints join have more than "
                            "2^63 combinations",
                            domain->name, domain->parameter[member[0]].name);
        }
        keys *= values;
    }
    group->count = keys;
    return VLT_OK;
}

static vlt_status make_groups(vlt_domain *domain, bool one, vlt_error *err)
{
    int root[VLT_DOMAIN_PARAMETER_MAX], member[VLT_DOMAIN_PARAMETER_MAX];
    domain->group = calloc((size_t)domain->parameter_count + 1, sizeof *domain->group);
    if (!domain->group) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", domain->name);
    }
    join_parameters(domain, root);
    for (int first = 0; first < domain->parameter_count; first++) {
        int count = 0;
        for (int i = first; i < domain->parameter_count; i++) {
            if (one ? first == 0 : root[i] == first) {
                member[count++] = i;
            }
        }
        vlt_status status = count ? add_group(domain, member, count, err) : VLT_OK;
        if (status != VLT_OK) {
            return status;
        }
    }
    return VLT_OK;
}

/* An enumeration of one group. Clauses are looked at as soon as their last member has a digit. */
typedef struct walk {
    vlt_domain *domain;
    vlt_group *group;
    uint16_t digit[VLT_DOMAIN_PARAMETER_MAX]; /* by parameter */
    uint64_t capacity, steps;
    vlt_error *err;
} walk;

static vlt_status keep(walk *w, uint64_t key)
{
    vlt_group *group = w->group;
    if (group->count == w->capacity) {
        uint64_t capacity = w->capacity ? 2 * w->capacity : 256;
        void *grown = realloc(group->key, (size_t)capacity * sizeof *group->key);
        if (!grown || group->count == group_max) {
            group->key = grown ? grown : group->key;
            return vlt_fail(w->err, grown ? VLT_STATUS_LIMIT : VLT_STATUS_NOMEM,
                            "%s: more than %llu settings of the parameters from '%s' on",
                            w->domain->name, (unsigned long long)group->count,
                            w->domain->parameter[group->member[0]].name);
        }
        group->key = grown;
        w->capacity = capacity;
    }
    group->key[group->count++] = key;
    return VLT_OK;
}

/* Do the clauses hold whose last parameter is member number `depth`? */
static vlt_status check(walk *w, int depth, bool *out)
{
    const vlt_domain *domain = w->domain;
    int last = w->group->member[depth];
    vlt_status status = VLT_OK;
    *out = true;
    for (int c = 0; c < domain->clause_count && *out && status == VLT_OK; c++) {
        const vlt_clause *clause = &domain->clause[c];
        int highest = clause->condition_of;
        for (int i = 0; i < clause->parameter_count; i++) {
            highest = clause->parameter[i] > highest ? clause->parameter[i] : highest;
        }
        if (highest == last) {
            status = vlt_clause_holds(domain, clause, w->digit, out, w->err);
            /* what is not active has the digit 0 */
            *out = *out || (clause->condition_of >= 0 && w->digit[last] == 0);
        }
    }
    return status;
}

/* Tries every digit of the members from `depth` on; key holds the digits before. */
static vlt_status descend(walk *w, int depth, uint64_t key)
{
    if (depth == w->group->member_count) {
        return keep(w, key);
    }
    int index = w->group->member[depth];
    int values = w->domain->parameter[index].value_count;
    vlt_status status = VLT_OK;
    for (int v = 0; v < values && status == VLT_OK; v++) {
        bool holds;
        if (++w->steps > steps_max) {
            return vlt_fail(w->err, VLT_STATUS_LIMIT,
                            "%s: the parameters from '%s' on have too many combinations to look "
                            "at each",
                            w->domain->name, w->domain->parameter[w->group->member[0]].name);
        }
        w->digit[index] = (uint16_t)v;
        status = check(w, depth, &holds);
        if (status == VLT_OK && holds) {
            status = descend(w, depth + 1, key * (uint64_t)values + (uint64_t)v);
        }
    }
    return status;
}

static bool is_bound(const vlt_domain *domain, const vlt_group *group)
{
    for (int c = 0; c < domain->clause_count; c++) {
        const vlt_clause *clause = &domain->clause[c];
        int any = clause->parameter_count ? clause->parameter[0] : clause->condition_of;
        for (int i = 0; i < group->member_count; i++) {
            if (group->member[i] == any) {
                return true;
            }
        }
    }
    return false;
}

/* A clause without parameters holds always or never. */
static vlt_status check_constants(const vlt_domain *domain, vlt_error *err)
{
    static const uint16_t none[VLT_DOMAIN_PARAMETER_MAX] = {0};
    for (int c = 0; c < domain->clause_count; c++) {
        const vlt_clause *clause = &domain->clause[c];
        bool holds = true;
        if (clause->parameter_count == 0 && clause->condition_of < 0) {
            vlt_status status = vlt_clause_holds(domain, clause, none, &holds, err);
            if (status != VLT_OK) {
                return status;
            }
        }
        if (!holds) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: '%s' leaves no setting", domain->name,
                            clause->expression ? vlt_expression_text(clause->expression)
                                               : "a rule");
        }
    }
    return VLT_OK;
}

static vlt_status number_settings(vlt_domain *domain, vlt_error *err)
{
    domain->count = 1;
    for (int i = domain->group_count - 1; i >= 0; i--) {
        vlt_group *group = &domain->group[i];
        group->stride = domain->count;
        if (group->count == 0) {
            domain->count = 0;
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: the constraints leave no setting",
                            domain->name);
        }
        if (domain->count > UINT64_MAX / 2 / group->count) {
            return vlt_fail(err, VLT_STATUS_LIMIT, "%s: more than 2^63 settings", domain->name);
        }
        domain->count *= group->count;
    }
    for (int i = 0; i < domain->parameter_count; i++) {
        domain->near_max += domain->parameter[i].value_count - 1;
    }
    return VLT_OK;
}

vlt_status vlt_domain_build(vlt_domain *domain, vlt_error *err)
{
    vlt_status status = make_groups(domain, false, err);
    status = status == VLT_OK ? check_constants(domain, err) : status;
    for (int i = 0; i < domain->group_count && status == VLT_OK; i++) {
        vlt_group *group = &domain->group[i];
        if (is_bound(domain, group)) {
            walk w = {.domain = domain, .group = group, .err = err};
            group->count = 0;
            status = descend(&w, 0, 0);
        }
    }
    return status == VLT_OK ? number_settings(domain, err) : status;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Constraints over the rows of a list; those that hold become keys. */
static vlt_status keep_row(walk *w, const uint16_t *row)
{
    const vlt_domain *domain = w->domain;
    uint64_t key = 0;
    for (int c = 0; c < domain->clause_count; c++) {
        bool holds = true;
        const vlt_clause *clause = &domain->clause[c];
        vlt_status status = clause->condition_of < 0
                                ? vlt_clause_holds(domain, clause, row, &holds, w->err)
                                : VLT_OK;
        if (status != VLT_OK || !holds) {
            return status;
        }
    }
    for (int i = 0; i < domain->parameter_count; i++) {
        key = key * (uint64_t)domain->parameter[i].value_count + row[i];
    }
    return keep(w, key);
}

vlt_status vlt_domain_build_listed(vlt_domain *domain, const uint16_t *digits, size_t rows,
                                   vlt_error *err)
{
    vlt_status status = make_groups(domain, true, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_group *group = &domain->group[0];
    walk w = {.domain = domain, .group = group, .err = err};
    group->count = 0;
    for (size_t r = 0; r < rows && status == VLT_OK; r++) {
        status = keep_row(&w, digits + r * (size_t)domain->parameter_count);
    }
    if (status == VLT_OK && group->count) {
        uint64_t kept = 1;
        qsort(group->key, (size_t)group->count, sizeof *group->key, compare_keys);
        for (uint64_t i = 1; i < group->count; i++) {
            if (group->key[i] != group->key[kept - 1]) {
                group->key[kept++] = group->key[i];
            }
        }
        group->count = kept;
    }
    return status == VLT_OK ? number_settings(domain, err) : status;
}
