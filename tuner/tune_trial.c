/* One trial: a setting against another one in a fork of the item's worker, into the store. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

enum { WHAT_BYTES = 512, LAUNCHES_A_WORKER = 4 };

/* A trial that takes this many times what the default took is hanging. */
static const double patience = 6, patience_min_s = 2, patience_unknown_s = 20;

/* Of the time left behind a trial, what the worker has to say how it ended. */
static const double grace_s = 1;

/* A worker that is set up so quickly is started anew for every few launches; what its oracle may
 * cost. */
static const double quick_setup_s = 0.15, oracle_s = 0.15;

static vlt_outcome outcome_of(vlt_status status, vlt_child_end end)
{
    switch (status) {
    case VLT_OK:
        return VLT_OUTCOME_OK;
    case VLT_STATUS_WRONG:
        return VLT_OUTCOME_WRONG;
    case VLT_STATUS_UNSUPPORTED:
    case VLT_STATUS_USAGE:
    case VLT_STATUS_LIMIT:
        return VLT_OUTCOME_INVALID;
    case VLT_STATUS_NOMEM:
        return VLT_OUTCOME_MEMORY;
    default:
        return end == VLT_CHILD_TIMEOUT   ? VLT_OUTCOME_TIMEOUT
               : end == VLT_CHILD_MEMORY  ? VLT_OUTCOME_MEMORY
               : end == VLT_CHILD_CRASHED ? VLT_OUTCOME_CRASH
                                          : VLT_OUTCOME_FAILED;
    }
}

void vlt_item_end_race(vlt_tune_item *item)
{
    vlt_race_destroy(item->race);
    item->race = NULL;
    item->resident_bytes = 0;
    item->race_launches = 0;
}

void vlt_tuner_kill_races(vlt_tuner *tuner)
{
    for (int i = 0; i < tuner->item_count; i++) {
        vlt_race_kill(tuner->item[i].race);
    }
}

void vlt_tuner_end_races(vlt_tuner *tuner)
{
    vlt_tuner_kill_races(tuner);
    for (int i = 0; i < tuner->item_count; i++) {
        vlt_item_end_race(&tuner->item[i]);
    }
}

/* Ends the workers that were used longest ago, until the others leave room. */
static void make_room(vlt_tuner *tuner)
{
    for (;;) {
        uint64_t sum = 0;
        vlt_tune_item *oldest = NULL;
        for (int i = 0; i < tuner->item_count; i++) {
            vlt_tune_item *item = &tuner->item[i];
            sum += item->resident_bytes;
            oldest = item->race && (!oldest || item->used < oldest->used) ? item : oldest;
        }
        if (!oldest || sum < tuner->machine->caps.memory_bytes / 4) {
            return;
        }
        vlt_item_end_race(oldest);
    }
}

static vlt_status start_race(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err)
{
    char problem[WHAT_BYTES];
    vlt_race_start start;
    vlt_utf8_format(problem, sizeof problem, "%s@%s", item->met.op, item->met.problem);
    uint64_t seed = ++tuner->launch_seed;
    const vlt_race_options options = {.program = tuner->program,
                                      .problem = problem,
                                      .seed = seed,
                                      .data_seed = (seed % 7 + 1) << 1,
                                      .threads = tuner->options->threads,
                                      .quality = tuner->options->quality,
                                      .oracle_s = oracle_s,
                                      .timeout_s = fmax(vlt_tuner_left(tuner, 1), 0.1),
                                      .memory_bytes = tuner->machine->caps.memory_bytes / 2,
                                      .stop = tuner->options->stop};
    make_room(tuner);
    vlt_status status = vlt_race_create(&options, &item->race, &start, err);
    if (status == VLT_OK) {
        item->setup_s = start.setup_s;
        item->resident_bytes = start.resident_bytes;
        item->race_launches = 0;
        if (isnan(item->baseline_ns) && isfinite(start.baseline_ns)) {
            item->baseline_ns = start.baseline_ns;
            item->baseline_rows = start.baseline_rows;
            item->baseline_spread = start.baseline_spread;
        }
    }
    return status;
}

/* The worker that runs, or a new one. */
static vlt_status ready_race(vlt_tuner *tuner, vlt_tune_item *item, bool fresh, vlt_error *err)
{
    if (item->race && (vlt_race_broken(item->race) ||
                       (fresh && item->setup_s < quick_setup_s &&
                        item->race_launches % LAUNCHES_A_WORKER == 0 && item->race_launches > 0))) {
        vlt_item_end_race(item);
    }
    item->used = tuner->result->trials;
    item->race_launches += fresh;
    return item->race ? VLT_OK : start_race(tuner, item, err);
}

/* Was the setting right at small problems before, of this or another bucket? Notes it. */
static bool first_time(vlt_tuner *tuner, const char *what)
{
    for (int i = 0; i < tuner->edged_count; i++) {
        if (!strcmp(tuner->edged[i], what)) {
            return false;
        }
    }
    return true;
}

static void note_edged(vlt_tuner *tuner, const char *what)
{
    char **grown = realloc(tuner->edged, (size_t)(tuner->edged_count + 1) * sizeof *grown);
    if (grown) {
        tuner->edged = grown;
        grown[tuner->edged_count] = strdup(what);
        tuner->edged_count += grown[tuner->edged_count] != NULL;
    }
}

static vlt_status store_trial(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                              const vlt_trial_options *options, uint64_t seed,
                              const vlt_launch *launch, const vlt_trial_shown *shown,
                              const char *message, vlt_error *err)
{
    char knobs[VLT_SETTING_BYTES];
    bool ok = shown->outcome == VLT_OUTCOME_OK;
    vlt_binding_format(setting->variant, &setting->binding, knobs, sizeof knobs);
    const char *children = item->kind != VLT_TUNE_LEAF && tuner->children ? tuner->children : "";
    vlt_store_counter counter[VLT_COUNTERS_STORED_MAX];
    const vlt_store_trial trial = {
        .counter = counter,
        .counter_count = ok ? vlt_tuner_keep_counters(tuner, item, setting, launch, counter) : 0,
        .workload = {item->met.op, item->met.bucket, item->met.problem, children},
        .variant = setting->variant->name,
        .knobs = knobs,
        .against = options->against_name ? options->against_name : "default",
        .stage = options->stage,
        .seed = seed,
        .outcome = shown->outcome,
        .message = ok ? NULL : message,
        .run = ok ? &launch->run : NULL,
        .wall_s = shown->wall_s};
    double begin_s = vlt_tuner_elapsed(tuner);
    vlt_status status = vlt_store_add_trial(tuner->store, tuner->session, &trial, NULL, err);
    tuner->commit_s = fmax(tuner->commit_s, vlt_tuner_elapsed(tuner) - begin_s);
    return status;
}

/* How long a trial of the item may take from now on; never beyond the budget. */
static double patience_of(const vlt_tuner *tuner, const vlt_tune_item *item)
{
    double patient_s = isnan(item->wall_s) ? patience_unknown_s
                                           : fmax(patience_min_s, patience * item->wall_s);
    return fmin(patient_s, vlt_tuner_left(tuner, 1));
}

/* The worker's part of a trial, which may take what is left of the budget and no more: the worker
 * was started from the same. */
static vlt_status run_in_time(const vlt_tuner *tuner, vlt_tune_item *item, vlt_race_trial *trial,
                              vlt_launch *launch, vlt_error *err)
{
    double left_s = vlt_tuner_left(tuner, 1);
    if (left_s <= 0) {
        return VLT_STATUS_INTERRUPTED;
    }
    trial->timeout_s = patience_of(tuner, item);
    trial->worker_s = fmin(trial->timeout_s + grace_s, left_s);
    return vlt_race_run(item->race, trial, launch, err);
}

/* The child's part, and how it ended. */
static vlt_status race(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                       const vlt_trial_options *options, vlt_launch *launch, vlt_error *err)
{
    char what[2][WHAT_BYTES];
    const char *children = item->kind != VLT_TUNE_LEAF ? tuner->children : NULL;
    const vlt_setting *against = options->against ? options->against : &item->search.incumbent;
    vlt_setting_argument(item->met.op, '/', against, what[0], WHAT_BYTES);
    vlt_setting_argument(item->met.op, '/', setting, what[1], WHAT_BYTES);
    const char *other = options->against_name ? options->against_name : "default";
    const char *inside = !strcmp(other, "baseline")           ? "baseline"
                         : !strcmp(other, VLT_TRIAL_DEFAULTS) ? NULL
                                                              : children;
    bool edges = options->verify && first_time(tuner, what[1]);
    vlt_race_trial trial = {.side = {{what[0], inside}, {what[1], children}},
                            .seed = ++tuner->launch_seed << 1,
                            .pairs = options->pairs,
                            .pairs_min = options->pairs_min,
                            .limit_s = options->limit_s,
                            .verify = options->verify,
                            .edges = edges,
                            .count = options->count,
                            .decide = options->decide};
    *launch = (vlt_launch){.end = VLT_CHILD_CRASHED};
    if (item->kind == VLT_TUNE_SERVICE) {
        return vlt_tuner_launch_batch(tuner, against, setting, patience_of(tuner, item), launch,
                                      err);
    }
    vlt_status status = ready_race(tuner, item, options->fresh, err);
    if (status == VLT_OK) {
        status = run_in_time(tuner, item, &trial, launch, err);
    }
    if (status == VLT_OK && edges) {
        note_edged(tuner, what[1]);
    }
    return status;
}

/* An interval of the ratio from the pairs of one process: of this layout in memory, no other. */
static void bound_ratio(const vlt_pair_run *run, vlt_trial_shown *shown)
{
    vlt_judgement judgement;
    vlt_judge_options options = vlt_judge_defaults();
    double *log_ratio = malloc((size_t)run->pair_count * sizeof *log_ratio + 1);
    options.anytime = false;
    if (log_ratio) {
        vlt_judge(log_ratio, vlt_pair_log_ratios(run, log_ratio), &options, &judgement);
        shown->low = judgement.low > 0 ? judgement.low : NAN;
        shown->high = isfinite(judgement.high) ? judgement.high : NAN;
    }
    free(log_ratio);
}

vlt_status vlt_tuner_try(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                         const vlt_trial_options *options, vlt_trial_shown *shown, vlt_error *err)
{
    vlt_launch launch;
    vlt_error failure = {0};
    double begin_s = vlt_tuner_elapsed(tuner);
    *shown = (vlt_trial_shown){.log_ratio = NAN, .call_ns = {NAN, NAN}, .low = NAN, .high = NAN};
    if (vlt_tuner_left(tuner, 1) <= 0) {
        return VLT_STATUS_INTERRUPTED;
    }
    vlt_status status = race(tuner, item, setting, options, &launch, &failure);
    shown->wall_s = vlt_tuner_elapsed(tuner) - begin_s;
    shown->outcome = outcome_of(status, launch.end);
    if (status == VLT_STATUS_INTERRUPTED ||
        (status == VLT_STATUS_STOPPED && vlt_tuner_left(tuner, 1) < 0.05)) {
        vlt_launch_release(&launch);
        return VLT_STATUS_INTERRUPTED; /* our own hurry says nothing about the setting */
    }
    if (status == VLT_OK) {
        shown->log_ratio = launch.run.log_ratio;
        memcpy(shown->call_ns, launch.run.call_ns, sizeof shown->call_ns);
        bound_ratio(&launch.run, shown);
        shown->same = !strcmp(launch.note, VLT_RACE_SAME);
    }
    item->trials++;
    item->failed += shown->outcome != VLT_OUTCOME_OK;
    tuner->result->trials++;
    status = store_trial(tuner, item, setting, options, tuner->launch_seed, &launch, shown,
                         failure.message, err);
    if (shown->outcome != VLT_OUTCOME_OK && !item->why[0]) {
        vlt_utf8_format(item->why, sizeof item->why, "%s: %s", vlt_outcome_name(shown->outcome),
                        failure.message);
    }
    vlt_launch_release(&launch);
    return status;
}
