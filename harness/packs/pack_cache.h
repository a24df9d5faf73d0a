/* pack_cache.h: packed weights between processes: the shelf (core/packs.h) on disk.
 *
 * What is rounded for a kernel takes seconds to make and does not change: it is kept in a file
 * (pack_file.h) of the user's folder (pack_folder.h) under a key of all that it depends on: every
 * byte of the weight (weight_hashes.h), the arrangement and its size, and the code that packs
 * (core/source_hash.h). Nothing depends on the cache: whatever fails, weights are packed as without
 * it, and one line says why.
 *
 * Nothing is read or written before a pack is asked for that may be kept. Files of this process
 * never make room for each other: of a model that is larger than the limit a part is kept, always
 * the same.
 */
#ifndef VLT_HARNESS_PACK_CACHE_H
#define VLT_HARNESS_PACK_CACHE_H

#include "harness/model/checkpoint.h"
#include "optimizations/core/packs.h"

#define VLT_PACK_CACHE_DEFAULT_BYTES (INT64_C(8) << 30)

typedef struct vlt_pack_cache vlt_pack_cache;

typedef struct vlt_pack_cache_options {
    const vlt_checkpoint *checkpoint; /* mapped; borrowed */
    const char *directory;            /* its folder; borrowed */
    int64_t limit_bytes;              /* of all files in the folder */
    uint64_t code;                    /* which code packs; 0: this build's */
    /* level 0: what was wrong; 1: what was written. From any thread. NULL: silent */
    void (*say)(void *user, int level, const char *message);
    void *user;
} vlt_pack_cache_options;

vlt_status vlt_pack_cache_create(const vlt_pack_cache_options *options, vlt_pack_cache **out,
                                 vlt_error *err);

/* Says what was written. After the store that had the shelf; NULL is fine. */
void vlt_pack_cache_destroy(vlt_pack_cache *cache);

/* For vlt_packs_create. */
vlt_pack_shelf vlt_pack_cache_shelf(vlt_pack_cache *cache);

/* "1.7 GB" */
void vlt_pack_cache_bytes(uint64_t bytes, char *text, size_t text_bytes);

#endif
