/* The host device under ThreadSanitizer: order within a stream, events between streams, rings. */
#include <stdio.h>
#include <string.h>

#include "optimizations/device/activity.h"
#include "optimizations/device/device_host.h"

enum { WORDS = 1 << 12, ROUNDS = 300, STREAMS = 3 };

/* Adds the macro STEP to argument 1 words behind argument 0. */
static void add_step(const vlt_kernel_launch *launch, const vlt_kernel_macro *macro,
                     int macro_count)
{
    unsigned *word = vlt_argument_host(&launch->argument[0]);
    for (int64_t i = 0; macro_count == 1 && i < launch->argument[1].value.i64; i++) {
        word[i] += (unsigned)macro[0].value;
    }
}

static const vlt_kernel_source source = {.entry = "add_step", .text = "", .host = add_step};
static const vlt_kernel_macro step = {"STEP", 1};

static vlt_kernel_launch over(vlt_device_address memory, int64_t words)
{
    return (vlt_kernel_launch){
        .grid = {1, 1, 1},
        .block = {1, 1, 1},
        .argument_count = 2,
        .argument = {vlt_argument_memory(memory, (size_t)words * sizeof(unsigned)),
                     vlt_argument_i64(words)}};
}

static int fail(const char *what, int round)
{
    fprintf(stderr, "%s in round %d\n", what, round);
    return 1;
}

/* The streams pass one block round: each waits for the event of the one before. */
static int relay(vlt_device *device, vlt_stream **stream, vlt_event **event, vlt_kernel *kernel)
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
            vlt_kernel_launch launch = over(memory, WORDS);
            table->launch_async(device, stream[s], kernel, &launch, NULL);
            launch.argument[1].value.i64 = 0; /* the launch has a copy */
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
static int flood(vlt_device *device, vlt_stream *stream, vlt_kernel *kernel)
{
    const vlt_device_table *table = device->table;
    unsigned zero = 0, out = 0;
    vlt_device_address memory;
    table->memory_alloc(device, sizeof zero, &memory, NULL);
    table->copy_to_async(device, stream, memory, &zero, sizeof zero, NULL);
    for (int i = 0; i < 2000; i++) {
        const vlt_kernel_launch launch = over(memory, 1);
        table->launch_async(device, stream, kernel, &launch, NULL);
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
    vlt_kernel *kernel;
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
    if (table->kernel_create(device, &source, &step, 1, &kernel, &err) != VLT_OK) {
        return fail(err.message, 0);
    }
    int failed = relay(device, stream, event, kernel);
    int count = table->activity_take(device, activity, 8192, &lost);
    if (count + (int)lost != ROUNDS * (2 + STREAMS)) {
        failed += fail("records are missing", count);
    }
    failed += flood(device, stream[1], kernel);
    if (table->copy_to_async(device, stream[0], 12345, &lost, 8, &err) != VLT_STATUS_INPUT) {
        failed += fail("a foreign address was taken", 0);
    }
    const vlt_kernel_launch foreign = over(12345, 2);
    if (table->launch_async(device, stream[0], kernel, &foreign, &err) != VLT_STATUS_INPUT) {
        failed += fail("a kernel got a foreign address", 0);
    }
    for (int s = 0; s < STREAMS; s++) {
        table->stream_destroy(device, stream[s]);
        table->event_destroy(device, event[s]);
    }
    table->kernel_destroy(device, kernel);
    table->destroy(device);
    return failed != 0;
}
