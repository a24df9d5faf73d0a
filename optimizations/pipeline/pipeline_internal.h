/* pipeline_internal.h: what the variants of pipeline share. */
#ifndef VLT_PIPELINE_INTERNAL_H
#define VLT_PIPELINE_INTERNAL_H

#include "optimizations/pipeline/pipeline.h"

/* The knobs of vlt_pipeline_services. */
#define VLT_PIPELINE_PARALLEL           "parallel"
#define VLT_PIPELINE_PREFETCH           "prefetch"
#define VLT_PIPELINE_PREPROCESS_THREADS "preprocess_threads"
#define VLT_PIPELINE_TOKENIZE_THREADS   "tokenize_threads"
#define VLT_PIPELINE_TOKENIZE_CHUNK     "tokenize_chunk"
#define VLT_PIPELINE_TOKENIZE_CACHE     "tokenize_cache"
#define VLT_PIPELINE_PIN                "pin"
#define VLT_PIPELINE_WEIGHTS            "weights"
#define VLT_PIPELINE_HUGE_PAGES         "huge_pages"
#define VLT_PIPELINE_FIRST_TOUCH        "first_touch"

extern const char *const vlt_weights_where_names[3];

/* The first member of a variant's state; a variant without state has one slot. */
typedef struct vlt_pipeline_common {
    int slots, parallel;
} vlt_pipeline_common;

/* Calls stages [first, end) for the item until one fails. STOPPED is a failure here, except from
 * stage 0, which the caller looks at. */
static inline vlt_status vlt_pipeline_call(const vlt_pipeline_args *args, int first, int end,
                                           int64_t item, int slot, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int stage = first; stage < end && status == VLT_OK; stage++) {
        status = args->stage[stage](args->user, item, slot, err);
        if (status == VLT_STATUS_STOPPED && stage > 0) {
            status = vlt_fail(err, VLT_STATUS_INTERNAL,
                              "pipeline: stage %d said STOPPED, which only stage 0 may", stage);
        }
    }
    return status;
}

#endif
