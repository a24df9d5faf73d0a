/* roofline_internal.h: what the parts of the roofline share. */
#ifndef VLT_HARNESS_ROOFLINE_INTERNAL_H
#define VLT_HARNESS_ROOFLINE_INTERNAL_H

#include "harness/measure/roofline.h"
#include "optimizations/core/threads.h"

/* So that the compiler keeps what led to it. */
void vlt_roofline_used(uint64_t result);

/* Best of the runs of items by `count` threads that fit the budget (three at least), in units per
 * second. */
double vlt_roofline_best_rate(vlt_threads *threads, int count, double units, double budget_s,
                              vlt_threads_body *body, void *argument, int64_t items);

/* Fills in bandwidth and caches. */
vlt_status vlt_roofline_measure_memory(const vlt_machine *machine, vlt_threads *threads,
                                       double budget_s, vlt_roofline *out, vlt_error *err);

#endif
