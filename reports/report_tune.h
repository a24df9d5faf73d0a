/* report_tune.h: the result of a tuning run as a report. */
#ifndef VLT_REPORTS_REPORT_TUNE_H
#define VLT_REPORTS_REPORT_TUNE_H

#include "reports/report.h"
#include "tuner/tune.h"

/* A report whose texts and rows belong to *result or to itself; released with vlt_report_release,
 * before the result. page_path is borrowed, NULL: no page is written. */
vlt_status vlt_report_from_tune(const vlt_tune_result *result, const char *page_path,
                                vlt_report *out, vlt_error *err);

#endif
