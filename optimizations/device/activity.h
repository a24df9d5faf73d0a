/* activity.h: what a device noted of its work, and what intervals of activity say about a transfer:
 * sums, span, overlap.
 *
 *     overlap = |time in which a copy and a kernel run at once| / min(sum of copies, of kernels)
 *
 * Sums here are of the united intervals of each kind, so that two copies side by side count once:
 * 1 means that the shorter kind was hidden completely.
 */
#ifndef VLT_DEVICE_ACTIVITY_H
#define VLT_DEVICE_ACTIVITY_H

#include "optimizations/device/device.h"

typedef struct vlt_overlap {
    uint64_t copy_ns;   /* time in which at least one copy ran */
    uint64_t kernel_ns; /* time in which at least one kernel ran */
    uint64_t both_ns;   /* time in which both ran */
    uint64_t span_ns;   /* from the first start to the last end */
    double share;       /* both / min(copy, kernel); NAN when one of them is 0 */
} vlt_overlap;

enum { VLT_ACTIVITY_LOG_MAX = 8192 };

/* Records until somebody takes them; the caller locks. Empty where all but `room` is 0. */
typedef struct vlt_activity_log {
    int room; /* records that are kept, at most VLT_ACTIVITY_LOG_MAX */
    int count;
    uint64_t lost; /* for want of room */
    vlt_activity record[VLT_ACTIVITY_LOG_MAX];
} vlt_activity_log;

void vlt_activity_put(vlt_activity_log *log, const vlt_activity *activity);

/* As vlt_device_table.activity_take: what does not fit into out[capacity] is lost. */
int vlt_activity_take(vlt_activity_log *log, vlt_activity *out, int capacity, uint64_t *lost);

/* Sorts activity[count] by start. Intervals that end before they start count as empty. */
void vlt_activity_overlap(vlt_activity *activity, int count, vlt_overlap *out);

#endif
