/* The config as a whole: correct and not slower on inputs that the search has not seen, in fresh
 * processes; what makes it wrong or slow is undone. */
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
    UNSEEN_SEED = 7001 /* of the inputs; the search uses small ones */
};

static const char whole_op[] = "end to end", whole_shape[] = "JPEG 640x480 -> 16 tokens";
static const double margin = 0.03;

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

static vlt_status store_launch(vlt_tuner *tuner, const vlt_launch *launch, uint64_t seed,
                               vlt_status outcome, const char *message, double wall_s,
                               vlt_error *err)
{
    bool ok = outcome == VLT_OK;
    const vlt_store_trial trial = {.workload = {whole_op, whole_shape, whole_shape, ""},
                                   .variant = "tuned",
                                   .knobs = "",
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

/* One launch: baseline and config in one process, a drawn scene that nobody has seen. */
static vlt_status launch_pair(vlt_tuner *tuner, const char *config, double share,
                              struct whole *whole, vlt_error *err)
{
    char *what[2] = {NULL, NULL};
    vlt_launch launch = {0};
    vlt_error failure = {0};
    vlt_status status;
    uint64_t seed = UNSEEN_SEED + (uint64_t)whole->launches;
    vlt_model_request request = {.model = tuner->options->directory,
                                 .config = "baseline",
                                 .tokens = TOKENS,
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
    status = store_launch(tuner, &launch, seed, status, failure.message, wall_s, err);
done:
    vlt_launch_release(&launch);
    free(what[0]);
    free(what[1]);
    return status;
}

/* Launches until there are `wanted`, something is wrong, or the share is used up. */
static vlt_status measure(vlt_tuner *tuner, const char *config, int wanted, double share,
                          struct whole *whole, vlt_error *err)
{
    vlt_status status = VLT_OK;
    double longest_s = 0;
    while (status == VLT_OK && whole->launches < wanted && !whole->wrong[0] &&
           vlt_tuner_left(tuner, share) > longest_s) {
        double begin_s = vlt_tuner_elapsed(tuner);
        vlt_tuner_progress(tuner, whole_op, NULL);
        status = launch_pair(tuner, config, share, whole, err);
        longest_s = fmax(longest_s, vlt_tuner_elapsed(tuner) - begin_s);
    }
    return status;
}

static vlt_status check_outputs(vlt_tuner *tuner, const char *config, double share,
                                struct whole *whole, vlt_whole_outputs *outputs, vlt_error *err)
{
    vlt_error failure = {0};
    vlt_whole_task task = vlt_tuner_task(tuner, config, tuner->unseen, share);
    task.scene_max = OUTPUT_SCENES;
    task.tokens = TOKENS;
    vlt_status status = vlt_whole_check_outputs(&task, outputs, &failure);
    if (status == VLT_STATUS_INTERRUPTED || status == VLT_STATUS_NOMEM) {
        return vlt_fail(err, status, "%s", failure.message);
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

static bool chosen(const vlt_tune_item *item)
{
    return item->decided && item->choice.variant != item->search.space.variant[0];
}

static vlt_status revert(vlt_tuner *tuner, vlt_tune_item *item, const char *why, vlt_error *err)
{
    char old[VLT_SETTING_BYTES];
    vlt_setting_format(&item->choice, old, sizeof old);
    item->choice = vlt_space_baseline(&item->search.space);
    item->reverted = true;
    item->tuned_ns = item->baseline_ns;
    vlt_utf8_format(item->reason, sizeof item->reason, "reverted from %s: %s", old, why);
    vlt_tuner_note(tuner, "%s %s: %s", item->met.op, item->met.problem, item->reason);
    return vlt_tuner_note_decision(tuner, item, err);
}

/* Looks for one choice whose undoing cures the config; undoes all when there is none. */
static vlt_status cure(vlt_tuner *tuner, const struct whole *sick, double share, vlt_error *err)
{
    char why[VLT_TUNE_TEXT_BYTES];
    vlt_status status = VLT_OK;
    if (sick->wrong[0]) {
        vlt_utf8_format(why, sizeof why, "the output end to end is wrong: %s", sick->wrong);
    } else {
        snprintf(why, sizeof why, "the whole was slower with it (%.3f of the baseline's time)",
                 sick->judgement.ratio);
    }
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        struct whole without = {.judgement = {.ratio = 1}};
        vlt_whole_outputs outputs;
        if (!chosen(&tuner->item[i]) || vlt_tuner_left(tuner, share) <= 0) {
            continue;
        }
        status = vlt_tuner_write_config(tuner, tuner->provisional, i, err);
        if (status == VLT_OK && sick->wrong[0]) {
            status = check_outputs(tuner, tuner->provisional, share, &without, &outputs, err);
        }
        if (status == VLT_OK && !without.wrong[0]) {
            status = measure(tuner, tuner->provisional, ABLATION_LAUNCHES, share, &without, err);
        }
        if (status == VLT_OK && without.launches > 0 && !is_bad(&without)) {
            return revert(tuner, &tuner->item[i], why, err);
        }
    }
    if (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner)) {
        status = VLT_OK;
    }
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        if (chosen(&tuner->item[i])) {
            status = revert(tuner, &tuner->item[i], why, err);
        }
    }
    return status;
}

static void fill_row(vlt_tuner *tuner, const struct whole *whole)
{
    vlt_tune_row *row = &tuner->result->end_to_end;
    double ns[2][LAUNCHES_MAX];
    memcpy(ns, whole->call_ns, sizeof ns);
    *row = (vlt_tune_row){.baseline_ns = tuner->request_ms * 1e6,
                          .tuned_ns = NAN,
                          .ratio = NAN,
                          .ratio_low = NAN,
                          .ratio_high = NAN,
                          .trials = whole->launches,
                          .share = 1};
    vlt_utf8_format(row->op, sizeof row->op, "%s", whole_op);
    vlt_utf8_format(row->shape, sizeof row->shape, "%s", whole_shape);
    if (whole->launches > 0) {
        row->measured = true;
        row->baseline_ns = vlt_median(ns[0], (size_t)whole->launches);
        row->tuned_ns = vlt_median(ns[1], (size_t)whole->launches);
        row->ratio = whole->judgement.ratio;
        row->ratio_low = whole->judgement.low > 0 ? whole->judgement.low : NAN;
        row->ratio_high = isfinite(whole->judgement.high) ? whole->judgement.high : NAN;
        row->verdict = whole->judgement.verdict;
        snprintf(row->reason, sizeof row->reason, "%d launches, unseen scenes", whole->launches);
    } else {
        snprintf(row->reason, sizeof row->reason, "not measured within the budget");
    }
}

vlt_status vlt_tuner_check_whole(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_tune_result *result = tuner->result;
    vlt_whole_outputs outputs = {0};
    struct whole whole = {0};
    vlt_status status = VLT_OK;
    /* every round undoes something, so this ends */
    for (int round = 0; status == VLT_OK && round < 4; round++) {
        whole = (struct whole){.judgement = {.ratio = 1}};
        status = vlt_tuner_write_config(tuner, tuner->provisional, -1, err);
        if (status == VLT_OK) {
            status = check_outputs(tuner, tuner->provisional, share, &whole, &outputs, err);
        }
        if (status == VLT_OK && !whole.wrong[0]) {
            status = measure(tuner, tuner->provisional, VLT_WHOLE_LAUNCHES, share, &whole, err);
        }
        if (status != VLT_OK || !is_bad(&whole)) {
            break;
        }
        bool any = false;
        for (int i = 0; i < tuner->item_count; i++) {
            any |= chosen(&tuner->item[i]);
        }
        if (!any) {
            break;
        }
        status = cure(tuner, &whole, share, err);
    }
    if (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner)) {
        result->end = VLT_TUNE_BUDGET;
        status = VLT_OK;
    }
    fill_row(tuner, &whole);
    result->correct = status == VLT_OK && outputs.scenes > 0 && !whole.wrong[0];
    if (whole.wrong[0]) {
        vlt_utf8_format(result->correctness, sizeof result->correctness, "wrong: %s", whole.wrong);
    } else if (result->correct) {
        snprintf(result->correctness, sizeof result->correctness,
                 "correct on unseen inputs (logits within %.2g, tolerance %.2g)", outputs.worst,
                 outputs.tolerance);
    } else {
        snprintf(result->correctness, sizeof result->correctness, "not checked within the budget");
    }
    return status;
}

static char *take(char **text)
{
    char *taken = *text;
    *text = NULL;
    return taken;
}

/* Answers under both configs, of as many scenes as both had time for. */
vlt_status vlt_tuner_check_accuracy(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_tune_result *result = tuner->result;
    vlt_whole_answers answers[2] = {{0}, {0}};
    const char *configs[2] = {"baseline", tuner->provisional};
    int64_t scenes = tuner->options->scenes ? tuner->options->scenes : 100;
    vlt_status status = vlt_tuner_write_config(tuner, tuner->provisional, -1, err);
    double left_s = vlt_tuner_left(tuner, share);
    for (int i = 0; i < 2 && status == VLT_OK && scenes > 0; i++) {
        vlt_whole_task task = vlt_tuner_task(tuner, configs[i], tuner->unseen, share);
        task.scene_max = scenes;
        /* the baseline needs most of the time: it is the slow one */
        task.limit_s = i == 0 ? left_s * 0.85 : vlt_tuner_left(tuner, share);
        vlt_tuner_progress(tuner, "accuracy", NULL);
        if (vlt_tuner_left(tuner, share) <= 0) {
            break;
        }
        status = vlt_whole_answer_scenes(&task, &answers[i], err);
        scenes = answers[i].count;
    }
    if (status == VLT_STATUS_STOPPED ||
        (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner))) {
        status = VLT_OK; /* the budget ended it */
    }
    int64_t total = answers[0].count < answers[1].count ? answers[0].count : answers[1].count;
    for (int64_t i = 0; i < total; i++) {
        const vlt_whole_answer *a = &answers[0].answer[i], *b = &answers[1].answer[i];
        result->accuracy_baseline += a->right;
        result->accuracy_tuned += b->right;
        if (result->answer_count < VLT_TUNE_ANSWER_MAX) {
            vlt_tune_answer *shown = &result->answer[result->answer_count++];
            *shown = (vlt_tune_answer){.question = take(&answers[0].answer[i].question),
                                       .baseline = take(&answers[0].answer[i].text),
                                       .tuned = take(&answers[1].answer[i].text),
                                       .truth = take(&answers[0].answer[i].truth)};
            snprintf(shown->image, sizeof shown->image, "scene-%03d.jpg", (int)i);
        }
    }
    result->accuracy_total = total;
    result->peak_baseline_bytes = total ? answers[0].peak_bytes : NAN;
    result->peak_tuned_bytes = total ? answers[1].peak_bytes : NAN;
    vlt_whole_answers_release(&answers[0]);
    vlt_whole_answers_release(&answers[1]);
    return status;
}
