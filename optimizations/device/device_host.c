#include "optimizations/device/device_host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/clock.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/threads.h"
#include "optimizations/device/activity.h"
#include "optimizations/device/host_kernel.h"

enum { QUEUE = 256, ACTIVITY = 4096 };

typedef enum command_kind { COPY_TO, COPY_FROM, KERNEL, RECORD, WAIT, QUIT } command_kind;

struct command {
    command_kind kind;
    void *to;
    const void *from;
    size_t bytes;
    const vlt_kernel *kernel;
    vlt_kernel_launch launch;
    vlt_event *event;
    uint64_t ticket;
};

struct host;

/*   caller: put at tail ->  [ ][x][x][x][ ]  -> worker takes at head, `finished` counts done ones
 */
struct vlt_stream {
    struct host *host;
    pthread_t thread;
    uint32_t number;
    struct command queue[QUEUE];
    uint64_t submitted, taken, finished; /* under host->lock */
};

/* A record gives the event a ticket; it has passed when a worker reached the newest one. */
struct vlt_event {
    _Atomic uint64_t recorded, passed;
};

struct host {
    vlt_device device;
    pthread_mutex_t lock;
    pthread_cond_t submitted; /* workers wait here */
    pthread_cond_t finished;  /* callers, and workers that wait for an event */
    vlt_device_blocks blocks;
    uint32_t streams;
    vlt_activity_log activity;
};

static struct host *host_of(vlt_device *device)
{
    return device->state;
}

static uint64_t clock_ns(vlt_device *device)
{
    (void)device;
    return (uint64_t)vlt_now_ns();
}

static void note(struct vlt_stream *stream, const struct command *command, uint64_t start_ns)
{
    struct host *host = stream->host;
    vlt_activity activity = {.kind = command->kind == COPY_TO     ? VLT_ACTIVITY_COPY_TO
                                     : command->kind == COPY_FROM ? VLT_ACTIVITY_COPY_FROM
                                                                  : VLT_ACTIVITY_KERNEL,
                             .stream = stream->number,
                             .start_ns = start_ns,
                             .end_ns = (uint64_t)vlt_now_ns(),
                             .bytes = command->bytes};
    pthread_mutex_lock(&host->lock);
    vlt_activity_put(&host->activity, &activity);
    pthread_mutex_unlock(&host->lock);
}

static void execute(struct vlt_stream *stream, const struct command *command)
{
    struct host *host = stream->host;
    uint64_t start_ns = (uint64_t)vlt_now_ns();
    switch (command->kind) {
    case COPY_TO:
    case COPY_FROM:
        memcpy(command->to, command->from, command->bytes);
        note(stream, command, start_ns);
        break;
    case KERNEL:
        vlt_host_kernel_run(command->kernel, &command->launch);
        note(stream, command, start_ns);
        break;
    case RECORD:
        pthread_mutex_lock(&host->lock);
        if (atomic_load(&command->event->passed) < command->ticket) {
            atomic_store(&command->event->passed, command->ticket);
        }
        pthread_cond_broadcast(&host->finished);
        pthread_mutex_unlock(&host->lock);
        break;
    case WAIT:
        pthread_mutex_lock(&host->lock);
        while (atomic_load(&command->event->passed) < command->ticket) {
            pthread_cond_wait(&host->finished, &host->lock);
        }
        pthread_mutex_unlock(&host->lock);
        break;
    case QUIT:
        break;
    }
}

static void *stream_main(void *argument)
{
    struct vlt_stream *stream = argument;
    struct host *host = stream->host;
    for (;;) {
        pthread_mutex_lock(&host->lock);
        while (stream->taken == stream->submitted) {
            pthread_cond_wait(&host->submitted, &host->lock);
        }
        const struct command command = stream->queue[stream->taken % QUEUE];
        stream->taken++;
        pthread_mutex_unlock(&host->lock);
        execute(stream, &command);
        pthread_mutex_lock(&host->lock);
        stream->finished++;
        pthread_cond_broadcast(&host->finished);
        pthread_mutex_unlock(&host->lock);
        if (command.kind == QUIT) {
            return NULL;
        }
    }
}

static void submit(struct vlt_stream *stream, const struct command *command)
{
    struct host *host = stream->host;
    pthread_mutex_lock(&host->lock);
    while (stream->submitted - stream->taken == QUEUE) {
        pthread_cond_wait(&host->finished, &host->lock);
    }
    stream->queue[stream->submitted % QUEUE] = *command;
    if (command->kind == RECORD) {
        stream->queue[stream->submitted % QUEUE].ticket =
            atomic_fetch_add(&command->event->recorded, 1) + 1;
    }
    stream->submitted++;
    pthread_cond_broadcast(&host->submitted);
    pthread_mutex_unlock(&host->lock);
}

static vlt_status memory_alloc(vlt_device *device, size_t bytes, vlt_device_address *out,
                               vlt_error *err)
{
    return vlt_device_blocks_alloc(&host_of(device)->blocks, bytes, out, err);
}

static void memory_free(vlt_device *device, vlt_device_address address)
{
    vlt_device_blocks_free(&host_of(device)->blocks, address);
}

static vlt_status pinned_alloc(vlt_device *device, size_t bytes, void **out, vlt_error *err)
{
    (void)device;
    return vlt_alloc(bytes, out, err); /* zeroed, so its pages are there */
}

static void pinned_free(vlt_device *device, void *block)
{
    (void)device;
    vlt_free(block);
}

static vlt_status stream_create(vlt_device *device, vlt_stream **out, vlt_error *err)
{
    struct host *host = host_of(device);
    *out = NULL;
    struct vlt_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "host device: no memory for a stream");
    }
    stream->host = host;
    stream->number = host->streams++;
    const int refused = vlt_thread_start(&stream->thread, stream_main, stream);
    if (refused) {
        free(stream);
        return vlt_fail(err, VLT_STATUS_NOMEM, "host device: a stream's thread did not start: %s",
                        strerror(refused));
    }
    *out = stream;
    return VLT_OK;
}

static void stream_destroy(vlt_device *device, vlt_stream *stream)
{
    (void)device;
    if (stream) {
        const struct command quit = {.kind = QUIT};
        submit(stream, &quit);
        pthread_join(stream->thread, NULL);
        free(stream);
    }
}

static vlt_status stream_wait(vlt_device *device, vlt_stream *stream, vlt_error *err)
{
    struct host *host = host_of(device);
    (void)err;
    pthread_mutex_lock(&host->lock);
    while (stream->finished != stream->submitted) {
        pthread_cond_wait(&host->finished, &host->lock);
    }
    pthread_mutex_unlock(&host->lock);
    return VLT_OK;
}

static vlt_status event_create(vlt_device *device, vlt_event **out, vlt_error *err)
{
    (void)device;
    *out = calloc(1, sizeof **out);
    return *out ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "host device: no memory for an event");
}

static void event_destroy(vlt_device *device, vlt_event *event)
{
    (void)device;
    free(event);
}

static vlt_status event_record(vlt_device *device, vlt_event *event, vlt_stream *stream,
                               vlt_error *err)
{
    (void)device, (void)err;
    const struct command command = {.kind = RECORD, .event = event};
    submit(stream, &command);
    return VLT_OK;
}

static bool event_passed(vlt_device *device, vlt_event *event)
{
    (void)device;
    return atomic_load(&event->passed) >= atomic_load(&event->recorded);
}

static vlt_status event_wait(vlt_device *device, vlt_event *event, vlt_error *err)
{
    struct host *host = host_of(device);
    (void)err;
    pthread_mutex_lock(&host->lock);
    while (!event_passed(device, event)) {
        pthread_cond_wait(&host->finished, &host->lock);
    }
    pthread_mutex_unlock(&host->lock);
    return VLT_OK;
}

static vlt_status stream_wait_event(vlt_device *device, vlt_stream *stream, vlt_event *event,
                                    vlt_error *err)
{
    (void)device, (void)err;
    const struct command command = {
        .kind = WAIT, .event = event, .ticket = atomic_load(&event->recorded)};
    submit(stream, &command);
    return VLT_OK;
}

static vlt_status copy_to_async(vlt_device *device, vlt_stream *stream, vlt_device_address to,
                                const void *from, size_t bytes, vlt_error *err)
{
    void *memory = vlt_device_blocks_memory(&host_of(device)->blocks, to, bytes, "copy to", err);
    const struct command command = {.kind = COPY_TO, .to = memory, .from = from, .bytes = bytes};
    if (memory) {
        device->bytes_to += bytes;
        submit(stream, &command);
    }
    return memory ? VLT_OK : VLT_STATUS_INPUT;
}

static vlt_status copy_from_async(vlt_device *device, vlt_stream *stream, void *to,
                                  vlt_device_address from, size_t bytes, vlt_error *err)
{
    void *memory = vlt_device_blocks_memory(&host_of(device)->blocks, from, bytes, "copy from",
                                            err);
    const struct command command = {.kind = COPY_FROM, .to = to, .from = memory, .bytes = bytes};
    if (memory) {
        device->bytes_from += bytes;
        submit(stream, &command);
    }
    return memory ? VLT_OK : VLT_STATUS_INPUT;
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
    struct command command = {.kind = KERNEL, .kernel = kernel, .launch = *launch};
    vlt_status status = vlt_host_kernel_check(kernel, &host_of(device)->blocks, launch,
                                              &command.bytes, err);
    if (status == VLT_OK) {
        submit(stream, &command);
    }
    return status;
}

static int activity_take(vlt_device *device, vlt_activity *out, int capacity, uint64_t *lost)
{
    struct host *host = host_of(device);
    pthread_mutex_lock(&host->lock);
    int count = vlt_activity_take(&host->activity, out, capacity, lost);
    pthread_mutex_unlock(&host->lock);
    return count;
}

static void destroy(vlt_device *device)
{
    if (device) {
        struct host *host = host_of(device);
        vlt_device_blocks_release(&host->blocks);
        pthread_cond_destroy(&host->finished);
        pthread_cond_destroy(&host->submitted);
        pthread_mutex_destroy(&host->lock);
        vlt_device_release(device);
        free(host);
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

vlt_status vlt_device_host_create(vlt_device **out, vlt_error *err)
{
    *out = NULL;
    struct host *host = calloc(1, sizeof *host);
    if (!host) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "host device: out of memory");
    }
    vlt_device_init(&host->device, &table, VLT_DEVICE_HOST, "host", host);
    host->activity.room = ACTIVITY;
    pthread_mutex_init(&host->lock, NULL);
    pthread_cond_init(&host->submitted, NULL);
    pthread_cond_init(&host->finished, NULL);
    *out = &host->device;
    return VLT_OK;
}
