/* counters_told.h: counters as the store keeps them, and what they tell a person. */
#ifndef VLT_TUNER_COUNTERS_TOLD_H
#define VLT_TUNER_COUNTERS_TOLD_H

#include "harness/measure/counted.h"
#include "tuner/store/store.h"

/* Two more than the counters: the bytes that a call moves at least, "bytes", and the share of the
 * machine's roof, "roofline_share". */
enum { VLT_COUNTERS_STORED_MAX = VLT_COUNTED_MAX + 2 };

/* Texts are borrowed from `counted`. Returns how many. */
int vlt_counters_stored(const vlt_counted *counted, vlt_store_counter counter[VLT_COUNTED_MAX]);

/* "61 % of the machine's roof; 0.02 page faults a call; no cycles, instructions: no cycle counter".
 * bytes: that a call moves at least, for misses per byte; 0: not known. "" without counters. */
void vlt_counters_tell(const vlt_store_counter *counter, int count, double bytes, char *text,
                       size_t text_bytes);

#endif
