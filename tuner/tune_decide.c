/* The deciding stage: the best setting of each problem against its baseline, over fresh launches
 * that the search has not seen. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

static const double launch_limit_s = 0.06;

vlt_status vlt_item_keep_confirm(vlt_tune_item *item, const vlt_confirm *confirm, vlt_error *err)
{
    if (item->confirm_count == item->confirm_capacity) {
        int capacity = item->confirm_capacity ? item->confirm_capacity * 2 : 16;
        void *grown = realloc(item->confirm, (size_t)capacity * sizeof *item->confirm);
        if (!grown) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", item->met.op);
        }
        item->confirm = grown;
        item->confirm_capacity = capacity;
    }
    item->confirm[item->confirm_count++] = *confirm;
    return VLT_OK;
}

/* Judges the launches of a setting; returns how many there are. */
static int judge(const vlt_tune_item *item, const vlt_setting *setting, vlt_judgement *judgement,
                 double call_ns[2])
{
    double log_ratio[VLT_CONFIRM_LAUNCHES], ns[2][VLT_CONFIRM_LAUNCHES];
    int m = 0;
    for (int i = 0; i < item->confirm_count && m < VLT_CONFIRM_LAUNCHES; i++) {
        if (vlt_setting_equal(&item->confirm[i].setting, setting)) {
            ns[0][m] = item->confirm[i].call_ns[0];
            ns[1][m] = item->confirm[i].call_ns[1];
            log_ratio[m++] = item->confirm[i].log_ratio;
        }
    }
    vlt_judge_options options = vlt_judge_defaults();
    options.anytime = false; /* one look, when all launches are there */
    vlt_judge(log_ratio, m, &options, judgement);
    call_ns[0] = m ? vlt_median(ns[0], (size_t)m) : NAN;
    call_ns[1] = m ? vlt_median(ns[1], (size_t)m) : NAN;
    return m;
}

static void choose(vlt_tune_item *item, const vlt_setting *setting, const char *reason)
{
    item->decided = true;
    item->choice = *setting;
    vlt_utf8_format(item->reason, sizeof item->reason, "%s", reason);
}

static void explain(vlt_tune_item *item, const vlt_setting *setting, const vlt_judgement *judgement,
                    int launches)
{
    char text[VLT_SETTING_BYTES], reason[VLT_TUNED_REASON_BYTES];
    const vlt_setting baseline = vlt_space_baseline(&item->search.space);
    vlt_setting_format(setting, text, sizeof text);
    if (judgement->verdict == VLT_VERDICT_FASTER) {
        snprintf(reason, sizeof reason,
                 "%.2fx faster than the baseline, 95 %% interval %.2f to %.2f, %d launches, "
                 "%lld settings tried",
                 1 / judgement->ratio, 1 / judgement->high, 1 / judgement->low, launches,
                 (long long)item->search.count);
        choose(item, setting, reason);
    } else {
        vlt_utf8_format(
            reason, sizeof reason,
            "kept: the best setting, %s, is %s (%.2fx, %.2f to %.2f, %d launches)", text,
            judgement->verdict == VLT_VERDICT_INCONCLUSIVE ? "not certainly faster"
                                                           : vlt_verdict_name(judgement->verdict),
            1 / judgement->ratio, 1 / judgement->high,
            judgement->low > 0 ? 1 / judgement->low : INFINITY, launches);
        choose(item, &baseline, reason);
    }
}

/* No setting is faster even at face value. */
static void keep_baseline(vlt_tune_item *item)
{
    const vlt_setting baseline = vlt_space_baseline(&item->search.space);
    char reason[VLT_TUNED_REASON_BYTES], text[VLT_SETTING_BYTES];
    const vlt_tried *nearest = NULL;
    for (int i = 0; i < item->search.count; i++) {
        const vlt_tried *tried = &item->search.tried[i];
        if (tried->outcome == VLT_OUTCOME_OK &&
            (!nearest || tried->log_ratio < nearest->log_ratio)) {
            nearest = tried;
        }
    }
    if (nearest) {
        vlt_setting_format(&nearest->setting, text, sizeof text);
        vlt_utf8_format(reason, sizeof reason,
                        "kept: of %d settings none is faster, the nearest, %s, "
                        "takes %.2f times as long",
                        item->search.count, text, exp(nearest->log_ratio));
    } else {
        vlt_utf8_format(reason, sizeof reason, "kept: none of %d other settings works here (%s)",
                        item->search.count, item->why);
    }
    choose(item, &baseline, reason);
    item->tuned_ns = item->baseline_ns;
    item->judgement = (vlt_judgement){
        .verdict = VLT_VERDICT_SAME, .ratio = 1, .low = NAN, .high = NAN};
    item->measured = true;
}

vlt_status vlt_tuner_note_decision(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err)
{
    char knobs[VLT_SETTING_BYTES];
    vlt_binding_format(item->choice.variant, &item->choice.binding, knobs, sizeof knobs);
    const vlt_store_decision decision = {
        .workload = {item->met.op, item->met.bucket, item->met.problem, ""},
        .variant = item->choice.variant->name,
        .knobs = knobs,
        .verdict = item->measured ? vlt_verdict_name(item->judgement.verdict) : NULL,
        .ratio = item->measured ? item->judgement.ratio : NAN,
        .low = item->measured ? item->judgement.low : NAN,
        .high = item->measured ? item->judgement.high : NAN,
        .baseline_ns = item->baseline_ns,
        .tuned_ns = item->tuned_ns,
        .launches = item->launches,
        .reason = item->reason,
        .reverted = item->reverted};
    return vlt_store_add_decision(tuner->store, tuner->session, &decision, item->evidence, err);
}

/* Launches until there are enough, or time is up. */
static vlt_status confirm(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                          double share, vlt_error *err)
{
    vlt_status status = VLT_OK;
    bool failed = false;
    double call_ns[2];
    int launches = judge(item, setting, &item->judgement, call_ns);
    while (status == VLT_OK && !failed && launches < VLT_CONFIRM_LAUNCHES &&
           vlt_tuner_left(tuner, share) > 0) {
        vlt_trial_shown shown;
        vlt_tuner_progress(tuner, "confirm", item);
        status = vlt_tuner_try(tuner, item, setting, "confirm", launches == 0, launch_limit_s,
                               &shown, err);
        failed = status == VLT_OK && shown.outcome != VLT_OUTCOME_OK;
        if (status == VLT_OK && !failed) {
            vlt_confirm one = {.setting = *setting, .log_ratio = shown.log_ratio};
            memcpy(one.call_ns, shown.call_ns, sizeof one.call_ns);
            status = vlt_item_keep_confirm(item, &one, err);
        } else if (failed) {
            status = vlt_search_note(&item->search, setting, shown.outcome, NAN, shown.call_ns,
                                     err);
        }
        launches = judge(item, setting, &item->judgement, call_ns);
    }
    if (status != VLT_OK || failed) {
        return status;
    }
    item->launches = launches;
    if (launches >= VLT_CONFIRM_LAUNCHES) {
        item->measured = true;
        item->baseline_ns = call_ns[0];
        explain(item, setting, &item->judgement, launches);
        bool taken = item->judgement.verdict == VLT_VERDICT_FASTER;
        item->tuned_ns = taken ? call_ns[1] : call_ns[0];
    }
    return VLT_OK;
}

/* The best setting may fail when it is looked at again; then the next best one is asked. */
static vlt_status decide(vlt_tuner *tuner, vlt_tune_item *item, double share, vlt_error *err)
{
    vlt_status status = VLT_OK;
    while (status == VLT_OK && !item->decided && vlt_tuner_left(tuner, share) > 0) {
        const vlt_tried *best = vlt_search_best(&item->search);
        if (!best) {
            keep_baseline(item);
            break;
        }
        const vlt_setting setting = best->setting;
        status = confirm(tuner, item, &setting, share, err);
    }
    return status == VLT_OK && item->decided ? vlt_tuner_note_decision(tuner, item, err) : status;
}

static int by_gain(const void *left, const void *right)
{
    const vlt_tune_item *a = left, *b = right;
    double gain_a = vlt_item_weight(a, false) - vlt_item_weight(a, true);
    double gain_b = vlt_item_weight(b, false) - vlt_item_weight(b, true);
    if (gain_a != gain_b) {
        return gain_a > gain_b ? -1 : 1;
    }
    int order = strcmp(a->met.op, b->met.op);
    return order ? order : strcmp(a->met.bucket, b->met.bucket);
}

vlt_status vlt_tuner_decide(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_status status = VLT_OK;
    qsort(tuner->item, (size_t)tuner->item_count, sizeof *tuner->item, by_gain);
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        vlt_tune_item *item = &tuner->item[i];
        if (!item->broken && item->search.count > 0) {
            status = decide(tuner, item, share, err);
        }
        if (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner)) {
            status = VLT_OK; /* the budget ended it */
        }
        if (!item->decided && !item->broken) {
            tuner->result->end = VLT_TUNE_BUDGET;
        }
    }
    return status;
}
