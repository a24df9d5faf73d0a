/* cupti_records.h: the part of CUPTI's activity records that has kept its place since CUDA 11.
 *
 * Records grow with every release, but what begins them does not move (measured between 11.8 and
 * 13.0), so a prefix is enough; records are stepped over by CUPTI itself, never by a size of ours.
 */
#ifndef VLT_HARNESS_CUPTI_RECORDS_H
#define VLT_HARNESS_CUPTI_RECORDS_H

#include <stdbool.h>

#include "optimizations/device/device.h"

enum {
    VLT_CUPTI_KIND_MEMCPY = 1,
    VLT_CUPTI_KIND_CONCURRENT_KERNEL = 10 /* never KERNEL (3), which serialises kernels */
};

/* Reads one record; false when it is of a kind that is not looked at. */
bool vlt_cupti_record_read(const void *record, vlt_activity *out);

#endif
