/* The config as a whole against the defaults: correct and not slower on inputs that the search has
 * not seen, in fresh processes; what makes it wrong or slow is undone. Where whole requests do not
 * fit into the budget, its worth is composed from the parts; where one takes seconds, outputs are
 * compared on the first blocks of each tower. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/launch.h"
#include "harness/measure/model_subject.h"
#include "harness/measure/statistics.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

enum {
    TOKENS = 16,
    LAUNCHES_MAX = 12,
    ABLATION_LAUNCHES = 3,
    OUTPUT_SCENES = 4,
    SHORT_TOKENS = 4, /* where the model is looked at through its first blocks */
    SHORT_DEPTH = 2,
    UNSEEN_SEED = 7001 /* of the inputs; the search uses small ones */
};

static const char whole_op[] = "end to end", whole_shape[] = "JPEG 640x480 -> 16 tokens";
static const double margin = 0.03, slow_request_s = 2;

double vlt_tuner_launch_s(const vlt_tuner *tuner, double other_s)
{
    double request_s = 1e-3 * tuner->request_ms, calls = request_s > 1 ? 1.1 : 2.1;
    return calls * (request_s + other_s) + 0.4;
}

bool vlt_tuner_is_slow(const vlt_tuner *tuner)
{
    return tuner->depth || 1e-3 * tuner->request_ms > slow_request_s;
}

/* What the launches of the config under trial showed. */
struct whole {
    double log_ratio[LAUNCHES_MAX];
    double call_ns[2][LAUNCHES_MAX];
    int launches;
    vlt_judgement judgement;
    char wrong[VLT_ERROR_BYTES]; /* "" : nothing */
};

static void judge(struct whole *whole)
{
    vlt_judge_options options = vlt_judge_defaults();
    options.margin = margin;
    options.anytime = false;
    options.alpha = 0.02; /* six launches can show it */
    vlt_judge(whole->log_ratio, whole->launches, &options, &whole->judgement);
}

static vlt_status store_launch(vlt_tuner *tuner, const char *against, const vlt_launch *launch,
                               uint64_t seed, vlt_status outcome, const char *message,
                               double wall_s, vlt_error *err)
{
    bool ok = outcome == VLT_OK;
    const vlt_store_trial trial = {.workload = {whole_op, whole_shape, whole_shape, ""},
                                   .variant = "tuned",
                                   .knobs = "",
                                   .against = against,
                                   .stage = whole_op,
                                   .seed = seed,
                                   .outcome = ok                            ? VLT_OUTCOME_OK
                                              : outcome == VLT_STATUS_WRONG ? VLT_OUTCOME_WRONG
                                              : launch->end == VLT_CHILD_TIMEOUT
                                                  ? VLT_OUTCOME_TIMEOUT
                                              : launch->end == VLT_CHILD_MEMORY ? VLT_OUTCOME_MEMORY
                                                                                : VLT_OUTCOME_CRASH,
                                   .message = ok ? NULL : message,
                                   .run = ok ? &launch->run : NULL,
                                   .wall_s = wall_s};
    return vlt_store_add_trial(tuner->store, tuner->session, &trial, NULL, err);
}

/* One launch: the other config and ours in one process, a drawn scene that nobody has seen. */
static vlt_status launch_pair(vlt_tuner *tuner, const char *against, const char *config,
                              double share, struct whole *whole, vlt_error *err)
{
    char *what[2] = {NULL, NULL};
    vlt_launch launch = {0};
    vlt_error failure = {0};
    vlt_status status;
    uint64_t seed = UNSEEN_SEED + (uint64_t)whole->launches;
    bool defaults = !strcmp(against, "default");
    vlt_model_request request = {
        .model = tuner->options->directory,
        .config = defaults ? NULL : against,
        .image = tuner->options->image,
        .prompt = tuner->options->prompt,
        .tokens = tuner->options->max_tokens ? (int)tuner->options->max_tokens : TOKENS,
        .quality = tuner->options->quality,
        .pack_cache = tuner->options->pack_cache};
    if ((status = vlt_model_subject_format(&request, &what[0], err)) != VLT_OK) {
        goto done;
    }
    request.config = config;
    if ((status = vlt_model_subject_format(&request, &what[1], err)) != VLT_OK) {
        goto done;
    }
    const vlt_side side[2] = {{.what = what[0]}, {.what = what[1]}};
    double left_s = vlt_tuner_left(tuner, share);
    const vlt_launch_options options = {.program = tuner->program,
                                        .seed = ++tuner->launch_seed,
                                        .data_seed = seed,
                                        .pairs = 3,
                                        .limit_s = 0.05,
                                        .timeout_s = fmax(left_s, 0.2),
                                        .memory_bytes = tuner->machine->caps.memory_bytes / 2,
                                        .threads = tuner->options->threads,
                                        .stop = tuner->options->stop};
    double begin_s = vlt_tuner_elapsed(tuner);
    status = vlt_launch_run(side, &options, &launch, &failure);
    double wall_s = vlt_tuner_elapsed(tuner) - begin_s;
    if (status == VLT_STATUS_INTERRUPTED || launch.end == VLT_CHILD_TIMEOUT) {
        status = VLT_STATUS_INTERRUPTED; /* our own hurry */
        goto done;
    }
    if (status == VLT_OK) {
        whole->log_ratio[whole->launches] = launch.run.log_ratio;
        whole->call_ns[0][whole->launches] = launch.run.call_ns[0];
        whole->call_ns[1][whole->launches++] = launch.run.call_ns[1];
        judge(whole);
    } else {
        vlt_utf8_format(whole->wrong, sizeof whole->wrong, "%s", failure.message);
    }
    tuner->result->trials++;
    status = store_launch(tuner, against, &launch, seed, status, failure.message, wall_s, err);
done:
    vlt_launch_release(&launch);
    free(what[0]);
    free(what[1]);
    return status;
}

/* Launches until there are `wanted`, something is wrong, or the share is used up. */
static vlt_status measure(vlt_tuner *tuner, const char *against, const char *config, int wanted,
                          double share, struct whole *whole, vlt_error *err)
{
    vlt_status status = VLT_OK;
    double longest_s = 0;
    while (status == VLT_OK && whole->launches < wanted && !whole->wrong[0] &&
           vlt_tuner_left(tuner, share) > longest_s) {
        double begin_s = vlt_tuner_elapsed(tuner);
        vlt_tuner_progress(tuner, whole_op, NULL);
        status = launch_pair(tuner, against, config, share, whole, err);
        longest_s = fmax(longest_s, vlt_tuner_elapsed(tuner) - begin_s);
    }
    return status;
}

/* Seconds of one baseline request, as far as the parts tell. */
static double baseline_request_s(const vlt_tuner *tuner)
{
    const vlt_report_comparison parts = vlt_tuner_compose_baseline(tuner);
    double factor = parts.known && parts.ratio > 0 ? 1 / parts.ratio : 30;
    return 1e-3 * tuner->request_ms * factor;
}

/* Whose ids are forced: the baseline's, or the default path's where those are out of reach. */
static const char *reference_of(const vlt_tuner *tuner, double share)
{
    bool near = !tuner->depth && 3 * baseline_request_s(tuner) < 0.5 * vlt_tuner_left(tuner, share);
    return near ? "baseline" : "default";
}

static vlt_status check_outputs(vlt_tuner *tuner, const char *config, double share,
                                struct whole *whole, vlt_whole_outputs *outputs, vlt_error *err)
{
    vlt_error failure = {0};
    vlt_whole_task task = vlt_tuner_task(tuner, config, tuner->unseen, share);
    task.against = reference_of(tuner, share);
    bool brief = vlt_tuner_is_slow(tuner);
    task.depth = brief ? SHORT_DEPTH : 0;
    task.scene_max = brief ? 1 : OUTPUT_SCENES;
    task.tokens = brief ? SHORT_TOKENS : TOKENS;
    task.limit_s = 0.4 * fmax(0.1, vlt_tuner_left(tuner, share));
    vlt_tuner_progress(tuner, whole_op, NULL);
    vlt_status status = vlt_whole_check_outputs(&task, outputs, &failure);
    if (status == VLT_STATUS_INTERRUPTED || status == VLT_STATUS_NOMEM) {
        return vlt_fail(err, status, "%s", failure.message);
    }
    if (status == VLT_STATUS_STOPPED && vlt_tuner_left(tuner, share) < 0.1) {
        return VLT_STATUS_INTERRUPTED; /* our own hurry */
    }
    if (status != VLT_OK) {
        vlt_utf8_format(whole->wrong, sizeof whole->wrong, "%s", failure.message);
    }
    return VLT_OK;
}

/* Is it wrong, or slower than the margin at face value? */
static bool is_bad(const struct whole *whole)
{
    return whole->wrong[0] || whole->judgement.verdict == VLT_VERDICT_SLOWER ||
           (whole->launches > 0 && whole->judgement.ratio > 1 + margin);
}

static vlt_status revert(vlt_tuner *tuner, vlt_tune_item *item, const char *why, vlt_error *err)
{
    char old[VLT_SETTING_BYTES];
    vlt_setting_format(&item->choice, old, sizeof old);
    item->choice = item->search.incumbent;
    item->reverted = true;
    item->tuned_ns = item->default_ns;
    item->over_baseline = vlt_comparison_unknown();
    for (int i = 0; i < tuner->item_count; i++) { /* something inside may be another now */
        tuner->item[i].over_inside = vlt_comparison_unknown();
    }
    vlt_utf8_format(item->reason, sizeof item->reason, "reverted from %s: %s", old, why);
    vlt_tuner_note(tuner, "%s %s: %s", item->met.op, item->met.problem, item->reason);
    return vlt_tuner_note_decision(tuner, item, err);
}

static vlt_status revert_all(vlt_tuner *tuner, const char *why, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        if (vlt_item_differs(&tuner->item[i])) {
            status = revert(tuner, &tuner->item[i], why, err);
        }
    }
    return status;
}

/* The config without item number i: is it well? */
static vlt_status try_without(vlt_tuner *tuner, int i, const struct whole *sick, double share,
                              bool *well, vlt_error *err)
{
    struct whole without = {.judgement = {.ratio = 1}};
    vlt_whole_outputs outputs;
    vlt_status status = vlt_tuner_write_config(tuner, tuner->provisional, i, err);
    if (status == VLT_OK && sick->wrong[0]) {
        status = check_outputs(tuner, tuner->provisional, share, &without, &outputs, err);
        *well = !without.wrong[0];
    } else if (status == VLT_OK) {
        status = measure(tuner, "default", tuner->provisional, ABLATION_LAUNCHES, share, &without,
                         err);
        *well = without.launches > 0 && !is_bad(&without);
    }
    return status;
}

/* Looks for one choice whose undoing cures the config; undoes all when there is none. */
static vlt_status cure(vlt_tuner *tuner, const struct whole *sick, double share, vlt_error *err)
{
    char why[VLT_TUNE_TEXT_BYTES];
    vlt_status status = VLT_OK;
    if (sick->wrong[0]) {
        vlt_utf8_format(why, sizeof why, "the output end to end is wrong: %s", sick->wrong);
    } else {
        snprintf(why, sizeof why, "the whole was slower with it (%.3f of the default's time)",
                 sick->judgement.ratio);
    }
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        bool well = false;
        if (!vlt_item_differs(&tuner->item[i]) || vlt_tuner_left(tuner, share) <= 0) {
            continue;
        }
        status = try_without(tuner, i, sick, share, &well, err);
        if (status == VLT_OK && well) {
            return revert(tuner, &tuner->item[i], why, err);
        }
    }
    if (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner)) {
        status = VLT_OK;
    }
    return status == VLT_OK ? revert_all(tuner, why, err) : status;
}

/* Do the launches of an interval fit? */
static bool fits(const vlt_tuner *tuner, double other_s, double share)
{
    double launch_s = vlt_tuner_launch_s(tuner, other_s);
    return !tuner->depth && !tuner->options->workload &&
           VLT_WHOLE_LAUNCHES * launch_s < vlt_tuner_left(tuner, share);
}

/* Where nothing was left to try, the time goes into a narrower interval; what the launches of the
 * baseline need is theirs. */
static int launches_wanted(const vlt_tuner *tuner, double share)
{
    double launch_s = vlt_tuner_launch_s(tuner, 1e-3 * tuner->request_ms);
    double other_s = baseline_request_s(tuner), left_s = vlt_tuner_left(tuner, share);
    if (fits(tuner, other_s, share)) {
        left_s -= VLT_WHOLE_LAUNCHES * vlt_tuner_launch_s(tuner, other_s);
    }
    bool spare = tuner->result->end == VLT_TUNE_COMPLETE && LAUNCHES_MAX * launch_s < left_s;
    return spare ? LAUNCHES_MAX : VLT_WHOLE_LAUNCHES;
}

static void start_row(vlt_tuner *tuner)
{
    vlt_report_row *row = &tuner->result->end_to_end;
    *row = (vlt_report_row){.baseline_ns = NAN,
                            .default_ns = tuner->request_ms * 1e6,
                            .tuned_ns = NAN,
                            .over_baseline = vlt_comparison_unknown(),
                            .over_default = vlt_comparison_one(VLT_TUNE_COMPOSED),
                            .is_default = true,
                            .share = 1};
    vlt_utf8_format(row->op, sizeof row->op, "%s", whole_op);
    vlt_utf8_format(row->bucket, sizeof row->bucket, "%s", whole_shape);
    vlt_utf8_format(row->shape, sizeof row->shape, "%s", whole_shape);
}

/* What the whole is worth over the defaults: measured, or else composed from its parts. */
static void fill_default(vlt_tuner *tuner, const struct whole *whole)
{
    vlt_report_row *row = &tuner->result->end_to_end;
    double ns[2][LAUNCHES_MAX];
    memcpy(ns, whole->call_ns, sizeof ns);
    row->trials = whole->launches;
    row->is_default = !vlt_tuner_differs(tuner);
    if (whole->launches > 0) {
        row->default_ns = vlt_median(ns[0], (size_t)whole->launches);
    }
    if (row->is_default) {
        row->over_default = vlt_comparison_one(VLT_TUNE_COMPOSED);
        row->tuned_ns = row->default_ns;
        snprintf(row->reason, sizeof row->reason, "nothing differs from the defaults");
    } else if (whole->launches >= VLT_WHOLE_LAUNCHES) {
        row->over_default = vlt_comparison_of(&whole->judgement, VLT_TUNE_MEASURED);
        row->tuned_ns = vlt_median(ns[1], (size_t)whole->launches);
        snprintf(row->reason, sizeof row->reason, "%d launches, unseen scenes", whole->launches);
    } else {
        row->over_default = vlt_tuner_compose_default(tuner);
        row->tuned_ns = row->default_ns * row->over_default.ratio;
        snprintf(row->reason, sizeof row->reason,
                 "composed from its parts: whole requests do not fit into the budget");
    }
}

static void fill_baseline(vlt_tuner *tuner, const struct whole *whole)
{
    vlt_report_row *row = &tuner->result->end_to_end;
    double ns[LAUNCHES_MAX];
    memcpy(ns, whole->call_ns[0], sizeof ns);
    if (whole->launches > 0) {
        row->over_baseline = vlt_comparison_of(&whole->judgement, VLT_TUNE_MEASURED);
        row->baseline_ns = vlt_median(ns, (size_t)whole->launches);
    } else {
        row->over_baseline = vlt_tuner_compose_baseline(tuner);
        row->baseline_ns = row->tuned_ns / row->over_baseline.ratio;
    }
}

static void say_correctness(vlt_tuner *tuner, const struct whole *whole,
                            const vlt_whole_outputs *outputs, const char *reference, bool known)
{
    vlt_report *result = tuner->result;
    result->correct = known && outputs->scenes > 0 && !whole->wrong[0];
    if (whole->wrong[0]) {
        vlt_utf8_format(result->correctness, sizeof result->correctness, "wrong: %s", whole->wrong);
    } else if (!vlt_tuner_differs(tuner)) {
        result->correct = true;
        snprintf(result->correctness, sizeof result->correctness,
                 "nothing differs from the defaults");
    } else if (result->correct) {
        vlt_utf8_format(
            result->correctness, sizeof result->correctness,
            "correct on unseen inputs%s (logits within %.2g of the %s's, tolerance %.2g)",
            vlt_tuner_is_slow(tuner) ? ", first 2 blocks of each tower" : "", outputs->worst,
            reference, outputs->tolerance);
    } else {
        snprintf(result->correctness, sizeof result->correctness, "not checked within the budget");
    }
}

/* One look at the config: outputs, then times where they fit. */
static vlt_status look(vlt_tuner *tuner, double share, struct whole *whole,
                       vlt_whole_outputs *outputs, vlt_error *err)
{
    *whole = (struct whole){.judgement = {.ratio = 1}};
    vlt_status status = vlt_tuner_write_config(tuner, tuner->provisional, -1, err);
    if (status == VLT_OK) {
        status = check_outputs(tuner, tuner->provisional, share, whole, outputs, err);
    }
    if (status == VLT_OK && !whole->wrong[0] && fits(tuner, 1e-3 * tuner->request_ms, share)) {
        status = measure(tuner, "default", tuner->provisional, launches_wanted(tuner, share), share,
                         whole, err);
    }
    return status;
}

vlt_status vlt_tuner_check_whole(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_whole_outputs outputs = {0};
    struct whole whole = {.judgement = {.ratio = 1}}, baseline = {.judgement = {.ratio = 1}};
    vlt_status status = VLT_OK;
    const char *reference = reference_of(tuner, share);
    start_row(tuner);
    /* every round undoes something, so this ends */
    for (int round = 0; status == VLT_OK && round < 4 && vlt_tuner_differs(tuner); round++) {
        status = look(tuner, share, &whole, &outputs, err);
        if (status != VLT_OK || !is_bad(&whole)) {
            break;
        }
        status = cure(tuner, &whole, share, err);
        if (!vlt_tuner_differs(tuner)) {
            whole = (struct whole){.judgement = {.ratio = 1}};
        }
    }
    bool known = status == VLT_OK;
    if (known && fits(tuner, baseline_request_s(tuner), share)) {
        status = measure(tuner, "baseline", vlt_tuner_differs(tuner) ? tuner->provisional : NULL,
                         VLT_WHOLE_LAUNCHES, share, &baseline, err);
    }
    if (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner)) {
        tuner->result->end = VLT_TUNE_BUDGET;
        status = VLT_OK;
    }
    fill_default(tuner, &whole);
    fill_baseline(tuner, &baseline);
    say_correctness(tuner, &whole, &outputs, reference, known);
    return status;
}

vlt_status vlt_tuner_revert_whole(vlt_tuner *tuner, const char *why, vlt_error *err)
{
    vlt_report *result = tuner->result;
    vlt_report_row *row = &result->end_to_end;
    vlt_status status = revert_all(tuner, why, err);
    row->is_default = true;
    row->over_default = vlt_comparison_one(VLT_TUNE_COMPOSED);
    row->tuned_ns = row->default_ns;
    row->over_baseline = vlt_comparison_unknown();
    vlt_utf8_format(row->reason, sizeof row->reason, "reverted to the defaults: %s", why);
    for (int i = 0; i < result->phase_count; i++) {
        result->phase[i].tuned_ms = result->phase[i].default_ms;
    }
    result->correct = true;
    snprintf(result->correctness, sizeof result->correctness, "nothing differs from the defaults");
    return status;
}
