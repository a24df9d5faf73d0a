#include "optimizations/core/knob.h"

#include <stddef.h>

/* 0 (all), the powers of two below all, and one per core. */
static vlt_knob_list thread_counts(const vlt_caps *caps)
{
    vlt_knob_list list = {.value = {0}, .count = 1};
    for (int64_t threads = 1; threads < caps->cpu_count; threads *= 2) {
        list.value[list.count++] = threads;
        if (threads < caps->core_count && caps->core_count < 2 * threads &&
            caps->core_count < caps->cpu_count) {
            list.value[list.count++] = caps->core_count;
        }
    }
    return list;
}

vlt_knob_list vlt_knob_values(const vlt_knob *knob, const vlt_caps *caps)
{
    vlt_knob_list list = {.count = 0};
    if (!knob->values) {
        return thread_counts(caps);
    }
    for (; list.count < knob->value_count && list.count < VLT_KNOB_VALUES_MAX; list.count++) {
        list.value[list.count] = knob->values[list.count];
    }
    return list;
}

bool vlt_knob_takes(const vlt_knob *knob, int64_t value)
{
    for (int i = 0; i < knob->value_count; i++) {
        if (knob->values[i] == value) {
            return true;
        }
    }
    return !knob->values && value >= 0 && value <= VLT_KNOB_THREADS_MOST;
}

const char *vlt_knob_label(const vlt_knob *knob, int64_t value)
{
    for (int i = 0; knob->labels && i < knob->value_count; i++) {
        if (knob->values[i] == value) {
            return knob->labels[i];
        }
    }
    return NULL;
}
