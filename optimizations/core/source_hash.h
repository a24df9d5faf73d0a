/* source_hash.h: which code computes here. What earlier code has left behind (packed weights in
 * files) is told by it. */
#ifndef VLT_CORE_SOURCE_HASH_H
#define VLT_CORE_SOURCE_HASH_H

#include <stdint.h>

/* Of all sources below optimizations/, made by the build: it changes with any of them. */
uint64_t vlt_source_hash(void);

#endif
