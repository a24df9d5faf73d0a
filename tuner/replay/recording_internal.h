/* recording_internal.h: rows of a space in the making, between the files that fill and finish it.
 */
#ifndef VLT_TUNER_RECORDING_INTERNAL_H
#define VLT_TUNER_RECORDING_INTERNAL_H

#include "tuner/replay/recorded.h"

/* The values that a parameter was seen with, in the order of appearance. */
typedef struct vlt_recording_column {
    char *name;
    vlt_order kind;
    vlt_scalar *value; /* owned, with its texts */
    uint16_t *order;   /* owned: their numbers, ascending by value */
    int count, capacity;
} vlt_recording_column;

typedef struct vlt_recorded_row {
    vlt_validity validity;
    size_t first_run;
    int run_count;
} vlt_recorded_row;

typedef struct vlt_recording_note {
    char *name, *text; /* owned */
} vlt_recording_note;

struct vlt_recording {
    char *kernel, *machine;
    char unit[VLT_RECORDED_UNIT_BYTES];
    vlt_recording_column column[VLT_DOMAIN_PARAMETER_MAX];
    int column_count;
    uint16_t *digit; /* owned [row_count][column_count]: numbers of values */
    size_t digit_capacity;
    vlt_recorded_row *row; /* owned */
    size_t row_count, row_capacity;
    vlt_recording_note fact[VLT_RECORDED_FACT_MAX];
    int fact_count;
    double *run; /* owned: of all rows */
    size_t run_count, run_capacity;
};

#endif
