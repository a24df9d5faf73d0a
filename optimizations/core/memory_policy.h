/* memory_policy.h: how the large blocks of one engine are got: in large pages or not, on which NUMA
 * nodes, touched by whom. A policy belongs to a context or a store and reaches what takes memory
 * there; nothing of it is kept in the process, so that two engines do not meet.
 *
 * Without one (NULL or {0}) blocks are as of memory.h: what is filled at once asks for large pages
 * from 32 MiB on, everything else is as the system gives it. A page lies where it is touched first,
 * by the policy of its mapping, else by that of the thread that touches it. What a policy speaks of
 * is therefore mapped for itself, and bound before anything of it is touched; smaller blocks stay
 * with malloc. All of it is a wish: where the system refuses, only speed is lost. Under ASan blocks
 * are malloc's, whatever the policy.
 */
#ifndef VLT_CORE_MEMORY_POLICY_H
#define VLT_CORE_MEMORY_POLICY_H

#include "optimizations/core/memory.h"
#include "optimizations/core/threads.h"

enum {
    VLT_POLICY_LARGE_PAGE_BYTES = 2 << 20, /* smaller blocks hold no large page */
    VLT_POLICY_BOUND_BYTES = 64 << 10 /* smaller blocks are not bound, nor touched by threads */
};

/* Borrowed, with all that it points at, by whoever takes memory by it. */
typedef struct vlt_memory_policy {
    bool small_pages; /* no block has large pages, not even where the system gives them unasked */

    /* Whole pages of own memory that nobody has touched. NULL: they lie as the system gives. */
    void (*bind)(void *user, void *pages, size_t bytes);

    /* A mapping of a file, before it is read: its pages may be touched now. NULL: it is left. */
    void (*visit)(void *user, const void *mapped, size_t bytes);
    void *user; /* of both; they may be called by any thread */

    /* Blocks are touched in as many equal parts as there are threads, by one each, instead of by
     * who fills them first. NULL: they are not. */
    vlt_threads *touch;
} vlt_memory_policy;

/* One block, aligned to VLT_ALIGN, not zeroed. {0} is none. */
typedef struct vlt_policy_block {
    void *data; /* owned */
    size_t bytes;
    bool pages; /* mapped for itself, else malloc's */
} vlt_policy_block;

/* For what is written whole at once, as of vlt_alloc_filled. NOMEM, LIMIT. policy may be NULL. */
vlt_status vlt_policy_block_take(const vlt_memory_policy *policy, size_t bytes,
                                 vlt_policy_block *out, vlt_error *err);

/* For scratch, of which every thread touches its own part: neither bound nor touched here. With a
 * policy, large ones ask for large pages as of vlt_alloc_filled, unless it has small ones. */
vlt_status vlt_policy_block_take_raw(const vlt_memory_policy *policy, size_t bytes,
                                     vlt_policy_block *out, vlt_error *err);
void vlt_policy_block_release(vlt_policy_block *block); /* may be called twice, or on {0} */

/* As vlt_pages_take: zeros, which take no memory before they are touched, unless threads of the
 * policy touch them at once. Not bound. Given back with vlt_pages_release. policy may be NULL. */
vlt_status vlt_policy_pages_take(const vlt_memory_policy *policy, size_t bytes, void **out,
                                 vlt_error *err);

/* What it says of large pages alone, for memory of one thread, which lies where that touches it. */
static inline vlt_memory_policy vlt_policy_of_pages(const vlt_memory_policy *policy)
{
    return (vlt_memory_policy){.small_pages = policy && policy->small_pages};
}

#endif
