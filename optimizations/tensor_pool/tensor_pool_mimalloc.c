/* Bottleneck: the system maps and clears pages anew for every large block.
 * Idea: mimalloc, which keeps pages of a thread near it; asked for every request.
 * Loses: where the largest blocks dominate, which it takes from the system as well.
 */
#include "optimizations/peers/mimalloc/mimalloc_shim.h"
#include "optimizations/tensor_pool/tensor_pool_internal.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_tensor_pool_allocator allocator = {.take = vlt_mimalloc_take,
                                                 .give = vlt_mimalloc_give,
                                                 .good_bytes = vlt_mimalloc_good_bytes,
                                                 .trim = vlt_mimalloc_trim};
    vlt_status status = vlt_mimalloc_open(err);
    return status == VLT_OK ? vlt_tensor_pool_listed_prepare(plan, &allocator, err) : status;
}

VLT_VARIANT(tensor_pool, mimalloc, .summary = "mimalloc for every request", .prepare = prepare,
            .run = vlt_tensor_pool_run, .release = vlt_tensor_pool_listed_release);
