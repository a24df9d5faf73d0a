/* cold.h: how much memory calls must rotate through to find their data outside the caches. */
#ifndef VLT_HARNESS_COLD_H
#define VLT_HARNESS_COLD_H

#include "optimizations/core/caps.h"
#include "optimizations/core/status.h"

/* Virtual machines report the last-level cache of a whole socket (480 MiB on two cores has been
 * seen), so the size is measured: the smallest power of two at which reading has become as slow as
 * reading VLT_COLD_BYTES_MAX, never above an eighth of the memory that may be used. Takes about a
 * quarter of a second. */
vlt_status vlt_cold_bytes(const vlt_caps *caps, size_t *bytes, vlt_error *err);

#define VLT_COLD_BYTES_MAX ((size_t)256 << 20)

/* Copies of one working set that fill `cold` bytes: at least 2, at most 4096. */
int vlt_cold_copies(size_t cold, double working_set_bytes);

#endif
