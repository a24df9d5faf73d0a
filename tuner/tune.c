#include "tuner/tune.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/infer/engine.h"
#include "harness/model/scenes.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/code_hash.h"
#include "tuner/tune_result.h"

/* Ends of the stages, as shares of the budget; what a stage leaves goes to the next ones. The last
 * share is kept for writing. */
static const double share_problems = 0.6, share_search = 0.25, share_decide = 0.53,
                    share_whole = 0.79, share_accuracy = 0.98;

/* Where a request takes seconds, the end-to-end check gets up to half of the budget: without the
 * launches of an interval nobody knows what the tuning is worth. */
static const double share_whole_most = 0.5, share_whole_latest = 0.88;

enum { UNSEEN_SCENES = 100, UNSEEN_SEED = 7000, REQUEST_TOKENS = 16 };

double vlt_tuner_elapsed(const vlt_tuner *tuner)
{
    return (vlt_now_ms() - tuner->begin_ms) * 1e-3;
}

double vlt_tuner_left(const vlt_tuner *tuner, double share)
{
    double end_s = tuner->found_s + (tuner->budget_s - tuner->found_s) * share;
    end_s = fmin(end_s, tuner->budget_s - 0.15);
    return end_s - vlt_tuner_elapsed(tuner);
}

bool vlt_tuner_stopped(const vlt_tuner *tuner)
{
    return tuner->options->stop && tuner->options->stop();
}

/* Speed-up of the whole as far as the rows tell: leaf operators alone, so that nothing is counted
 * twice, would need to know who is whose child; the shares of children are inside their parents',
 * so the largest saving is shown instead. */
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
                                        .left_s = fmax(0, vlt_tuner_left(tuner, share_accuracy)),
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
                            .tokens = REQUEST_TOKENS,
                            .timeout_s = fmax(left_s, 0.1),
                            .memory_bytes = tuner->machine->caps.memory_bytes / 2,
                            .stop = tuner->options->stop};
}

static vlt_status make_folder(vlt_tuner *tuner, vlt_error *err)
{
    vlt_status status = vlt_temp_folder_make("tune", &tuner->folder, err);
    if (status != VLT_OK) {
        return status;
    }
    const char *path = tuner->folder.path;
    if (asprintf(&tuner->scenes, "%s/request/scenes.jsonl", path) < 0) {
        tuner->scenes = NULL;
    }
    if (asprintf(&tuner->unseen, "%s/unseen/scenes.jsonl", path) < 0) {
        tuner->unseen = NULL;
    }
    if (asprintf(&tuner->provisional, "%s/tuned.toml", path) < 0) {
        tuner->provisional = NULL;
    }
    return tuner->scenes && tuner->unseen && tuner->provisional
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
}

/* Draws scenes where the file `scenes` tells. */
static vlt_status draw(const char *scenes, const vlt_scenes_options *options, vlt_error *err)
{
    char *folder = strndup(scenes, (size_t)(strrchr(scenes, '/') - scenes));
    vlt_status status = folder ? vlt_scenes_write(folder, options, err)
                               : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", scenes);
    free(folder);
    return status;
}

static vlt_status draw_scenes(vlt_tuner *tuner, vlt_error *err)
{
    int64_t wanted = tuner->options->scenes > 0 ? tuner->options->scenes : UNSEEN_SCENES;
    const vlt_scenes_options request = {
        .seed = tuner->options->seed, .count = 1, .width = 640, .height = 480};
    const vlt_scenes_options holdout = {.seed = UNSEEN_SEED + tuner->options->seed,
                                        .count = wanted};
    vlt_status status = make_folder(tuner, err);
    if (status == VLT_OK) {
        status = draw(tuner->scenes, &request, err);
    }
    return status == VLT_OK ? draw(tuner->unseen, &holdout, err) : status;
}

/* Weight of a problem before it was measured: nanoseconds at a plain loop's speed. */
static double estimate_ns(const vlt_problem *problem)
{
    vlt_cost cost = {0};
    if (problem->op->cost) {
        problem->op->cost(problem, &cost);
    }
    return 1000 + cost.flops / 2 + cost.bytes / 8;
}

static vlt_status add_item(vlt_tuner *tuner, const vlt_whole_problem *met, vlt_error *err)
{
    const vlt_op *op = vlt_registry_find_op(met->op);
    if (!op || (tuner->options->only_op && strcmp(tuner->options->only_op, met->op) != 0)) {
        return VLT_OK;
    }
    for (int i = 0; i < tuner->item_count; i++) {
        vlt_tune_item *item = &tuner->item[i];
        if (!strcmp(item->met.op, met->op) && !strcmp(item->met.bucket, met->bucket)) {
            item->met.runs += met->runs;
            return VLT_OK;
        }
    }
    vlt_tune_item *item = &tuner->item[tuner->item_count];
    *item = (vlt_tune_item){
        .met = *met, .problem = {.op = op}, .baseline_ns = NAN, .tuned_ns = NAN, .wall_s = NAN};
    vlt_status status = vlt_problem_parse(&item->problem, met->problem, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_space space;
    vlt_space_init(&space, &item->problem, &tuner->machine->caps, tuner->options->quality);
    if (vlt_space_count(&space, 1) == 0) {
        return VLT_OK; /* there is nothing to choose */
    }
    vlt_search_init(&item->search, &space, tuner->options->seed + (uint64_t)tuner->item_count);
    item->estimate = estimate_ns(&item->problem);
    tuner->item_count++;
    return tuner->options->fresh ? VLT_OK : vlt_tuner_recall(tuner, item, err);
}

static void keep_phases(vlt_tune_result *result, const vlt_whole_request *request, bool tuned)
{
    static const char *const names[] = {"image decode", "preprocess", "tokenize", "vision",
                                        "prefill",      "decode",     "other"};
    result->phase_count = sizeof names / sizeof *names;
    for (int i = 0; i < result->phase_count; i++) {
        vlt_tune_phase *phase = &result->phase[i];
        if (!phase->name) {
            *phase = (vlt_tune_phase){.name = names[i], .baseline_ms = NAN, .tuned_ms = NAN};
        }
        for (int k = 0; k < request->phase_count; k++) {
            if (!strcmp(request->phase[k].name, names[i])) {
                *(tuned ? &phase->tuned_ms : &phase->baseline_ms) = request->phase[k].ms;
            }
        }
    }
}

static vlt_status begin_session(vlt_tuner *tuner, const vlt_whole_request *request, vlt_error *err)
{
    vlt_status status = vlt_tuned_key_here(request->model_hash, &tuner->key, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_store_session info = {.kind = "tune",
                                    .key = &tuner->key,
                                    .model_name = request->model_name,
                                    .code_hash = vlt_code_hash(),
                                    .threads = tuner->options->threads,
                                    .seed = tuner->options->seed};
    return vlt_store_begin_session(tuner->store, &info, &tuner->session, err);
}

/* --op names an operator that the request meets and that leaves something to choose; otherwise the
 * config would hold nothing and still count as tuned. */
static vlt_status check_only_op(const vlt_tuner *tuner, const vlt_whole_request *request,
                                vlt_error *err)
{
    char met[512] = "";
    const char *only = tuner->options->only_op;
    for (int i = 0; i < request->problem_count; i++) {
        const char *op = request->problem[i].op;
        bool new_one = true;
        if (!only || !strcmp(op, only)) {
            return VLT_OK;
        }
        for (int k = 0; k < i && new_one; k++) {
            new_one = strcmp(request->problem[k].op, op) != 0;
        }
        size_t used = strlen(met);
        if (new_one) {
            vlt_utf8_format(met + used, sizeof met - used, "%s%s", used ? ", " : "", op);
        }
    }
    return only ? vlt_fail(err, VLT_STATUS_USAGE,
                           "--op: a request to this model never meets operator '%s', it meets %s",
                           only, met)
                : VLT_OK;
}

/* One baseline request tells what the model meets and which share each problem has. */
static vlt_status find_problems(vlt_tuner *tuner, vlt_error *err)
{
    vlt_whole_request request;
    vlt_whole_task task = vlt_tuner_task(tuner, "baseline", tuner->scenes, share_problems);
    vlt_tuner_progress(tuner, "problems", NULL);
    vlt_status status = vlt_whole_run_request(&task, &request, err);
    if (status != VLT_OK) {
        return status == VLT_STATUS_STOPPED
                   ? vlt_fail_in(err, VLT_STATUS_UNMEASURED,
                                 "the baseline did not answer one request within the budget: ")
                   : status;
    }
    tuner->request_ms = request.total_ms;
    vlt_utf8_format(tuner->result->model, sizeof tuner->result->model, "%s", request.model_name);
    keep_phases(tuner->result, &request, false);
    status = check_only_op(tuner, &request, err);
    if (status == VLT_OK) {
        status = begin_session(tuner, &request, err);
    }
    if (status == VLT_OK) {
        tuner->item = calloc((size_t)request.problem_count + 1, sizeof *tuner->item);
        status = tuner->item ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "tuning: out of memory");
    }
    for (int i = 0; i < request.problem_count && status == VLT_OK; i++) {
        status = add_item(tuner, &request.problem[i], err);
    }
    if (status == VLT_OK && tuner->options->only_op && tuner->item_count == 0) {
        status = vlt_fail(err, VLT_STATUS_USAGE,
                          "--op: operator '%s' leaves nothing to choose on this machine",
                          tuner->options->only_op);
    }
    vlt_whole_request_release(&request);
    return status;
}

static void time_phases(vlt_tuner *tuner)
{
    vlt_whole_request request;
    vlt_whole_task task = vlt_tuner_task(tuner, tuner->provisional, tuner->scenes, share_accuracy);
    if (vlt_tuner_left(tuner, share_whole_latest) > 2e-3 * tuner->request_ms &&
        vlt_whole_run_request(&task, &request, NULL) == VLT_OK) {
        keep_phases(tuner->result, &request, true);
        vlt_whole_request_release(&request);
    }
}

struct stage_ends {
    double search, decide, whole;
};

static struct stage_ends plan_stages(const vlt_tuner *tuner)
{
    /* A launch calls both sides twice, a slow one once (harness/measure/pair.c); outputs are
     * checked before, and a round may be repeated. */
    double calls = tuner->request_ms > 1000 ? 1.1 : 2.1;
    double launch_s = 1e-3 * calls * tuner->request_ms + 0.2;
    double left_s = tuner->budget_s - tuner->found_s;
    double usual = share_whole - share_decide;
    double wanted = (VLT_WHOLE_LAUNCHES + 1.5) * launch_s / fmax(left_s, 0.1);
    double width = fmin(fmax(wanted, usual), share_whole_most);
    double end = fmin(share_whole + width - usual, share_whole_latest);
    return (struct stage_ends){
        .search = share_search * (end - width) / share_decide, .decide = end - width, .whole = end};
}

static vlt_status run_stages(vlt_tuner *tuner, vlt_error *err)
{
    vlt_status status = draw_scenes(tuner, err);
    if (status == VLT_OK) {
        status = find_problems(tuner, err);
    }
    tuner->found_s = vlt_tuner_elapsed(tuner);
    /* another run over the same store shall see other layouts */
    tuner->launch_seed += (uint64_t)tuner->result->trials_reused;
    const struct stage_ends ends = plan_stages(tuner);
    if (status == VLT_OK && (status = vlt_tuner_search(tuner, ends.search, err)) == VLT_OK &&
        (status = vlt_tuner_decide(tuner, ends.decide, err)) == VLT_OK &&
        (status = vlt_tuner_check_whole(tuner, ends.whole, err)) == VLT_OK) {
        time_phases(tuner);
        status = tuner->options->scenes < 0 ? VLT_OK
                                            : vlt_tuner_check_accuracy(tuner, share_accuracy, err);
    }
    return status;
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
    vlt_tune_result *result = tuner->result;
    const char *path = tuner->options->config_path;
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
    if (!tuner->session || !anything_decided(tuner) ||
        write_certain(tuner, false, NULL) != VLT_OK) {
        return status;
    }
    tuner->result->end = VLT_TUNE_INTERRUPTED;
    const vlt_error failure = err ? *err : (vlt_error){0};
    return vlt_fail(err, status, "%s; %s holds what was certain until then", failure.message,
                    tuner->options->config_path);
}

/* What is certain so far becomes the config; also after Ctrl-C. */
static vlt_status conclude(vlt_tuner *tuner, vlt_status status, vlt_error *err)
{
    vlt_tune_result *result = tuner->result;
    bool stopped = status == VLT_STATUS_INTERRUPTED;
    if (status != VLT_OK && !stopped) {
        return conclude_failed(tuner, status, err);
    }
    if (tuner->session && tuner->item && result->trials + result->trials_reused == 0 &&
        tuner->item_count > 0 && !stopped) {
        return vlt_fail(err, VLT_STATUS_UNMEASURED, "nothing was measured within %.3g s",
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
                    "interrupted: %s holds what was certain%s, tuning again with %s goes on",
                    tuner->options->config_path, anything_decided(tuner) ? "" : " before",
                    tuner->options->db_path);
}

static void start_result(vlt_tune_result *result)
{
    *result = (vlt_tune_result){.peak_baseline_bytes = NAN, .peak_tuned_bytes = NAN};
    result->end_to_end = (vlt_tune_row){.baseline_ns = NAN,
                                        .tuned_ns = NAN,
                                        .ratio = NAN,
                                        .ratio_low = NAN,
                                        .ratio_high = NAN,
                                        .share = NAN};
    snprintf(result->correctness, sizeof result->correctness, "not checked");
}

static void release(vlt_tuner *tuner)
{
    for (int i = 0; i < tuner->item_count; i++) {
        vlt_search_release(&tuner->item[i].search);
        free(tuner->item[i].confirm);
    }
    free(tuner->item);
    vlt_temp_folder_remove(&tuner->folder);
    free(tuner->scenes);
    free(tuner->unseen);
    free(tuner->provisional);
    vlt_store_close(tuner->store);
    vlt_file_lock_release(tuner->lock);
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

vlt_status vlt_tune_with(const vlt_tune_options *given, const char *program,
                         vlt_tune_result *result, vlt_error *err)
{
    vlt_tune_options options = *given;
    vlt_tuner tuner = {.options = &options,
                       .result = result,
                       .program = program,
                       .folder = VLT_TEMP_FOLDER_NONE,
                       .begin_ms = vlt_now_ms(),
                       .budget_s = given->budget_s > 0 ? given->budget_s : VLT_TUNE_BUDGET_S,
                       .launch_seed = given->seed << 20};
    options.config_path = given->config_path ? given->config_path : "tuned.toml";
    options.db_path = given->db_path ? given->db_path : "vltune.db";
    options.seed = given->seed ? given->seed : 1;
    start_result(result);
    result->budget_s = tuner.budget_s;
    vlt_status status;
    if ((status = check_folder(options.config_path, err)) == VLT_OK &&
        (status = vlt_file_lock_take(options.config_path, NULL, NULL, &tuner.lock, err)) ==
            VLT_OK &&
        (status = vlt_store_open(options.db_path, VLT_STORE_CREATE, &tuner.store, err)) == VLT_OK &&
        (status = vlt_machine_probe(NULL, &tuner.machine, err)) == VLT_OK) {
        copy_path(result->db_path, options.db_path);
        vlt_machine_describe(tuner.machine, result->machine, sizeof result->machine);
        if (options.threads <= 0) {
            options.threads = vlt_machine_thread_count(tuner.machine);
        }
        status = conclude(&tuner, run_stages(&tuner, err), err);
    }
    result->session = tuner.session;
    if (tuner.session) {
        vlt_store_end_session(tuner.store, tuner.session, vlt_tune_end_name(result->end), NULL);
    }
    result->seconds = vlt_tuner_elapsed(&tuner);
    release(&tuner);
    return status;
}

vlt_status vlt_tune(const vlt_tune_options *options, vlt_tune_result *result, vlt_error *err)
{
    return vlt_tune_with(options, NULL, result, err);
}
