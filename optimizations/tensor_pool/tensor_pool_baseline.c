/* The system's allocator for every request: aligned_alloc and free. */
#include <stdlib.h>

#include "optimizations/core/memory.h"
#include "optimizations/tensor_pool/tensor_pool_internal.h"

static void *take(size_t bytes)
{
    return aligned_alloc(VLT_ALIGN, bytes);
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_tensor_pool_allocator allocator = {.take = take, .give = free};
    return vlt_tensor_pool_listed_prepare(plan, &allocator, err);
}

VLT_VARIANT(tensor_pool, baseline, .summary = "the system's allocator for every request",
            .prepare = prepare, .run = vlt_tensor_pool_run,
            .release = vlt_tensor_pool_listed_release);
