/* What services do to whole batches: how far ahead lines are prepared, by how many threads, where
 * threads stay, how many requests compute side by side. No input of one operator shows that, so
 * settings are launched on the user's workload, or on a batch of drawn scenes, with what was chosen
 * for everything else inside both sides. One knob after the other, from the best setting so far;
 * those alone that could pay: a phase of the request bounds what its service can save. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/json/line_reader.h"
#include "harness/measure/model_subject.h"
#include "harness/model/scenes.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

enum {
    LINES_MOST = 8, /* of a batch, where so many launches fit; else the fewest */
    LINES_LEAST = 4,
    TOKENS = 16,
    PAIRS = 4,
    LAUNCHES_WANTED = 24,
    LAUNCHES_LEAST = 6,
    FORCE_BYTES = 512,
    SEED_APART = 500 /* of the scenes: others than those of the request */
};

/* Of a launch: both engines opened, and each batch answered for nothing and timed. */
static const double start_s = 0.2, calls = 4.5, pairs_limit_s = 0.3;

/* A knob that could save less than this of a request is left alone; what a step has to show so that
 * the next one begins there. */
static const double worth = 0.01, better_log = -0.01;

static vlt_tune_item *find_item(const vlt_tuner *tuner)
{
    for (int i = 0; i < tuner->item_count; i++) {
        if (tuner->item[i].kind == VLT_TUNE_SERVICE) {
            return &tuner->item[i];
        }
    }
    return NULL;
}

/* A single request of the user's is no batch. */
static bool has_batch(const vlt_tuner *tuner)
{
    return !tuner->depth && (tuner->options->workload || !tuner->workload);
}

/* Lines that there are, at most `wanted`. */
static int lines_of(const vlt_tuner *tuner, int wanted)
{
    const int there = tuner->options->workload ? tuner->workload_lines : LINES_MOST;
    return there < wanted ? there : wanted;
}

static double launch_s(const vlt_tuner *tuner, int lines)
{
    /* a request is the whole workload, or one scene */
    const double requests = tuner->workload_lines ? tuner->workload_lines : 1;
    return start_s + calls * lines_of(tuner, lines) * 1e-3 * tuner->request_ms / requests;
}

double vlt_tuner_serve_wants_s(const vlt_tuner *tuner)
{
    return find_item(tuner) && has_batch(tuner) ? LAUNCHES_WANTED * launch_s(tuner, LINES_MOST) : 0;
}

static vlt_status append_line(const char *text, size_t bytes, vlt_buffer *out, vlt_error *err)
{
    const char *question, *image;
    json_t *scene = NULL, *line = NULL;
    char *dumped = NULL;
    vlt_status status = vlt_json_parse(text, bytes, "scene", &scene, err);
    if (status == VLT_OK &&
        (status = vlt_json_text(scene, "scene", "question", &question, NULL, err)) == VLT_OK &&
        (status = vlt_json_text(scene, "scene", "image", &image, NULL, err)) == VLT_OK) {
        line = vlt_json_make("{s:s, s:[s]}", "prompt", question, "images", image);
        dumped = vlt_json_dump(line, err);
        status = dumped ? VLT_OK : VLT_STATUS_NOMEM;
    }
    if (status == VLT_OK) {
        vlt_buffer_print(out, "%s\n", dumped);
    }
    free(dumped);
    json_decref(line);
    json_decref(scene);
    return status;
}

/* The scenes of a folder as lines of a batch. */
static vlt_status write_batch(const char *scenes, const char *batch, vlt_error *err)
{
    vlt_line_reader reader = {.file = -1};
    vlt_buffer line = {0}, out = {0};
    bool found = true;
    vlt_status status = vlt_line_reader_open(scenes, &reader, err);
    while (status == VLT_OK) {
        status = vlt_line_reader_next(&reader, &line, &found, err);
        if (status != VLT_OK || !found) {
            break;
        }
        status = append_line(line.data, line.bytes, &out, err);
    }
    if (status == VLT_OK) {
        status = out.failed ? vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", batch)
                            : vlt_write_file(batch, out.data, out.bytes, err);
    }
    vlt_line_reader_close(&reader);
    free(line.data);
    free(out.data);
    return status;
}

/* The user's workload, or scenes that are neither the request's nor the unseen ones. */
static vlt_status make_batch(vlt_tuner *tuner, vlt_error *err)
{
    char *folder = NULL, *scenes = NULL;
    const vlt_scenes_options drawn = {.seed = tuner->options->seed + SEED_APART,
                                      .count = LINES_MOST,
                                      .width = 640,
                                      .height = 480};
    vlt_status status = VLT_OK;
    if (tuner->options->workload) {
        tuner->batch = strdup(tuner->options->workload);
        return tuner->batch ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "tuning: out of memory");
    }
    if (asprintf(&folder, "%s/batch", tuner->folder.path) < 0 ||
        asprintf(&scenes, "%s/scenes.jsonl", folder) < 0 ||
        asprintf(&tuner->batch, "%s/batch.jsonl", folder) < 0) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tuning: out of memory");
    }
    if ((status = vlt_scenes_write(folder, &drawn, err)) == VLT_OK) {
        status = write_batch(scenes, tuner->batch, err);
    }
    free(folder);
    free(scenes);
    return status;
}

vlt_status vlt_tuner_launch_batch(vlt_tuner *tuner, const vlt_setting *against,
                                  const vlt_setting *setting, double timeout_s, vlt_launch *launch,
                                  vlt_error *err)
{
    const vlt_setting *const settings[2] = {against, setting};
    const vlt_tune_options *options = tuner->options;
    char force[FORCE_BYTES];
    char *what[2] = {NULL, NULL};
    vlt_status status = VLT_OK;
    vlt_model_request request = {.model = options->directory,
                                 .config = vlt_tuner_differs(tuner) ? tuner->provisional : NULL,
                                 .workload = tuner->batch,
                                 .force = force,
                                 .parallel = options->parallel,
                                 .lines = tuner->batch_lines,
                                 .tokens = options->max_tokens ? (int)options->max_tokens : TOKENS,
                                 .quality = options->quality,
                                 .pack_cache = options->pack_cache};
    for (int side = 0; side < 2 && status == VLT_OK; side++) {
        /* goes before what the config says */
        vlt_setting_argument(find_item(tuner)->met.op, '=', settings[side], force, sizeof force);
        status = vlt_model_subject_format(&request, &what[side], err);
    }
    if (status == VLT_OK) {
        const vlt_side side[2] = {{.what = what[0]}, {.what = what[1]}};
        const vlt_launch_options how = {.program = tuner->program,
                                        .seed = ++tuner->launch_seed,
                                        .data_seed = 1,
                                        .pairs = PAIRS,
                                        .limit_s = pairs_limit_s,
                                        .timeout_s = timeout_s,
                                        .memory_bytes = tuner->machine->caps.memory_bytes / 2,
                                        .threads = options->threads,
                                        .stop = options->stop};
        status = vlt_launch_run(side, &how, launch, err);
    }
    free(what[0]);
    free(what[1]);
    return status;
}

/* Of the default request's time. */
static double share_of(const vlt_tuner *tuner, const char *const *phases)
{
    double ms = 0;
    for (; *phases; phases++) {
        for (int i = 0; i < tuner->result->phase_count; i++) {
            const vlt_report_phase *phase = &tuner->result->phase[i];
            ms += !strcmp(phase->name, *phases) && isfinite(phase->default_ms) ? phase->default_ms
                                                                               : 0;
        }
    }
    return ms / tuner->request_ms;
}

/* Knobs in the order of what they may be worth, each with the phases that it can save. */
static const char *const computing[] = {"vision", "prefill", "decode", "other", NULL},
                         *const preparing[] = {"image decode", "preprocess", "tokenize", NULL},
                         *const tokenizing[] = {"tokenize", NULL};

static const struct {
    const char *knob;
    const char *const *phases;
    const char *needs; /* a knob that must be on before; NULL: none */
} steps[] = {{"parallel", computing, NULL},
             {"prefetch", preparing, NULL},
             {"pin", computing, NULL},
             {"weights", computing, NULL},
             {"first_touch", computing, "pin"},
             {"huge_pages", computing, NULL},
             {"preprocess_threads", preparing, NULL},
             {"tokenize_threads", tokenizing, NULL},
             {"tokenize_cache", tokenizing, NULL},
             {"tokenize_chunk", tokenizing, NULL},
             {"depth", preparing, NULL}};

/* One launch of a setting; *late: there is no time for another. */
static vlt_status try_setting(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                              double share, bool *late, vlt_error *err)
{
    vlt_trial_shown shown;
    const vlt_trial_options options = {.stage = "search"};
    vlt_tuner_progress(tuner, "search", item);
    vlt_status status = vlt_tuner_try(tuner, item, setting, &options, &shown, err);
    if (status != VLT_OK) {
        return status;
    }
    if (shown.outcome == VLT_OUTCOME_OK && isnan(item->default_ns)) {
        item->default_ns = shown.call_ns[0];
        item->wall_s = shown.wall_s;
    }
    *late = vlt_tuner_left(tuner, share) < shown.wall_s;
    return vlt_search_note(&item->search, setting, shown.outcome, shown.log_ratio, shown.call_ns,
                           err);
}

/* More at a time than there are lines is nothing new. */
static bool fits_batch(const vlt_tuner *tuner, const vlt_setting *setting)
{
    static const char *const lines[] = {"parallel", "prefetch"};
    for (int i = 0; i < 2; i++) {
        const int index = vlt_variant_knob_index(setting->variant, lines[i]);
        if (index >= 0 && setting->binding.value[index] > tuner->batch_lines) {
            return false;
        }
    }
    return true;
}

/* The values of one knob, from the best setting so far; needs: a knob that is on there, or NULL. */
static vlt_status try_knob(vlt_tuner *tuner, vlt_tune_item *item, const char *name,
                           const char *needs, double share, bool *late, vlt_error *err)
{
    const vlt_tried *best = vlt_search_best(&item->search);
    const vlt_setting from = best && best->log_ratio < better_log ? best->setting
                                                                  : item->search.incumbent;
    const int index = vlt_variant_knob_index(from.variant, name);
    vlt_status status = VLT_OK;
    if (index < 0 || (needs && !vlt_binding_value(from.variant, &from.binding, needs))) {
        return VLT_OK;
    }
    const vlt_knob_list values = vlt_variant_knob_values(from.variant, index,
                                                         item->search.space.caps, NULL);
    int first = 0; /* those above come first, then those below */
    while (first < values.count - 1 && values.value[first] <= from.binding.value[index]) {
        first++;
    }
    for (int i = 0; i < values.count && status == VLT_OK && !*late; i++) {
        vlt_setting setting = from;
        setting.binding.value[index] = values.value[(first + i) % values.count];
        if (!vlt_setting_equal(&setting, &from) && fits_batch(tuner, &setting) &&
            vlt_search_permits(&item->search, &setting) &&
            vlt_space_valid(&item->search.space, &setting)) {
            status = try_setting(tuner, item, &setting, share, late, err);
        }
    }
    return status;
}

static vlt_status search(vlt_tuner *tuner, vlt_tune_item *item, double share, vlt_error *err)
{
    vlt_status status = VLT_OK;
    bool late = false;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == VLT_OK && !late; i++) {
        bool given = tuner->options->parallel > 0 && !strcmp(steps[i].knob, "parallel");
        if (!given && share_of(tuner, steps[i].phases) >= worth) {
            status = try_knob(tuner, item, steps[i].knob, steps[i].needs, share, &late, err);
        }
    }
    tuner->result->end = late ? VLT_TUNE_BUDGET : tuner->result->end;
    return status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner) ? VLT_OK : status;
}

vlt_status vlt_tuner_serve(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_tune_item *item = find_item(tuner);
    const double left_s = vlt_tuner_left(tuner, share);
    if (!item || !has_batch(tuner)) {
        return VLT_OK;
    }
    const bool many = left_s >= LAUNCHES_LEAST * launch_s(tuner, LINES_MOST);
    tuner->batch_lines = lines_of(tuner, many ? LINES_MOST : LINES_LEAST);
    if (left_s < LAUNCHES_LEAST * launch_s(tuner, tuner->batch_lines)) {
        vlt_tuner_note(tuner,
                       "services (%s) stay as they are: %d launches of a batch of %d lines would "
                       "take %.0f s, %.0f s are left for them",
                       item->met.op, LAUNCHES_LEAST, tuner->batch_lines,
                       LAUNCHES_LEAST * launch_s(tuner, tuner->batch_lines), fmax(0, left_s));
        return VLT_OK;
    }
    vlt_status status = tuner->batch ? VLT_OK : make_batch(tuner, err);
    if (status == VLT_OK) {
        status = vlt_tuner_write_config(tuner, tuner->provisional, -1, err);
    }
    if (status == VLT_OK) {
        item->met.runs = (tuner->workload_lines ? tuner->workload_lines : 1.0) / tuner->batch_lines;
        double end = vlt_tuner_elapsed(tuner) - tuner->found_s + left_s / 2;
        status = search(tuner, item, end / (tuner->budget_s - tuner->found_s), err);
    }
    return status == VLT_OK ? vlt_tuner_decide(tuner, VLT_TUNE_SERVICE, share, err) : status;
}
