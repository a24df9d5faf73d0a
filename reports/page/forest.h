/* forest.h: the forest plot: a line for each comparison with its point and its 95 % interval on one
 * logarithmic axis, equal times as a dashed line, the margin as a band, every process as a dot. */
#ifndef VLT_REPORTS_FOREST_H
#define VLT_REPORTS_FOREST_H

#include "harness/json/buffer.h"
#include "harness/measure/pair.h"

/* Texts are borrowed. */
typedef struct vlt_forest_line {
    const char *name;        /* what stands behind a '@' is written small below */
    const char *rest;        /* else this is; "": nothing */
    double ratio;            /* time of the candidate over time of the baseline; NAN: no mark */
    double low, high;        /* 95 % interval; 0, INFINITY or NAN: not bounded */
    const char *mark;        /* "faster", "slower" ..., the colour of the point */
    char value[48];          /* at the right: "15.8x", "1.03  slower" */
    double margin;           /* 0.01: equal within 1 %; 0: no band */
    const vlt_pair_run *run; /* [run_count], the processes */
    int run_count;
} vlt_forest_line;

typedef struct vlt_forest {
    const vlt_forest_line *line;
    int line_count;
    bool speedups; /* the axis shows the inverse of the ratios: faster is at the right */
} vlt_forest;

void vlt_page_forest(vlt_buffer *page, const vlt_forest *forest);

#endif
