#include "optimizations/core/hash.h"

#include <xxhash.h>

uint64_t vlt_hash_bytes(const void *data, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, bytes, seed);
}
