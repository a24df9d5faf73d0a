#include "tuner/bench/stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "harness/measure/unpaired.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

struct reading {
    vlt_stored_run *run;
    bool failed; /* no memory */
};

static bool same_setting(const vlt_stored_setting *setting, const vlt_store_timed *timed)
{
    return !strcmp(setting->op, timed->op) && !strcmp(setting->problem, timed->problem) &&
           !strcmp(setting->variant, timed->variant) && !strcmp(setting->knobs, timed->knobs);
}

static vlt_stored_setting *add_setting(vlt_stored_run *run, const vlt_store_timed *timed)
{
    size_t count = (size_t)run->count + 1;
    vlt_stored_setting *settings = realloc(run->setting, count * sizeof *settings);
    if (!settings) {
        return NULL;
    }
    run->setting = settings;
    vlt_stored_setting *setting = &settings[run->count++];
    *setting = (vlt_stored_setting){0};
    vlt_utf8_format(setting->op, sizeof setting->op, "%s", timed->op);
    vlt_utf8_format(setting->problem, sizeof setting->problem, "%s", timed->problem);
    vlt_utf8_format(setting->variant, sizeof setting->variant, "%s", timed->variant);
    vlt_utf8_format(setting->knobs, sizeof setting->knobs, "%s", timed->knobs);
    return setting;
}

static bool grow(double **values, int count)
{
    double *larger = realloc(*values, ((size_t)count + 1) * sizeof **values);
    *values = larger ? larger : *values;
    return larger != NULL;
}

/* Equal settings come together, so the newest one is the only candidate. */
static bool take(void *user, const vlt_store_timed *timed)
{
    struct reading *reading = user;
    vlt_stored_run *run = reading->run;
    vlt_stored_setting *setting = run->count ? &run->setting[run->count - 1] : NULL;
    if (!setting || !same_setting(setting, timed)) {
        setting = add_setting(run, timed);
    }
    if (!setting || !grow(&setting->log_ratio, setting->launches) ||
        !grow(&setting->call_ns[0], setting->launches) ||
        !grow(&setting->call_ns[1], setting->launches)) {
        reading->failed = true;
        return false;
    }
    setting->log_ratio[setting->launches] = timed->log_ratio;
    setting->call_ns[0][setting->launches] = timed->call_ns[0];
    setting->call_ns[1][setting->launches++] = timed->call_ns[1];
    setting->pairs += timed->pairs;
    return true;
}

vlt_status vlt_stored_read(const char *path, const char *name, vlt_stored_run *out, vlt_error *err)
{
    vlt_store *store;
    struct reading reading = {.run = out};
    *out = (vlt_stored_run){0};
    vlt_status status = vlt_store_open(path, VLT_STORE_READ, &store, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_find_run(store, name, &out->info, err);
    if (status == VLT_OK) {
        status = vlt_store_each_timed(store, out->info.session, take, &reading, err);
    }
    if (status == VLT_OK && reading.failed) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for run '%s'", path, name);
    }
    vlt_store_close(store);
    if (status != VLT_OK) {
        vlt_stored_release(out);
    }
    return status;
}

void vlt_stored_release(vlt_stored_run *run)
{
    for (int i = 0; i < run->count; i++) {
        free(run->setting[i].log_ratio);
        free(run->setting[i].call_ns[0]);
        free(run->setting[i].call_ns[1]);
    }
    free(run->setting);
    *run = (vlt_stored_run){0};
}

const vlt_stored_setting *vlt_stored_find(const vlt_stored_run *run, const vlt_stored_setting *like)
{
    for (int i = 0; i < run->count; i++) {
        const vlt_stored_setting *setting = &run->setting[i];
        if (!strcmp(setting->op, like->op) && !strcmp(setting->problem, like->problem) &&
            !strcmp(setting->variant, like->variant) && !strcmp(setting->knobs, like->knobs)) {
            return setting;
        }
    }
    return NULL;
}

static double median_of(const double *values, int count)
{
    void *block;
    if (count == 0 || vlt_alloc((size_t)count * sizeof *values, &block, NULL) != VLT_OK) {
        return NAN;
    }
    memcpy(block, values, (size_t)count * sizeof *values);
    double median = vlt_median(block, (size_t)count);
    vlt_free(block);
    return median;
}

/* Launches without pairs: what remains of them in the row is their number. */
static vlt_status fill_result(const vlt_stored_setting *setting, vlt_experiment *experiment,
                              vlt_error *err)
{
    void *runs, *seeds;
    vlt_measure_result *result = &experiment->result;
    size_t launches = (size_t)setting->launches;
    vlt_status status = vlt_alloc(launches * sizeof *result->run, &runs, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_alloc(launches * sizeof *result->seed, &seeds, err);
    if (status != VLT_OK) {
        vlt_free(runs);
        return status;
    }
    result->run = runs;
    result->seed = seeds;
    for (size_t i = 0; i < launches; i++) {
        result->run[i] = (vlt_pair_run){.log_ratio = setting->log_ratio[i],
                                        .call_ns = {setting->call_ns[0][i], setting->call_ns[1][i]},
                                        .pressure = NAN,
                                        .steal = NAN,
                                        .frequency_hz = NAN};
    }
    result->launches = setting->launches;
    experiment->log_ratio_sigma = NAN;
    for (int i = 0; i < 6; i++) {
        experiment->cost[i / 3][i % 3] = NAN;
    }
    return VLT_OK;
}

/* shape: the part of the setting's problem that is shown. */
static vlt_row *describe_row(const vlt_stored_setting *setting, size_t shape, vlt_rows *rows,
                             vlt_error *err)
{
    vlt_row *row = vlt_rows_add(rows, err);
    if (row) {
        vlt_utf8_format(row->op, sizeof row->op, "%s", setting->op);
        vlt_utf8_format(row->shape, sizeof row->shape, "%.*s", (int)shape, setting->problem);
        vlt_utf8_format(row->dims, sizeof row->dims, "%s", row->shape);
        vlt_utf8_format(row->variant, sizeof row->variant, "%s", setting->variant);
        vlt_utf8_format(row->knobs, sizeof row->knobs, "%s", setting->knobs);
    }
    return row;
}

static vlt_status add_row(const vlt_stored_run run[2], const vlt_stored_setting *a,
                          const vlt_stored_setting *b, const vlt_judge_options *options,
                          vlt_rows *rows, vlt_error *err)
{
    vlt_row *row = describe_row(b, strlen(b->problem), rows, err);
    if (!row) {
        return VLT_STATUS_NOMEM;
    }
    vlt_measure_result *result = &row->experiment.result;
    vlt_utf8_format(row->baseline, sizeof row->baseline, "db:%.8s %s/%s", run[0].info.id, a->op,
                    a->variant);
    vlt_utf8_format(row->candidate, sizeof row->candidate, "db:%.8s %s/%s", run[1].info.id, b->op,
                    b->variant);
    vlt_status status = fill_result(b, &row->experiment, err);
    if (status == VLT_OK) {
        result->pairs = b->pairs;
        result->call_ns[0] = median_of(a->call_ns[1], a->launches);
        result->call_ns[1] = median_of(b->call_ns[1], b->launches);
        status = vlt_judge_unpaired(a->log_ratio, a->launches, b->log_ratio, b->launches, options,
                                    &result->judgement, err);
    }
    snprintf(row->experiment.note, sizeof row->experiment.note,
             "stored runs, each relative to the baseline beside it");
    row->status = status;
    return status;
}

/* What a setting was measured beside is behind " versus " in its problem, else the baseline. */
static vlt_status add_own_row(const vlt_stored_setting *setting, const vlt_judge_options *options,
                              vlt_rows *rows, vlt_error *err)
{
    static const char mark[] = " versus ";
    const char *versus = strstr(setting->problem, mark);
    size_t shape = versus ? (size_t)(versus - setting->problem) : strlen(setting->problem);
    vlt_row *row = describe_row(setting, shape, rows, err);
    if (!row) {
        return VLT_STATUS_NOMEM;
    }
    if (versus) {
        vlt_utf8_format(row->baseline, sizeof row->baseline, "%.*s", (int)sizeof row->baseline - 1,
                        versus + strlen(mark));
    } else {
        vlt_utf8_format(row->baseline, sizeof row->baseline, "%s/baseline@%s", setting->op,
                        row->dims);
    }
    if (!vlt_registry_find_op(setting->op)) { /* a probe, a whole request: named by its text */
        vlt_utf8_format(row->candidate, sizeof row->candidate, "%s", row->dims);
    } else {
        vlt_utf8_format(row->candidate, sizeof row->candidate, "%s/%s@%s%s%s", setting->op,
                        setting->variant, row->dims, setting->knobs[0] ? " " : "", setting->knobs);
    }
    row->status = fill_result(setting, &row->experiment, err);
    if (row->status == VLT_OK) {
        row->status = vlt_experiment_judge(&row->experiment, options, err);
        row->experiment.result.pairs = setting->pairs;
    }
    return row->status;
}

vlt_status vlt_rows_from_run(const char *path, const char *name, const vlt_judge_options *options,
                             vlt_rows *rows, vlt_error *err)
{
    vlt_stored_run run;
    vlt_status status = vlt_stored_read(path, name, &run, err);
    if (status != VLT_OK) {
        return status;
    }
    for (int i = 0; i < run.count && status == VLT_OK; i++) {
        status = add_own_row(&run.setting[i], options, rows, err);
    }
    vlt_stored_release(&run);
    return status;
}

vlt_status vlt_rows_from_runs(const char *path, const char *run_a, const char *run_b,
                              const vlt_judge_options *options, vlt_rows *rows, vlt_error *err)
{
    vlt_stored_run run[2] = {{{0}, NULL, 0}, {{0}, NULL, 0}};
    char why[512];
    vlt_status status = vlt_stored_read(path, run_a, &run[0], err);
    if (status == VLT_OK) {
        status = vlt_stored_read(path, run_b, &run[1], err);
    }
    if (status == VLT_OK &&
        !vlt_store_same_machine(run[0].info.hard, run[1].info.hard, why, sizeof why)) {
        status = vlt_fail(err, VLT_STATUS_STALE, "runs '%s' and '%s' are of different machines: %s",
                          run_a, run_b, why);
    }
    for (int i = 0; i < run[1].count && status == VLT_OK; i++) {
        const vlt_stored_setting *a = vlt_stored_find(&run[0], &run[1].setting[i]);
        if (a) {
            status = add_row(run, a, &run[1].setting[i], options, rows, err);
        }
    }
    if (status == VLT_OK && rows->count == 0) {
        status = vlt_fail(err, VLT_STATUS_UNMEASURED,
                          "runs '%s' and '%s' have no operator, problem and variant in common",
                          run_a, run_b);
    }
    vlt_stored_release(&run[0]);
    vlt_stored_release(&run[1]);
    return status;
}
