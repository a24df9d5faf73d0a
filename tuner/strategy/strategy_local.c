/* Local search: downhill by the first better neighbour, a step at a time; where no step is left, a
 * terminal descent over every setting that differs in one parameter; then from somewhere else: from
 * the best if others found a better one, else from the best of a few draws.
 */
#include <math.h>

#include "tuner/strategy/strategy.h"

enum { DRAWS = 3 };

typedef struct local {
    uint64_t at; /* VLT_SETTING_NONE: between two descents */
    double cost;
    uint64_t start; /* the best of the draws */
    double start_cost;
    int draws;
    double finished; /* the lowest cost that a descent ended at */
} local;

static vlt_status init(void *state, vlt_scene *scene, vlt_error *err)
{
    (void)scene, (void)err;
    *(local *)state = (local){.at = VLT_SETTING_NONE,
                              .start = VLT_SETTING_NONE,
                              .start_cost = INFINITY,
                              .finished = INFINITY};
    return VLT_OK;
}

/* Where the next descent begins, if that is known. */
static void begin(local *search, const vlt_history *history)
{
    const vlt_told *best = history->best < 0 ? NULL : history->told[history->best];
    if (best && best->cost < search->finished) {
        search->at = best->setting;
        search->cost = best->cost;
    } else if (search->draws >= DRAWS && search->start != VLT_SETTING_NONE) {
        search->at = search->start;
        search->cost = search->start_cost;
    }
}

static vlt_status propose(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err)
{
    local *search = state;
    (void)err;
    if (search->at == VLT_SETTING_NONE) {
        begin(search, scene->history);
    }
    if (search->at != VLT_SETTING_NONE) {
        *out = vlt_scene_new_near(scene, search->at, VLT_REACH_STEP);
        if (*out == VLT_SETTING_NONE) {
            *out = vlt_scene_new_near(scene, search->at, VLT_REACH_ANY);
        }
        if (*out != VLT_SETTING_NONE) {
            return VLT_OK;
        }
        double finished = fmin(search->finished, search->cost);
        init(search, scene, NULL);
        search->finished = finished;
    }
    *out = VLT_SETTING_NONE;
    return VLT_OK;
}

static void note(void *state, vlt_scene *scene, const vlt_told *told)
{
    local *search = state;
    (void)scene;
    if (search->at != VLT_SETTING_NONE) {
        if (told->cost < search->cost) {
            search->at = told->setting;
            search->cost = told->cost;
        }
        return;
    }
    search->draws++;
    if (told->cost < search->start_cost) {
        search->start = told->setting;
        search->start_cost = told->cost;
    }
}

VLT_STRATEGY(local, .state_bytes = sizeof(local), .foreign_first = VLT_FOREIGN_FIRST, .init = init,
             .propose = propose, .note = note);
