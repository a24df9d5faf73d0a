/* The search stage: earlier trials first, then new ones where they promise most. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/tune_internal.h"

enum { PAIRS = 32, PAIRS_MIN = 2 };

/* Measuring time of a trial; what is not worth a trial any more, as a share of a request. */
static const double trial_limit_s = 0.025;
static const double worth = 0.0003;

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
    if (!setting.variant || strcmp(found->against, "default") != 0 ||
        vlt_binding_parse(setting.variant, found->knobs, &setting.binding, NULL) != VLT_OK) {
        return true; /* of a variant that has gone, or measured against another one */
    }
    if (!vlt_setting_equal(&setting, &item->search.incumbent) &&
        !vlt_search_permits(&item->search, &setting)) {
        return true; /* measured before the restriction */
    }
    recall->tuner->result->trials_reused++;
    item->trials++;
    item->failed += found->outcome != VLT_OUTCOME_OK;
    if (vlt_setting_equal(&setting, &item->search.incumbent)) {
        item->default_ns = found->call_ns[0];
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

/* The default against itself: is it measurable and right, and how long does it take? */
static vlt_status try_default(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err)
{
    vlt_trial_shown shown;
    const vlt_trial_options options = {.stage = "search",
                                       .verify = true,
                                       .count = true,
                                       .pairs = PAIRS / 2,
                                       .pairs_min = 1,
                                       .limit_s = trial_limit_s / 2};
    vlt_status status = vlt_tuner_try(tuner, item, &item->search.incumbent, &options, &shown, err);
    if (status != VLT_OK) {
        return status;
    }
    item->broken = shown.outcome != VLT_OUTCOME_OK;
    item->wall_s = shown.wall_s;
    if (item->broken) {
        vlt_tuner_note(tuner, "%s %s cannot be measured: %s", item->met.op, item->met.problem,
                       item->why);
    } else {
        item->default_ns = shown.call_ns[0];
    }
    return VLT_OK;
}

/* One step of an item: its default, or one more setting. *over: nothing is left to try. */
static vlt_status step(vlt_tuner *tuner, vlt_tune_item *item, bool *over, vlt_error *err)
{
    vlt_setting setting;
    vlt_trial_shown shown;
    const vlt_trial_options options = {.stage = "search",
                                       .verify = true,
                                       .decide = true,
                                       .pairs = PAIRS,
                                       .pairs_min = PAIRS_MIN,
                                       .limit_s = trial_limit_s};
    *over = false;
    if (isnan(item->default_ns)) {
        vlt_status status = try_default(tuner, item, err);
        *over = item->broken;
        return status;
    }
    if (!vlt_search_next(&item->search, &setting)) {
        *over = true;
        return VLT_OK;
    }
    vlt_status status = vlt_tuner_try(tuner, item, &setting, &options, &shown, err);
    return status == VLT_OK ? vlt_search_note(&item->search, &setting, shown.outcome,
                                              shown.log_ratio, shown.call_ns, err)
                            : status;
}

/* Of a request by the best settings so far: behind a default that was far off, the others count as
 * what they will be. Of one operator alone what it is of the request does not count. */
static double request_so_far(const vlt_tuner *tuner)
{
    double total = tuner->options->only_op ? 0 : vlt_tuner_request_ns(tuner);
    for (int i = 0; i < tuner->item_count; i++) {
        const vlt_tune_item *item = &tuner->item[i];
        double tuned = vlt_item_weight(item, true);
        if (tuner->options->only_op) {
            total += tuned;
        } else if (item->kind == VLT_TUNE_LEAF) {
            total -= vlt_item_weight(item, false) - tuned;
        }
    }
    return total;
}

/* The item on which the next trial is best spent, -1 for none. A trial of a slow problem costs
 * more, so what counts is gain for time; one that would not end in time is not begun: *late. */
static int most_promising(const vlt_tuner *tuner, vlt_tune_kind kind, const bool *over,
                          double left_s, bool *late)
{
    double total = request_so_far(tuner), best_gain = 0;
    int best = -1;
    for (int i = 0; i < tuner->item_count; i++) {
        const vlt_tune_item *item = &tuner->item[i];
        double gain = vlt_item_weight(item, true) * vlt_search_potential(&item->search);
        if (over[i] || item->kind != kind || gain < worth * total) {
            continue;
        }
        if ((isnan(item->wall_s) ? item->first_s : item->wall_s) > left_s) {
            *late = true;
            continue;
        }
        double cost_s = isnan(item->wall_s) ? 0.1 : fmax(item->wall_s, 0.03);
        gain /= sqrt(cost_s);
        if (gain > best_gain) {
            best = i;
            best_gain = gain;
        }
    }
    return best;
}

vlt_status vlt_tuner_search(vlt_tuner *tuner, vlt_tune_kind kind, double share, vlt_error *err)
{
    vlt_status status = VLT_OK;
    bool *over = calloc((size_t)tuner->item_count + 1, sizeof *over);
    if (!over) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory");
    }
    for (;;) {
        bool late = false;
        double left_s = vlt_tuner_left(tuner, share);
        int best = most_promising(tuner, kind, over, left_s, &late);
        if (late || (best >= 0 && left_s <= 0)) {
            tuner->result->end = VLT_TUNE_BUDGET;
        }
        if (best < 0 || left_s <= 0) {
            break; /* nothing is worth a trial, or nothing ends in time */
        }
        vlt_tuner_progress(tuner, "search", &tuner->item[best]);
        status = step(tuner, &tuner->item[best], &over[best], err);
        if (status == VLT_STATUS_INTERRUPTED || vlt_tuner_stopped(tuner)) {
            tuner->result->end = VLT_TUNE_BUDGET;
            status = vlt_tuner_stopped(tuner) ? VLT_STATUS_INTERRUPTED : VLT_OK;
            break;
        }
        if (status != VLT_OK) {
            tuner->result->end = VLT_TUNE_BUDGET;
            break;
        }
    }
    free(over);
    return status;
}
