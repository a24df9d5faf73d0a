#include "tuner/space/restriction.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

struct vlt_restriction {
    char *name;
    vlt_expression *whole;
    int part_count;
    bool *applied; /* owned [part_count] */
    char **known;  /* owned: names of all parameters met */
    int known_count;
};

static vlt_status no_memory(vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "restriction: out of memory");
}

vlt_status vlt_restriction_parse(const char *text, const char *name, vlt_restriction **out,
                                 vlt_error *err)
{
    vlt_restriction *restriction = calloc(1, sizeof *restriction);
    *out = NULL;
    vlt_status status = restriction && (restriction->name = strdup(name))
                            ? vlt_expression_parse(text, name, &restriction->whole, err)
                            : no_memory(err);
    if (status == VLT_OK) {
        restriction->part_count = vlt_expression_part_count(restriction->whole);
        restriction->applied = calloc((size_t)restriction->part_count, sizeof(bool));
        status = restriction->applied ? VLT_OK : no_memory(err);
    }
    if (status != VLT_OK) {
        vlt_restriction_destroy(restriction);
        return status;
    }
    *out = restriction;
    return VLT_OK;
}

vlt_status vlt_restriction_copy(const vlt_restriction *restriction, vlt_restriction **out,
                                vlt_error *err)
{
    return vlt_restriction_parse(vlt_expression_text(restriction->whole), restriction->name, out,
                                 err);
}

void vlt_restriction_destroy(vlt_restriction *restriction)
{
    if (!restriction) {
        return;
    }
    for (int i = 0; i < restriction->known_count; i++) {
        free(restriction->known[i]);
    }
    free(restriction->known);
    free(restriction->name);
    free(restriction->applied);
    vlt_expression_destroy(restriction->whole);
    free(restriction);
}

static bool is_known(const vlt_restriction *restriction, const char *name)
{
    for (int i = 0; i < restriction->known_count; i++) {
        if (!strcmp(restriction->known[i], name)) {
            return true;
        }
    }
    return false;
}

static vlt_status learn_names(vlt_restriction *restriction, const vlt_domain *domain,
                              vlt_error *err)
{
    size_t room = (size_t)(restriction->known_count + vlt_domain_parameter_count(domain)) + 1;
    void *grown = realloc(restriction->known, room * sizeof *restriction->known);
    if (!grown) {
        return no_memory(err);
    }
    restriction->known = grown;
    for (int i = 0; i < vlt_domain_parameter_count(domain); i++) {
        const char *name = vlt_domain_parameter(domain, i)->name;
        if (!is_known(restriction, name)) {
            char *copy = strdup(name);
            if (!copy) {
                return no_memory(err);
            }
            restriction->known[restriction->known_count++] = copy;
        }
    }
    return VLT_OK;
}

static bool applies(const vlt_expression *part, const vlt_domain *domain)
{
    for (int i = 0; i < vlt_expression_name_count(part); i++) {
        if (vlt_domain_find_parameter(domain, vlt_expression_name(part, i)) < 0) {
            return false;
        }
    }
    return true;
}

vlt_status vlt_restriction_apply(vlt_restriction *restriction, vlt_domain *domain, vlt_error *err)
{
    vlt_status status = learn_names(restriction, domain, err);
    for (int i = 0; i < restriction->part_count && status == VLT_OK; i++) {
        vlt_expression *part;
        status = vlt_expression_part(restriction->whole, i, &part, err);
        if (status == VLT_OK && applies(part, domain)) {
            restriction->applied[i] = true;
            status = vlt_domain_add_constraint(domain, part, err);
        } else {
            vlt_expression_destroy(part);
        }
    }
    return status;
}

/* Why a part applied nowhere. */
static vlt_status complain(const vlt_restriction *restriction, int index, vlt_error *err)
{
    vlt_expression *part;
    vlt_status status = vlt_expression_part(restriction->whole, index, &part, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_fail(err, VLT_STATUS_INPUT,
                      "'%s': part %d names parameters that nothing has together",
                      vlt_expression_text(part), index + 1);
    for (int i = vlt_expression_name_count(part) - 1; i >= 0; i--) {
        if (!is_known(restriction, vlt_expression_name(part, i))) {
            status = vlt_expression_unknown(part, i, (const char *const *)restriction->known,
                                            restriction->known_count, err);
        }
    }
    vlt_expression_destroy(part);
    return status;
}

vlt_status vlt_restriction_check(const vlt_restriction *restriction, vlt_error *err)
{
    for (int i = 0; i < restriction->part_count; i++) {
        if (!restriction->applied[i]) {
            return complain(restriction, i, err);
        }
    }
    return VLT_OK;
}

vlt_status vlt_restriction_blame(const vlt_restriction *restriction, vlt_status status,
                                 vlt_error *err)
{
    size_t bytes = strlen(restriction->name);
    if (!err || !strncmp(err->message, restriction->name, bytes)) {
        return status;
    }
    return vlt_fail_in(err, status, "%s '%s': ", restriction->name,
                       vlt_quoted_word(vlt_expression_text(restriction->whole)).text);
}
