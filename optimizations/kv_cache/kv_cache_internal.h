/* kv_cache_internal.h: the run of every variant, given its format. */
#ifndef VLT_KV_CACHE_INTERNAL_H
#define VLT_KV_CACHE_INTERNAL_H

#include "optimizations/kv_cache/kv_cache.h"

/* Appends through the object, then loads all rows. plan->state is the format. */
vlt_status vlt_kv_cache_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                            vlt_error *err);

/* What kv_cache.c knows: every variant's. */
extern const vlt_kv_format vlt_kv_format_f32, vlt_kv_format_bf16;

#endif
