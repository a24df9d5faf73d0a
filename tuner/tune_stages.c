/* The stages of a run, and which part of the budget each may use. */
#include <math.h>

#include "tuner/tune_internal.h"

/* Problems may take this share of the budget; the check end to end gets one within these, and ends
 * there where answers to scenes follow, earlier where what rounding loses does. What a stage leaves
 * goes to the next ones, and in the end to more settings. */
static const double share_problems = 0.2, whole_least = 0.14, whole_most = 0.82, whole_end = 0.88,
                    loss_begin = 0.78, share_loss = 0.9, share_accuracy = 0.985,
                    services_most = 0.18;

static void time_phases(vlt_tuner *tuner, double share)
{
    vlt_whole_request request;
    vlt_whole_task task = vlt_tuner_task(tuner, tuner->provisional, tuner->scenes, share);
    if (!tuner->depth && !tuner->result->end_to_end.is_default &&
        vlt_tuner_left(tuner, share) > 3e-3 * tuner->request_ms + 1 &&
        vlt_whole_run_request(&task, &request, NULL) == VLT_OK) {
        vlt_tuner_keep_phases(tuner, &request, VLT_PHASE_TUNED);
        vlt_whole_request_release(&request);
    }
}

/* Ends of the stages, as shares of what was left when the problems were known. */
struct stage_ends {
    double search, decide, inner_search, inner_decide, services, baseline, whole;
};

static bool answers_scenes(const vlt_tuner *tuner)
{
    return !vlt_tuner_is_slow(tuner) && tuner->options->scenes >= 0;
}

/* Share of the end-to-end check: the launches of an interval where they fit, and before them the
 * outputs, of whole requests or in half the time of one; of a model that is looked at through its
 * first blocks, what the first look at them took, for both sides. */
static double whole_width(const vlt_tuner *tuner)
{
    double request_s = 1e-3 * tuner->request_ms, launch_s = vlt_tuner_launch_s(tuner, request_s);
    double left_s = fmax(0.1, tuner->budget_s - tuner->found_s);
    double outputs_s = vlt_tuner_is_slow(tuner) ? 0.5 * request_s : launch_s;
    double wanted = (VLT_WHOLE_LAUNCHES * launch_s + outputs_s) / left_s;
    if (tuner->depth) {
        return fmin(2 * whole_least, (2 * tuner->found_s + 1) / left_s);
    }
    return wanted > whole_most ? whole_least : fmax(wanted, whole_least);
}

/* Share of what services do to whole batches, of what is left before the end-to-end check. */
static double services_width(const vlt_tuner *tuner, double begin)
{
    double left_s = fmax(0.1, tuner->budget_s - tuner->found_s);
    return fmin(vlt_tuner_serve_wants_s(tuner) / left_s, services_most * begin);
}

static bool measures_loss(const vlt_tuner *tuner)
{
    return tuner->options->scenes >= 0 && tuner->options->quality != VLT_QUALITY_EXACT;
}

static struct stage_ends plan_stages(const vlt_tuner *tuner)
{
    double end = measures_loss(tuner)    ? loss_begin
                 : answers_scenes(tuner) ? whole_end
                                         : share_accuracy;
    double begin = end - whole_width(tuner), services = services_width(tuner, begin);
    double races = begin - services;
    return (struct stage_ends){.search = 0.5 * races,
                               .decide = 0.83 * races,
                               .inner_search = 0.88 * races,
                               .inner_decide = 0.95 * races,
                               .services = 0.95 * races + services,
                               .baseline = begin,
                               .whole = end};
}

/* Is there a composite that can be tried at all in the time that composites have? */
static bool composites_fit(const vlt_tuner *tuner, const struct stage_ends *ends)
{
    double time_s = (ends->inner_search - ends->decide) * (tuner->budget_s - tuner->found_s);
    for (int i = 0; i < tuner->item_count; i++) {
        const vlt_tune_item *item = &tuner->item[i];
        if (item->kind != VLT_TUNE_LEAF && !item->broken && item->first_s < time_s) {
            return true;
        }
    }
    return false;
}

/* Search and decide in turn: what a round leaves of its time is for another one. */
static vlt_status race_leaves(vlt_tuner *tuner, const struct stage_ends *ends, vlt_error *err)
{
    vlt_status status = VLT_OK;
    double search = ends->search;
    int64_t trials = -1;
    for (tuner->round = 0; tuner->round < VLT_TUNE_ROUNDS && status == VLT_OK; tuner->round++) {
        if (tuner->round > 0 && (trials == tuner->result->trials ||
                                 vlt_tuner_left(tuner, ends->decide) < 0.1 * tuner->budget_s)) {
            break; /* the round before found nothing to try, or there is no time for one */
        }
        trials = tuner->result->trials;
        tuner->result->end = VLT_TUNE_COMPLETE;
        status = vlt_tuner_search(tuner, VLT_TUNE_LEAF, search, err);
        if (status == VLT_OK) {
            status = vlt_tuner_decide(tuner, VLT_TUNE_LEAF, ends->decide, err);
        }
        double now = (vlt_tuner_elapsed(tuner) - tuner->found_s) /
                     fmax(0.1, tuner->budget_s - tuner->found_s);
        search = now + 0.6 * (ends->decide - now);
    }
    tuner->round = 0;
    return status;
}

static vlt_status race_all(vlt_tuner *tuner, const struct stage_ends *ends, vlt_error *err)
{
    vlt_status status;
    if ((status = race_leaves(tuner, ends, err)) == VLT_OK &&
        (status = vlt_tuner_note_children(tuner, err)) == VLT_OK &&
        (status = vlt_tuner_search(tuner, VLT_TUNE_COMPOSITE, ends->inner_search, err)) == VLT_OK &&
        (status = vlt_tuner_decide(tuner, VLT_TUNE_COMPOSITE, ends->inner_decide, err)) == VLT_OK &&
        (status = vlt_tuner_serve(tuner, ends->services, err)) == VLT_OK) {
        status = vlt_tuner_measure_baseline(tuner, ends->baseline, err);
    }
    vlt_tuner_end_races(tuner); /* whole requests need the memory */
    return status;
}

/* What is left of the budget: more settings, for the report and for the next run with the same
 * database. Nothing is decided by them: the config has been checked. */
static vlt_status spend_rest(vlt_tuner *tuner, vlt_error *err)
{
    vlt_status status = vlt_tuner_search(tuner, VLT_TUNE_LEAF, 1, err);
    if (status == VLT_OK && vlt_tuner_left(tuner, 1) > 0) {
        status = vlt_tuner_search(tuner, VLT_TUNE_COMPOSITE, 1, err);
    }
    return status == VLT_OK ? vlt_tuner_renew_decisions(tuner, err) : status;
}

vlt_status vlt_tuner_run_stages(vlt_tuner *tuner, vlt_error *err)
{
    vlt_status status = vlt_tuner_draw_scenes(tuner, err);
    if (status == VLT_OK) {
        status = vlt_tuner_find_problems(tuner, share_problems * tuner->budget_s, err);
    }
    tuner->found_s = vlt_tuner_elapsed(tuner);
    /* another run over the same store shall see other layouts */
    tuner->launch_seed += (uint64_t)tuner->result->trials_reused;
    struct stage_ends ends = plan_stages(tuner);
    if (!composites_fit(tuner, &ends)) {
        ends.decide = ends.inner_decide;
    }
    if (status == VLT_OK && (status = race_all(tuner, &ends, err)) == VLT_OK &&
        (status = vlt_tuner_check_whole(tuner, ends.whole, err)) == VLT_OK &&
        (status = measures_loss(tuner) ? vlt_tuner_check_loss(tuner, share_loss, err) : VLT_OK) ==
            VLT_OK) {
        time_phases(tuner, share_accuracy);
        status = answers_scenes(tuner) ? vlt_tuner_check_accuracy(tuner, share_accuracy, err)
                                       : VLT_OK;
    }
    return status == VLT_OK ? spend_rest(tuner, err) : status;
}
