/* The JSON of rows; members: reports/cli/README.md#rows-of-measurements. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/bench/row.h"

static json_t *text_or_null(const char *text)
{
    return text[0] ? vlt_json_name(text) : json_null();
}

static json_t *counters_to_json(const vlt_counted *counted)
{
    json_t *all = json_array();
    for (int i = 0; i < counted->count; i++) {
        const vlt_metric *metric = &counted->metric[i];
        vlt_json_append(&all,
                        vlt_json_make("{s:s, s:o, s:s, s:s, s:i, s:o, s:o, s:o}", "name",
                                      metric->name, "value", vlt_json_real(metric->value), "status",
                                      vlt_metric_status_name(metric->status), "source",
                                      metric->source, "code", metric->code, "reason",
                                      *metric->reason ? vlt_json_name(metric->reason) : json_null(),
                                      "share", vlt_json_real(metric->share), "overhead_ns",
                                      vlt_json_real(metric->overhead_ns)));
    }
    return all;
}

/* "strip=64 mode=fast" as an object; numbers as numbers. */
static json_t *knobs_to_json(const char *knobs)
{
    json_t *object = json_object();
    char copy[sizeof((vlt_row *)0)->knobs], *save = NULL;
    vlt_utf8_format(copy, sizeof copy, "%s", knobs);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *equals = strchr(word, '='), *end;
        if (equals) {
            *equals = '\0';
            long long value = strtoll(equals + 1, &end, 10);
            bool number = end != equals + 1 && !*end;
            vlt_json_set(&object, word, number ? json_integer(value) : vlt_json_name(equals + 1));
        }
    }
    return object;
}

static void add_measured(json_t **object, const vlt_row *row)
{
    const vlt_experiment *experiment = &row->experiment;
    const vlt_measure_result *result = &experiment->result;
    const vlt_judgement *judgement = &result->judgement;
    const double *cost = experiment->cost[1];
    bool bounded = isfinite(judgement->high);
    double throughput = cost[2] / (result->call_ns[1] * 1e-9);
    vlt_json_set(object, "launches", json_integer(result->launches));
    vlt_json_set(object, "pairs", json_integer(result->pairs));
    vlt_json_set(object, "ns_median", vlt_json_real(result->call_ns[1]));
    vlt_json_set(object, "ratio", vlt_json_real(judgement->ratio));
    vlt_json_set(object, "ratio_low", bounded ? vlt_json_real(judgement->low) : json_null());
    vlt_json_set(object, "ratio_high", bounded ? vlt_json_real(judgement->high) : json_null());
    vlt_json_set(object, "verdict", vlt_json_name(vlt_verdict_name(judgement->verdict)));
    vlt_json_set(object, "throughput", vlt_json_real(throughput));
    if (isfinite(throughput) && experiment->unit[0]) {
        vlt_json_set(object, "unit", vlt_json_format("%s/s", experiment->unit));
    }
    vlt_json_set(object, "flops", vlt_json_real(cost[0]));
    vlt_json_set(object, "bytes", vlt_json_real(cost[1]));
    vlt_json_set(object, "roofline_share", vlt_json_real(row->counted.roofline_share));
    if (row->counted.counted.count > 0) {
        vlt_json_set(object, "counters", counters_to_json(&row->counted.counted));
    }
}

/* What a reader needs to judge the row later. */
static void add_circumstances(json_t **object, const vlt_row *row)
{
    const vlt_measure_result *result = &row->experiment.result;
    int preempted = 0, taken = 0;
    for (int i = 0; i < result->launches; i++) {
        preempted += result->run[i].preempted;
        taken += result->run[i].pair_count;
    }
    vlt_json_set(object, "reason", text_or_null(result->judgement.reason));
    vlt_json_set(object, "ns_median_baseline", vlt_json_real(result->call_ns[0]));
    vlt_json_set(object, "pairs_taken", taken > 0 ? json_integer(taken) : json_null());
    vlt_json_set(object, "pairs_preempted", taken > 0 ? json_integer(preempted) : json_null());
    vlt_json_set(object, "launches_failed", json_integer(row->experiment.failed_launches));
    vlt_json_set(object, "launch_sigma", vlt_json_real(row->experiment.log_ratio_sigma));
    int planned = row->experiment.launches_planned;
    vlt_json_set(object, "launches_planned",
                 planned > 0 && planned <= VLT_EXPERIMENT_PLAN_MAX ? json_integer(planned)
                                                                   : json_null());
    int pairs = row->experiment.pairs_planned;
    vlt_json_set(object, "pairs_planned", pairs > 0 ? json_integer(pairs) : json_null());
    vlt_json_set(object, "pressure", vlt_json_real(vlt_experiment_pressure(&row->experiment)));
    vlt_json_set(object, "steadiness", vlt_json_name(vlt_steadiness_name(result->steadiness)));
    vlt_json_set(object, "p_adjusted", vlt_json_real(row->p_adjusted));
    vlt_json_set(object, "note", text_or_null(row->experiment.note));
}

json_t *vlt_row_to_json(const vlt_row *row)
{
    static const char *const unknown[] = {
        "launches",   "pairs", "ns_median", "ratio", "ratio_low",      "ratio_high", "verdict",
        "throughput", "unit",  "flops",     "bytes", "roofline_share", "counters"};
    json_t *object = json_object();
    vlt_json_set(&object, "op", text_or_null(row->op));
    vlt_json_set(&object, "shape", text_or_null(row->shape));
    vlt_json_set(&object, "variant", text_or_null(row->variant));
    vlt_json_set(&object, "knobs", knobs_to_json(row->knobs));
    vlt_json_set(&object, "baseline", text_or_null(row->baseline));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        vlt_json_set(&object, unknown[i], json_null());
    }
    if (vlt_row_measured(row)) {
        add_measured(&object, row);
    } else {
        vlt_json_set(&object, "launches", json_integer(0));
        vlt_json_set(&object, "pairs", json_integer(0));
    }
    vlt_json_set(&object, "invalid_reason",
                 vlt_row_measured(row) ? json_null() : text_or_null(row->invalid_reason));
    vlt_json_set(&object, "dims", text_or_null(row->dims));
    vlt_json_set(&object, "candidate", text_or_null(row->candidate));
    if (vlt_row_measured(row)) {
        add_circumstances(&object, row);
    }
    return object;
}

json_t *vlt_rows_to_json(const vlt_rows *rows)
{
    json_t *array = json_array();
    for (int i = 0; i < rows->count; i++) {
        vlt_json_append(&array, vlt_row_to_json(&rows->row[i]));
    }
    return array;
}
