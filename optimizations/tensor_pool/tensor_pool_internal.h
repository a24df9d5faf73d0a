/* tensor_pool_internal.h: what the variants of tensor_pool share. */
#ifndef VLT_TENSOR_POOL_INTERNAL_H
#define VLT_TENSOR_POOL_INTERNAL_H

#include "optimizations/tensor_pool/tensor_pool.h"

/* The first member of every variant's state: plan->state and pool.self point to it. */
typedef struct vlt_tensor_pool_common {
    vlt_tensor_pool pool;
    size_t limit_bytes;
    vlt_tensor_pool_stats stats;
} vlt_tensor_pool_common;

/* Sets the limit of the plan's problem and the table: the functions of the variant (the other
 * fields are not looked at), self, and stats, which is the same for all. */
void vlt_tensor_pool_common_init(vlt_tensor_pool_common *common, const vlt_plan *plan,
                                 vlt_tensor_pool functions);

/* Every variant's run: replays the trace through the plan's pool. */
vlt_status vlt_tensor_pool_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                               vlt_error *err);

/* Would `bytes` more stay below the limit, counting live blocks only or kept ones too? */
static inline bool vlt_tensor_pool_fits(const vlt_tensor_pool_common *common, size_t bytes,
                                        bool count_kept)
{
    size_t used = common->stats.live_bytes + (count_kept ? common->stats.kept_bytes : 0);
    return !common->limit_bytes ||
           (used <= common->limit_bytes && bytes <= common->limit_bytes - used);
}

/* Counts the refusal and says why. */
vlt_status vlt_tensor_pool_refuse(vlt_tensor_pool_common *common, size_t bytes, vlt_error *err);

void vlt_tensor_pool_note_peak(vlt_tensor_pool_common *common);

/* The pool that asks an allocator for every request. */
typedef struct vlt_tensor_pool_allocator {
    void *(*take)(size_t bytes); /* aligned to VLT_ALIGN */
    void (*give)(void *block);
    size_t (*good_bytes)(size_t bytes); /* what a request takes, rounded up; NULL: itself */
    void (*trim)(void);                 /* gives back what it keeps; NULL: it keeps nothing */
} vlt_tensor_pool_allocator;

vlt_status vlt_tensor_pool_listed_prepare(vlt_plan *plan,
                                          const vlt_tensor_pool_allocator *allocator,
                                          vlt_error *err);
void vlt_tensor_pool_listed_release(vlt_plan *plan);

/* The size-classed pool behind several variants. */
typedef struct vlt_tensor_pool_classes_options {
    int reach;   /* a kept block up to so many classes larger may serve */
    int colours; /* cache lines where blocks of a page and more begin in turn; 1: all alike */
    bool huge;   /* ask for huge pages for blocks of 2 MiB and more */
} vlt_tensor_pool_classes_options;

vlt_status vlt_tensor_pool_classes_prepare(vlt_plan *plan,
                                           const vlt_tensor_pool_classes_options *options,
                                           vlt_error *err);
void vlt_tensor_pool_classes_release(vlt_plan *plan);

#endif
