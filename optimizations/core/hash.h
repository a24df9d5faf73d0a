/* hash.h: fast hashes for contents (XXH3), equal on every machine and in every build. 64 bits tell
 * a handful of things apart; 128 bits name contents that are then never compared. */
#ifndef VLT_CORE_HASH_H
#define VLT_CORE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Hash of data[bytes]; hashes are chained by giving the one before as the seed. */
uint64_t vlt_hash_bytes(const void *data, size_t bytes, uint64_t seed);

typedef struct vlt_hash128 {
    uint64_t low, high;
} vlt_hash128;

vlt_hash128 vlt_hash128_bytes(const void *data, size_t bytes);

static inline bool vlt_hash128_same(vlt_hash128 a, vlt_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

#endif
