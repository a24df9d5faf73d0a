/* read_internal.h: what the readers of recorded spaces share. */
#ifndef VLT_TUNER_READ_INTERNAL_H
#define VLT_TUNER_READ_INTERNAL_H

#include "harness/json/tree.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/replay/recorded.h"

enum { VLT_READ_PLACE_BYTES = VLT_QUOTED_PATH_BYTES + 256 };

/* A reading at hand: where it is, and scratch for one row. */
typedef struct vlt_reading {
    vlt_recording *recording;
    const char *name;                 /* of the file */
    char place[VLT_READ_PLACE_BYTES]; /* "NAME: results[12]" */
    vlt_scalar value[VLT_DOMAIN_PARAMETER_MAX];
    char *text[VLT_DOMAIN_PARAMETER_MAX]; /* owned: the texts in `value` */
    double *run;                          /* owned */
    int run_count;
    size_t run_capacity;
    vlt_error *err;
} vlt_reading;

void vlt_reading_release(vlt_reading *reading);

/* "PLACE: " and the message, INPUT. */
vlt_status vlt_reading_fail(vlt_reading *reading, const char *format, ...) VLT_PRINTF(2, 3);

/* The member of an object for parameter `index`; INPUT where it has none or two. */
vlt_status vlt_reading_member(vlt_reading *reading, const vlt_tree *object, int index,
                              const vlt_tree **out);

/* The value of parameter `index` in the row at hand: a number, text or truth. */
vlt_status vlt_reading_value(vlt_reading *reading, int index, const vlt_tree *value);

/* A name as a C string of its own (free), or NULL with the error set. */
char *vlt_reading_name(vlt_reading *reading, const vlt_tree *text);

/* The numbers of an array become the runs of the row; a missing or empty one leaves none. */
vlt_status vlt_reading_runs(vlt_reading *reading, const vlt_tree *array, const char *what);

/* A single number instead, where it is one that a time can be. */
bool vlt_reading_run(vlt_reading *reading, const vlt_tree *number);

vlt_status vlt_read_t4(vlt_reading *reading, const vlt_tree *root);
vlt_status vlt_read_cache(vlt_reading *reading, const vlt_tree *root);

#endif
