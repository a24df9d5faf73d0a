#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/transfer/transfer_internal.h"

/* A piece of pinned memory with the event behind the copy that uses it last. */
struct slot {
    unsigned char *memory;
    vlt_event *event;
    unsigned char *to; /* out slots: where the bytes go when the event has passed */
    size_t bytes;
    int64_t buffer; /* out slots: the buffer it is a piece of */
};

/* The slots of one direction, used in turn. */
struct ring {
    struct slot slot[VLT_LANE_SLOTS_MAX];
    uint64_t put, got; /* slots filled, and (out) emptied, so far */
};

struct lane {
    vlt_stream *stream;
    vlt_device_address memory;
    unsigned char *pinned; /* owned: slots of both rings */
    struct ring in, out;
    int64_t buffer;             /* the one that is inside; -1: none */
    size_t in_bytes, out_bytes; /* of it, put on the stream so far */
    bool launched;
};

struct lanes {
    vlt_device *device;
    vlt_lanes_options options;
    vlt_kernel *kernel; /* NULL: none */
    struct lane lane[VLT_LANES_MAX];
    int feeder; /* the lane whose buffer goes in; -1: none */
};

static vlt_status prepare_ring(struct lanes *lanes, struct ring *ring, unsigned char *pinned,
                               vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < lanes->options.slots && status == VLT_OK; i++) {
        ring->slot[i].memory = pinned ? pinned + (size_t)i * lanes->options.chunk_bytes : NULL;
        status = lanes->device->table->event_create(lanes->device, &ring->slot[i].event, err);
    }
    return status;
}

static vlt_status prepare_lane(struct lanes *lanes, struct lane *lane, size_t buffer_bytes,
                               vlt_error *err)
{
    const vlt_device_table *table = lanes->device->table;
    size_t ring_bytes = (size_t)lanes->options.slots * lanes->options.chunk_bytes;
    void *pinned = NULL;
    vlt_status status = table->stream_create(lanes->device, &lane->stream, err);
    if (status == VLT_OK) {
        status = table->memory_alloc(lanes->device, buffer_bytes, &lane->memory, err);
    }
    if (status == VLT_OK && lanes->options.staging) {
        status = table->pinned_alloc(lanes->device, 2 * ring_bytes, &pinned, err);
        lane->pinned = pinned;
    }
    if (status == VLT_OK) {
        status = prepare_ring(lanes, &lane->in, lane->pinned, err);
    }
    if (status == VLT_OK) {
        status = prepare_ring(lanes, &lane->out, lane->pinned ? lane->pinned + ring_bytes : NULL,
                              err);
    }
    return status;
}

vlt_status vlt_lanes_prepare(vlt_plan *plan, const vlt_lanes_options *options, vlt_error *err)
{
    const vlt_transfer_constants *constants = plan->problem.constants;
    size_t bytes = (size_t)plan->problem.dim[VLT_TRANSFER_DIM_BYTES], ring_bytes;
    struct lanes *lanes = plan->state = calloc(1, sizeof *lanes);
    if (!lanes) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "transfer: out of memory");
    }
    lanes->device = constants->device;
    lanes->options = *options;
    if (lanes->device->kind == VLT_DEVICE_HOST) { /* its link is memcpy: any page is as good */
        lanes->options.staging = false;
    }
    if (!lanes->options.staging || options->chunk_bytes > bytes) {
        lanes->options.chunk_bytes = bytes;
    }
    if (!vlt_mul_size(lanes->options.chunk_bytes, 2 * (size_t)options->slots, &ring_bytes)) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "transfer: %d slots of %zu bytes do not fit",
                        options->slots, lanes->options.chunk_bytes);
    }
    vlt_status status = vlt_transfer_kernel_create(plan, &lanes->kernel, err);
    for (int i = 0; i < options->lanes && status == VLT_OK; i++) {
        status = prepare_lane(lanes, &lanes->lane[i], bytes, err);
    }
    return status;
}

static void release_ring(struct lanes *lanes, struct ring *ring)
{
    for (int i = 0; i < VLT_LANE_SLOTS_MAX; i++) {
        if (ring->slot[i].event) {
            lanes->device->table->event_destroy(lanes->device, ring->slot[i].event);
        }
    }
}

void vlt_lanes_release(vlt_plan *plan)
{
    struct lanes *lanes = plan->state;
    if (!lanes) {
        return;
    }
    const vlt_device_table *table = lanes->device->table;
    for (int i = 0; i < VLT_LANES_MAX; i++) {
        struct lane *lane = &lanes->lane[i];
        if (lane->stream) {
            table->stream_destroy(lanes->device, lane->stream);
        }
        release_ring(lanes, &lane->in);
        release_ring(lanes, &lane->out);
        if (lane->pinned) {
            table->pinned_free(lanes->device, lane->pinned);
        }
        table->memory_free(lanes->device, lane->memory);
    }
    table->kernel_destroy(lanes->device, lanes->kernel);
    free(lanes);
}

static size_t piece_bytes(const struct lanes *lanes, size_t done, size_t all)
{
    size_t chunk = lanes->options.chunk_bytes;
    return all - done < chunk ? all - done : chunk;
}

/* Puts the next chunk of the lane's buffer on the stream, when its slot is free. */
static vlt_status feed_in(struct lanes *lanes, struct lane *lane, const vlt_transfer_args *a,
                          bool *moved, vlt_error *err)
{
    vlt_device *device = lanes->device;
    struct slot *slot = &lane->in.slot[lane->in.put % (uint64_t)lanes->options.slots];
    size_t bytes = piece_bytes(lanes, lane->in_bytes, a->bytes);
    const unsigned char *from = (const unsigned char *)a->from[lane->buffer] + lane->in_bytes;
    if (slot->memory) {
        if (!device->table->event_passed(device, slot->event)) {
            return VLT_OK;
        }
        memcpy(slot->memory, from, bytes);
        from = slot->memory;
    }
    vlt_status status = device->table->copy_to_async(
        device, lane->stream, lane->memory + lane->in_bytes, from, bytes, err);
    if (status == VLT_OK) {
        status = device->table->event_record(device, slot->event, lane->stream, err);
    }
    lane->in.put++;
    lane->in_bytes += bytes;
    *moved = true;
    return status;
}

/* Puts the next chunk of the result on the stream, when an out slot is free. */
static vlt_status feed_out(struct lanes *lanes, struct lane *lane, const vlt_transfer_args *a,
                           bool *moved, vlt_error *err)
{
    vlt_device *device = lanes->device;
    if (lane->out.put - lane->out.got == (uint64_t)lanes->options.slots) {
        return VLT_OK;
    }
    struct slot *slot = &lane->out.slot[lane->out.put % (uint64_t)lanes->options.slots];
    unsigned char *to = (unsigned char *)a->to[lane->buffer] + lane->out_bytes;
    slot->bytes = piece_bytes(lanes, lane->out_bytes, a->bytes);
    slot->to = to;
    slot->buffer = lane->buffer;
    vlt_status status = device->table->copy_from_async(
        device, lane->stream, slot->memory ? slot->memory : to, lane->memory + lane->out_bytes,
        slot->bytes, err);
    if (status == VLT_OK) {
        status = device->table->event_record(device, slot->event, lane->stream, err);
    }
    lane->out.put++;
    lane->out_bytes += slot->bytes;
    *moved = true;
    return status;
}

/* Empties the out slots whose copies have ended. */
static void drain(struct lanes *lanes, struct lane *lane, bool *moved)
{
    vlt_device *device = lanes->device;
    while (lane->out.got < lane->out.put) {
        struct slot *slot = &lane->out.slot[lane->out.got % (uint64_t)lanes->options.slots];
        if (!device->table->event_passed(device, slot->event)) {
            return;
        }
        if (slot->memory) {
            memcpy(slot->to, slot->memory, slot->bytes);
        }
        lane->out.got++;
        *moved = true;
    }
}

/* Gives the lane the next buffer. One lane is fed at a time: the link is one, and buffers that go
 * in side by side would all be there late instead of one after the other in time for its kernel. */
static bool begin_buffer(struct lanes *lanes, struct lane *lane, int64_t *next, int64_t count)
{
    if (lane->buffer < 0 && lanes->feeder < 0 && *next < count) {
        lanes->feeder = (int)(lane - lanes->lane);
        lane->buffer = (*next)++;
        lane->in_bytes = lane->out_bytes = 0;
        lane->launched = false;
    }
    return lane->buffer >= 0;
}

/* The next thing that the lane can do without waiting. */
static vlt_status advance(struct lanes *lanes, struct lane *lane, const vlt_transfer_args *a,
                          int64_t *next, bool *moved, vlt_error *err)
{
    drain(lanes, lane, moved);
    if (!begin_buffer(lanes, lane, next, a->count)) {
        return VLT_OK;
    }
    if (lane->in_bytes < a->bytes) {
        vlt_status status = feed_in(lanes, lane, a, moved, err);
        if (lane->in_bytes == a->bytes) {
            lanes->feeder = -1;
        }
        return status;
    }
    if (!lane->launched) {
        lane->launched = true;
        *moved = true;
        if (lanes->kernel) {
            return vlt_transfer_launch(lanes->device, lane->stream, lanes->kernel, lane->memory, a,
                                       err);
        }
    }
    vlt_status status = VLT_OK;
    if (lane->out_bytes < a->bytes) {
        status = feed_out(lanes, lane, a, moved, err);
    }
    if (lane->out_bytes == a->bytes) {
        lane->buffer = -1; /* the stream keeps the order, so the next one may be fed at once */
        *moved = true;
    }
    return status;
}

static bool busy(const struct lanes *lanes)
{
    for (int i = 0; i < lanes->options.lanes; i++) {
        const struct lane *lane = &lanes->lane[i];
        if (lane->buffer >= 0 || lane->out.got < lane->out.put) {
            return true;
        }
    }
    return false;
}

/* Nothing can move: waits for a slot of the lane that is fed, so that the link never idles, else
 * for the oldest piece of a result. */
static vlt_status wait_for_one(struct lanes *lanes, vlt_error *err)
{
    uint64_t slots = (uint64_t)lanes->options.slots;
    const struct slot *oldest = NULL;
    if (lanes->feeder >= 0) {
        const struct ring *in = &lanes->lane[lanes->feeder].in;
        return lanes->device->table->event_wait(lanes->device, in->slot[in->put % slots].event,
                                                err);
    }
    for (int i = 0; i < lanes->options.lanes; i++) {
        const struct ring *out = &lanes->lane[i].out;
        const struct slot *slot = &out->slot[out->got % slots];
        if (out->got < out->put && (!oldest || slot->buffer < oldest->buffer)) {
            oldest = slot;
        }
    }
    return oldest ? lanes->device->table->event_wait(lanes->device, oldest->event, err)
                  : vlt_fail(err, VLT_STATUS_INTERNAL, "transfer: no lane moves and none waits");
}

vlt_status vlt_lanes_run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    const vlt_transfer_args *a = args;
    struct lanes *lanes = plan->state;
    int64_t next = 0;
    vlt_status status = vlt_transfer_check(plan, a, err);
    if (status != VLT_OK || a->bytes == 0) {
        return status;
    }
    lanes->feeder = -1;
    for (int i = 0; i < lanes->options.lanes; i++) {
        lanes->lane[i].buffer = -1;
        lanes->lane[i].out.put = lanes->lane[i].out.got = 0;
    }
    while (status == VLT_OK && (next < a->count || busy(lanes))) {
        bool moved = false;
        for (int i = 0; i < lanes->options.lanes && status == VLT_OK; i++) {
            status = advance(lanes, &lanes->lane[i], a, &next, &moved, err);
        }
        if (status == VLT_OK && !moved) {
            status = wait_for_one(lanes, err);
        }
    }
    /* Also after a failure: nothing may still touch the caller's buffers. */
    for (int i = 0; i < lanes->options.lanes; i++) {
        vlt_status waited = lanes->device->table->stream_wait(lanes->device, lanes->lane[i].stream,
                                                              status == VLT_OK ? err : NULL);
        status = status == VLT_OK ? waited : status;
    }
    return status;
}
