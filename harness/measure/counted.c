#include "harness/measure/counted.h"

#include <math.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"

/* A stretch far above what starting and stopping counters costs. */
static const double stretch_ns = 10e6, long_ns = 0.3e9;

void vlt_counted_measure(const vlt_subject *subject, double call_ns, vlt_counted *out)
{
    vlt_counters *counters = NULL;
    vlt_error err = {0};
    int count = 0;
    double calls = call_ns > 0 ? stretch_ns / call_ns : 1;
    *out = (vlt_counted){0};
    if (call_ns > long_ns) {
        vlt_metric_missing(&out->metric[out->count++], "harness", "counters",
                           VLT_METRIC_UNSUPPORTED, 0,
                           "a call takes %.2f s: it is not repeated for counters", call_ns * 1e-9);
        return;
    }
    vlt_status status = vlt_counters_open(NULL, 0, &counters, &err);
    if (status == VLT_OK) {
        status = vlt_counters_measure(counters, subject, calls < 1 ? 1 : (int64_t)calls, &err);
    }
    if (status == VLT_OK) {
        const vlt_metric *metric = vlt_counters_metrics(counters, &count);
        out->count = count < VLT_COUNTED_MAX ? count : VLT_COUNTED_MAX;
        memcpy(out->metric, metric, (size_t)out->count * sizeof *metric);
    } else {
        vlt_metric_missing(&out->metric[out->count++], "harness", "counters", VLT_METRIC_ERROR,
                           (int)status, "%s", err.message);
    }
    vlt_counters_close(counters);
}

json_t *vlt_counted_to_json(const vlt_counted *counted)
{
    json_t *all = json_array();
    for (int i = 0; i < counted->count; i++) {
        const vlt_metric *metric = &counted->metric[i];
        vlt_json_append(
            &all, vlt_json_make("{s:s, s:o, s:i, s:i, s:s, s:o, s:s}", "name", metric->name,
                                "value", vlt_json_real(metric->value), "status",
                                (int)metric->status, "code", metric->code, "source", metric->source,
                                "share", vlt_json_real(metric->share), "reason", metric->reason));
    }
    return all;
}

static void read_metric(const json_t *o, vlt_metric *metric)
{
    const char *text[3] = {"", "", ""};
    static const char *const keys[3] = {"name", "source", "reason"};
    const json_t *value = json_object_get(o, "value"), *share = json_object_get(o, "share");
    json_int_t status = json_integer_value(json_object_get(o, "status"));
    for (int i = 0; i < 3; i++) {
        const char *found = json_string_value(json_object_get(o, keys[i]));
        text[i] = found ? found : "";
    }
    bool sane = status >= 0 && status < VLT_METRIC_STATUS_COUNT;
    vlt_metric_missing(metric, text[1], text[0],
                       sane ? (vlt_metric_status)status : VLT_METRIC_ERROR,
                       (int)json_integer_value(json_object_get(o, "code")), "%s", text[2]);
    metric->share = json_is_number(share) ? json_number_value(share) : 1;
    if (vlt_metric_has_value(metric)) {
        metric->value = json_is_number(value) ? json_number_value(value) : NAN;
        metric->status = isnan(metric->value) ? VLT_METRIC_ERROR : metric->status;
    }
}

void vlt_counted_from_json(const json_t *array, vlt_counted *out)
{
    const json_t *one;
    size_t i;
    *out = (vlt_counted){0};
    json_array_foreach(array, i, one)
    {
        if (out->count < VLT_COUNTED_MAX) {
            read_metric(one, &out->metric[out->count++]);
        }
    }
}
