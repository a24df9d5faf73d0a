/* report_json.h: a report as one JSON document, there and back.
 *
 * The document is kept in the store beside the samples, so that `vltune report` shows the same
 * numbers later. What is unknown is null there, never 0 and never "".
 */
#ifndef VLT_REPORTS_REPORT_JSON_H
#define VLT_REPORTS_REPORT_JSON_H

#include "tuner/report.h"

/* New reference; NULL: no memory. */
json_t *vlt_report_to_json(const vlt_report *report);

/* Refuses with INPUT what is not a report; the caller releases *out whatever the status. */
vlt_status vlt_report_from_json(const json_t *document, vlt_report *out, vlt_error *err);

#endif
