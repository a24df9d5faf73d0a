#include "optimizations/core/hash.h"

#include <xxhash.h>

uint64_t vlt_hash_bytes(const void *data, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, bytes, seed);
}

vlt_hash128 vlt_hash128_bytes(const void *data, size_t bytes)
{
    XXH128_hash_t hash = XXH3_128bits(data, bytes);
    return (vlt_hash128){hash.low64, hash.high64};
}
