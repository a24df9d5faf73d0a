#include "tuner/space_domain.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

enum { ROWS_MAX = 20000 };

/* The rows being listed. */
struct list {
    uint16_t *digits; /* [capacity][parameters], owned */
    size_t rows, capacity;
    int parameters;
};

static vlt_status add_parameters(vlt_space_domain *map, vlt_error *err)
{
    const vlt_space *space = map->space;
    vlt_scalar names[VLT_SPACE_VARIANT_MAX], values[VLT_KNOB_VALUES_MAX];
    int parameters = 1;
    for (int v = 0; v < space->variant_count; v++) {
        names[v] = vlt_scalar_text(space->variant[v]->name);
    }
    vlt_status status = vlt_domain_add(map->domain, "variant", names, space->variant_count,
                                       VLT_ORDER_UNORDERED, err);
    for (int v = 0; v < space->variant_count; v++) {
        const vlt_variant *variant = space->variant[v];
        map->first[v] = parameters;
        for (int k = 0; k < variant->knob_count && status == VLT_OK; k++) {
            char name[128];
            const vlt_knob_list list = vlt_knob_values(&variant->knobs[k], space->caps);
            for (int i = 0; i < list.count; i++) {
                values[i] = vlt_scalar_integer(list.value[i]);
            }
            vlt_utf8_format(name, sizeof name, "%s.%s", variant->name, variant->knobs[k].name);
            if (++parameters > VLT_DOMAIN_PARAMETER_MAX) {
                return vlt_fail(err, VLT_STATUS_LIMIT, "%s: too many knobs",
                                space->problem.op->name);
            }
            status = vlt_domain_add(map->domain, name, values, list.count,
                                    variant->knobs[k].labels ? VLT_ORDER_UNORDERED : VLT_ORDER_AUTO,
                                    err);
        }
    }
    return status;
}

static int variant_index(const vlt_space *space, const vlt_variant *variant)
{
    for (int v = 0; v < space->variant_count; v++) {
        if (space->variant[v] == variant) {
            return v;
        }
    }
    return -1;
}

/* digits[parameters]; false when a value is none of the parameter's. */
static bool write_digits(const vlt_space_domain *map, const vlt_setting *setting, uint16_t *digits)
{
    int v = variant_index(map->space, setting->variant);
    const vlt_scalar name = vlt_scalar_text(setting->variant->name);
    if (v < 0) {
        return false;
    }
    memset(digits, 0, (size_t)vlt_domain_parameter_count(map->domain) * sizeof *digits);
    digits[0] = (uint16_t)vlt_parameter_find(vlt_domain_parameter(map->domain, 0), &name);
    for (int k = 0; k < setting->variant->knob_count; k++) {
        const vlt_scalar value = vlt_scalar_integer(setting->binding.value[k]);
        int digit = vlt_parameter_find(vlt_domain_parameter(map->domain, map->first[v] + k),
                                       &value);
        if (digit < 0) {
            return false;
        }
        digits[map->first[v] + k] = (uint16_t)digit;
    }
    return true;
}

static vlt_status append(vlt_space_domain *map, struct list *list, const vlt_setting *setting,
                         vlt_error *err)
{
    if (list->rows == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        void *grown = capacity <= 2 * ROWS_MAX
                          ? realloc(list->digits,
                                    capacity * (size_t)list->parameters * sizeof *list->digits)
                          : NULL;
        if (!grown) {
            return vlt_fail(err, VLT_STATUS_LIMIT, "%s: too many settings to list",
                            map->space->problem.op->name);
        }
        list->digits = grown;
        list->capacity = capacity;
    }
    list->rows += write_digits(map, setting, list->digits + list->rows * (size_t)list->parameters);
    return VLT_OK;
}

static vlt_status list_settings(vlt_space_domain *map, int from, struct list *list, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int v = from; v < map->space->variant_count && status == VLT_OK; v++) {
        vlt_setting setting;
        bool more = vlt_space_first(map->space, v, &setting);
        while (more && status == VLT_OK) {
            if (vlt_space_valid(map->space, &setting)) {
                status = append(map, list, &setting, err);
            }
            more = vlt_space_advance(map->space, &setting);
        }
    }
    return status;
}

vlt_status vlt_space_domain_init(vlt_space_domain *out, const vlt_space *space, int from,
                                 vlt_error *err)
{
    struct list list = {0};
    *out = (vlt_space_domain){.space = space};
    vlt_status status = vlt_domain_create(space->problem.op->name, &out->domain, err);
    if (status == VLT_OK) {
        status = add_parameters(out, err);
    }
    if (status == VLT_OK) {
        list.parameters = vlt_domain_parameter_count(out->domain);
        status = list_settings(out, from, &list, err);
    }
    if (status == VLT_OK) {
        status = vlt_domain_build_listed(out->domain, list.digits, list.rows, err);
    }
    free(list.digits);
    if (status != VLT_OK) {
        vlt_space_domain_release(out);
    }
    return status;
}

void vlt_space_domain_release(vlt_space_domain *map)
{
    vlt_domain_destroy(map->domain);
    *map = (vlt_space_domain){0};
}

uint64_t vlt_space_domain_find(const vlt_space_domain *map, const vlt_setting *setting)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    return write_digits(map, setting, digits) ? vlt_domain_find(map->domain, digits)
                                              : VLT_SETTING_NONE;
}

void vlt_space_domain_setting(const vlt_space_domain *map, uint64_t number, vlt_setting *out)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    vlt_domain_digits(map->domain, number, digits);
    const char *name = vlt_domain_parameter(map->domain, 0)->value[digits[0]].text;
    *out = (vlt_setting){0};
    for (int v = 0; v < map->space->variant_count; v++) {
        if (!strcmp(map->space->variant[v]->name, name)) {
            out->variant = map->space->variant[v];
            for (int k = 0; k < out->variant->knob_count; k++) {
                int at = map->first[v] + k;
                out->binding.value[k] =
                    vlt_domain_parameter(map->domain, at)->value[digits[at]].integer;
            }
        }
    }
}
