/* knob.h: a tunable parameter of a variant and the values bound to it. */
#ifndef VLT_CORE_KNOB_H
#define VLT_CORE_KNOB_H

#include <stdbool.h>
#include <stdint.h>

#include "optimizations/core/caps.h"

enum { VLT_KNOB_MAX = 16, VLT_KNOB_VALUES_MAX = 64, VLT_KNOB_THREADS_MOST = 1024 };

/* Declared with the variant, never an environment variable. */
typedef struct vlt_knob {
    const char *name;      /* lower case, [a-z0-9_]; how config files and --force write it */
    const char *help;      /* one line, with the unit; what it trades */
    const int64_t *values; /* what it may be, ascending; NULL: a number of threads, any one from 0
                              to VLT_KNOB_THREADS_MOST, and what is tried is up to the machine */
    int value_count;       /* >= 1; 0 without values */
    int64_t default_value; /* one of the values */
    const char *const *labels; /* one name per value for choices that are no numbers, else NULL */
} vlt_knob;

/* The knob of every variant that shares work among the threads of the pool. */
#define VLT_KNOB_THREADS                                                              \
    {                                                                                 \
        "threads", "threads that work, at most; 0: all of the pool", NULL, 0, 0, NULL \
    }

/* Values in the order of the variant's knobs. */
typedef struct vlt_binding {
    int64_t value[VLT_KNOB_MAX];
} vlt_binding;

/* The values worth trying on a machine, ascending. */
typedef struct vlt_knob_list {
    int64_t value[VLT_KNOB_VALUES_MAX];
    int count; /* >= 1 */
} vlt_knob_list;

/* Of a variant's knob: vlt_variant_knob_values (registry.h), which asks the variant as well. */
vlt_knob_list vlt_knob_values(const vlt_knob *knob, const vlt_caps *caps);

/* May the knob be this? */
bool vlt_knob_takes(const vlt_knob *knob, int64_t value);

/* The name of a value, NULL where it has none. */
const char *vlt_knob_label(const vlt_knob *knob, int64_t value);

#endif
