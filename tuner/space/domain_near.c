/* Settings as numbers and as digits, and those beside them. */
#include <string.h>

#include "tuner/space/domain_internal.h"

void vlt_domain_digits(const vlt_domain *domain, uint64_t setting, uint16_t *digits)
{
    for (int g = 0; g < domain->group_count; g++) {
        const vlt_group *group = &domain->group[g];
        uint64_t index = setting / group->stride;
        uint64_t key = group->key ? group->key[index] : index;
        setting %= group->stride;
        for (int i = group->member_count - 1; i >= 0; i--) {
            uint64_t values = (uint64_t)domain->parameter[group->member[i]].value_count;
            digits[group->member[i]] = (uint16_t)(key % values);
            key /= values;
        }
    }
}

/* The index of a key in its group, or VLT_SETTING_NONE. */
static uint64_t find_key(const vlt_group *group, uint64_t key)
{
    uint64_t low = 0, high = group->count;
    if (!group->key) {
        return key;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (group->key[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < group->count && group->key[low] == key ? low : VLT_SETTING_NONE;
}

uint64_t vlt_domain_find(const vlt_domain *domain, const uint16_t *digits)
{
    uint64_t setting = 0;
    for (int g = 0; g < domain->group_count; g++) {
        const vlt_group *group = &domain->group[g];
        uint64_t key = 0;
        for (int i = 0; i < group->member_count; i++) {
            const vlt_parameter *parameter = &domain->parameter[group->member[i]];
            if (digits[group->member[i]] >= parameter->value_count) {
                return VLT_SETTING_NONE;
            }
            key = key * (uint64_t)parameter->value_count + digits[group->member[i]];
        }
        uint64_t index = find_key(group, key);
        if (index == VLT_SETTING_NONE) {
            return VLT_SETTING_NONE;
        }
        setting += index * group->stride;
    }
    return setting;
}

/* Do the conditions of a parameter hold? *any: it has some. */
static bool is_active(const vlt_domain *domain, int parameter, const uint16_t *digits, bool *any)
{
    bool active = true;
    *any = false;
    for (int c = 0; c < domain->clause_count; c++) {
        bool holds = true;
        if (domain->clause[c].condition_of == parameter) {
            *any = true;
            active = active &&
                     vlt_clause_holds(domain, &domain->clause[c], digits, &holds, NULL) == VLT_OK &&
                     holds;
        }
    }
    return active;
}

bool vlt_clause_applies(const vlt_domain *domain, const vlt_clause *clause, const uint16_t *digits)
{
    bool any;
    for (int i = 0; i < clause->parameter_count; i++) {
        if (!is_active(domain, clause->parameter[i], digits, &any)) {
            return false;
        }
    }
    return true;
}

void vlt_domain_settle(const vlt_domain *domain, const uint16_t *before, uint16_t *digits)
{
    for (int i = 0; i < domain->parameter_count; i++) { /* conditions name earlier parameters */
        bool any;
        bool now = is_active(domain, i, digits, &any);
        if (any && !now) {
            digits[i] = 0;
        } else if (any && digits[i] == 0 && !is_active(domain, i, before, &any)) {
            digits[i] = (uint16_t)domain->parameter[i].usual;
        }
    }
}

/* The setting with parameter `index` at `value`, or VLT_SETTING_NONE. */
static uint64_t change(const vlt_domain *domain, const uint16_t *from, int index, int value)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    memcpy(digits, from, (size_t)domain->parameter_count * sizeof *digits);
    digits[index] = (uint16_t)value;
    vlt_domain_settle(domain, from, digits);
    return digits[index] == value ? vlt_domain_find(domain, digits) : VLT_SETTING_NONE;
}

int vlt_domain_near(const vlt_domain *domain, uint64_t from, vlt_reach reach, uint64_t *out)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    int count = 0;
    vlt_domain_digits(domain, from, digits);
    for (int i = 0; i < domain->parameter_count; i++) {
        const vlt_parameter *parameter = &domain->parameter[i];
        bool step = reach == VLT_REACH_STEP && parameter->ordered;
        for (int way = -1; way <= 1; way += 2) {
            int end = way < 0 ? -1 : parameter->value_count;
            for (int v = digits[i] + way; v != end; v += way) {
                uint64_t near = change(domain, digits, i, v);
                if (near != VLT_SETTING_NONE) {
                    out[count++] = near;
                    if (step) {
                        break;
                    }
                }
            }
        }
    }
    return count;
}

int vlt_domain_near_max(const vlt_domain *domain)
{
    return domain->near_max;
}
