/* counted.h: what the counters said about one side of a comparison, in the process that timed it.
 *
 * Counting comes after timing, which reading counters would disturb. What cannot be counted stays,
 * without a value and with the reason.
 */
#ifndef VLT_HARNESS_COUNTED_H
#define VLT_HARNESS_COUNTED_H

#include "harness/json/json.h"
#include "harness/measure/counters.h"

enum { VLT_COUNTED_MAX = 32 };

typedef struct vlt_counted {
    vlt_metric metric[VLT_COUNTED_MAX]; /* values per call */
    int count;                          /* 0: nobody counted */
} vlt_counted;

/* Runs the subject for some milliseconds in each pass of the counters. Never fails: a source that
 * does is one metric with the reason. Counts the calling thread. */
void vlt_counted_measure(const vlt_subject *subject, double call_ns, vlt_counted *out);

/* New reference: an array, one object a metric. */
json_t *vlt_counted_to_json(const vlt_counted *counted);
/* What is no such array counts as nothing. */
void vlt_counted_from_json(const json_t *array, vlt_counted *out);

#endif
