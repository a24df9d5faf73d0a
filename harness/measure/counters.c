#include "harness/measure/counters.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/clock.h"
#include "optimizations/core/utf8_text.h"

enum { PROVIDERS_MAX = 8, OVERHEAD_ROUNDS = 21 };

struct source {
    const vlt_counter_provider *provider;
    void *state;
    int first; /* of its metrics */
    int count;
    bool failed; /* did not open: its one metric says why */
    double overhead_ns;
};

struct vlt_counters {
    struct source source[PROVIDERS_MAX];
    int source_count;
    vlt_metric *metric;
    int metric_count;
};

static const vlt_counter_provider *const here[] = {&vlt_provider_papi, &vlt_provider_software,
                                                   &vlt_provider_cupti};

const char *vlt_metric_status_name(vlt_metric_status status)
{
    static const char *const names[] = {
#define VLT_METRIC_STATUS_NAME(code, name) name,
        VLT_METRIC_STATUS_MAP(VLT_METRIC_STATUS_NAME)
#undef VLT_METRIC_STATUS_NAME
    };
    return (unsigned)status < VLT_METRIC_STATUS_COUNT ? names[status] : "?";
}

void vlt_metric_missing(vlt_metric *metric, const char *source, const char *name,
                        vlt_metric_status status, int code, const char *format, ...)
{
    va_list args;
    *metric = (vlt_metric){
        .value = NAN, .status = status, .code = code, .overhead_ns = NAN, .share = 1};
    vlt_utf8_format(metric->name, sizeof metric->name, "%s", name);
    vlt_utf8_format(metric->source, sizeof metric->source, "%s", source);
    va_start(args, format);
    vlt_utf8_vformat(metric->reason, sizeof metric->reason, format, args);
    va_end(args);
}

void vlt_metric_set(vlt_metric *metric, double value)
{
    if (!isfinite(value) || value < 0) {
        metric->value = NAN;
        metric->status = VLT_METRIC_ERROR;
        snprintf(metric->reason, sizeof metric->reason, "the source gave %g", value);
        return;
    }
    metric->value = value;
    metric->status = VLT_METRIC_OK;
    metric->code = 0;
    metric->reason[0] = '\0';
}

static void open_source(const vlt_counter_provider *provider, struct source *source,
                        vlt_metric *refused)
{
    vlt_error err = {0};
    *source = (struct source){.provider = provider, .overhead_ns = NAN};
    vlt_status status = provider->open(provider, &source->state, &err);
    source->failed = status != VLT_OK || !source->state;
    source->count = source->failed ? 1 : provider->metric_count(source->state);
    if (source->failed) {
        vlt_metric_missing(refused, provider->name, provider->name, VLT_METRIC_ERROR, (int)status,
                           "%s", *err.message ? err.message : "the provider did not open");
    }
}

/* What a start, a stop and nothing between them cost: the price of one pass. */
static void measure_overhead(struct source *source)
{
    const vlt_clock *clock = vlt_clock_system();
    double best = INFINITY;
    if (source->failed || source->provider->pass_count(source->state) < 1) {
        return;
    }
    for (int i = 0; i < OVERHEAD_ROUNDS; i++) {
        uint64_t begin = vlt_clock_wall(clock);
        if (source->provider->start(source->state, 0, NULL) != VLT_OK ||
            source->provider->stop(source->state, 0, NULL) != VLT_OK) {
            return;
        }
        best = fmin(best, (double)(vlt_clock_wall(clock) - begin));
    }
    source->overhead_ns = best;
}

/* Reads every provider's metrics into place; values stay for whole stretches. */
static void read_all(vlt_counters *counters)
{
    for (int s = 0; s < counters->source_count; s++) {
        struct source *source = &counters->source[s];
        vlt_metric *metric = counters->metric + source->first;
        if (source->failed) {
            continue;
        }
        for (int i = 0; i < source->count; i++) {
            vlt_metric_missing(&metric[i], source->provider->name, "unnamed", VLT_METRIC_ERROR, 0,
                               "the provider did not fill it");
        }
        source->provider->read(source->state, metric);
        for (int i = 0; i < source->count; i++) {
            metric[i].overhead_ns = source->overhead_ns;
            if (!vlt_metric_has_value(&metric[i])) {
                metric[i].value = NAN; /* whatever the provider left there */
            } else if (!isfinite(metric[i].value) || metric[i].value < 0) {
                vlt_metric_set(&metric[i], metric[i].value);
            }
        }
    }
}

vlt_status vlt_counters_open(const vlt_counter_provider *const *provider, int count,
                             vlt_counters **out, vlt_error *err)
{
    vlt_metric refused[PROVIDERS_MAX];
    *out = NULL;
    if (!provider) {
        provider = here;
        count = (int)(sizeof here / sizeof *here);
    }
    if (count < 0 || count > PROVIDERS_MAX) {
        return vlt_fail(err, VLT_STATUS_USAGE, "counters: %d providers, at most %d", count,
                        PROVIDERS_MAX);
    }
    vlt_counters *counters = calloc(1, sizeof *counters);
    if (!counters) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "counters: out of memory");
    }
    for (int i = 0; i < count; i++) {
        struct source *source = &counters->source[i];
        open_source(provider[i], source, &refused[i]);
        source->first = counters->metric_count;
        counters->metric_count += source->count;
        counters->source_count++;
    }
    counters->metric = calloc((size_t)counters->metric_count + 1, sizeof *counters->metric);
    if (!counters->metric) {
        vlt_counters_close(counters);
        return vlt_fail(err, VLT_STATUS_NOMEM, "counters: out of memory");
    }
    for (int i = 0; i < count; i++) {
        if (counters->source[i].failed) {
            counters->metric[counters->source[i].first] = refused[i];
        }
        measure_overhead(&counters->source[i]);
    }
    read_all(counters);
    for (int i = 0; i < counters->metric_count; i++) { /* nothing was measured yet */
        vlt_metric *metric = &counters->metric[i];
        metric->value = NAN;
    }
    *out = counters;
    return VLT_OK;
}

void vlt_counters_close(vlt_counters *counters)
{
    if (!counters) {
        return;
    }
    for (int i = 0; i < counters->source_count; i++) {
        if (!counters->source[i].failed) {
            counters->source[i].provider->close(counters->source[i].state);
        }
    }
    free(counters->metric);
    free(counters);
}

const vlt_metric *vlt_counters_metrics(const vlt_counters *counters, int *count)
{
    *count = counters->metric_count;
    return counters->metric;
}

const vlt_metric *vlt_counters_find(const vlt_counters *counters, const char *name)
{
    for (int i = 0; i < counters->metric_count; i++) {
        if (!strcmp(counters->metric[i].name, name)) {
            return &counters->metric[i];
        }
    }
    return NULL;
}

/* One pass: start what still has one, run, stop in reverse order so that the stretches nest. */
static vlt_status measure_pass(vlt_counters *counters, int pass, const vlt_subject *subject,
                               int64_t iterations, vlt_error *err)
{
    bool started[PROVIDERS_MAX] = {false};
    for (int s = 0; s < counters->source_count; s++) {
        struct source *source = &counters->source[s];
        if (!source->failed && pass < source->provider->pass_count(source->state)) {
            started[s] = source->provider->start(source->state, pass, NULL) == VLT_OK;
        }
    }
    int result = subject->run(subject->state, iterations);
    for (int s = counters->source_count - 1; s >= 0; s--) {
        if (started[s]) {
            counters->source[s].provider->stop(counters->source[s].state, pass, NULL);
        }
    }
    return result == 0 ? VLT_OK
                       : vlt_fail(err, (vlt_status)result, "counted work failed: %s",
                                  vlt_status_text((vlt_status)result));
}

vlt_status vlt_counters_measure(vlt_counters *counters, const vlt_subject *subject,
                                int64_t iterations, vlt_error *err)
{
    int passes = 1;
    iterations = iterations < 1 ? 1 : iterations;
    for (int s = 0; s < counters->source_count; s++) {
        struct source *source = &counters->source[s];
        int count = source->failed ? 0 : source->provider->pass_count(source->state);
        passes = count > passes ? count : passes;
    }
    for (int pass = 0; pass < passes; pass++) {
        if (subject->reset) {
            subject->reset(subject->state);
        }
        vlt_status status = measure_pass(counters, pass, subject, iterations, err);
        if (status != VLT_OK) {
            return status;
        }
    }
    read_all(counters);
    for (int i = 0; i < counters->metric_count; i++) {
        if (vlt_metric_has_value(&counters->metric[i])) {
            counters->metric[i].value /= (double)iterations;
        }
    }
    return VLT_OK;
}
