/* The choices against the baseline, for the report: nothing depends on it. Where one run of the
 * baseline takes too long, some rows of it tell. */
#include <math.h>
#include <string.h>

#include "harness/measure/oracle.h"
#include "tuner/tune_internal.h"

/* As few as give an interval, where they do not take long. */
enum { PAIRS = 15, PAIRS_MIN = 6 };

static const double baseline_limit_s = 0.06, slow_ns = 0.25e9;

/* What a ratio without an interval must be off by to count as one. */
static const double doubt = 1.1;

static vlt_report_comparison bounded(const vlt_trial_shown *shown)
{
    vlt_judgement judgement = {
        .ratio = exp(shown->log_ratio), .low = shown->low, .high = shown->high};
    double high = isnan(shown->high) ? judgement.ratio * doubt : shown->high;
    double low = isnan(shown->low) ? judgement.ratio / doubt : shown->low;
    judgement.verdict = high < 1  ? VLT_VERDICT_FASTER
                        : low > 1 ? VLT_VERDICT_SLOWER
                                  : VLT_VERDICT_INCONCLUSIVE;
    return vlt_comparison_of(&judgement, VLT_TUNE_MEASURED);
}

static vlt_status measure(vlt_tuner *tuner, vlt_tune_item *item, double guess_ns, double share,
                          vlt_error *err)
{
    vlt_trial_shown shown;
    const vlt_setting baseline = vlt_space_baseline(&item->search.space);
    const vlt_setting *choice = item->decided ? &item->choice : &item->search.incumbent;
    bool quick = vlt_tuner_left(tuner, share) > 30e-9 * fmax(guess_ns, item->default_ns);
    const vlt_trial_options options = {.against = &baseline,
                                       .against_name = "baseline",
                                       .stage = "baseline",
                                       .pairs = PAIRS,
                                       .pairs_min = quick ? PAIRS_MIN : 1,
                                       .limit_s = baseline_limit_s};
    vlt_status status = vlt_tuner_try(tuner, item, choice, &options, &shown, err);
    if (status == VLT_OK && shown.outcome == VLT_OUTCOME_OK) {
        item->baseline_ns = shown.call_ns[0];
        item->baseline_rows = false;
        item->over_baseline = bounded(&shown);
    }
    return status;
}

/* A composite with what was chosen for it and inside it, over the default with defaults inside. */
static vlt_status measure_inside(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err)
{
    vlt_trial_shown shown;
    const vlt_trial_options options = {.against_name = VLT_TRIAL_DEFAULTS,
                                       .stage = "inside",
                                       .pairs = PAIRS,
                                       .pairs_min = PAIRS_MIN,
                                       .limit_s = baseline_limit_s};
    vlt_status status = vlt_tuner_try(tuner, item, &item->choice, &options, &shown, err);
    if (status == VLT_OK && shown.outcome == VLT_OUTCOME_OK && !shown.same) {
        item->over_inside = bounded(&shown);
    }
    return status;
}

/* The time of the baseline is known from its oracle: some rows, or one run of all. */
static void estimate(vlt_tune_item *item)
{
    double tuned_ns = isnan(item->tuned_ns) ? item->default_ns : item->tuned_ns;
    if (isfinite(item->baseline_ns) && item->baseline_ns > 0 && tuned_ns > 0) {
        double off = item->baseline_spread; /* NAN: one run, no interval */
        vlt_judgement judgement = {.ratio = tuned_ns / item->baseline_ns};
        judgement.low = judgement.ratio / off;
        judgement.high = judgement.ratio * off;
        off = isnan(off) ? 1.25 : off;
        judgement.verdict = judgement.ratio * off < 1   ? VLT_VERDICT_FASTER
                            : judgement.ratio / off > 1 ? VLT_VERDICT_SLOWER
                                                        : VLT_VERDICT_INCONCLUSIVE;
        item->over_baseline = vlt_comparison_of(
            &judgement, item->baseline_rows ? VLT_TUNE_ROWS : VLT_TUNE_MEASURED);
    }
}

static bool is_baseline(const vlt_tune_item *item)
{
    const vlt_setting baseline = vlt_space_baseline(&item->search.space);
    return vlt_setting_equal(item->decided ? &item->choice : &item->search.incumbent, &baseline) &&
           item->kind == VLT_TUNE_LEAF;
}

vlt_status vlt_tuner_measure_baseline(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        vlt_tune_item *item = &tuner->item[i];
        if (item->broken || isnan(item->default_ns) || item->kind == VLT_TUNE_SERVICE) {
            continue;
        }
        estimate(item);
        double guess_ns = isfinite(item->baseline_ns) ? item->baseline_ns
                                                      : vlt_baseline_guess_s(&item->problem) * 1e9;
        if (is_baseline(item)) {
            item->over_baseline = vlt_comparison_one(VLT_TUNE_MEASURED);
            item->baseline_ns = item->default_ns;
        } else if (guess_ns < slow_ns && vlt_tuner_left(tuner, share) > 3e-9 * guess_ns) {
            vlt_tuner_progress(tuner, "baseline", item);
            status = measure(tuner, item, guess_ns, share, err);
        }
        if (status == VLT_OK && item->kind != VLT_TUNE_LEAF && item->decided && tuner->children &&
            tuner->children[0] &&
            vlt_tuner_left(tuner, share) > 2e-9 * (PAIRS_MIN + 1) * item->default_ns) {
            status = measure_inside(tuner, item, err);
        }
        if (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner)) {
            status = VLT_OK;
        }
        if (status == VLT_OK && item->decided &&
            (item->over_baseline.known || item->over_inside.known)) {
            status = vlt_tuner_note_decision(tuner, item, err);
        }
    }
    return status;
}
