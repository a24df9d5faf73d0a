/* The host device under ThreadSanitizer: order within a stream, events between streams, rings. */
#include <stdio.h>
#include <string.h>

#include "optimizations/transfer/activity.h"
#include "optimizations/transfer/device_host.h"

enum { WORDS = 1 << 12, ROUNDS = 300, STREAMS = 3 };

static void add_one(void *memory, size_t bytes, void *argument)
{
    unsigned *word = memory;
    (void)argument;
    for (size_t i = 0; i < bytes / sizeof *word; i++) {
        word[i]++;
    }
}

static int fail(const char *what, int round)
{
    fprintf(stderr, "%s in round %d\n", what, round);
    return 1;
}

/* The streams pass one block round: each waits for the event of the one before. */
static int relay(vlt_device *device, vlt_stream **stream, vlt_event **event)
{
    const vlt_device_table *table = device->table;
    static unsigned in[WORDS], out[WORDS];
    vlt_device_address memory;
    int failed = 0;
    if (table->memory_alloc(device, sizeof in, &memory, NULL) != VLT_OK) {
        return fail("no memory", 0);
    }
    for (int round = 0; round < ROUNDS && !failed; round++) {
        for (int i = 0; i < WORDS; i++) {
            in[i] = (unsigned)(round + i);
        }
        table->copy_to_async(device, stream[0], memory, in, sizeof in, NULL);
        for (int s = 0; s < STREAMS; s++) {
            table->launch_async(device, stream[s], add_one, memory, sizeof in, NULL, NULL);
            table->event_record(device, event[s], stream[s], NULL);
            table->stream_wait_event(device, stream[(s + 1) % STREAMS], event[s], NULL);
        }
        table->copy_from_async(device, stream[0], out, memory, sizeof out, NULL);
        table->event_record(device, event[0], stream[0], NULL);
        if (round % 2) {
            table->event_wait(device, event[0], NULL);
        } else {
            while (!table->event_passed(device, event[0])) {
            }
        }
        for (int i = 0; i < WORDS && !failed; i++) {
            failed = out[i] != (unsigned)(round + i + STREAMS) ? fail("wrong word", round) : 0;
        }
    }
    table->memory_free(device, memory);
    return failed;
}

/* More commands than a queue holds: the caller waits for room. */
static int flood(vlt_device *device, vlt_stream *stream)
{
    const vlt_device_table *table = device->table;
    unsigned zero = 0, out = 0;
    vlt_device_address memory;
    table->memory_alloc(device, sizeof zero, &memory, NULL);
    table->copy_to_async(device, stream, memory, &zero, sizeof zero, NULL);
    for (int i = 0; i < 2000; i++) {
        table->launch_async(device, stream, add_one, memory, sizeof zero, NULL, NULL);
    }
    table->copy_from_async(device, stream, &out, memory, sizeof out, NULL);
    table->stream_wait(device, stream, NULL);
    table->memory_free(device, memory);
    return out == 2000 ? 0 : fail("lost kernels", (int)out);
}

int main(void)
{
    vlt_device *device;
    vlt_stream *stream[STREAMS];
    vlt_event *event[STREAMS];
    static vlt_activity activity[8192];
    vlt_error err = {0};
    uint64_t lost;
    if (vlt_device_host_create(&device, &err) != VLT_OK) {
        return fail(err.message, 0);
    }
    const vlt_device_table *table = device->table;
    for (int s = 0; s < STREAMS; s++) {
        if (table->stream_create(device, &stream[s], &err) != VLT_OK ||
            table->event_create(device, &event[s], &err) != VLT_OK) {
            return fail(err.message, s);
        }
    }
    int failed = relay(device, stream, event);
    int count = table->activity_take(device, activity, 8192, &lost);
    if (count + (int)lost != ROUNDS * (2 + STREAMS)) {
        failed += fail("records are missing", count);
    }
    failed += flood(device, stream[1]);
    if (table->copy_to_async(device, stream[0], 12345, &lost, 8, &err) != VLT_STATUS_INPUT) {
        failed += fail("a foreign address was taken", 0);
    }
    for (int s = 0; s < STREAMS; s++) {
        table->stream_destroy(device, stream[s]);
        table->event_destroy(device, event[s]);
    }
    table->destroy(device);
    return failed != 0;
}
