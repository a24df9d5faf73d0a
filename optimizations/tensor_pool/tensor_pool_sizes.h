/* tensor_pool_sizes.h: the size classes of pools, four to an octave, in lines of VLT_ALIGN bytes:
 * 1 2 3 4, 5 6 7 8, 10 12 14 16, 20 24 28 32 ... A block of the class that a size falls into is at
 * most a quarter larger. */
#ifndef VLT_TENSOR_POOL_SIZES_H
#define VLT_TENSOR_POOL_SIZES_H

#include <stddef.h>

#include "optimizations/core/compiler.h"
#include "optimizations/core/memory.h"

/* The smallest class that holds `bytes`, which are at most 2^48 (0 counts as 1). */
VLT_ALWAYS_INLINE int vlt_pool_class(size_t bytes)
{
    const size_t below = (bytes ? bytes - 1 : 0) / VLT_ALIGN; /* whole lines below its last byte */
    if (below < 4) {
        return (int)below;
    }
    const int octave = VLT_LOG2(below);
    return 4 * octave - 8 + (int)(below >> (octave - 2));
}

/* What a block of the class holds. */
static inline size_t vlt_pool_class_bytes(int pool_class)
{
    if (pool_class < 4) {
        return (size_t)(pool_class + 1) * VLT_ALIGN;
    }
    return (size_t)(pool_class % 4 + 5) << (pool_class / 4 - 1) << 6;
}

#endif
