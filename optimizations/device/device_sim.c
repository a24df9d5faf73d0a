#include "optimizations/device/device_sim.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/device/activity.h"
#include "optimizations/device/host_kernel.h"

enum { PENDING = 4096, ACTIVITY = VLT_ACTIVITY_LOG_MAX, PINNED = 256, ENGINES = 3 };

/* An operation under way; its effect on memory comes at end_ns. */
struct operation {
    vlt_activity activity; /* kind also names the engine */
    void *to;
    const void *from;
    const vlt_kernel *kernel;
    vlt_kernel_launch launch;
    bool dropped;
};

struct vlt_stream {
    uint32_t number;
    uint64_t ready_ns; /* when all work put on it has ended */
};

struct vlt_event {
    uint64_t at_ns; /* when the work before the record ends */
};

struct sim {
    vlt_device device;
    vlt_sim_options options;
    uint64_t now_ns; /* of the host */
    uint64_t engine_ready_ns[ENGINES];
    vlt_device_blocks blocks;
    struct {
        unsigned char *base;
        size_t bytes;
    } pinned[PINNED];
    int pinned_count;
    struct operation pending[PENDING];
    int pending_count;
    vlt_activity_log log;
    int allocs, copies, launches, records, streams;
};

static struct sim *sim_of(vlt_device *device)
{
    return device->state;
}

static void keep_record(struct sim *sim, const vlt_activity *activity)
{
    int every = sim->options.faults.record_losses;
    sim->records++;
    if (every > 0 && sim->records % every == 0) {
        sim->log.lost++;
    } else {
        vlt_activity_put(&sim->log, activity);
    }
}

static void take_effect(struct sim *sim, const struct operation *operation)
{
    if (operation->kernel) {
        vlt_host_kernel_run(operation->kernel, &operation->launch);
    } else if (!operation->dropped && operation->to) {
        memcpy(operation->to, operation->from, operation->activity.bytes);
    }
    keep_record(sim, &operation->activity);
}

/* Moves the host's time and lets everything happen that ends until then, in order of its end.
 * What depends on another operation starts after that one's end, so this order is right. */
static void advance_to(struct sim *sim, uint64_t now_ns)
{
    sim->now_ns = now_ns > sim->now_ns ? now_ns : sim->now_ns;
    for (;;) {
        int first = -1;
        for (int i = 0; i < sim->pending_count; i++) {
            uint64_t end_ns = sim->pending[i].activity.end_ns;
            if (end_ns <= sim->now_ns &&
                (first < 0 || end_ns < sim->pending[first].activity.end_ns)) {
                first = i;
            }
        }
        if (first < 0) {
            return;
        }
        struct operation operation = sim->pending[first];
        sim->pending_count--;
        memmove(&sim->pending[first], &sim->pending[first + 1],
                (size_t)(sim->pending_count - first) * sizeof *sim->pending);
        take_effect(sim, &operation);
    }
}

static void call(struct sim *sim)
{
    advance_to(sim, sim->now_ns + sim->options.call_ns);
}

static bool is_pinned(const struct sim *sim, const void *memory, size_t bytes)
{
    const unsigned char *at = memory;
    for (int i = 0; i < sim->pinned_count; i++) {
        if (at >= sim->pinned[i].base && at + bytes <= sim->pinned[i].base + sim->pinned[i].bytes) {
            return true;
        }
    }
    return false;
}

static void wait_for_room(struct sim *sim)
{
    while (sim->pending_count == PENDING) {
        uint64_t first = UINT64_MAX;
        for (int i = 0; i < PENDING; i++) {
            uint64_t end_ns = sim->pending[i].activity.end_ns;
            first = end_ns < first ? end_ns : first;
        }
        advance_to(sim, first);
    }
}

/* Starts when the host has called, the stream has come to it and the engine is free. */
static void begin(struct sim *sim, vlt_stream *stream, struct operation *operation,
                  uint64_t duration_ns)
{
    vlt_activity *activity = &operation->activity;
    uint64_t *engine_ready_ns = &sim->engine_ready_ns[activity->kind];
    uint64_t start_ns = sim->now_ns;
    start_ns = stream->ready_ns > start_ns ? stream->ready_ns : start_ns;
    start_ns = *engine_ready_ns > start_ns ? *engine_ready_ns : start_ns;
    activity->stream = stream->number;
    activity->start_ns = start_ns;
    activity->end_ns = start_ns + duration_ns;
    *engine_ready_ns = stream->ready_ns = activity->end_ns;
    wait_for_room(sim);
    sim->pending[sim->pending_count++] = *operation;
}

static vlt_status alloc_allowed(struct sim *sim, vlt_error *err)
{
    call(sim);
    sim->allocs++;
    return sim->allocs == sim->options.faults.alloc_fails
               ? vlt_fail(err, VLT_STATUS_NOMEM, "simulated device: allocation %d refused",
                          sim->allocs)
               : VLT_OK;
}

static vlt_status memory_alloc(vlt_device *device, size_t bytes, vlt_device_address *out,
                               vlt_error *err)
{
    struct sim *sim = sim_of(device);
    *out = 0;
    vlt_status status = alloc_allowed(sim, err);
    return status == VLT_OK ? vlt_device_blocks_alloc(&sim->blocks, bytes, out, err) : status;
}

static void memory_free(vlt_device *device, vlt_device_address address)
{
    struct sim *sim = sim_of(device);
    for (int i = 0; i < ENGINES; i++) { /* as cuMemFree: waits for the device */
        advance_to(sim, sim->engine_ready_ns[i]);
    }
    vlt_device_blocks_free(&sim->blocks, address);
}

static vlt_status pinned_alloc(vlt_device *device, size_t bytes, void **out, vlt_error *err)
{
    struct sim *sim = sim_of(device);
    *out = NULL;
    vlt_status status = alloc_allowed(sim, err);
    if (status == VLT_OK && sim->pinned_count == PINNED) {
        status = vlt_fail(err, VLT_STATUS_LIMIT, "simulated device: more than %d pinned blocks",
                          PINNED);
    }
    if (status == VLT_OK) {
        status = vlt_alloc(bytes, out, err);
    }
    if (status == VLT_OK) {
        sim->pinned[sim->pinned_count].base = *out;
        sim->pinned[sim->pinned_count++].bytes = bytes;
    }
    return status;
}

static void pinned_free(vlt_device *device, void *block)
{
    struct sim *sim = sim_of(device);
    for (int i = 0; i < sim->pinned_count; i++) {
        if (block && sim->pinned[i].base == block) {
            for (int engine = 0; engine < ENGINES; engine++) {
                advance_to(sim, sim->engine_ready_ns[engine]);
            }
            vlt_free(block);
            sim->pinned[i] = sim->pinned[--sim->pinned_count];
            return;
        }
    }
}

static vlt_status stream_create(vlt_device *device, vlt_stream **out, vlt_error *err)
{
    struct sim *sim = sim_of(device);
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "simulated device: no memory for a stream");
    }
    (*out)->number = (uint32_t)sim->streams++;
    return VLT_OK;
}

static void stream_destroy(vlt_device *device, vlt_stream *stream)
{
    if (stream) {
        advance_to(sim_of(device), stream->ready_ns);
        free(stream);
    }
}

static vlt_status stream_wait(vlt_device *device, vlt_stream *stream, vlt_error *err)
{
    struct sim *sim = sim_of(device);
    (void)err;
    call(sim);
    advance_to(sim, stream->ready_ns);
    return VLT_OK;
}

static vlt_status event_create(vlt_device *device, vlt_event **out, vlt_error *err)
{
    (void)device;
    *out = calloc(1, sizeof **out);
    return *out ? VLT_OK
                : vlt_fail(err, VLT_STATUS_NOMEM, "simulated device: no memory for an event");
}

static void event_destroy(vlt_device *device, vlt_event *event)
{
    (void)device;
    free(event);
}

static vlt_status event_record(vlt_device *device, vlt_event *event, vlt_stream *stream,
                               vlt_error *err)
{
    struct sim *sim = sim_of(device);
    (void)err;
    call(sim);
    event->at_ns = stream->ready_ns > sim->now_ns ? stream->ready_ns : sim->now_ns;
    return VLT_OK;
}

static vlt_status event_wait(vlt_device *device, vlt_event *event, vlt_error *err)
{
    struct sim *sim = sim_of(device);
    (void)err;
    call(sim);
    advance_to(sim, event->at_ns);
    return VLT_OK;
}

static bool event_passed(vlt_device *device, vlt_event *event)
{
    struct sim *sim = sim_of(device);
    call(sim);
    return event->at_ns <= sim->now_ns;
}

static vlt_status stream_wait_event(vlt_device *device, vlt_stream *stream, vlt_event *event,
                                    vlt_error *err)
{
    struct sim *sim = sim_of(device);
    (void)err;
    call(sim);
    stream->ready_ns = event->at_ns > stream->ready_ns ? event->at_ns : stream->ready_ns;
    return VLT_OK;
}

/* A copy of either kind; `host` is its host side. */
static vlt_status copy(struct sim *sim, vlt_stream *stream, struct operation *operation,
                       const vlt_sim_link *link, const void *host, vlt_error *err)
{
    size_t bytes = operation->activity.bytes;
    call(sim);
    sim->copies++;
    if (sim->copies == sim->options.faults.copy_fails) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "simulated device: copy %d failed", sim->copies);
    }
    operation->dropped = sim->copies == sim->options.faults.copy_dropped;
    *(operation->activity.kind == VLT_ACTIVITY_COPY_TO ? &sim->device.bytes_to
                                                       : &sim->device.bytes_from) += bytes;
    bool pinned = is_pinned(sim, host, bytes);
    double rate = link->bytes_per_s * (pinned ? 1 : link->pageable_rate);
    begin(sim, stream, operation, link->latency_ns + (uint64_t)((double)bytes / rate * 1e9));
    if (!pinned) { /* the driver copies through its own staging memory and holds the caller */
        advance_to(sim, operation->activity.end_ns);
    }
    return VLT_OK;
}

static vlt_status copy_to_async(vlt_device *device, vlt_stream *stream, vlt_device_address to,
                                const void *from, size_t bytes, vlt_error *err)
{
    struct sim *sim = sim_of(device);
    struct operation operation = {
        .activity = {.kind = VLT_ACTIVITY_COPY_TO, .bytes = bytes},
        .to = vlt_device_blocks_memory(&sim->blocks, to, bytes, "copy to", err),
        .from = from};
    return operation.to ? copy(sim, stream, &operation, &sim->options.to, from, err)
                        : VLT_STATUS_INPUT;
}

static vlt_status copy_from_async(vlt_device *device, vlt_stream *stream, void *to,
                                  vlt_device_address from, size_t bytes, vlt_error *err)
{
    struct sim *sim = sim_of(device);
    struct operation operation = {
        .activity = {.kind = VLT_ACTIVITY_COPY_FROM, .bytes = bytes},
        .to = to,
        .from = vlt_device_blocks_memory(&sim->blocks, from, bytes, "copy from", err)};
    return operation.from ? copy(sim, stream, &operation, &sim->options.from, to, err)
                          : VLT_STATUS_INPUT;
}

static vlt_status kernel_create(vlt_device *device, const vlt_kernel_source *source,
                                const vlt_kernel_macro *macro, int macro_count, vlt_kernel **out,
                                vlt_error *err)
{
    (void)device;
    return vlt_host_kernel_create(source, macro, macro_count, out, err);
}

static void kernel_destroy(vlt_device *device, vlt_kernel *kernel)
{
    (void)device;
    vlt_host_kernel_destroy(kernel);
}

static vlt_status launch_async(vlt_device *device, vlt_stream *stream, const vlt_kernel *kernel,
                               const vlt_kernel_launch *launch, vlt_error *err)
{
    struct sim *sim = sim_of(device);
    struct operation operation = {
        .activity = {.kind = VLT_ACTIVITY_KERNEL}, .kernel = kernel, .launch = *launch};
    size_t bytes;
    vlt_status status = vlt_host_kernel_check(kernel, &sim->blocks, launch, &bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    operation.activity.bytes = bytes;
    call(sim);
    sim->launches++;
    if (sim->launches == sim->options.faults.launch_fails) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "simulated device: launch %d failed",
                        sim->launches);
    }
    begin(sim, stream, &operation,
          sim->options.kernel_latency_ns +
              (uint64_t)((double)bytes / sim->options.kernel_bytes_per_s * 1e9));
    return VLT_OK;
}

static uint64_t clock_ns(vlt_device *device)
{
    return sim_of(device)->now_ns;
}

static int activity_take(vlt_device *device, vlt_activity *out, int capacity, uint64_t *lost)
{
    return vlt_activity_take(&sim_of(device)->log, out, capacity, lost);
}

static void destroy(vlt_device *device)
{
    if (device) {
        struct sim *sim = sim_of(device);
        for (int i = 0; i < sim->pinned_count; i++) {
            vlt_free(sim->pinned[i].base);
        }
        vlt_device_blocks_release(&sim->blocks);
        vlt_device_release(device);
        free(sim);
    }
}

static const vlt_device_table table = {
    .memory_alloc = memory_alloc,
    .memory_free = memory_free,
    .pinned_alloc = pinned_alloc,
    .pinned_free = pinned_free,
    .stream_create = stream_create,
    .stream_destroy = stream_destroy,
    .stream_wait = stream_wait,
    .event_create = event_create,
    .event_destroy = event_destroy,
    .event_record = event_record,
    .event_wait = event_wait,
    .event_passed = event_passed,
    .stream_wait_event = stream_wait_event,
    .copy_to_async = copy_to_async,
    .copy_from_async = copy_from_async,
    .kernel_create = kernel_create,
    .kernel_destroy = kernel_destroy,
    .launch_async = launch_async,
    .clock_ns = clock_ns,
    .activity_take = activity_take,
    .destroy = destroy,
};

vlt_sim_options vlt_sim_options_default(void)
{
    const vlt_sim_link link = {.bytes_per_s = 3.2e9, .latency_ns = 8000, .pageable_rate = 0.5};
    return (vlt_sim_options){.to = link,
                             .from = link,
                             .kernel_bytes_per_s = 8e9,
                             .kernel_latency_ns = 5000,
                             .call_ns = 200,
                             .memory_bytes = (size_t)2 << 30};
}

vlt_status vlt_device_sim_create(const vlt_sim_options *options, vlt_device **out, vlt_error *err)
{
    *out = NULL;
    if (!(options->to.bytes_per_s > 0 && options->from.bytes_per_s > 0 &&
          options->kernel_bytes_per_s > 0 && options->to.pageable_rate > 0 &&
          options->from.pageable_rate > 0 && options->call_ns > 0)) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "simulated device: every rate and call_ns must be above 0");
    }
    struct sim *sim = calloc(1, sizeof *sim);
    if (!sim) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "simulated device: out of memory");
    }
    sim->options = *options;
    sim->log.room = ACTIVITY;
    sim->blocks.limit_bytes = options->memory_bytes;
    vlt_device_init(&sim->device, &table, VLT_DEVICE_SIMULATED, "simulated", sim);
    *out = &sim->device;
    return VLT_OK;
}
