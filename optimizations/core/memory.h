/* memory.h: checked sizes, aligned blocks and the arena.
 *
 * Allocate at the edge, compute in the middle: engine, session and plan each own an arena that a
 * planning pass has sized; `run` never allocates. Sizes are size_t, file offsets uint64_t,
 * dimensions int64_t. Every block is aligned to VLT_ALIGN bytes, a cache line and a ZMM register.
 */
#ifndef VLT_CORE_MEMORY_H
#define VLT_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

enum { VLT_ALIGN = 64 };

/* *out = a * b or a + b; false (and *out untouched) when that does not fit. */
bool vlt_mul_size(size_t a, size_t b, size_t *out);
bool vlt_add_size(size_t a, size_t b, size_t *out);

/* Product of `count` dimensions and an element size; LIMIT when one is negative or it overflows. */
vlt_status vlt_dims_bytes(const int64_t *dims, int count, size_t element_bytes, size_t *out,
                          vlt_error *err);

/* What a piece of an arena or a frame takes: aligned, under ASan with a redzone behind it. */
bool vlt_piece_bytes(size_t count, size_t element_bytes, size_t *out);

/* One aligned block, zeroed. Zero bytes give a valid pointer. Freed with vlt_free (NULL is fine).
 */
vlt_status vlt_alloc(size_t bytes, void **out, vlt_error *err);

/* The same, not zeroed: no page of it is touched. */
vlt_status vlt_alloc_raw(size_t bytes, void **out, vlt_error *err);

/* The same for what is written whole at once, such as pixels: large blocks ask for large pages,
 * each of which is memory from its first byte on. */
vlt_status vlt_alloc_filled(size_t bytes, void **out, vlt_error *err);
void vlt_free(void *block);

/* Whole pages of zeros that take no memory before they are touched. For what may grow and may never
 * be used. Given back with the same size. */
vlt_status vlt_pages_take(size_t bytes, void **out, vlt_error *err);
void vlt_pages_release(void *pages, size_t bytes); /* NULL is fine */

/* The same for a table that is looked up all over: in large pages as far as it fills them, where
 * the machine gives them, so that a look does not wait for its address as well. */
vlt_status vlt_table_take(size_t bytes, void **out, vlt_error *err);
void vlt_table_release(void *table, size_t bytes); /* NULL is fine */

/* Where blocks that come and go are from. Aligned to VLT_ALIGN, not zeroed. Any thread. */
typedef struct vlt_block_source {
    vlt_status (*take)(void *user, size_t bytes, void **out, vlt_error *err);
    void (*give)(void *user, void *block);
    void *user;
} vlt_block_source;

/* From the source, or as of vlt_alloc_filled where that is NULL. Given back to the same. */
vlt_status vlt_block_take(const vlt_block_source *source, size_t bytes, void **out, vlt_error *err);
void vlt_block_give(const vlt_block_source *source, void *block); /* NULL block is fine */

/* All of the block will be written now: where it is large and new, its pages are got at once, which
 * costs a fraction of getting them one by one. */
void vlt_pages_expect(void *block, size_t bytes);

/* All pages that the block lies in are memory from now on, what is in it stays: nobody takes a page
 * fault in it. Where the system refuses, pages are got when they are met. Nobody else writes it
 * meanwhile. */
void vlt_pages_ready(void *block, size_t bytes);

/* Whole pages of a mapping of a file that will hardly be read again: they leave this process and
 * come back from the file when they are. Other memory loses what it holds, and is zero then. */
void vlt_pages_forget(const void *mapped, size_t bytes);

/* May `bytes` be taken for `what`? LIMIT with the numbers when the process would be refused or
 * killed for them. May be called from any thread. */
typedef vlt_status vlt_admit_function(void *user, uint64_t bytes, const char *what, vlt_error *err);

/* An arena hands out pieces of one block and frees them all at once. Plan with
 * vlt_arena_reserve for each piece, then vlt_arena_commit, then take the same pieces in the same
 * order with vlt_arena_take. Under ASan a redzone separates the pieces. */
typedef struct vlt_arena {
    unsigned char *base; /* NULL until committed */
    size_t size_bytes;   /* of the block, after commit */
    size_t used_bytes;   /* planned before commit, taken after */
    bool overflow;       /* a reserve did not fit into size_t */
} vlt_arena;

void vlt_arena_reserve(vlt_arena *arena, size_t count, size_t element_bytes);
vlt_status vlt_arena_commit(vlt_arena *arena, vlt_error *err);
void *vlt_arena_take(vlt_arena *arena, size_t count, size_t element_bytes);
void vlt_arena_release(vlt_arena *arena); /* may be called twice, or on {0} */

#endif
