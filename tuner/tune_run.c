#include "tuner/tune.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "optimizations/core/clock.h"
#include "harness/config/tuned_place.h"
#include "harness/model/checkpoint.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/tune_result.h"

enum { REQUEST_TOKENS = 16 };

/* What comes behind the last stage: the config and the report, the store's closing in so many times
 * what it takes for a trial, and until the memory of workers is free. */
static const double write_s = 0.12, closing = 4, closing_max_s = 0.5, free_bytes_a_s = 10e9;

static double now_ms(const vlt_tune_options *options)
{
    return options->now_ms ? options->now_ms() : vlt_now_ms();
}

double vlt_tuner_elapsed(const vlt_tuner *tuner)
{
    return (now_ms(tuner->options) - tuner->begin_ms) * 1e-3;
}

static double reserve_s(const vlt_tuner *tuner)
{
    double bytes = 0;
    for (int i = 0; i < tuner->item_count; i++) {
        bytes += (double)tuner->item[i].resident_bytes;
    }
    return write_s + fmin(closing_max_s, closing * tuner->commit_s) + bytes / free_bytes_a_s;
}

double vlt_tuner_left(const vlt_tuner *tuner, double share)
{
    double end_s = tuner->found_s + (tuner->budget_s - tuner->found_s) * share;
    end_s = fmin(end_s, tuner->budget_s - reserve_s(tuner));
    return end_s - vlt_tuner_elapsed(tuner);
}

bool vlt_tuner_stopped(const vlt_tuner *tuner)
{
    return tuner->options->stop && tuner->options->stop();
}

void vlt_tuner_progress(const vlt_tuner *tuner, const char *stage, const vlt_tune_item *item)
{
    const vlt_tune_options *options = tuner->options;
    if (!options->progress) {
        return;
    }
    const vlt_tried *best = item ? vlt_search_best(&item->search) : NULL;
    const vlt_tune_progress progress = {.stage = stage,
                                        .op = item ? item->met.op : "",
                                        .elapsed_s = vlt_tuner_elapsed(tuner),
                                        .budget_s = tuner->budget_s,
                                        .left_s = fmax(0, vlt_tuner_left(tuner, 1)),
                                        .trials = tuner->result->trials,
                                        .best_speedup = best ? exp(-best->log_ratio) : NAN};
    options->progress(options->user, &progress);
}

vlt_whole_task vlt_tuner_task(const vlt_tuner *tuner, const char *config, const char *scenes,
                              double share)
{
    double left_s = vlt_tuner_left(tuner, share);
    return (vlt_whole_task){.program = tuner->program,
                            .model = tuner->options->directory,
                            .config = config,
                            .scenes = scenes,
                            .threads = tuner->options->threads,
                            .quality = tuner->options->quality,
                            .pack_cache = tuner->options->pack_cache,
                            .workload = tuner->workload,
                            .parallel = tuner->options->parallel,
                            .tokens = tuner->options->max_tokens ? tuner->options->max_tokens
                                                                 : REQUEST_TOKENS,
                            .timeout_s = fmax(left_s, 0.1),
                            .memory_bytes = tuner->machine->caps.memory_bytes / 2,
                            .stop = tuner->options->stop};
}

/* A path that a file could be opened at, so it fits. */
static void copy_path(char out[VLT_TUNED_PATH_BYTES], const char *path)
{
    size_t bytes = strlen(path) + 1;
    if (bytes <= VLT_TUNED_PATH_BYTES) {
        memcpy(out, path, bytes);
    }
}

static bool anything_decided(const vlt_tuner *tuner)
{
    for (int i = 0; i < tuner->item_count; i++) {
        if (tuner->item[i].decided) {
            return true;
        }
    }
    return false;
}

/* Rows for the report, and the config: what is certain so far. Where nothing is, after a run that
 * did not come to its end, a config of an earlier run stays. */
static vlt_status write_certain(vlt_tuner *tuner, bool whole, vlt_error *err)
{
    vlt_report *result = tuner->result;
    const char *path = tuner->options->config_path;
    vlt_tuner_note_seeds(tuner);
    vlt_status status = vlt_tuner_fill_rows(tuner, err);
    if (status == VLT_OK && (whole || anything_decided(tuner) || access(path, F_OK) != 0)) {
        status = vlt_tuner_write_config(tuner, path, -1, err);
    }
    if (status == VLT_OK) {
        copy_path(result->config_path, path);
    }
    return status;
}

/* The store fails (full disk, lock, damage), or a child cannot be started: what was measured is in
 * the database up to there, and what was decided goes into the config. */
static vlt_status conclude_failed(vlt_tuner *tuner, vlt_status status, vlt_error *err)
{
    const vlt_error failure = err ? *err : (vlt_error){0};
    const bool kept = tuner->session && anything_decided(tuner) &&
                      write_certain(tuner, false, NULL) == VLT_OK;
    const bool goes_on = tuner->session && (status == VLT_STATUS_IO || status == VLT_STATUS_NOMEM);
    if (kept) {
        tuner->result->end = VLT_TUNE_INTERRUPTED;
    }
    return vlt_fail(err, status, "%s%s%s%s%s%s", failure.message, kept ? "; " : "",
                    kept ? tuner->options->config_path : "",
                    kept ? " holds what was certain until then" : "",
                    goes_on ? "; the same command goes on with the samples in " : "",
                    goes_on ? tuner->options->db_path : "");
}

/* What is certain so far becomes the config; also after Ctrl-C. */
static vlt_status conclude(vlt_tuner *tuner, vlt_status status, vlt_error *err)
{
    vlt_report *result = tuner->result;
    bool stopped = status == VLT_STATUS_INTERRUPTED;
    vlt_tuner_kill_races(tuner);
    if (status != VLT_OK && !stopped) {
        return conclude_failed(tuner, status, err);
    }
    if (tuner->session && tuner->item && result->trials + result->trials_reused == 0 &&
        tuner->item_count > 0 && !stopped) {
        return vlt_fail(err, VLT_STATUS_UNMEASURED,
                        "nothing was measured within %.3g s: the budget is below what one trial "
                        "takes, give more with --budget",
                        tuner->budget_s);
    }
    if (stopped && !tuner->session) {
        return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted before anything was measured");
    }
    if (stopped) {
        result->end = VLT_TUNE_INTERRUPTED;
    }
    vlt_status written = write_certain(tuner, !stopped, err);
    if (written != VLT_OK) {
        return written;
    }
    if (!stopped) {
        return VLT_OK;
    }
    return vlt_fail(err, VLT_STATUS_INTERRUPTED,
                    "interrupted: %s holds what was certain%s; the same command goes on with the "
                    "samples in %s",
                    tuner->options->config_path, anything_decided(tuner) ? "" : " before",
                    tuner->options->db_path);
}

static void start_result(vlt_report *result)
{
    *result = (vlt_report){
        .peak_baseline_bytes = NAN, .peak_default_bytes = NAN, .peak_tuned_bytes = NAN};
    result->end_to_end = (vlt_report_row){.baseline_ns = NAN,
                                          .default_ns = NAN,
                                          .tuned_ns = NAN,
                                          .over_default = vlt_comparison_one(VLT_TUNE_COMPOSED),
                                          .over_baseline = vlt_comparison_unknown(),
                                          .is_default = true,
                                          .share = NAN};
    snprintf(result->correctness, sizeof result->correctness, "not checked");
}

static void release(vlt_tuner *tuner)
{
    vlt_tuner_end_races(tuner);
    for (int i = 0; i < tuner->item_count; i++) {
        vlt_search_release(&tuner->item[i].search);
        free(tuner->item[i].confirm);
    }
    for (int i = 0; i < tuner->edged_count; i++) {
        free(tuner->edged[i]);
    }
    free(tuner->edged);
    vlt_tuner_release_seeds(tuner);
    free(tuner->children);
    free(tuner->roofline);
    free(tuner->workload);
    free(tuner->batch);
    free(tuner->item);
    vlt_temp_folder_remove(&tuner->folder);
    free(tuner->scenes);
    free(tuner->unseen);
    free(tuner->provisional);
    vlt_store_close(tuner->store);
    vlt_file_lock_release(tuner->lock);
    vlt_file_lock_release(tuner->turn);
    vlt_machine_destroy(tuner->machine);
}

/* The folder of a file that will be written must be there before a minute is spent. */
static vlt_status check_folder(const char *path, vlt_error *err)
{
    char folder[VLT_TUNED_PATH_BYTES] = ".";
    const char *slash = strrchr(path, '/');
    if (strlen(path) >= VLT_TUNED_PATH_BYTES) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s': path of %zu bytes, expected below %d", path,
                        strlen(path), VLT_TUNED_PATH_BYTES);
    }
    if (slash) {
        memcpy(folder, path, (size_t)(slash - path) + 1); /* a NUL is behind: path is shorter */
    }
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: a folder, expected a file", path);
    }
    return access(folder, W_OK | X_OK) == 0
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_IO, "%s: %s: %s", path, folder, strerror(errno));
}

/* Where `run` looks first for a config of this model, its folder made. */
static vlt_status find_place(const vlt_tune_options *options, char **path, vlt_error *err)
{
    uint64_t hash;
    vlt_tuned_key *key = malloc(sizeof *key);
    if (!key) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tuning: out of memory");
    }
    vlt_status status = vlt_checkpoint_hash_of(options->directory, &hash, err);
    if (status == VLT_OK) {
        status = vlt_tuned_key_here(hash, key, err);
    }
    if (status == VLT_OK) {
        status = vlt_tuned_place(key, options->quality, path, NULL, err);
    }
    if (status == VLT_OK) {
        status = vlt_tuned_place_make(*path, err);
    }
    free(key);
    return status;
}

struct waiting {
    const vlt_tune_options *options;
    bool said;
};

static bool wait_for(void *user, long holder)
{
    struct waiting *waiting = user;
    const vlt_tune_options *options = waiting->options;
    if (!waiting->said && options->waiting) {
        options->waiting(options->user, holder);
    }
    waiting->said = true;
    return !options->stop || !options->stop();
}

/* Where the place of the lock cannot be written (another user's), nobody waits. */
static vlt_status take_turn(vlt_tuner *tuner, vlt_error *err)
{
    const vlt_tune_options *options = tuner->options;
    struct waiting waiting = {.options = options};
    if (!options->measuring_lock) {
        return VLT_OK;
    }
    vlt_status status = vlt_file_lock_take(options->measuring_lock, wait_for, &waiting,
                                           &tuner->turn, err);
    tuner->begin_ms = now_ms(options);
    return status == VLT_STATUS_IO ? VLT_OK : status;
}

/* What is wrong is said before anybody waits. */
static vlt_status prepare(vlt_tuner *tuner, vlt_error *err)
{
    vlt_status status = vlt_tuner_check_inputs(tuner, err);
    if (status == VLT_OK) {
        status = vlt_tuner_read_seeds(tuner, err);
    }
    return status == VLT_OK ? take_turn(tuner, err) : status;
}

static const char *stored_end(vlt_status status, vlt_tune_end end)
{
    return status == VLT_OK || status == VLT_STATUS_INTERRUPTED ? vlt_tune_end_name(end) : "failed";
}

vlt_status vlt_tune_with(const vlt_tune_options *given, const char *program, vlt_report *result,
                         vlt_error *err)
{
    vlt_tune_options options = *given;
    vlt_tuner tuner = {.options = &options,
                       .result = result,
                       .program = program,
                       .folder = VLT_TEMP_FOLDER_NONE,
                       .begin_ms = now_ms(given),
                       .budget_s = given->budget_s > 0 ? given->budget_s : VLT_TUNE_BUDGET_S,
                       .launch_seed = given->seed << 20};
    options.db_path = given->db_path ? given->db_path : "vltune.db";
    options.seed = given->seed ? given->seed : 1;
    start_result(result);
    result->budget_s = tuner.budget_s;
    char *place = NULL;
    vlt_status status = VLT_OK;
    if (!options.config_path) {
        status = find_place(&options, &place, err);
        options.config_path = place;
    }
    if (status == VLT_OK && (status = check_folder(options.config_path, err)) == VLT_OK &&
        (status = vlt_file_lock_take(options.config_path, NULL, NULL, &tuner.lock, err)) ==
            VLT_OK &&
        (status = vlt_store_open(options.db_path, VLT_STORE_CREATE, &tuner.store, err)) == VLT_OK &&
        (status = vlt_machine_probe(NULL, &tuner.machine, err)) == VLT_OK) {
        copy_path(result->db_path, options.db_path);
        vlt_machine_describe(tuner.machine, result->machine, sizeof result->machine);
        if (options.threads <= 0) {
            options.threads = vlt_machine_thread_count(tuner.machine);
        }
        status = prepare(&tuner, err);
    }
    if (status == VLT_OK) {
        status = conclude(&tuner, vlt_tuner_run_stages(&tuner, err), err);
    }
    if (status == VLT_STATUS_INTERRUPTED) {
        result->end = VLT_TUNE_INTERRUPTED;
    }
    result->session = tuner.session;
    if (tuner.session) {
        vlt_store_end_session(tuner.store, tuner.session, stored_end(status, result->end), NULL);
    }
    result->seconds = vlt_tuner_elapsed(&tuner);
    release(&tuner);
    free(place);
    return status;
}

vlt_status vlt_tune(const vlt_tune_options *options, vlt_report *result, vlt_error *err)
{
    return vlt_tune_with(options, NULL, result, err);
}
