#include "tuner/space.h"

#include <string.h>

#include "optimizations/core/utf8_text.h"

enum { SCAN_MAX = 1 << 16 };

void vlt_space_init(vlt_space *space, const vlt_problem *problem, const vlt_caps *caps,
                    vlt_quality quality)
{
    *space = (vlt_space){.problem = *problem, .caps = caps};
    int count = vlt_registry_variant_count(problem->op);
    for (int i = 0; i < count && space->variant_count < VLT_SPACE_VARIANT_MAX; i++) {
        const vlt_variant *variant = vlt_registry_variant(problem->op, i);
        if (i == 0 || (variant->quality <= quality &&
                       vlt_registry_applicable(variant, problem, caps, NULL))) {
            space->variant[space->variant_count++] = variant;
        }
    }
}

bool vlt_space_valid(const vlt_space *space, const vlt_setting *setting)
{
    const vlt_variant *variant = setting->variant;
    return !variant->valid || variant->valid(&space->problem, space->caps, &setting->binding);
}

bool vlt_setting_equal(const vlt_setting *a, const vlt_setting *b)
{
    return a->variant == b->variant && !memcmp(&a->binding, &b->binding, sizeof a->binding);
}

vlt_setting vlt_space_baseline(const vlt_space *space)
{
    vlt_setting setting = {.variant = space->variant[0]};
    vlt_binding_defaults(setting.variant, &setting.binding);
    return setting;
}

static int place_of(const vlt_knob_list *list, int64_t value)
{
    int at = 0;
    while (at < list->count && list->value[at] != value) {
        at++;
    }
    return at;
}

/* The next combination of the variant's values, like the digits of a number; false at the end. */
static bool advance(const vlt_space *space, vlt_setting *setting)
{
    const vlt_variant *variant = setting->variant;
    for (int k = 0; k < variant->knob_count; k++) {
        vlt_knob_list list = vlt_variant_knob_values(variant, k, space->caps, NULL);
        int at = place_of(&list, setting->binding.value[k]);
        if (at + 1 < list.count) {
            setting->binding.value[k] = list.value[at + 1];
            return true;
        }
        setting->binding.value[k] = list.value[0];
    }
    return false;
}

static void first_values(const vlt_space *space, vlt_setting *setting)
{
    memset(&setting->binding, 0, sizeof setting->binding);
    for (int k = 0; k < setting->variant->knob_count; k++) {
        vlt_knob_list list = vlt_variant_knob_values(setting->variant, k, space->caps, NULL);
        setting->binding.value[k] = list.value[0];
    }
}

bool vlt_space_default(const vlt_space *space, int index, vlt_setting *out)
{
    *out = (vlt_setting){.variant = space->variant[index]};
    vlt_binding_defaults(out->variant, &out->binding);
    if (vlt_space_valid(space, out)) {
        return true;
    }
    first_values(space, out);
    for (int i = 0; i < SCAN_MAX; i++) {
        if (vlt_space_valid(space, out)) {
            return true;
        }
        if (!advance(space, out)) {
            return false;
        }
    }
    return false;
}

int64_t vlt_space_count(const vlt_space *space, int64_t limit)
{
    const vlt_setting baseline = vlt_space_baseline(space);
    int64_t count = 0;
    for (int v = 0; v < space->variant_count; v++) {
        vlt_setting setting = {.variant = space->variant[v]};
        first_values(space, &setting);
        do {
            count += vlt_space_valid(space, &setting) && !vlt_setting_equal(&setting, &baseline);
        } while (count < limit && advance(space, &setting));
    }
    return count < limit ? count : limit;
}

void vlt_setting_format(const vlt_setting *setting, char *text, size_t text_bytes)
{
    char knobs[VLT_SETTING_BYTES];
    vlt_binding_format(setting->variant, &setting->binding, knobs, sizeof knobs);
    vlt_utf8_format(text, text_bytes, "%s%s%s", setting->variant->name, knobs[0] ? " " : "", knobs);
}

void vlt_setting_argument(const char *op, char between, const vlt_setting *setting, char *text,
                          size_t text_bytes)
{
    char knobs[VLT_SETTING_BYTES];
    vlt_binding_format(setting->variant, &setting->binding, knobs, sizeof knobs);
    for (char *c = knobs; *c; c++) {
        *c = *c == ' ' ? ',' : *c;
    }
    vlt_utf8_format(text, text_bytes, "%s%c%s%s%s", op, between, setting->variant->name,
                    knobs[0] ? ":" : "", knobs);
}
