/* page.h: a report as one self-contained HTML page: inline SVG, light and dark, no script, no file
 * beside it; the same numbers as in the terminal, and the data embedded as JSON. */
#ifndef VLT_REPORTS_PAGE_H
#define VLT_REPORTS_PAGE_H

#include "tuner/report.h"

/* Writes the page; it appears whole or not at all. IO names the path. */
vlt_status vlt_page_write(const vlt_report *report, const char *path, vlt_error *err);

#endif
