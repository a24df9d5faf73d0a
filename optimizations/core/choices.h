/* choices.h: which variant and knobs to use where: the tuned config as a plain table.
 *
 * harness/config reads and writes it; composite operators resolve their children with it.
 */
#ifndef VLT_CORE_CHOICES_H
#define VLT_CORE_CHOICES_H

#include "optimizations/core/registry.h"

typedef struct vlt_choice {
    const vlt_op *op;
    char bucket[VLT_BUCKET_BYTES]; /* as vlt_problem_bucket writes it; "*" stands for every one */
    vlt_bucket place;              /* the same, read; vlt_choices_set does it */
    const vlt_variant *variant;
    vlt_binding binding;
    bool forced;          /* from --force: goes before everything else, --baseline included */
    uint32_t knobs_given; /* forced: bit i: knob i is in the text; the others stay as tuned */
} vlt_choice;

/* The value of a knob that was decided outside, whatever variant and knobs were chosen. */
typedef struct vlt_settled_knob {
    const vlt_op *op;
    const char *knob; /* static */
    int64_t value;    /* one that the knob takes */
} vlt_settled_knob;

enum { VLT_SETTLED_MAX = 12 };

typedef struct vlt_choices {
    vlt_choice *entry; /* owned */
    int count;
    int capacity;
    vlt_settled_knob settled[VLT_SETTLED_MAX];
    int settled_count;
} vlt_choices;

/* Adds or replaces the entry of (op, bucket, forced). USAGE: the bucket is none of the operator's.
 */
vlt_status vlt_choices_set(vlt_choices *choices, const vlt_choice *choice, vlt_error *err);
void vlt_choices_release(vlt_choices *choices);

/* Adds a forced entry from "OP=VARIANT[:KNOB=V,...]"; a second text for the same variant adds its
 * knobs. USAGE names what there is not, and two variants forced for one operator. */
vlt_status vlt_choices_force(vlt_choices *choices, const char *text, vlt_error *err);

/* Plans of the operator made from now on have this value, where their variant has the knob; at most
 * VLT_SETTLED_MAX, a second value for one replaces the first. */
void vlt_choices_settle(vlt_choices *choices, const vlt_op *op, const char *knob, int64_t value);

/* How a plan came by its variant. */
typedef enum vlt_choice_source {
    VLT_CHOICE_TUNED,    /* the bucket is in the tuned config */
    VLT_CHOICE_NEAREST,  /* another bucket of the same operator is, the nearest one */
    VLT_CHOICE_DEFAULT,  /* first applicable variant in the catalogue's order of preference */
    VLT_CHOICE_BASELINE, /* asked for, or nothing else is applicable */
    VLT_CHOICE_FORCED
} vlt_choice_source;

const char *vlt_choice_source_name(vlt_choice_source source); /* "tuned", "nearest" ... */

#endif
