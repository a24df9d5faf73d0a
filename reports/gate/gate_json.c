/* A gate as our own JSON, and as Google Benchmark's.
 *
 * Of the latter its readers demand: Bencher the array context.caches and a real_time in every row;
 * compare.py repetition rows (its U test wants at least 9); github-action-benchmark alerts on every
 * row, so it gets one median a stage (facts.medians) and no _stddev or _cv rows; all of them finite
 * numbers only.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/json/json_make.h"
#include "harness/measure/statistics.h"
#include "reports/gate/gate_format_internal.h"

static json_t *stage_to_json(const vlt_gate_stage *stage)
{
    json_t *object = vlt_row_to_json(&stage->screen);
    const vlt_row *confirm = &stage->confirm;
    vlt_json_set(&object, "stage", vlt_json_name(stage->name));
    vlt_json_set(&object, "comparison", json_incref(json_object_get(object, "verdict")));
    vlt_json_set(&object, "verdict", vlt_json_name(vlt_gate_verdict_name(stage->verdict)));
    vlt_json_set(&object, "reason", vlt_json_name(stage->reason));
    vlt_json_set(&object, "margin", vlt_json_real(stage->margin));
    if (isfinite(stage->instructions[1])) {
        double ratio = stage->instructions[1] / stage->instructions[0];
        vlt_json_set(&object, "ratio", vlt_json_real(ratio));
        vlt_json_set(&object, "counters",
                     vlt_json_make("{s:{s:o, s:o, s:s, s:s}}", "instructions", "value",
                                   vlt_json_real(stage->instructions[1]), "baseline",
                                   vlt_json_real(stage->instructions[0]), "status", "ok", "source",
                                   "callgrind"));
    }
    vlt_json_set(&object, "p_holm", vlt_json_real(stage->p_holm));
    vlt_json_set(&object, "p_confirm", vlt_json_real(stage->p_confirm));
    vlt_json_set(&object, "confirmation",
                 vlt_row_measured(confirm) ? vlt_row_to_json(confirm) : json_null());
    return object;
}

json_t *vlt_gate_to_json(const vlt_gate *gate, const vlt_gate_facts *facts)
{
    json_t *stages = json_array();
    for (int i = 0; i < gate->stage_count; i++) {
        vlt_json_append(&stages, stage_to_json(&gate->stage[i]));
    }
    return vlt_json_make("{s:s, s:o, s:s, s:s, s:s?, s:I, s:o, s:o}", "verdict",
                         vlt_gate_verdict_name(gate->verdict), "reason",
                         vlt_json_name(gate->reason), "baseline", facts->baseline, "candidate",
                         facts->candidate, "machine", facts->machine, "seed",
                         (json_int_t)facts->seed, "idle_pressure",
                         vlt_json_real(gate->idle_pressure), "rows", stages);
}

static json_t *gbench_context(const vlt_gate_facts *facts)
{
    char host[256] = "unknown", date[64];
    double load[3] = {0};
    time_t now = time(NULL);
    struct tm local;
    gethostname(host, sizeof host - 1);
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S%z", &local);
    int loads = getloadavg(load, 3);
    json_t *array = json_array();
    for (int i = 0; i < loads; i++) {
        vlt_json_append(&array, json_real(load[i]));
    }
    return vlt_json_make(
        "{s:s, s:s, s:s, s:i, s:i, s:b, s:[], s:o, s:s, s:i}", "date", date, "host_name", host,
        "executable", facts->side ? facts->candidate : facts->baseline, "num_cpus",
        (int)sysconf(_SC_NPROCESSORS_ONLN), "mhz_per_cpu", 0, "cpu_scaling_enabled", 0, "caches",
        "load_avg", array, "library_build_type", "release", "json_schema_version", 1);
}

/* Median thread time of a call over the used pairs of a launch. */
static double cpu_ns(const vlt_pair_run *run, int side)
{
    double *values = malloc(((size_t)run->pair_count + 1) * sizeof *values), result = NAN;
    size_t n = 0;
    for (int i = 0; values && i < run->pair_count; i++) {
        if (vlt_pair_used(run, i)) {
            values[n++] = (double)run->pair[i].cpu_ns[side] / (double)run->iterations;
        }
    }
    if (n > 0) {
        result = vlt_median(values, n);
    }
    free(values);
    return result;
}

static json_t *gbench_row(const vlt_gate_stage *stage, const vlt_gate_facts *facts, int index,
                          int64_t iterations, double real_ns, double thread_ns)
{
    int repetitions = stage->screen.experiment.result.launches;
    json_t *row = vlt_json_make(
        "{s:s, s:i, s:i, s:s, s:s, s:i, s:i, s:i, s:I, s:f, s:f, s:s}", "name", stage->name,
        "family_index", 0, "per_family_instance_index", 0, "run_name", stage->name, "run_type",
        "iteration", "repetitions", facts->medians ? 1 : repetitions, "repetition_index", index,
        "threads", 1, "iterations", (json_int_t)iterations, "real_time", real_ns, "cpu_time",
        isfinite(thread_ns) ? thread_ns : real_ns, "time_unit", "ns");
    return row;
}

static json_t *gate_to_gbench(const vlt_gate *gate, const vlt_gate_facts *facts)
{
    json_t *rows = json_array();
    for (int i = 0; i < gate->stage_count; i++) {
        const vlt_gate_stage *stage = &gate->stage[i];
        const vlt_measure_result *result = &stage->screen.experiment.result;
        for (int k = 0; k < result->launches && !facts->medians; k++) {
            const vlt_pair_run *run = &result->run[k];
            vlt_json_append(&rows, gbench_row(stage, facts, k, run->iterations,
                                              run->call_ns[facts->side], cpu_ns(run, facts->side)));
        }
        if (facts->medians && result->launches > 0) {
            vlt_json_append(&rows, gbench_row(stage, facts, 0, result->run[0].iterations,
                                              result->call_ns[facts->side],
                                              cpu_ns(&result->run[0], facts->side)));
        }
    }
    return vlt_json_make("{s:o, s:o}", "context", gbench_context(facts), "benchmarks", rows);
}

static vlt_status write_document(json_t *document, FILE *stream, vlt_error *err)
{
    if (!document) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the result");
    }
    vlt_status status = vlt_json_print(document, false, stream, err);
    json_decref(document);
    return status;
}

vlt_status vlt_gate_write_json(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream,
                               vlt_error *err)
{
    return write_document(vlt_gate_to_json(gate, facts), stream, err);
}

vlt_status vlt_gate_write_gbench(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream,
                                 vlt_error *err)
{
    return write_document(gate_to_gbench(gate, facts), stream, err);
}
