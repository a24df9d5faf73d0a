/* counted_side.h: counters for what was timed in other processes: it is prepared anew in this one.
 *
 * The times stay as they are: reading counters would disturb them.
 */
#ifndef VLT_HARNESS_COUNTED_SIDE_H
#define VLT_HARNESS_COUNTED_SIDE_H

#include "harness/measure/launch.h"
#include "harness/measure/roofline.h"

typedef struct vlt_counted_side {
    vlt_counted counted;
    double roofline_share; /* time that the machine's ceilings allow over the time taken; NAN */
} vlt_counted_side;

/* Runs the side, call_ns a call and at that cost, for some milliseconds in each pass of the
 * counters. Never fails: a side that cannot be counted (of another build's library, or not prepared
 * here) has one metric with the reason. Counters are those of the calling thread; with several
 * threads its share of the work. */
void vlt_counted_side_measure(const vlt_side *side, const vlt_launch_options *options,
                              double call_ns, const vlt_cost *cost, const vlt_roofline *roofline,
                              vlt_counted_side *out);

#endif
