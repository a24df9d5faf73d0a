/* Bottleneck: the device idles while bytes move, and the link idles while it computes.
 * Idea: several streams, each with its own device memory and pinned staging rings that one thread
 * fills and empties in turn, so that copies in both directions and kernels run at once.
 * Loses: on few or small buffers, where events and staging cost more than they hide.
 */
#include "optimizations/transfer/transfer_internal.h"

static const int64_t stream_values[] = {1, 2, 3, 4};
static const int64_t chunk_values[] = {64, 256, 1024, 4096, 16384};
static const int64_t slot_values[] = {2, 3, 4};
static const int64_t staging_values[] = {0, 1};
static const char *const staging_labels[] = {"none", "pinned"};

static const vlt_knob knobs[] = {
    {"streams", "streams that work beside each other", stream_values, 4, 2, NULL},
    {"chunk", "KiB of a staging slot", chunk_values, 5, 1024, NULL},
    {"slots", "staging slots for each direction of a stream", slot_values, 3, 2, NULL},
    {"staging", "where bytes wait for the link", staging_values, 2, 1, staging_labels},
};

enum { KNOB_STREAMS, KNOB_CHUNK, KNOB_SLOTS, KNOB_STAGING };

/* Pinned memory is taken from everyone: at most 64 MiB of it. */
static bool valid(const vlt_problem *problem, const vlt_caps *caps, const vlt_binding *binding)
{
    (void)caps;
    int64_t chunk = binding->value[KNOB_CHUNK] << 10;
    int64_t bytes = problem->dim[VLT_TRANSFER_DIM_BYTES];
    chunk = chunk < bytes ? chunk : bytes;
    return !binding->value[KNOB_STAGING] ||
           binding->value[KNOB_STREAMS] * binding->value[KNOB_SLOTS] * 2 * chunk <= INT64_C(64)
                                                                                        << 20;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_lanes_options options = {.lanes = (int)vlt_plan_knob(plan, KNOB_STREAMS),
                                       .slots = (int)vlt_plan_knob(plan, KNOB_SLOTS),
                                       .chunk_bytes = (size_t)vlt_plan_knob(plan, KNOB_CHUNK) << 10,
                                       .staging = vlt_plan_knob(plan, KNOB_STAGING) != 0};
    return vlt_lanes_prepare(plan, &options, err);
}

VLT_VARIANT(transfer, streams, .summary = "several streams, pinned staging, double buffering",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs,
            .applicable = vlt_transfer_applicable, .valid = valid, .prepare = prepare,
            .run = vlt_lanes_run, .release = vlt_lanes_release);
