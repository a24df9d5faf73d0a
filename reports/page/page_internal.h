/* page_internal.h: the frame of a page, and the plots. */
#ifndef VLT_REPORTS_PAGE_INTERNAL_H
#define VLT_REPORTS_PAGE_INTERNAL_H

#include "harness/json/buffer.h"
#include "reports/page/comparison_page.h"
#include "reports/report.h"

/* A page is a vlt_buffer: a failed allocation is told once, by finish. */
void vlt_page_escaped(vlt_buffer *page, const char *text); /* NULL prints as a dash */

/* A page from its title to its embedded data; finish writes the file, whole or not at all, and
 * releases the text. */
void vlt_page_begin(vlt_buffer *page, const char *title);
void vlt_page_end(vlt_buffer *page, const json_t *document);
vlt_status vlt_page_finish(vlt_buffer *page, const char *path, vlt_error *err);

void vlt_page_card(vlt_buffer *page, const char *value, const char *label);
void vlt_page_fact(vlt_buffer *page, const char *name, const char *value); /* a table's row */

/* Forest plot: speed-up of every row with its interval, logarithmic, 1x as a line. */
void vlt_page_forest(vlt_buffer *page, const vlt_report *report);

/* The line's own verdict, else the row's, else "not measured". */
const char *vlt_page_comparison_verdict(const vlt_comparison_line *line);

/* Forest plot of a comparison: ratios on a logarithmic axis, the margin as a band. */
void vlt_page_comparison_plot(vlt_buffer *page, const vlt_comparison_page *comparison);

/* The phases of one request, baseline above tuned, on one time axis. */
void vlt_page_waterfall(vlt_buffer *page, const vlt_report *report);

#endif
