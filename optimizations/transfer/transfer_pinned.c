/* Bottleneck: the host waits for the device after every step.
 * Idea: one stream that is never waited for, fed through two pinned slots for each direction, so
 * that the host fills one while the other is copied.
 * Loses: against several streams, because copies and kernels of one stream never overlap.
 */
#include "optimizations/transfer/transfer_internal.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_lanes_options options = {
        .lanes = 1, .slots = 2, .chunk_bytes = (size_t)4 << 20, .staging = true};
    return vlt_lanes_prepare(plan, &options, err);
}

VLT_VARIANT(transfer, pinned, .summary = "one stream, pinned double buffer, no waiting",
            .applicable = vlt_transfer_applicable, .prepare = prepare, .run = vlt_lanes_run,
            .release = vlt_lanes_release);
