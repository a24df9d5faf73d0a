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
    vlt_store *store;
    vlt_stored_run *run;
    vlt_status status; /* of what the visit does */
    vlt_error *err;
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

static vlt_status add_launch(struct reading *reading, vlt_stored_setting *setting,
                             const vlt_store_timed *timed)
{
    vlt_pair_run *runs = realloc(setting->run, ((size_t)setting->launches + 1) * sizeof *runs);
    if (!runs) {
        return vlt_fail(reading->err, VLT_STATUS_NOMEM, "a stored run: out of memory");
    }
    setting->run = runs;
    vlt_pair_run *run = &runs[setting->launches++];
    *run = timed->run;
    setting->pairs += run->used;
    return vlt_store_read_pairs(reading->store, timed->trial, run, reading->err);
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
    reading->status = setting
                          ? add_launch(reading, setting, timed)
                          : vlt_fail(reading->err, VLT_STATUS_NOMEM, "a stored run: out of memory");
    return reading->status == VLT_OK;
}

vlt_status vlt_stored_read(const char *path, const char *name, vlt_stored_run *out, vlt_error *err)
{
    vlt_store *store;
    *out = (vlt_stored_run){0};
    vlt_status status = vlt_store_open(path, VLT_STORE_READ, &store, err);
    if (status != VLT_OK) {
        return status;
    }
    struct reading reading = {.store = store, .run = out, .err = err};
    status = vlt_store_find_run(store, name, &out->info, err);
    if (status == VLT_OK) {
        status = vlt_store_each_timed(store, out->info.session, take, &reading, err);
    }
    if (status == VLT_OK) {
        status = reading.status;
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
        for (int k = 0; k < run->setting[i].launches; k++) {
            vlt_pair_run_release(&run->setting[i].run[k]);
        }
        free(run->setting[i].run);
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

/* Moves the launches into the experiment. */
static vlt_status fill_result(vlt_stored_setting *setting, vlt_experiment *experiment,
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
    memcpy(runs, setting->run, launches * sizeof *result->run);
    result->launches = setting->launches;
    setting->launches = 0;
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
        size_t kept = vlt_utf8_cut(setting->problem, shape, sizeof row->shape - 1);
        memcpy(row->shape, setting->problem, kept); /* the row was zeroed */
        vlt_utf8_format(row->dims, sizeof row->dims, "%s", row->shape);
        vlt_utf8_format(row->variant, sizeof row->variant, "%s", setting->variant);
        vlt_utf8_format(row->knobs, sizeof row->knobs, "%s", setting->knobs);
    }
    return row;
}

/* One figure of every launch, in a block that the caller frees (vlt_free); NULL: no memory. */
static double *log_ratios_of(const vlt_stored_setting *setting, vlt_error *err)
{
    void *block = NULL;
    if (vlt_alloc((size_t)setting->launches * sizeof(double), &block, err) != VLT_OK) {
        return NULL;
    }
    double *values = block;
    for (int i = 0; i < setting->launches; i++) {
        values[i] = setting->run[i].log_ratio;
    }
    return values;
}

static double median_call_ns(const vlt_stored_setting *setting)
{
    void *block;
    if (setting->launches == 0 ||
        vlt_alloc((size_t)setting->launches * sizeof(double), &block, NULL) != VLT_OK) {
        return NAN;
    }
    double *values = block;
    for (int i = 0; i < setting->launches; i++) {
        values[i] = setting->run[i].call_ns[1];
    }
    double median = vlt_median(values, (size_t)setting->launches);
    vlt_free(block);
    return median;
}

/* B's launches, judged against A's. */
static vlt_status judge_runs(const vlt_stored_setting *a, vlt_stored_setting *b,
                             const vlt_judge_options *options, vlt_experiment *experiment,
                             vlt_error *err)
{
    vlt_measure_result *result = &experiment->result;
    double *log_ratio[2] = {log_ratios_of(a, err), log_ratios_of(b, err)};
    int launches = b->launches;
    vlt_status status = log_ratio[0] && log_ratio[1] ? VLT_OK : VLT_STATUS_NOMEM;
    if (status == VLT_OK) {
        status = fill_result(b, experiment, err);
    }
    if (status == VLT_OK) {
        status = vlt_experiment_judge(experiment, options, err);
    }
    if (status == VLT_OK) {
        result->call_ns[0] = median_call_ns(a);
        status = vlt_judge_unpaired(log_ratio[0], a->launches, log_ratio[1], launches, options,
                                    &result->judgement, err);
    }
    vlt_free(log_ratio[0]);
    vlt_free(log_ratio[1]);
    return status;
}

static vlt_status add_row(const vlt_stored_run run[2], const vlt_stored_setting *a,
                          vlt_stored_setting *b, const vlt_judge_options *options, vlt_rows *rows,
                          vlt_error *err)
{
    vlt_row *row = describe_row(b, strlen(b->problem), rows, err);
    if (!row) {
        return VLT_STATUS_NOMEM;
    }
    vlt_utf8_format(row->baseline, sizeof row->baseline, "db:%s %s/%s",
                    vlt_quoted(run[0].info.id, VLT_STORE_ID_SHOWN).text, a->op, a->variant);
    vlt_utf8_format(row->candidate, sizeof row->candidate, "db:%s %s/%s",
                    vlt_quoted(run[1].info.id, VLT_STORE_ID_SHOWN).text, b->op, b->variant);
    row->status = judge_runs(a, b, options, &row->experiment, err);
    snprintf(row->experiment.note, sizeof row->experiment.note,
             "stored runs, each relative to the baseline beside it; sample and noise are those of "
             "B");
    return row->status;
}

/* What a setting was measured beside is behind " versus " in its problem, else the baseline. */
static vlt_status add_own_row(vlt_stored_setting *setting, const vlt_judge_options *options,
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
        vlt_utf8_format(row->baseline, sizeof row->baseline, "%s", versus + strlen(mark));
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
