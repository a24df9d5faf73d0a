/* The search stage: earlier trials first, then new ones where they promise most. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tuner/tune_internal.h"

/* Measuring time of a trial; what is not worth a trial any more, as a share of a request. */
static const double trial_limit_s = 0.06;
static const double worth = 0.0005;

double vlt_item_weight(const vlt_tune_item *item, bool tuned)
{
    const vlt_tried *best = tuned ? vlt_search_best(&item->search) : NULL;
    double ns = isnan(item->baseline_ns) ? item->estimate : item->baseline_ns;
    return ns * (double)item->met.runs * (best ? exp(best->log_ratio) : 1);
}

struct recall {
    vlt_tuner *tuner;
    vlt_tune_item *item;
    vlt_status status;
    vlt_error *err;
};

static bool recall_trial(void *user, const vlt_store_found *found)
{
    struct recall *recall = user;
    vlt_tune_item *item = recall->item;
    vlt_setting setting = {.variant = vlt_registry_find_variant(item->problem.op, found->variant)};
    if (!setting.variant ||
        vlt_binding_parse(setting.variant, found->knobs, &setting.binding, NULL) != VLT_OK) {
        return true; /* of a variant that has gone */
    }
    const vlt_setting baseline = vlt_space_baseline(&item->search.space);
    recall->tuner->result->trials_reused++;
    item->trials++;
    item->failed += found->outcome != VLT_OUTCOME_OK;
    if (vlt_setting_equal(&setting, &baseline)) {
        item->baseline_ns = found->call_ns[0];
        return true;
    }
    if (!strcmp(found->stage, "confirm") && found->outcome == VLT_OUTCOME_OK) {
        vlt_confirm confirm = {.setting = setting, .log_ratio = found->log_ratio};
        memcpy(confirm.call_ns, found->call_ns, sizeof confirm.call_ns);
        recall->status = vlt_item_keep_confirm(item, &confirm, recall->err);
        return recall->status == VLT_OK;
    }
    recall->status = vlt_search_note(&item->search, &setting, found->outcome, found->log_ratio,
                                     found->call_ns, recall->err);
    return recall->status == VLT_OK;
}

vlt_status vlt_tuner_recall(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err)
{
    struct recall recall = {tuner, item, VLT_OK, err};
    const vlt_store_workload workload = {item->met.op, item->met.bucket, item->met.problem, ""};
    vlt_status status = vlt_store_each_trial(tuner->store, tuner->session, &workload, recall_trial,
                                             &recall, err);
    return status == VLT_OK ? recall.status : status;
}

/* The baseline against itself: is it measurable, and how long does it take? */
static vlt_status try_baseline(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err)
{
    const vlt_setting baseline = vlt_space_baseline(&item->search.space);
    vlt_trial_shown shown;
    vlt_status status = vlt_tuner_try(tuner, item, &baseline, "search", false, trial_limit_s / 2,
                                      &shown, err);
    if (status != VLT_OK) {
        return status;
    }
    item->broken = shown.outcome != VLT_OUTCOME_OK;
    item->wall_s = shown.wall_s;
    if (item->broken) {
        vlt_tuner_note(tuner, "%s %s cannot be measured: %s", item->met.op, item->met.problem,
                       item->why);
    } else {
        item->baseline_ns = shown.call_ns[0];
    }
    return VLT_OK;
}

/* One step of an item: its baseline, or one more setting. *over: nothing is left to try. */
static vlt_status step(vlt_tuner *tuner, vlt_tune_item *item, bool *over, vlt_error *err)
{
    vlt_setting setting;
    vlt_trial_shown shown;
    *over = false;
    if (isnan(item->baseline_ns)) {
        vlt_status status = try_baseline(tuner, item, err);
        *over = item->broken;
        return status;
    }
    if (!vlt_search_next(&item->search, &setting)) {
        *over = true;
        return VLT_OK;
    }
    vlt_status status = vlt_tuner_try(tuner, item, &setting, "search", true, trial_limit_s, &shown,
                                      err);
    return status == VLT_OK ? vlt_search_note(&item->search, &setting, shown.outcome,
                                              shown.log_ratio, shown.call_ns, err)
                            : status;
}

vlt_status vlt_tuner_search(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_status status = VLT_OK;
    bool over[256] = {false};
    int count = tuner->item_count < 256 ? tuner->item_count : 256;
    while (status == VLT_OK && vlt_tuner_left(tuner, share) > 0) {
        double total = 0, best_gain = 0;
        int best = -1;
        for (int i = 0; i < count; i++) {
            const vlt_tune_item *item = &tuner->item[i];
            double weight = vlt_item_weight(item, true);
            double gain = weight * vlt_search_potential(&item->search);
            total += weight;
            if (!over[i] && gain > best_gain) {
                best = i;
                best_gain = gain;
            }
        }
        if (best < 0 || best_gain < worth * total) {
            return VLT_OK;
        }
        vlt_tuner_progress(tuner, "search", &tuner->item[best]);
        status = step(tuner, &tuner->item[best], &over[best], err);
        if (vlt_tuner_stopped(tuner)) {
            return VLT_STATUS_INTERRUPTED;
        }
    }
    if (status == VLT_OK || status == VLT_STATUS_INTERRUPTED) {
        tuner->result->end = VLT_TUNE_BUDGET;
        status = vlt_tuner_stopped(tuner) ? VLT_STATUS_INTERRUPTED : VLT_OK;
    }
    return status;
}
