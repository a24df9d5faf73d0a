/* The simulated device: its model of time, what it catches, and what the variants do on it. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/device/activity.h"
#include "optimizations/device/device_sim.h"
#include "optimizations/transfer/transfer.h"
#include "tests/support/variants.h"

enum { BUFFERS = 12, BYTES = 1 << 20 };

static vlt_device *make(const vlt_sim_options *options)
{
    vlt_device *device;
    vlt_error err = {0};
    cr_assert_eq(vlt_device_sim_create(options, &device, &err), VLT_OK, "%s", err.message);
    return device;
}

/* Numbers that are easy to add up: 1 byte a ns on every engine, no latency, calls of 1 ns. */
static vlt_sim_options simple(void)
{
    const vlt_sim_link link = {.bytes_per_s = 1e9, .latency_ns = 0, .pageable_rate = 1};
    return (vlt_sim_options){.to = link,
                             .from = link,
                             .kernel_bytes_per_s = 1e9,
                             .call_ns = 1,
                             .memory_bytes = 256 << 20};
}

Test(device_sim, time_follows_the_model)
{
    vlt_sim_options options = simple();
    options.to.latency_ns = 100;
    options.to.pageable_rate = 0.5;
    vlt_device *device = make(&options);
    const vlt_device_table *table = device->table;
    vlt_device_address memory;
    vlt_stream *stream;
    void *pinned;
    static unsigned char pageable[1000];
    table->memory_alloc(device, 1000, &memory, NULL);
    table->pinned_alloc(device, 1000, &pinned, NULL);
    table->stream_create(device, &stream, NULL);

    uint64_t begin = table->clock_ns(device);
    table->copy_to_async(device, stream, memory, pinned, 1000, NULL);
    cr_assert_eq(table->clock_ns(device) - begin, 1, "a pinned copy returns after the call");
    table->stream_wait(device, stream, NULL);
    cr_assert_eq(table->clock_ns(device) - begin, 1 + 100 + 1000);

    begin = table->clock_ns(device);
    table->copy_to_async(device, stream, memory, pageable, 1000, NULL);
    cr_assert_eq(table->clock_ns(device) - begin, 1 + 100 + 2000, "a pageable one holds the host");
    table->stream_destroy(device, stream);
    table->destroy(device);
}

Test(device_sim, engines_work_beside_each_other_and_streams_in_order)
{
    vlt_sim_options options = simple();
    vlt_device *device = make(&options);
    const vlt_device_table *table = device->table;
    vlt_device_address memory[2];
    vlt_stream *stream[2];
    void *pinned[2];
    vlt_activity activity[8];
    uint64_t lost;
    vlt_kernel *kernel;
    cr_assert_eq(table->kernel_create(device, &vlt_transfer_mix_source, NULL, 0, &kernel, NULL),
                 VLT_OK);
    for (int i = 0; i < 2; i++) {
        table->memory_alloc(device, 1000, &memory[i], NULL);
        table->pinned_alloc(device, 1000, &pinned[i], NULL);
        table->stream_create(device, &stream[i], NULL);
    }
    for (int i = 0; i < 2; i++) {
        table->copy_to_async(device, stream[i], memory[i], pinned[i], 1000, NULL);
        const vlt_kernel_launch launch = {.grid = {1, 1, 1},
                                          .block = {1, 1, 1},
                                          .argument_count = 3,
                                          .argument = {vlt_argument_memory(memory[i], 1000),
                                                       vlt_argument_i64(1000),
                                                       vlt_argument_i32(1)}};
        table->launch_async(device, stream[i], kernel, &launch, NULL);
    }
    table->stream_wait(device, stream[0], NULL);
    table->stream_wait(device, stream[1], NULL);
    cr_assert_eq(table->activity_take(device, activity, 8, &lost), 4);
    vlt_overlap overlap;
    vlt_activity_overlap(activity, 4, &overlap);
    cr_assert_eq(overlap.copy_ns, 2000, "one engine for a direction: copies queue");
    cr_assert_eq(overlap.both_ns, 1000, "the second copy runs under the first kernel");
    cr_assert_eq(overlap.span_ns, 3000);
    table->kernel_destroy(device, kernel);
    for (int i = 0; i < 2; i++) {
        table->stream_destroy(device, stream[i]);
    }
    table->destroy(device);
}

Test(device_sim, reuse_before_the_event_is_seen_in_the_bytes)
{
    vlt_sim_options options = simple();
    vlt_device *device = make(&options);
    const vlt_device_table *table = device->table;
    vlt_device_address memory;
    vlt_stream *stream;
    vlt_event *event;
    void *slot;
    unsigned char back[64];
    table->memory_alloc(device, 64, &memory, NULL);
    table->pinned_alloc(device, 64, &slot, NULL);
    table->stream_create(device, &stream, NULL);
    table->event_create(device, &event, NULL);

    memset(slot, 1, 64);
    table->copy_to_async(device, stream, memory, slot, 64, NULL);
    table->event_record(device, event, stream, NULL);
    cr_assert_not(table->event_passed(device, event));
    memset(slot, 2, 64); /* too early */
    table->copy_from_async(device, stream, back, memory, 64, NULL);
    table->stream_wait(device, stream, NULL);
    cr_assert_eq(back[0], 2, "the early reuse was copied, as on a real device");

    memset(slot, 3, 64);
    table->copy_to_async(device, stream, memory, slot, 64, NULL);
    table->event_record(device, event, stream, NULL);
    table->event_wait(device, event, NULL);
    cr_assert(table->event_passed(device, event));
    memset(slot, 4, 64); /* in time */
    table->copy_from_async(device, stream, back, memory, 64, NULL);
    table->stream_wait(device, stream, NULL);
    cr_assert_eq(back[0], 3);
    table->event_destroy(device, event);
    table->stream_destroy(device, stream);
    table->destroy(device);
}

Test(device_sim, ranges_and_limits_are_checked)
{
    vlt_sim_options options = simple();
    options.memory_bytes = 1000;
    vlt_device *device = make(&options);
    const vlt_device_table *table = device->table;
    vlt_device_address memory, more;
    vlt_stream *stream;
    unsigned char host[8];
    vlt_error err = {0};
    table->stream_create(device, &stream, NULL);
    cr_assert_eq(table->memory_alloc(device, 600, &memory, &err), VLT_OK);
    cr_assert_eq(table->memory_alloc(device, 600, &more, &err), VLT_STATUS_NOMEM);
    cr_assert(strstr(err.message, "600") && strstr(err.message, "400"));
    cr_assert_eq(table->copy_to_async(device, stream, memory + 596, host, 8, &err),
                 VLT_STATUS_INPUT);
    cr_assert_eq(table->copy_from_async(device, stream, host, memory - 1, 4, &err),
                 VLT_STATUS_INPUT);
    cr_assert_eq(table->copy_to_async(device, stream, memory + 592, host, 8, &err), VLT_OK);
    table->memory_free(device, memory);
    cr_assert_eq(table->memory_alloc(device, 1000, &memory, &err), VLT_OK, "freed bytes return");
    table->stream_destroy(device, stream);
    table->destroy(device);
    options.kernel_bytes_per_s = 0;
    cr_assert_eq(vlt_device_sim_create(&options, &device, &err), VLT_STATUS_USAGE);
}

/* One run of a variant on a simulated device. */
struct outcome {
    vlt_status prepared, ran;
    bool right;
    uint64_t virtual_ns;
    uint64_t lost;
    vlt_overlap overlap;
};

static struct outcome transfer(const vlt_sim_options *options, const char *variant,
                               const char *knobs)
{
    static unsigned char *from[BUFFERS], *to[BUFFERS];
    static vlt_activity activity[8192];
    struct outcome outcome = {0};
    test_context test;
    vlt_plan *plan;
    vlt_binding binding;
    vlt_error err = {0};
    vlt_random random = {3};
    const int rounds = 2;
    const vlt_kernel_argument argument = vlt_argument_i32(rounds);
    test_context_init(&test);
    vlt_device *device = make(options);
    vlt_transfer_constants constants = {.device = device, .kernel = &vlt_transfer_mix_source};
    vlt_problem problem = {.op = &vlt_op_transfer,
                           .dim = {BUFFERS, BYTES, VLT_DEVICE_SIMULATED},
                           .constants = &constants};
    const vlt_variant *found = vlt_registry_find_variant(&vlt_op_transfer, variant);
    cr_assert_eq(vlt_binding_parse(found, knobs, &binding, &err), VLT_OK, "%s", err.message);
    for (int i = 0; i < BUFFERS; i++) {
        from[i] = malloc(BYTES);
        to[i] = calloc(1, BYTES);
        for (int k = 0; k < BYTES; k += 8) {
            uint64_t word = vlt_random_next(&random);
            memcpy(from[i] + k, &word, sizeof word);
        }
    }
    outcome.prepared = vlt_plan_create_with(&test.context, &problem, found, &binding, &plan, &err);
    if (outcome.prepared == VLT_OK) {
        vlt_transfer_args args = {.from = (const void *const *)from,
                                  .to = (void *const *)to,
                                  .count = BUFFERS,
                                  .bytes = BYTES,
                                  .argument = &argument,
                                  .argument_count = 1};
        uint64_t begin = device->table->clock_ns(device);
        outcome.ran = test_run(plan, &args, &err);
        outcome.virtual_ns = device->table->clock_ns(device) - begin;
        int count = device->table->activity_take(device, activity, 8192, &outcome.lost);
        vlt_activity_overlap(activity, count, &outcome.overlap);
        vlt_plan_destroy(plan);
    }
    outcome.right = true;
    for (int i = 0; i < BUFFERS; i++) {
        vlt_transfer_mix(from[i], BYTES, rounds);
        outcome.right = outcome.right && !memcmp(from[i], to[i], BYTES);
        free(from[i]);
        free(to[i]);
    }
    device->table->destroy(device);
    test_context_release(&test);
    return outcome;
}

Test(device_sim, every_setting_of_streams_gives_right_bytes)
{
    static const char *const knobs[] = {
        "streams=1 chunk=64 slots=2",   "streams=2 chunk=64 slots=3",
        "streams=3 chunk=256 slots=2",  "streams=4 chunk=1024 slots=4",
        "streams=4 chunk=64 slots=4",   "streams=2 staging=none",
        "streams=1 chunk=4096 slots=2", "streams=3 chunk=64 staging=pinned"};
    vlt_sim_options options = vlt_sim_options_default();
    for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++) {
        struct outcome outcome = transfer(&options, "streams", knobs[i]);
        cr_assert_eq(outcome.ran, VLT_OK);
        cr_assert(outcome.right, "%s", knobs[i]);
    }
    cr_assert(transfer(&options, "baseline", NULL).right);
    cr_assert(transfer(&options, "pinned", NULL).right);
}

Test(device_sim, overlap_reaches_the_optimum_of_the_model)
{
    /* Equal engines: nothing can end before the sum of one of them, N * BYTES ns, and the fill
     * of the pipeline, which is two more steps of one buffer. */
    vlt_sim_options options = simple();
    double least_ns = (double)BUFFERS * BYTES;
    struct outcome baseline = transfer(&options, "baseline", NULL);
    cr_assert_eq(baseline.overlap.both_ns, 0);
    cr_assert_geq((double)baseline.virtual_ns, 3 * least_ns, "one step after the other");
    cr_assert_leq((double)baseline.virtual_ns, 3 * least_ns * 1.001);
    struct outcome streams = transfer(&options, "streams", "streams=4 chunk=256");
    cr_assert_geq((double)streams.virtual_ns, least_ns + 2.0 * BYTES);
    cr_assert_leq((double)streams.virtual_ns, (least_ns + 2.0 * BYTES) * 1.05, "took %g of %g",
                  (double)streams.virtual_ns, least_ns);
    cr_assert_geq(streams.overlap.share, 0.8);
    struct outcome pinned = transfer(&options, "pinned", NULL);
    cr_assert_eq(pinned.overlap.both_ns, 0, "one stream hides nothing");
}

Test(device_sim, chunks_have_an_optimum_between_latency_and_fill)
{
    /* Every chunk pays the latency of the link, so tiny chunks lose. */
    vlt_sim_options options = vlt_sim_options_default();
    uint64_t tiny = transfer(&options, "streams", "streams=3 chunk=64").virtual_ns;
    uint64_t large = transfer(&options, "streams", "streams=3 chunk=1024").virtual_ns;
    cr_assert_lt(large, tiny);
    uint64_t pageable = transfer(&options, "streams", "streams=3 staging=none").virtual_ns;
    cr_assert_lt(large, pageable, "pageable copies hold the host");
}

Test(device_sim, faults_come_back_as_errors_and_leak_nothing)
{
    static const char *const variants[] = {"baseline", "streams", "pinned"};
    for (int v = 0; v < 3; v++) {
        for (int nth = 1; nth <= 4; nth++) {
            vlt_sim_options options = simple();
            options.faults.alloc_fails = nth;
            struct outcome outcome = transfer(&options, variants[v], NULL);
            cr_assert(outcome.prepared == VLT_OK || outcome.prepared == VLT_STATUS_NOMEM);
            cr_assert_eq(outcome.prepared == VLT_STATUS_NOMEM,
                         nth == 1 || (v > 0 && nth == 2) || (v == 1 && nth <= 4));
            options = simple();
            options.faults.copy_fails = 3 * nth;
            outcome = transfer(&options, variants[v], NULL);
            cr_assert_eq(outcome.ran, VLT_STATUS_INTERNAL);
            options = simple();
            options.faults.launch_fails = nth;
            outcome = transfer(&options, variants[v], NULL);
            cr_assert_eq(outcome.ran, VLT_STATUS_INTERNAL);
        }
    }
}

Test(device_sim, a_dropped_copy_is_found_by_comparing)
{
    vlt_sim_options options = simple();
    options.faults.copy_dropped = 5;
    struct outcome outcome = transfer(&options, "streams", NULL);
    cr_assert_eq(outcome.ran, VLT_OK, "the device says that all went well");
    cr_assert_not(outcome.right);
}

Test(device_sim, lost_records_are_counted)
{
    vlt_sim_options options = simple();
    options.faults.record_losses = 4;
    struct outcome outcome = transfer(&options, "baseline", NULL);
    cr_assert_eq(outcome.lost, 3 * BUFFERS / 4);
}
