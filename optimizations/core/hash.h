/* hash.h: one fast 64-bit hash for contents (XXH3), equal on every machine and in every build. */
#ifndef VLT_CORE_HASH_H
#define VLT_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Hash of data[bytes]; hashes are chained by giving the one before as the seed. */
uint64_t vlt_hash_bytes(const void *data, size_t bytes, uint64_t seed);

#endif
