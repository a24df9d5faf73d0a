#include "tuner/space/knob_domain.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

enum { VARIANT = 0, CONDITION_BYTES = 4096 };

struct vlt_knob_domain {
    vlt_space space;
    vlt_domain *domain;
    int variant_of[VLT_SPACE_VARIANT_MAX]; /* digit of "variant" to variant of the space */
    int parameter[VLT_SPACE_VARIANT_MAX][VLT_KNOB_MAX];
};

static vlt_scalar value_of(const vlt_knob *knob, int64_t value)
{
    const char *label = vlt_knob_label(knob, value);
    return label ? vlt_scalar_text(label) : vlt_scalar_integer(value);
}

static vlt_status add_variants(vlt_knob_domain *d, vlt_error *err)
{
    vlt_scalar names[VLT_SPACE_VARIANT_MAX];
    for (int v = 0; v < d->space.variant_count; v++) {
        names[v] = vlt_scalar_text(d->space.variant[v]->name);
    }
    vlt_status status = vlt_domain_add(d->domain, "variant", names, d->space.variant_count,
                                       VLT_ORDER_UNORDERED, err);
    for (int v = 0; v < d->space.variant_count && status == VLT_OK; v++) {
        d->variant_of[vlt_parameter_find(vlt_domain_parameter(d->domain, VARIANT), &names[v])] = v;
    }
    return status;
}

/* The knob of variant v with this name, or NULL. */
static const vlt_knob *knob_named(const vlt_knob_domain *d, int v, const char *name)
{
    const vlt_variant *variant = d->space.variant[v];
    const int index = vlt_variant_knob_index(variant, name);
    return index < 0 ? NULL : &variant->knobs[index];
}

/* Values of all knobs with a name, each once. */
static int gather_values(const vlt_knob_domain *d, const char *name, vlt_scalar *values, int room)
{
    int count = 0;
    for (int v = 0; v < d->space.variant_count; v++) {
        const vlt_variant *variant = d->space.variant[v];
        const int index = vlt_variant_knob_index(variant, name);
        const vlt_knob *knob = index < 0 ? NULL : &variant->knobs[index];
        vlt_knob_list list = {.count = 0};
        if (knob) {
            list = vlt_variant_knob_values(variant, index, d->space.caps, NULL);
        }
        for (int i = 0; i < list.count && count < room; i++) {
            bool known = false;
            values[count] = value_of(knob, list.value[i]);
            for (int other = 0; other < count && !known; other++) {
                known = !vlt_scalar_compare(&values[other], &values[count]);
            }
            count += !known;
        }
    }
    return count;
}

/* "variant in ['avx2', 'avx512']"; nothing where all of them have it: then the parameter stands
 * alone, and its values need not be tried with all others to be counted. */
static vlt_status add_condition(vlt_knob_domain *d, const char *name, vlt_error *err)
{
    char text[CONDITION_BYTES];
    vlt_expression *expression;
    const char *separator = "";
    int with = 0;
    for (int v = 0; v < d->space.variant_count; v++) {
        with += knob_named(d, v, name) != NULL;
    }
    if (with == d->space.variant_count) {
        return VLT_OK;
    }
    size_t used = vlt_utf8_format(text, sizeof text, "variant in [");
    for (int v = 0; v < d->space.variant_count; v++) {
        if (knob_named(d, v, name)) {
            used += vlt_utf8_format(text + used, sizeof text - used, "%s'%s'", separator,
                                    d->space.variant[v]->name);
            separator = ", ";
        }
    }
    vlt_utf8_format(text + used, sizeof text - used, "]");
    vlt_status status = vlt_expression_parse(text, name, &expression, err);
    return status == VLT_OK ? vlt_domain_add_condition(d->domain, name, expression, err) : status;
}

static vlt_status add_knob(vlt_knob_domain *d, const vlt_knob *knob, vlt_error *err)
{
    enum { VALUES_MAX = VLT_SPACE_VARIANT_MAX * VLT_KNOB_VALUES_MAX };
    vlt_scalar *values = calloc(VALUES_MAX, sizeof *values);
    if (!values) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", vlt_domain_name(d->domain));
    }
    int count = gather_values(d, knob->name, values, VALUES_MAX);
    vlt_status status = vlt_domain_add(d->domain, knob->name, values, count,
                                       knob->labels ? VLT_ORDER_UNORDERED : VLT_ORDER_AUTO, err);
    const vlt_scalar usual = value_of(knob, knob->default_value);
    if (status == VLT_OK &&
        vlt_parameter_find(
            vlt_domain_parameter(d->domain, vlt_domain_parameter_count(d->domain) - 1), &usual) >=
            0) {
        status = vlt_domain_set_usual(d->domain, knob->name, &usual, err);
    }
    free(values);
    return status == VLT_OK ? add_condition(d, knob->name, err) : status;
}

static vlt_status add_knobs(vlt_knob_domain *d, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int v = 0; v < d->space.variant_count; v++) {
        const vlt_variant *variant = d->space.variant[v];
        for (int k = 0; k < variant->knob_count && status == VLT_OK; k++) {
            if (vlt_domain_find_parameter(d->domain, variant->knobs[k].name) < 0) {
                status = add_knob(d, &variant->knobs[k], err);
            }
            d->parameter[v][k] = vlt_domain_find_parameter(d->domain, variant->knobs[k].name);
        }
    }
    return status;
}

/* False where a knob of the variant cannot be what the digits say. */
static bool to_setting(const vlt_knob_domain *d, const uint16_t *digits, vlt_setting *out)
{
    int v = d->variant_of[digits[VARIANT]];
    const vlt_variant *variant = d->space.variant[v];
    *out = (vlt_setting){.variant = variant};
    for (int k = 0; k < variant->knob_count; k++) {
        const vlt_knob *knob = &variant->knobs[k];
        const vlt_parameter *parameter = vlt_domain_parameter(d->domain, d->parameter[v][k]);
        vlt_knob_list list = vlt_variant_knob_values(variant, k, d->space.caps, NULL);
        int at = 0;
        while (at < list.count) {
            const vlt_scalar value = value_of(knob, list.value[at]);
            if (!vlt_scalar_compare(&value, &parameter->value[digits[d->parameter[v][k]]])) {
                break;
            }
            at++;
        }
        if (at == list.count) {
            return false;
        }
        out->binding.value[k] = list.value[at];
    }
    return true;
}

static bool is_valid(void *user, const uint16_t *digits)
{
    const vlt_knob_domain *d = user;
    vlt_setting setting;
    return to_setting(d, digits, &setting) && vlt_space_valid(&d->space, &setting);
}

/* Is every combination of the parameters' values a valid setting, where they are active? */
static bool all_valid(const vlt_knob_domain *d)
{
    for (int v = 0; v < d->space.variant_count; v++) {
        const vlt_variant *variant = d->space.variant[v];
        if (variant->valid) {
            return false;
        }
        for (int k = 0; k < variant->knob_count; k++) {
            const vlt_parameter *parameter = vlt_domain_parameter(d->domain, d->parameter[v][k]);
            if (vlt_variant_knob_values(variant, k, d->space.caps, NULL).count !=
                parameter->value_count) {
                return false;
            }
        }
    }
    return true;
}

static vlt_status build(vlt_knob_domain *d, vlt_restriction *where, vlt_error *err)
{
    int all[VLT_DOMAIN_PARAMETER_MAX];
    int count = vlt_domain_parameter_count(d->domain);
    for (int i = 0; i < count; i++) {
        all[i] = i;
    }
    vlt_status status = all_valid(d) ? VLT_OK
                                     : vlt_domain_add_rule(d->domain, is_valid, d, all, count, err);
    if (status == VLT_OK && where) {
        status = vlt_restriction_apply(where, d->domain, err);
    }
    status = status == VLT_OK ? vlt_domain_build(d->domain, err) : status;
    return status != VLT_OK && where ? vlt_restriction_blame(where, status, err) : status;
}

vlt_status vlt_knob_domain_create(const vlt_space *space, const char *name, vlt_restriction *where,
                                  vlt_knob_domain **out, vlt_error *err)
{
    vlt_knob_domain *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    d->space = *space;
    vlt_status status = vlt_domain_create(name, &d->domain, err);
    status = status == VLT_OK ? add_variants(d, err) : status;
    status = status == VLT_OK ? add_knobs(d, err) : status;
    status = status == VLT_OK ? build(d, where, err) : status;
    if (status != VLT_OK) {
        vlt_knob_domain_destroy(d);
        return status;
    }
    *out = d;
    return VLT_OK;
}

void vlt_knob_domain_destroy(vlt_knob_domain *domain)
{
    if (domain) {
        vlt_domain_destroy(domain->domain);
        free(domain);
    }
}

const vlt_domain *vlt_knob_domain_domain(const vlt_knob_domain *domain)
{
    return domain->domain;
}

void vlt_knob_domain_setting(const vlt_knob_domain *domain, uint64_t number, vlt_setting *out)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    vlt_domain_digits(domain->domain, number, digits);
    to_setting(domain, digits, out);
}

uint64_t vlt_knob_domain_find(const vlt_knob_domain *domain, const vlt_setting *setting)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX] = {0};
    int v = 0;
    while (v < domain->space.variant_count && domain->space.variant[v] != setting->variant) {
        v++;
    }
    if (v == domain->space.variant_count) {
        return VLT_SETTING_NONE;
    }
    for (int d = 0; d < domain->space.variant_count; d++) {
        digits[VARIANT] = domain->variant_of[d] == v ? (uint16_t)d : digits[VARIANT];
    }
    for (int k = 0; k < setting->variant->knob_count; k++) {
        const vlt_scalar value = value_of(&setting->variant->knobs[k], setting->binding.value[k]);
        int parameter = domain->parameter[v][k];
        int digit = vlt_parameter_find(vlt_domain_parameter(domain->domain, parameter), &value);
        if (digit < 0) {
            return VLT_SETTING_NONE;
        }
        digits[parameter] = (uint16_t)digit;
    }
    return vlt_domain_find(domain->domain, digits);
}
