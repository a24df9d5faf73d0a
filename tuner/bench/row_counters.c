#include "tuner/bench/row_counters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"

/* A stretch far above what starting and stopping counters costs. */
static const double stretch_ns = 20e6;

vlt_status vlt_row_ceilings(vlt_roofline *roofline, vlt_error *err)
{
    const vlt_machine_sources sources = {.no_gpu = true};
    vlt_machine *machine;
    vlt_status status = vlt_machine_probe(&sources, &machine, err);
    if (status == VLT_OK) {
        status = vlt_roofline_measure(machine, 0.5, roofline, err);
        vlt_machine_destroy(machine);
    }
    return status;
}

/* What a run costs, in the arithmetic of the variant that does it. */
static vlt_cost cost_of(const char *what, const vlt_experiment *experiment)
{
    vlt_problem problem;
    const vlt_variant *variant = NULL;
    vlt_binding binding;
    vlt_cost cost = {.flops = experiment->cost[1][0], .bytes = experiment->cost[1][1]};
    if (vlt_what_parse(what, &problem, &variant, &binding, NULL) == VLT_OK && variant) {
        vlt_variant_cost(variant, &problem, &cost);
    }
    return cost;
}

static void refuse(vlt_row *row, vlt_status status, const char *reason)
{
    vlt_metric_missing(&row->metric[0], "bench", "counters",
                       status == VLT_STATUS_UNSUPPORTED ? VLT_METRIC_UNSUPPORTED : VLT_METRIC_ERROR,
                       (int)status, "%s", reason);
    row->metric_count = 1;
}

static void keep(vlt_row *row, const vlt_counters *counters)
{
    int count;
    const vlt_metric *metric = vlt_counters_metrics(counters, &count);
    row->metric_count = count < VLT_ROW_METRICS ? count : VLT_ROW_METRICS;
    memcpy(row->metric, metric, (size_t)row->metric_count * sizeof *metric);
}

void vlt_row_count(vlt_row *row, const vlt_side *side, const vlt_launch_options *launch,
                   const vlt_roofline *roofline)
{
    const vlt_experiment *experiment = &row->experiment;
    double call_ns = experiment->result.call_ns[1];
    vlt_prepared *prepared = NULL;
    vlt_counters *counters = NULL;
    vlt_error err = {0};
    if (!vlt_row_measured(row)) {
        return;
    }
    if (side->library) {
        refuse(row, VLT_STATUS_UNSUPPORTED, "another build's code is counted by that build");
        return;
    }
    const vlt_prepare_request request = {.what = side->what,
                                         .seed = launch->data_seed,
                                         .threads = launch->threads,
                                         .quality = launch->quality,
                                         .regime = launch->regime,
                                         .cold_bytes = launch->cold_bytes};
    vlt_status status = vlt_prepared_create(&request, &prepared, &err);
    if (status == VLT_OK) {
        status = vlt_counters_open(NULL, 0, &counters, &err);
    }
    if (status == VLT_OK) {
        const vlt_subject subject = {
            .run = vlt_prepared_run, .reset = vlt_prepared_reset, .state = prepared};
        double calls = call_ns > 0 ? stretch_ns / call_ns : 1;
        status = vlt_counters_measure(counters, &subject, calls < 1 ? 1 : (int64_t)calls, &err);
    }
    if (status == VLT_OK) {
        const vlt_cost cost = cost_of(side->what, experiment);
        row->roofline_share = vlt_roofline_share(roofline, &cost, vlt_prepared_threads(prepared),
                                                 launch->regime == VLT_REGIME_HOT, call_ns * 1e-9);
        keep(row, counters);
    } else {
        refuse(row, status, err.message);
    }
    vlt_counters_close(counters);
    vlt_prepared_destroy(prepared);
}

json_t *vlt_row_metrics_to_json(const vlt_row *row)
{
    json_t *all = json_array();
    for (int i = 0; i < row->metric_count; i++) {
        const vlt_metric *metric = &row->metric[i];
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
