/* comparison_page.h: what bench, compare or gate measured as one self-contained HTML page: a forest
 * plot of ratios with their intervals, the margin as a band and every process as a dot; the table
 * of verdicts with their reasons; what disturbed the measurement; the data embedded as JSON.
 *
 * The page speaks as the JSON does: a ratio is the time of the candidate over the time of the
 * baseline, so the left side of the plot is the faster one.
 */
#ifndef VLT_REPORTS_COMPARISON_PAGE_H
#define VLT_REPORTS_COMPARISON_PAGE_H

#include "harness/json/json.h"
#include "tuner/bench/row.h"

/* One line of the plot; texts are borrowed. */
typedef struct vlt_comparison_line {
    const char *name;
    const vlt_row *row;
    double margin;       /* 0.01 */
    const char *verdict; /* "slower", "regression" ...; NULL: the row's own */
    const char *reason;  /* NULL: the row's own */
} vlt_comparison_line;

typedef struct vlt_comparison_page {
    const char *title;                /* "vltune compare" */
    const char *baseline, *candidate; /* what was compared; NULL where every line has its own */
    const char *machine;              /* one line; NULL unknown */
    const char *verdict, *reason;     /* of the whole; NULL: none */
    const vlt_comparison_line *line;
    int line_count;         /* 0: a page of the trust box alone */
    const json_t *trust;    /* vlt_trust_facts; NULL: no self-check was given */
    const json_t *document; /* embedded */
} vlt_comparison_page;

/* Writes the page; it appears whole or not at all. IO names the path. */
vlt_status vlt_comparison_page_write(const vlt_comparison_page *comparison, const char *path,
                                     vlt_error *err);

/* Facts for `trust` from a file of `vltune bench --self-check --json`, new reference; NULL when
 * path is NULL. */
vlt_status vlt_comparison_trust(const char *path, json_t **facts, vlt_error *err);

#endif
