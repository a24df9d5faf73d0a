/* row.h: one measured comparison as `bench`, `compare` and `gate` show it. */
#ifndef VLT_TUNER_ROW_H
#define VLT_TUNER_ROW_H

#include "harness/json/json.h"
#include "harness/measure/counted_side.h"
#include "harness/measure/experiment.h"

/* A text holds the three paths of a request (library, model, config), as utf8_text.h shows them. */
enum { VLT_ROW_TEXT_BYTES = 3 * 4096 + 64 };

/* B is the candidate. Texts are "" where they do not apply. */
typedef struct vlt_row {
    char op[48];
    char shape[VLT_BUCKET_BYTES]; /* name of a bench shape, or the dimensions */
    char dims[VLT_BUCKET_BYTES];  /* always the dimensions */
    char variant[64];
    char knobs[256];                   /* as vlt_binding_format */
    char baseline[VLT_ROW_TEXT_BYTES]; /* what A was, in the form that compare accepts */
    char candidate[VLT_ROW_TEXT_BYTES];
    vlt_status status; /* OK: measured, else why not, in words: */
    char invalid_reason[VLT_ERROR_BYTES];
    vlt_experiment experiment;
    vlt_counted_side counted; /* of the candidate; vlt_row_count */
    double p_adjusted;        /* of faster or slower, after vlt_rows_adjust; NAN before */
} vlt_row;

typedef struct vlt_rows {
    vlt_row *row; /* owned */
    int count;
    int capacity;
} vlt_rows;

/* A zeroed row at the end; the pointer holds until the next call. NULL: no memory. */
vlt_row *vlt_rows_add(vlt_rows *rows, vlt_error *err);
void vlt_rows_release(vlt_rows *rows);

/* Fills op, shape, variant, knobs, baseline, candidate from the texts of the sides. */
void vlt_row_describe(vlt_row *row, const vlt_side side[2]);

/* Measures into the row. What concerns this row alone (wrong output, not applicable, ended
 * processes) stays in it; only INTERRUPTED and IO, what the callback says, are returned. */
vlt_status vlt_row_measure(vlt_row *row, const vlt_side side[2],
                           const vlt_experiment_options *options, vlt_error *err);

/* Counts the candidate of a measured row; as vlt_counted_side_measure. */
void vlt_row_count(vlt_row *row, const vlt_side *side, const vlt_launch_options *options,
                   const vlt_roofline *roofline);

bool vlt_row_measured(const vlt_row *row);

/* Was it not measured for what the user can mend: a text that cannot be understood, a variant that
 * cannot be here? Memory that was not there is nothing measured. */
bool vlt_row_mendable(const vlt_row *row);

/* The reason of an uncertain verdict, and for how long CPUs were waited for meanwhile. */
void vlt_row_uncertainty(const vlt_row *row, const char *reason, char *text, size_t text_bytes);

/* Benjamini-Hochberg over all measured rows: for highlighting, never for a gate. */
vlt_status vlt_rows_adjust(vlt_rows *rows, vlt_error *err);

/* The worst that happened: OK when at least one row was measured and none was wrong; WRONG; the
 * first status where all of them are mendable; else UNMEASURED. With the first reason. */
vlt_status vlt_rows_status(const vlt_rows *rows, vlt_error *err);

/* New reference. Members: reports/cli/README.md#rows-of-measurements; null where unknown. */
json_t *vlt_row_to_json(const vlt_row *row);
json_t *vlt_rows_to_json(const vlt_rows *rows);

#endif
