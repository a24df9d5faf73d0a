/* page_internal.h: growing text with HTML escaping, and the plots. */
#ifndef VLT_REPORTS_PAGE_INTERNAL_H
#define VLT_REPORTS_PAGE_INTERNAL_H

#include "optimizations/core/compiler.h"
#include "reports/report.h"

/* Text that grows; a failed allocation is remembered and told once at the end. */
typedef struct vlt_page_text {
    char *data; /* owned */
    size_t used, room;
    bool failed;
} vlt_page_text;

void vlt_page_raw(vlt_page_text *page, const char *html);
void vlt_page_escaped(vlt_page_text *page, const char *text); /* NULL prints as a dash */
void vlt_page_format(vlt_page_text *page, const char *format, ...) VLT_PRINTF(2, 3);

/* Forest plot: speed-up of every row with its interval, logarithmic, 1x as a line. */
void vlt_page_forest(vlt_page_text *page, const vlt_report *report);

/* The phases of one request, baseline above tuned, on one time axis. */
void vlt_page_waterfall(vlt_page_text *page, const vlt_report *report);

#endif
