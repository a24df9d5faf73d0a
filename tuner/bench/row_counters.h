/* row_counters.h: what stands beside a row's time: counters, and the share of the machine's roof.
 */
#ifndef VLT_TUNER_ROW_COUNTERS_H
#define VLT_TUNER_ROW_COUNTERS_H

#include "harness/measure/roofline.h"
#include "tuner/bench/row.h"

/* Ceilings of this machine, measured once for all rows (half a second). */
vlt_status vlt_row_ceilings(vlt_roofline *roofline, vlt_error *err);

/* Runs the candidate of a measured row again in this process, some 20 ms for each pass of the
 * counters, and fills metrics and roofline_share. The times of the row stay as they are: reading
 * counters would disturb them. A row of another build's library keeps a metric that says so.
 * Counters are those of the calling thread; with several threads its share of the work. */
void vlt_row_count(vlt_row *row, const vlt_side *side, const vlt_launch_options *launch,
                   const vlt_roofline *roofline);

/* New reference: an array of {name, value, status, source, code, reason, share, overhead_ns}. */
json_t *vlt_row_metrics_to_json(const vlt_row *row);

#endif
