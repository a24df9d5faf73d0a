/* The deciding stage: the best setting of each problem against what would run anyway, over fresh
 * launches that the search has not seen. Looks are anytime-valid (e-values), and Holm's correction
 * holds the error of all decisions together: who stays must be certain, ties stay with the default.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

enum { PAIRS = 40, PAIRS_MIN = 3, PAIRS_SLOW = 2, DROP_AFTER = 5 };

static const double launch_limit_s = 0.04;

/* Of so slow a problem more launches tell more than more pairs; one pair where it is far off. */
static const double slow_ns = 20e6, far_log = -0.15;

/* Of the error of a run, by kind. */
static const double part_of_error[] = {
    [VLT_TUNE_LEAF] = 0.45, [VLT_TUNE_COMPOSITE] = 0.4, [VLT_TUNE_SERVICE] = 0.15};

/* A challenger whose launches so far say less than this is dropped after DROP_AFTER of them. */
static const double hopeless_log = -0.008;

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

bool vlt_item_differs(const vlt_tune_item *item)
{
    return item->decided && !vlt_setting_equal(&item->choice, &item->search.incumbent);
}

bool vlt_tuner_differs(const vlt_tuner *tuner)
{
    for (int i = 0; i < tuner->item_count; i++) {
        if (vlt_item_differs(&tuner->item[i])) {
            return true;
        }
    }
    return false;
}

/* Judges the launches of a setting; returns how many there are. */
static int judge(const vlt_tune_item *item, const vlt_setting *setting, double alpha,
                 vlt_judgement *judgement, double call_ns[2])
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
    options.alpha = alpha;
    vlt_judge(log_ratio, m, &options, judgement);
    if (judgement->verdict != VLT_VERDICT_FASTER) {
        vlt_far_faster(log_ratio, m, alpha, judgement);
    }
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

static void say_default_stays(vlt_tune_item *item)
{
    item->told = vlt_search_settings(&item->search);
    vlt_utf8_format(item->reason, sizeof item->reason,
                    "the default is already best here: %lld settings tried, none certainly "
                    "faster%s%s",
                    (long long)item->told, item->nearest[0] ? "; " : "", item->nearest);
}

/* The default stays: a measured decision too. */
static void keep_default(vlt_tune_item *item)
{
    choose(item, &item->search.incumbent, "");
    say_default_stays(item);
    item->tuned_ns = item->default_ns;
    item->judgement = (vlt_judgement){.verdict = VLT_VERDICT_SAME, .ratio = 1, .low = 1, .high = 1};
    item->judged = true;
}

vlt_status vlt_tuner_renew_decisions(vlt_tuner *tuner, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        vlt_tune_item *item = &tuner->item[i];
        if (item->decided && !item->reverted && !vlt_item_differs(item) &&
            item->told != vlt_search_settings(&item->search)) {
            say_default_stays(item);
            status = vlt_tuner_note_decision(tuner, item, err);
        }
    }
    return status;
}

/* What the last confirmation measured, unless another was faster. */
static void note_nearest(vlt_tune_item *item, const vlt_setting *setting)
{
    char name[VLT_SETTING_BYTES];
    const double ratio = item->judgement.ratio;
    if (!item->launches || (item->nearest[0] && ratio >= item->nearest_ratio)) {
        return; /* no time was left to launch it afresh, or it is farther */
    }
    vlt_setting_format(setting, name, sizeof name);
    vlt_utf8_format(item->nearest, sizeof item->nearest,
                    "the fastest that was launched afresh, %s: %.3fx in %d launches", name,
                    1 / ratio, item->launches);
    item->nearest_ratio = ratio;
}

vlt_status vlt_tuner_note_decision(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err)
{
    char knobs[VLT_SETTING_BYTES];
    vlt_binding_format(item->choice.variant, &item->choice.binding, knobs, sizeof knobs);
    const vlt_report_comparison over = vlt_item_over_default(item);
    const vlt_report_comparison *base = &item->over_baseline;
    const char *children = item->kind != VLT_TUNE_LEAF && tuner->children ? tuner->children : "";
    const vlt_store_decision decision = {
        .workload = {item->met.op, item->met.bucket, item->met.problem, children},
        .variant = item->choice.variant->name,
        .knobs = knobs,
        .verdict = base->known ? vlt_verdict_name(base->verdict) : NULL,
        .ratio = base->ratio,
        .low = base->low,
        .high = base->high,
        .baseline_ns = item->baseline_ns,
        .tuned_ns = item->tuned_ns,
        .launches = item->launches,
        .reason = item->reason,
        .reverted = item->reverted,
        .default_verdict = over.known ? vlt_verdict_name(over.verdict) : NULL,
        .default_ratio = over.ratio,
        .default_low = over.low,
        .default_high = over.high,
        .default_ns = item->default_ns,
        .settings = vlt_search_settings(&item->search)};
    return vlt_store_add_decision(tuner->store, tuner->session, &decision, item->evidence, err);
}

static bool is_hopeless(const vlt_judgement *judgement, int launches)
{
    return launches >= DROP_AFTER && log(judgement->ratio) > hopeless_log;
}

static int pairs_of(const vlt_tune_item *item)
{
    const vlt_tried *best = vlt_search_best(&item->search);
    return item->default_ns < slow_ns          ? PAIRS_MIN
           : best && best->log_ratio < far_log ? 1
                                               : PAIRS_SLOW;
}

/* Launches until the setting is certainly faster, hopeless, or time is up. *open: neither yet. */
static vlt_status confirm(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                          double alpha, double share, bool *open, vlt_error *err)
{
    vlt_status status = VLT_OK;
    double call_ns[2];
    int launches = judge(item, setting, alpha, &item->judgement, call_ns);
    vlt_trial_options options = {.stage = "confirm",
                                 .fresh = true,
                                 .pairs = PAIRS,
                                 .pairs_min = pairs_of(item),
                                 .limit_s = launch_limit_s};
    *open = true;
    while (status == VLT_OK) {
        if (item->judgement.verdict == VLT_VERDICT_FASTER ||
            is_hopeless(&item->judgement, launches) || launches >= VLT_CONFIRM_LAUNCHES) {
            *open = false;
            break;
        }
        if (vlt_tuner_left(tuner, share) <= 0) {
            break;
        }
        vlt_trial_shown shown;
        vlt_tuner_progress(tuner, "confirm", item);
        options.count = launches == 0;
        status = vlt_tuner_try(tuner, item, setting, &options, &shown, err);
        if (status == VLT_OK && shown.outcome != VLT_OUTCOME_OK) {
            return vlt_search_note(&item->search, setting, shown.outcome, NAN, shown.call_ns, err);
        }
        if (status == VLT_OK) {
            vlt_confirm one = {.setting = *setting, .log_ratio = shown.log_ratio};
            memcpy(one.call_ns, shown.call_ns, sizeof one.call_ns);
            status = vlt_item_keep_confirm(item, &one, err);
        }
        launches = judge(item, setting, alpha, &item->judgement, call_ns);
    }
    item->launches = launches;
    if (launches > 0) {
        item->default_ns = call_ns[0];
        item->tuned_ns = call_ns[1];
    }
    return status;
}

/* The best setting may fail when it is looked at again; then the next best one is asked. */
static vlt_status challenge(vlt_tuner *tuner, vlt_tune_item *item, double alpha, double share,
                            vlt_error *err)
{
    for (int tries = 0; tries < 3; tries++) {
        const vlt_tried *best = vlt_search_best(&item->search);
        bool open;
        if (!best || best->log_ratio > hopeless_log) {
            keep_default(item);
            return VLT_OK;
        }
        const vlt_setting setting = best->setting;
        vlt_status status = confirm(tuner, item, &setting, alpha, share, &open, err);
        if (status != VLT_OK) {
            return status;
        }
        best = vlt_search_best(&item->search);
        if (!best || !vlt_setting_equal(&best->setting, &setting)) {
            continue; /* it failed */
        }
        if (item->judgement.verdict == VLT_VERDICT_FASTER) {
            item->judged = true;
            choose(item, &setting, "");
        } else if (!open) {
            vlt_search_correct(&item->search, &setting, log(item->judgement.ratio));
            note_nearest(item, &setting);
            keep_default(item);
        } else {
            item->judged = item->launches > 0; /* the budget ended it: the default stays */
            note_nearest(item, &setting);
            vlt_utf8_format(item->why, sizeof item->why, "%s", item->nearest);
        }
        return VLT_OK;
    }
    keep_default(item);
    return VLT_OK;
}

/* Holm over the finalists: who is not certain then, with all the others looked at, stays what it
 * was. */
static vlt_status correct(vlt_tune_item *const *finalist, int count, double family, vlt_error *err)
{
    double *p = calloc((size_t)count * 2 + 1, sizeof *p), *adjusted = p ? p + count : NULL;
    if (!p) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "deciding: out of memory");
    }
    for (int i = 0; i < count; i++) {
        p[i] = vlt_item_differs(finalist[i]) ? fmin(1, finalist[i]->judgement.p_faster) : 1;
    }
    vlt_holm(p, count, adjusted);
    for (int i = 0; i < count; i++) {
        vlt_tune_item *item = finalist[i];
        if (!vlt_item_differs(item)) {
            continue;
        }
        if (adjusted[i] > family) {
            vlt_utf8_format(item->nearest, sizeof item->nearest,
                            "one looked faster, but not certainly among so many");
            keep_default(item);
            continue;
        }
        vlt_utf8_format(item->reason, sizeof item->reason,
                        "%.3fx faster than the default, 95 %% interval %.3f to %.3f, %d launches, "
                        "%lld settings tried",
                        1 / item->judgement.ratio, 1 / item->judgement.high,
                        item->judgement.low > 0 ? 1 / item->judgement.low : INFINITY,
                        item->launches, (long long)vlt_search_settings(&item->search));
    }
    free(p);
    return VLT_OK;
}

static int by_gain(const void *left, const void *right)
{
    const vlt_tune_item *a = *(vlt_tune_item *const *)left, *b = *(vlt_tune_item *const *)right;
    double gain_a = vlt_item_weight(a, false) - vlt_item_weight(a, true);
    double gain_b = vlt_item_weight(b, false) - vlt_item_weight(b, true);
    if (gain_a != gain_b) {
        return gain_a > gain_b ? -1 : 1;
    }
    int order = strcmp(a->met.op, b->met.op);
    return order ? order : strcmp(a->met.bucket, b->met.bucket);
}

/* What has no promising setting is decided at once; the others are finalists. */
static int find_finalists(vlt_tuner *tuner, vlt_tune_kind kind, vlt_tune_item **finalist)
{
    int count = 0;
    for (int i = 0; i < tuner->item_count; i++) {
        vlt_tune_item *item = &tuner->item[i];
        if (item->broken || item->kind != kind || isnan(item->default_ns) ||
            item->search.count == 0 || vlt_item_differs(item)) {
            continue;
        }
        item->decided = false; /* by an earlier round, before more was tried */
        finalist[count++] = item;
    }
    qsort(finalist, (size_t)count, sizeof *finalist, by_gain);
    return count;
}

static int count_promising(vlt_tune_item *const *finalist, int count)
{
    int promising = 0;
    for (int i = 0; i < count; i++) {
        const vlt_tried *best = vlt_search_best(&finalist[i]->search);
        promising += best && best->log_ratio <= hopeless_log;
    }
    return promising;
}

vlt_status vlt_tuner_decide(vlt_tuner *tuner, vlt_tune_kind kind, double share, vlt_error *err)
{
    vlt_tune_item **finalist = calloc((size_t)tuner->item_count + 1, sizeof *finalist);
    vlt_status status = VLT_OK;
    if (!finalist) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "deciding: out of memory");
    }
    int count = find_finalists(tuner, kind, finalist);
    /* each kind is a family with its part of the error; of that the first round has the most */
    double family = VLT_TUNE_ALPHA * part_of_error[kind] *
                    (tuner->round == 0 ? 0.6 : 0.4 / (VLT_TUNE_ROUNDS - 1));
    double alpha = family / fmax(1, count_promising(finalist, count));
    for (int i = 0; i < count && status == VLT_OK; i++) {
        status = challenge(tuner, finalist[i], alpha, share, err);
        if (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner)) {
            status = VLT_OK; /* the budget ended it */
        }
        if (!finalist[i]->decided) {
            tuner->result->end = VLT_TUNE_BUDGET;
        }
    }
    if (status == VLT_OK || status == VLT_STATUS_INTERRUPTED) {
        vlt_status corrected = correct(finalist, count, family, err);
        status = status == VLT_OK ? corrected : status;
    }
    for (int i = 0; i < count; i++) {
        if (finalist[i]->decided && (status == VLT_OK || status == VLT_STATUS_INTERRUPTED)) {
            vlt_status noted = vlt_tuner_note_decision(tuner, finalist[i], err);
            status = noted == VLT_OK ? status : noted;
        }
    }
    free(finalist);
    return status;
}
