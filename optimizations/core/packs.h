/* packs.h: weights rearranged or rounded for a kernel, made once whoever asks.
 *
 * A variant that wants its matrix in another arrangement asks the context's store in prepare and
 * gives the pack back in release. A pack is made for the first who asks for (weight, arrangement),
 * counted, and freed when the last plan drops it; plans that replace each other share it as long as
 * the new ones are made before the old ones go. A matrix without an id, or a context without a
 * store, gets a pack of its own. Nothing is ever packed inside a run. A store may have a shelf
 * behind it (files), which keeps what is slow to make: the store asks there first and offers what
 * it has made.
 *
 * Any thread may take and drop; two that ask for the same pack wait for one of them to make it.
 */
#ifndef VLT_CORE_PACKS_H
#define VLT_CORE_PACKS_H

#include "optimizations/core/matrix.h"
#include "optimizations/core/memory_policy.h"
#include "optimizations/core/status.h"
#include "optimizations/core/threads.h"

enum { VLT_PACK_KIND_BYTES = 64 };

typedef struct vlt_pack_request {
    const vlt_matrix *matrix;
    const char *kind;     /* names the arrangement, its parameters and its version: "int8_rows/1" */
    size_t bytes;         /* of the pack */
    bool lossy;           /* rounded: may be kept on a shelf; an exact rearrangement never is */
    vlt_threads *threads; /* to make it with; NULL: the caller alone */

    /* Fills out[bytes], aligned to VLT_ALIGN, from the matrix: equal bits for any number of
     * threads. */
    vlt_status (*fill)(const struct vlt_pack_request *request, void *out, vlt_error *err);
    const void *user; /* for fill */
} vlt_pack_request;

/* Where packs are kept between processes. */
typedef struct vlt_pack_shelf {
    /* A mapping of the pack's bytes, or NULL. */
    const void *(*find)(void *user, const vlt_pack_request *request);
    void (*unmap)(void *user, const void *data, size_t bytes);
    void (*keep)(void *user, const vlt_pack_request *request, const void *data); /* best effort */
    void *user;
} vlt_pack_shelf;

typedef struct vlt_packs vlt_packs;
typedef struct vlt_pack vlt_pack;

typedef struct vlt_packs_stats {
    size_t bytes;    /* of all packs alive, those from the shelf included */
    size_t mapped;   /* of those, bytes that lie in files of the shelf */
    int count;       /* alive */
    int made, found; /* so far: by fill, on the shelf */
    double make_ms;  /* so far, in fill and on the shelf */
} vlt_packs_stats;

/* The shelf is copied; what it points at must outlive the store. NULL: none. */
vlt_status vlt_packs_create(const vlt_pack_shelf *shelf, vlt_packs **out, vlt_error *err);
void vlt_packs_destroy(vlt_packs *packs); /* after the last drop; NULL is fine */

/* Before a pack is made, `admit` is asked whether there is memory for it. Before the first take. */
void vlt_packs_ask(vlt_packs *packs, vlt_admit_function *admit, void *user);

/* How memory for packs is got, and what is done with the shelf's mappings before they are read; a
 * pack of a caller's own is as the system gives it. Before the first take. */
void vlt_packs_follow(vlt_packs *packs, const vlt_memory_policy *policy);

/* packs may be NULL: a pack of the caller's own. The request is borrowed for the call. */
vlt_status vlt_packs_take(vlt_packs *packs, const vlt_pack_request *request, const vlt_pack **out,
                          vlt_error *err);
void vlt_packs_drop(const vlt_pack *pack); /* NULL is fine */

const void *vlt_pack_data(const vlt_pack *pack);
vlt_packs_stats vlt_packs_look(vlt_packs *packs); /* NULL: zeros */

#endif
