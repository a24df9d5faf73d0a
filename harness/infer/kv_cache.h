/* kv_cache.h: the keys and values of one session, which grow as they are used.
 *
 *   layer i   [k, v][kv_heads][rows][head], f32
 *
 * so that a query head streams through contiguous rows. Room grows by doubling, a layer at a time:
 * besides the new rows a step takes one layer's copy at most. Pages take memory when their rows are
 * written (core/memory.h), not before, so that a long context costs what of it is used. When memory
 * runs out nothing is lost: layers that have grown keep their room, the others what they had.
 */
#ifndef VLT_HARNESS_KV_CACHE_H
#define VLT_HARNESS_KV_CACHE_H

#include "harness/model/config.h"

typedef struct vlt_kv_layer {
    float *data;  /* pages, owned; NULL: none yet */
    size_t bytes; /* of them */
    int64_t rows; /* room in each head's list: the stride */
} vlt_kv_layer;

typedef struct vlt_kv_cache {
    int64_t layers, kv_heads, head;
    vlt_kv_layer *layer; /* [layers], owned */
    int64_t capacity;    /* rows that every layer has room for */
} vlt_kv_cache;

vlt_status vlt_kv_cache_init(vlt_kv_cache *cache, const vlt_text_config *text, vlt_error *err);
void vlt_kv_cache_release(vlt_kv_cache *cache); /* may be called on {0} */

/* What that many rows take; LIMIT when it does not fit into size_t. */
vlt_status vlt_kv_cache_bytes(const vlt_kv_cache *cache, int64_t rows, size_t *bytes,
                              vlt_error *err);

/* Makes room for `rows` rows, of which the first `used` keep their contents, and for as many again
 * where that is no more than `rows_most` and can be had. NOMEM names rows and bytes. */
vlt_status vlt_kv_cache_reserve(vlt_kv_cache *cache, int64_t rows, int64_t rows_most, int64_t used,
                                vlt_error *err);

/* Lists k (0) or v (1) of a layer: [kv_heads][layer->rows][head]. */
static inline float *vlt_kv_cache_at(const vlt_kv_cache *cache, int64_t layer, int is_v)
{
    const vlt_kv_layer *at = &cache->layer[layer];
    return at->data + is_v * cache->kv_heads * at->rows * cache->head;
}

#endif
