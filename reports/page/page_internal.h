/* page_internal.h: the frame of a page, and the phases of a request. */
#ifndef VLT_REPORTS_PAGE_INTERNAL_H
#define VLT_REPORTS_PAGE_INTERNAL_H

#include "harness/json/buffer.h"
#include "tuner/report.h"

/* A page is a vlt_buffer: a failed allocation is told once, by finish. */
void vlt_page_escaped(vlt_buffer *page, const char *text); /* NULL prints as a dash */

/* A page from its title to its embedded data; finish writes the file, whole or not at all, and
 * releases the text. */
void vlt_page_begin(vlt_buffer *page, const char *title);
void vlt_page_end(vlt_buffer *page, const json_t *document);
vlt_status vlt_page_finish(vlt_buffer *page, const char *path, vlt_error *err);

void vlt_page_card(vlt_buffer *page, const char *value, const char *label);
void vlt_page_fact(vlt_buffer *page, const char *name, const char *value); /* a table's row */
void vlt_page_facts(vlt_buffer *page, const json_t *facts); /* names and texts; NULL: none */

/* The phases of one request, baseline above tuned, on one time axis. */
void vlt_page_waterfall(vlt_buffer *page, const vlt_report *report);

#endif
