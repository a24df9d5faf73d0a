/* Work and waiting in a trace: what waits is no work, whatever thread it is in. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "harness/json/json.h"
#include "harness/services/trace.h"
#include "optimizations/core/clock.h"
#include "tests/support/folder.h"

TestSuite(trace, .init = test_folder_make, .fini = test_folder_remove);

static void wait_some(vlt_trace *trace, long ms)
{
    const struct timespec pause = {.tv_nsec = ms * 1000000};
    const vlt_trace_mark begun = vlt_trace_wait_begin(trace);
    nanosleep(&pause, NULL);
    vlt_trace_wait_end(trace, VLT_TRACE_MEMORY, begun);
}

static void spin(double ms)
{
    const double end_ms = vlt_now_ms() + ms;
    while (vlt_now_ms() < end_ms) {
    }
}

/* The spans of a category, and what they last and amount to together. */
struct spans {
    int count;
    double total_us, first_us, last_us;
    int64_t rows;
};

static struct spans spans_of(json_t *document, const char *category)
{
    struct spans spans = {.first_us = 1e300};
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(document, "traceEvents"), i, event)
    {
        const char *its = json_string_value(json_object_get(event, "cat"));
        if (!its || strcmp(its, category)) {
            continue;
        }
        const double at = json_number_value(json_object_get(event, "ts"));
        const double lasts = json_number_value(json_object_get(event, "dur"));
        cr_assert_geq(lasts, 0);
        spans.count++;
        spans.total_us += lasts;
        spans.first_us = at < spans.first_us ? at : spans.first_us;
        spans.last_us = at + lasts > spans.last_us ? at + lasts : spans.last_us;
        spans.rows += json_integer_value(json_object_get(json_object_get(event, "args"), "rows"));
    }
    return spans;
}

static json_t *written(vlt_trace *trace)
{
    json_t *document = NULL;
    vlt_error err = {0};
    const char *path = test_folder_path("trace.json");
    cr_assert_eq(vlt_trace_write(trace, path, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_json_load(path, 1 << 22, &document, &err), VLT_OK, "%s", err.message);
    vlt_trace_destroy(trace);
    return document;
}

Test(trace, waiting_is_cut_out_of_the_work_around_it)
{
    vlt_trace *trace;
    cr_assert_eq(vlt_trace_create(&trace, NULL), VLT_OK);
    const double start_ms = vlt_now_ms();
    spin(2);
    wait_some(trace, 5);
    spin(2);
    wait_some(trace, 5);
    const double middle_ms = vlt_now_ms();
    wait_some(trace, 5);
    spin(2);
    const double end_ms = vlt_now_ms();
    vlt_trace_span(trace, "first", "work", start_ms, middle_ms, "rows", 7);
    vlt_trace_span(trace, "second", "work", middle_ms, end_ms, "rows", 9);
    json_t *document = written(trace);
    const struct spans waits = spans_of(document, "wait"), first = spans_of(document, "first"),
                       second = spans_of(document, "second");
    cr_expect_eq(waits.count, 3);
    cr_expect_geq(waits.total_us, 15000 - 100);
    cr_expect(first.count >= 2 && second.count >= 1, "%d %d", first.count, second.count);
    cr_expect(first.rows == 7 && second.rows == 9, "an amount is told once");
    cr_expect_float_eq(first.total_us + second.total_us + waits.total_us, (end_ms - start_ms) * 1e3,
                       50, "nothing is lost or told twice");
    cr_expect_leq(first.last_us, second.first_us + 50);
    json_decref(document);
}

struct other {
    vlt_trace *trace;
    double start_ms, end_ms;
};

static void *work_elsewhere(void *argument)
{
    struct other *other = argument;
    other->start_ms = vlt_now_ms();
    spin(20);
    other->end_ms = vlt_now_ms();
    vlt_trace_span(other->trace, "elsewhere", "work", other->start_ms, other->end_ms, NULL, 0);
    return NULL;
}

/* Who waits is one thread; the other one's work is whole. */
Test(trace, another_threads_work_is_not_cut)
{
    struct other other = {0};
    pthread_t thread;
    cr_assert_eq(vlt_trace_create(&other.trace, NULL), VLT_OK);
    cr_assert_eq(pthread_create(&thread, NULL, work_elsewhere, &other), 0);
    for (int i = 0; i < 4; i++) {
        wait_some(other.trace, 3);
    }
    pthread_join(thread, NULL);
    json_t *document = written(other.trace);
    const struct spans elsewhere = spans_of(document, "elsewhere");
    cr_expect_eq(elsewhere.count, 1);
    cr_expect_float_eq(elsewhere.total_us, (other.end_ms - other.start_ms) * 1e3, 5);
    cr_expect_eq(spans_of(document, "wait").count, 4);
    json_decref(document);
}

/* Computing is no waiting, nor is being answered at once, nor a trace that nobody wants. */
Test(trace, what_did_not_wait_is_whole)
{
    vlt_trace *trace;
    cr_assert_eq(vlt_trace_create(&trace, NULL), VLT_OK);
    const double start_ms = vlt_now_ms();
    for (int i = 0; i < 100; i++) {
        vlt_trace_wait_end(trace, VLT_TRACE_MEMORY, vlt_trace_wait_begin(trace));
    }
    vlt_trace_span(trace, "first", "work", start_ms, vlt_now_ms(), "rows", 3);
    vlt_trace_span(trace, "first", "nothing", start_ms, start_ms, NULL, 0);
    json_t *document = written(trace);
    cr_expect_eq(spans_of(document, "first").count, 2);
    cr_expect_eq(spans_of(document, "wait").count, 0);
    json_decref(document);
    vlt_trace_wait_end(NULL, VLT_TRACE_MEMORY, vlt_trace_wait_begin(NULL));
}
