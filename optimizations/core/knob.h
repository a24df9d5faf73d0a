/* knob.h: a tunable parameter of a variant and the values bound to it. */
#ifndef VLT_CORE_KNOB_H
#define VLT_CORE_KNOB_H

#include <stdint.h>

enum { VLT_KNOB_MAX = 8 };

/* Declared with the variant, never an environment variable. */
typedef struct vlt_knob {
    const char *name;          /* lower case, [a-z0-9_]; how config files and --force write it */
    const char *help;          /* one line, with the unit */
    const int64_t *values;     /* what the tuner may try, ascending */
    int value_count;           /* >= 1 */
    int64_t default_value;     /* one of the values */
    const char *const *labels; /* one name per value for choices that are no numbers, else NULL */
} vlt_knob;

/* Values in the order of the variant's knobs. */
typedef struct vlt_binding {
    int64_t value[VLT_KNOB_MAX];
} vlt_binding;

#endif
