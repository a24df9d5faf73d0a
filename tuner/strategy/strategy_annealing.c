/* Simulated annealing: one setting walks to random neighbours, uphill too while it is warm.
 *
 * Strong early, since it goes downhill from the first proposal on. A temperature is a cost, so that
 * 0.5 accepts a loss of 65 % in one of e cases, and the coldest one a loss of 2 %.
 */
#include <math.h>

#include "tuner/strategy/strategy.h"

enum { PATIENCE = 40 };

static const double hottest = 0.5, coldest = 0.02, cooling = 0.96;

typedef struct annealing {
    uint64_t at;
    double cost, temperature;
    int rejected; /* in a row */
    bool anywhere;
} annealing;

static vlt_status init(void *state, vlt_scene *scene, vlt_error *err)
{
    (void)scene, (void)err;
    *(annealing *)state = (annealing){
        .at = VLT_SETTING_NONE, .cost = INFINITY, .temperature = hottest};
    return VLT_OK;
}

static vlt_status propose(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err)
{
    annealing *walk = state;
    const vlt_history *history = scene->history;
    (void)err;
    if (walk->at == VLT_SETTING_NONE && history->best >= 0) { /* begin where others got to */
        walk->at = history->told[history->best]->setting;
        walk->cost = history->told[history->best]->cost;
    }
    *out = walk->at == VLT_SETTING_NONE ? VLT_SETTING_NONE
                                        : vlt_scene_new_near(scene, walk->at, VLT_REACH_ANY);
    walk->anywhere = *out == VLT_SETTING_NONE;
    return VLT_OK;
}

static void note(void *state, vlt_scene *scene, const vlt_told *told)
{
    annealing *walk = state;
    const vlt_history *history = scene->history;
    double loss = told->cost - walk->cost;
    bool accept = walk->anywhere || told->cost < walk->cost ||
                  (isfinite(told->cost) &&
                   vlt_random_unit(scene->random) < exp(-loss / walk->temperature));
    if (accept && isfinite(told->cost)) {
        walk->at = told->setting;
        walk->cost = told->cost;
        walk->rejected = 0;
    } else if (++walk->rejected > PATIENCE && history->best >= 0) {
        walk->at = history->told[history->best]->setting;
        walk->cost = history->told[history->best]->cost;
        walk->rejected = 0;
    }
    walk->temperature = fmax(coldest, walk->temperature * cooling);
}

VLT_STRATEGY(annealing, .state_bytes = sizeof(annealing), .foreign_first = VLT_FOREIGN_FIRST,
             .init = init, .propose = propose, .note = note);
