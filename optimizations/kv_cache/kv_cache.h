/* kv_cache.h: the keys and values of a conversation, row by row, in the format that a variant
 * defines.
 *
 * The operator stores rows, [context, kv_heads * head] in f32, and widens them again. A variant is
 * a storage format; the baseline keeps f32. Its plan gives the format to the cache object
 * (vlt_kv_format_of), so that another format is one file here and one line in the catalogue.
 * Tolerance: 0; a format that rounds declares its loss. Cost: 0 flops; bytes: what is stored and
 * read; work in rows.
 *
 * The object holds, for every layer, k and v as [kv_heads][capacity][head], so that a query head
 * streams through contiguous rows. It grows by doubling, a layer at a time: besides the new rows a
 * step takes one layer's copy at most; growing keeps the rows that are valid, and no others. Pages
 * take memory when their rows are written or made ready (core/memory.h), so that a long context
 * costs what of it is used. Rows are appended layer by layer and become
 * valid together (vlt_kv_cache_commit): what a failed step left behind is not. One thread at a time
 * changes a cache; any number may read views meanwhile of other layers.
 */
#ifndef VLT_KV_CACHE_H
#define VLT_KV_CACHE_H

#include "optimizations/core/plan.h"
#include "optimizations/kv_cache/kv_view.h"

enum {
    VLT_KV_CACHE_DIM_CONTEXT, /* rows of the cache */
    VLT_KV_CACHE_DIM_KV_HEADS,
    VLT_KV_CACHE_DIM_HEAD
};

/* How a head's row is stored. */
typedef struct vlt_kv_format {
    vlt_format format; /* as attention reads it */
    size_t element_bytes;
    void (*store)(const float *x, int64_t count, void *to);
    void (*load)(const void *from, int64_t count, float *x);
    double loss; /* what reading back may differ by, over the largest element */
} vlt_kv_format;

typedef struct vlt_kv_cache_args {
    const float *x; /* [context, kv_heads * head] */
    void *storage;  /* [kv_heads][context][head], for f32 elements at most */
    float *out;     /* [context, kv_heads * head]: as they are read back */
    int64_t context;
} vlt_kv_cache_args;

extern const vlt_op vlt_op_kv_cache;

static inline vlt_problem vlt_kv_cache_problem(int64_t context, int64_t kv_heads, int64_t head)
{
    return (vlt_problem){.op = &vlt_op_kv_cache, .dim = {context, kv_heads, head}};
}

/* The storage format of a prepared variant; static. */
const vlt_kv_format *vlt_kv_format_of(const vlt_plan *plan);

/* The storage that attention reads as `format`; NULL: none. Static. */
const vlt_kv_format *vlt_kv_format_find(vlt_format format);

/* k and v of one layer. */
typedef struct vlt_kv_layer {
    unsigned char *k, *v;
    int64_t capacity; /* rows: the stride of a head */
    void *pages;      /* owned, both k and v; NULL: borrowed, or none yet */
    size_t page_bytes;
} vlt_kv_layer;

/* Fields are for kv_cache.c; others use the functions. */
typedef struct vlt_kv_cache {
    const vlt_kv_format *format;
    int64_t layers, kv_heads, head;
    vlt_kv_layer *layer;             /* [layers] */
    int64_t count;                   /* valid rows */
    int64_t ready;                   /* rows whose pages are memory, or 0 */
    bool borrowed;                   /* layer is the caller's, and does not grow */
    const vlt_memory_policy *memory; /* borrowed, of its pages; NULL: as the system gives them. To
                                        be set after init */
} vlt_kv_cache;

/* An empty cache without any row. NOMEM. */
vlt_status vlt_kv_cache_init(vlt_kv_cache *cache, const vlt_kv_format *format, int64_t layers,
                             int64_t kv_heads, int64_t head, vlt_error *err);
void vlt_kv_cache_release(vlt_kv_cache *cache); /* may be called twice, or on {0} */

/* A cache of one layer over the caller's memory, which does not grow; for workloads. */
vlt_kv_cache vlt_kv_cache_over(vlt_kv_layer *layer, const vlt_kv_format *format, int64_t kv_heads,
                               int64_t head);

/* Makes room for `rows` rows, and for twice the capacity where that is no more than `most` and can
 * be had. NOMEM or LIMIT name rows and bytes; nothing is lost: layers that have grown keep their
 * room, the others what they had. */
vlt_status vlt_kv_cache_reserve(vlt_kv_cache *cache, int64_t rows, int64_t most, vlt_error *err);

int64_t vlt_kv_cache_capacity(const vlt_kv_cache *cache);

/* Rows before `rows`, for which there is room, are memory from now on: appending them takes no page
 * fault. */
void vlt_kv_cache_make_ready(vlt_kv_cache *cache, int64_t rows);

/* Rows that take memory: the valid ones, and those made ready. */
int64_t vlt_kv_cache_resident(const vlt_kv_cache *cache);

/* What that many rows take in all layers; LIMIT when it does not fit into size_t. */
vlt_status vlt_kv_cache_bytes(const vlt_kv_cache *cache, int64_t rows, size_t *bytes,
                              vlt_error *err);

/* Puts k and v, [rows, kv_heads * head], into rows first .. first + rows - 1 of a layer. There is
 * room for them. Threads may append different rows at the same time. */
void vlt_kv_cache_append(const vlt_kv_cache *cache, int64_t layer, int64_t first, int64_t rows,
                         const float *k, const float *v);

/* The rows before `rows` are valid in every layer, the others are not. */
void vlt_kv_cache_commit(vlt_kv_cache *cache, int64_t rows);

vlt_kv_view vlt_kv_cache_keys(const vlt_kv_cache *cache, int64_t layer);
vlt_kv_view vlt_kv_cache_values(const vlt_kv_cache *cache, int64_t layer);

/* The valid rows as stretches of bytes, for a file: keys before values, layer by layer, head by
 * head. */
int64_t vlt_kv_cache_stretches(const vlt_kv_cache *cache);
void *vlt_kv_cache_stretch(const vlt_kv_cache *cache, int64_t index, size_t *bytes);

#endif
