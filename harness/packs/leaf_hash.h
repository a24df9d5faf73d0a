/* leaf_hash.h: the 128-bit hash of much data, by all threads.
 *
 * The data is cut into leaves of a fixed size, which are hashed each for itself; the hash is that
 * of the leaves' hashes in order. It does not depend on how many threads there are.
 */
#ifndef VLT_HARNESS_LEAF_HASH_H
#define VLT_HARNESS_LEAF_HASH_H

#include <sys/types.h>

#include "optimizations/core/hash.h"
#include "optimizations/core/status.h"
#include "optimizations/core/threads.h"

/* threads may be NULL. NOMEM. */
vlt_status vlt_leaf_hash(vlt_threads *threads, const void *data, size_t bytes, vlt_hash128 *out,
                         vlt_error *err);

/* Of what a file holds at [offset, offset + bytes). It is read, not mapped: a file that was cut or
 * a disk that fails is an error (IO), no signal. */
vlt_status vlt_leaf_hash_file(vlt_threads *threads, int fd, off_t offset, size_t bytes,
                              vlt_hash128 *out, vlt_error *err);

#endif
