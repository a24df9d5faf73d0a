/* report_text.h: the figures of a report as people read them; what is unknown is a dash. */
#ifndef VLT_REPORTS_REPORT_TEXT_H
#define VLT_REPORTS_REPORT_TEXT_H

#include "tuner/report.h"

/* The text, NULL where it is not known. */
const char *vlt_report_known(const char *text);

/* "faster" ...; NULL: unknown. */
const char *vlt_report_verdict(const vlt_report_comparison *comparison);

/* "15.8x" for the ratio 0.0633, "same" and "unsure" where the verdict says so, "-" for unknown. */
void vlt_format_speedup(const vlt_report_comparison *comparison, char *text, size_t text_bytes);
/* "[15.6, 16.0]" as speed-ups, "" for unknown. */
void vlt_format_interval(const vlt_report_comparison *comparison, char *text, size_t text_bytes);

/* "1.21x +-0.02", "1.21x", "default" where the choice is that, "unsure", "-". */
void vlt_format_over_default(const vlt_report_row *row, char *text, size_t text_bytes);

#endif
