/* No missing metric ever becomes a number: providers that fail in every way they can. */
#include <criterion/criterion.h>

#include <dlfcn.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/measure/counters.h"
#include "harness/measure/papi_library.h"
#include "tests/support/data.h"

/* A provider of one metric that goes wrong at one place, or not at all. */
struct script {
    bool open_fails, no_state, start_fails, stop_fails, no_passes, reads_nothing;
    vlt_metric_status status; /* what read says about it */
    double value;             /* and gives */
    int starts, stops, closes;
};

static vlt_status fake_open(const vlt_counter_provider *provider, void **state, vlt_error *err)
{
    struct script *script = provider->user;
    *state = script->no_state || script->open_fails ? NULL : script;
    return script->open_fails ? vlt_fail(err, VLT_STATUS_NOMEM, "the fake is out of memory")
                              : VLT_OK;
}

static int fake_metric_count(const void *state)
{
    (void)state;
    return 1;
}

static int fake_pass_count(const void *state)
{
    return ((const struct script *)state)->no_passes ? 0 : 2;
}

static vlt_status fake_start(void *state, int pass, vlt_error *err)
{
    struct script *script = state;
    (void)pass;
    script->starts++;
    return script->start_fails ? vlt_fail(err, VLT_STATUS_INTERNAL, "no start") : VLT_OK;
}

static vlt_status fake_stop(void *state, int pass, vlt_error *err)
{
    struct script *script = state;
    (void)pass;
    script->stops++;
    return script->stop_fails ? vlt_fail(err, VLT_STATUS_INTERNAL, "no stop") : VLT_OK;
}

static void fake_read(const void *state, vlt_metric *metric)
{
    const struct script *script = state;
    if (script->reads_nothing) {
        return;
    }
    vlt_metric_missing(metric, "fake", "fake", script->status, -3, "as the script says");
    metric->value = script->value; /* a careless provider leaves a number in a missing metric */
}

static void fake_close(void *state)
{
    ((struct script *)state)->closes++;
}

static vlt_counter_provider fake(struct script *script)
{
    return (vlt_counter_provider){.name = "fake",
                                  .open = fake_open,
                                  .metric_count = fake_metric_count,
                                  .pass_count = fake_pass_count,
                                  .start = fake_start,
                                  .stop = fake_stop,
                                  .read = fake_read,
                                  .close = fake_close,
                                  .user = script};
}

static int runs;

static int work(void *state, int64_t iterations)
{
    (void)state;
    double volatile x = 1;
    runs++;
    for (int64_t i = 0; i < iterations * 10000; i++) {
        x = x * 1.0000001;
    }
    return 0;
}

/* Measures with the fake beside the software provider; gives the fake's metric. */
static vlt_metric measure(struct script *script)
{
    const vlt_counter_provider provider = fake(script);
    const vlt_counter_provider *const providers[] = {&provider, &vlt_provider_software};
    const vlt_subject subject = {.run = work};
    vlt_counters *counters;
    vlt_error err = {0};
    cr_assert_eq(vlt_counters_open(providers, 2, &counters, &err), VLT_OK, "%s", err.message);
    int count;
    const vlt_metric *metric = vlt_counters_metrics(counters, &count);
    for (int i = 0; i < count; i++) {
        cr_assert(isnan(metric[i].value), "before measuring there is no number");
    }
    cr_assert_eq(vlt_counters_measure(counters, &subject, 4, &err), VLT_OK);
    metric = vlt_counters_metrics(counters, &count);
    cr_assert_eq(count, 8);
    cr_assert(vlt_metric_has_value(vlt_counters_find(counters, "wall_ns")),
              "one broken provider takes nothing from the others");
    vlt_metric first = metric[0];
    vlt_counters_close(counters);
    return first;
}

Test(counters, a_missing_metric_never_becomes_a_number)
{
    for (int status = 0; status < VLT_METRIC_STATUS_COUNT; status++) {
        static const double left_there[] = {0, 12, -1, NAN, INFINITY};
        for (int i = 0; i < 5; i++) {
            struct script script = {.status = (vlt_metric_status)status, .value = left_there[i]};
            vlt_metric metric = measure(&script);
            bool number = status == VLT_METRIC_OK || status == VLT_METRIC_MULTIPLEXED;
            bool sane = isfinite(left_there[i]) && left_there[i] >= 0;
            cr_assert_eq(vlt_metric_has_value(&metric), number && sane);
            cr_assert_eq(isnan(metric.value), !(number && sane));
            if (number && sane) {
                cr_assert_float_eq(metric.value, left_there[i] / 4, 1e-12, "per iteration");
            } else {
                cr_assert(*metric.reason);
            }
            cr_assert_eq(script.closes, 1);
        }
    }
}

Test(counters, failures_of_every_step_are_metrics_with_a_reason)
{
    struct script scripts[] = {{.open_fails = true},
                               {.no_state = true},
                               {.start_fails = true, .status = VLT_METRIC_ERROR},
                               {.stop_fails = true, .status = VLT_METRIC_ERROR},
                               {.no_passes = true, .status = VLT_METRIC_UNSUPPORTED},
                               {.reads_nothing = true}};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        vlt_metric metric = measure(&scripts[i]);
        cr_assert_not(vlt_metric_has_value(&metric), "script %zu", i);
        cr_assert(isnan(metric.value));
        cr_assert(*metric.reason, "script %zu", i);
        cr_assert_eq(scripts[i].closes, i > 1, "what opened is closed");
    }
    cr_assert(strstr(measure(&scripts[0]).reason, "out of memory"));
}

Test(counters, every_pass_repeats_the_work)
{
    struct script script = {.status = VLT_METRIC_OK, .value = 8};
    runs = 0;
    measure(&script);
    cr_assert_eq(runs, 2);
    cr_assert_eq(script.starts, script.stops);
}

static int failing(void *state, int64_t iterations)
{
    (void)state, (void)iterations;
    return VLT_STATUS_WRONG;
}

Test(counters, the_works_own_failure_comes_through)
{
    const vlt_subject subject = {.run = failing};
    vlt_counters *counters;
    cr_assert_eq(vlt_counters_open(NULL, 0, &counters, NULL), VLT_OK);
    cr_assert_eq(vlt_counters_measure(counters, &subject, 1, NULL), VLT_STATUS_WRONG);
    vlt_counters_close(counters);
}

Test(counters, everything_here_has_a_status_and_a_reason)
{
    const vlt_subject subject = {.run = work};
    vlt_counters *counters;
    int count, numbers = 0;
    cr_assert_eq(vlt_counters_open(NULL, 0, &counters, NULL), VLT_OK);
    cr_assert_eq(vlt_counters_measure(counters, &subject, 100, NULL), VLT_OK);
    const vlt_metric *metric = vlt_counters_metrics(counters, &count);
    for (int i = 0; i < count; i++) {
        cr_assert(*metric[i].name && *metric[i].source);
        cr_assert_eq(vlt_metric_has_value(&metric[i]), !isnan(metric[i].value), "%s",
                     metric[i].name);
        cr_assert_eq(vlt_metric_has_value(&metric[i]), !*metric[i].reason, "%s: %s", metric[i].name,
                     metric[i].reason);
        numbers += vlt_metric_has_value(&metric[i]);
    }
    cr_assert_geq(numbers, 6, "the system's books are kept everywhere");
    const vlt_metric *cycles = vlt_counters_find(counters, "cycles");
    cr_assert_not_null(cycles);
    cr_assert(!vlt_metric_has_value(cycles) || cycles->value > 1000);
    vlt_counters_close(counters);
}

static int sleeps(void *state, int64_t iterations)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    (void)state;
    for (int64_t i = 0; i < iterations; i++) {
        nanosleep(&pause, NULL);
    }
    return 0;
}

static int touches(void *state, int64_t iterations)
{
    (void)state;
    for (int64_t i = 0; i < iterations; i++) {
        size_t bytes = (size_t)16 << 20;
        unsigned char *block = malloc(bytes);
        for (size_t k = 0; block && k < bytes; k += 4096) {
            ((unsigned char volatile *)block)[k] = 1;
        }
        free(block);
    }
    return 0;
}

Test(counters, sleeping_counts_switches_where_papi_says_zero)
{
    const vlt_counter_provider *const providers[] = {&vlt_provider_software};
    const vlt_subject sleeper = {.run = sleeps}, toucher = {.run = touches};
    vlt_counters *counters;
    cr_assert_eq(vlt_counters_open(providers, 1, &counters, NULL), VLT_OK);
    cr_assert_eq(vlt_counters_measure(counters, &sleeper, 5, NULL), VLT_OK);
    cr_assert_geq(vlt_counters_find(counters, "switches_voluntary")->value, 1);
    cr_assert_lt(vlt_counters_find(counters, "thread_cpu_ns")->value,
                 vlt_counters_find(counters, "wall_ns")->value);
    cr_assert_eq(vlt_counters_measure(counters, &toucher, 2, NULL), VLT_OK);
    cr_assert_gt(vlt_counters_find(counters, "page_faults_minor")->value, 7);
    vlt_counters_close(counters);
}

Test(counters, too_many_providers_are_refused)
{
    const vlt_counter_provider *providers[9];
    vlt_counters *counters;
    for (int i = 0; i < 9; i++) {
        providers[i] = &vlt_provider_software;
    }
    cr_assert_eq(vlt_counters_open(providers, 9, &counters, NULL), VLT_STATUS_USAGE);
    cr_assert_null(counters);
}

/* A request must not pay for the tables of events (2 MB) that only counting needs. */
Test(counters, papi_is_loaded_by_who_counts)
{
    const vlt_papi_library *library = vlt_papi_library_open();
    const char *program = getenv("VLT_PROGRAM");
    if (!library || !program) {
        test_skip(library ? "no program" : vlt_papi_library_name());
        return;
    }
    cr_expect(dlopen(vlt_papi_library_name(), RTLD_LAZY | RTLD_NOLOAD));
    cr_expect_eq(vlt_papi_library_open(), library);
    FILE *needed = popen("LD_TRACE_LOADED_OBJECTS=1 \"$VLT_PROGRAM\"", "r");
    char line[512];
    int count = 0;
    cr_assert(needed);
    while (fgets(line, sizeof line, needed)) {
        count++;
        cr_expect_null(strstr(line, "libpapi"), "%s", line);
        cr_expect_null(strstr(line, "libpfm"), "%s", line);
    }
    cr_expect_geq(count, 3);
    pclose(needed);
}
