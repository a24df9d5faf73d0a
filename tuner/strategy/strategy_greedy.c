/* Greedy restarts: one parameter after the other, every value of it, the best value kept; where a
 * whole round changes nothing, from a new draw. Good where parameters hardly depend on each other.
 */
#include <math.h>
#include <string.h>

#include "tuner/strategy/strategy.h"

typedef struct greedy {
    uint64_t at; /* VLT_SETTING_NONE: at a new start */
    double cost;
    int order[VLT_DOMAIN_PARAMETER_MAX]; /* of the parameters in this round */
    int turn;                            /* index in order */
    uint64_t best_at;                    /* of the values of the parameter at hand */
    double best_cost;
    bool changed; /* in this round */
    bool began;   /* the first start is behind */
} greedy;

static void begin_round(greedy *search, vlt_scene *scene)
{
    int count = vlt_domain_parameter_count(scene->domain);
    for (int i = 0; i < count; i++) {
        search->order[i] = i;
    }
    for (int i = count - 1; i > 0; i--) {
        int j = vlt_scene_below(scene, i + 1), swap = search->order[i];
        search->order[i] = search->order[j];
        search->order[j] = swap;
    }
    search->turn = 0;
    search->changed = false;
}

static vlt_status init(void *state, vlt_scene *scene, vlt_error *err)
{
    greedy *search = state;
    (void)err;
    *search = (greedy){.at = VLT_SETTING_NONE};
    begin_round(search, scene);
    return VLT_OK;
}

/* A new setting that differs from `at` in the parameter at hand. */
static uint64_t next_value(const greedy *search, vlt_scene *scene)
{
    int index = search->order[search->turn];
    uint16_t from[VLT_DOMAIN_PARAMETER_MAX], digits[VLT_DOMAIN_PARAMETER_MAX];
    size_t bytes = (size_t)vlt_domain_parameter_count(scene->domain) * sizeof *from;
    vlt_domain_digits(scene->domain, search->at, from);
    for (int v = 0; v < vlt_domain_parameter(scene->domain, index)->value_count; v++) {
        memcpy(digits, from, bytes);
        digits[index] = (uint16_t)v;
        vlt_domain_settle(scene->domain, from, digits);
        uint64_t setting = vlt_domain_find(scene->domain, digits);
        if (setting != VLT_SETTING_NONE && vlt_history_is_new(scene->history, setting)) {
            return setting;
        }
    }
    return VLT_SETTING_NONE;
}

/* The parameter at hand has been looked at: keep its best value, go on. False at a standstill. */
static bool advance(greedy *search, vlt_scene *scene)
{
    if (search->best_cost < search->cost) {
        search->at = search->best_at;
        search->cost = search->best_cost;
        search->changed = true;
    }
    if (++search->turn < vlt_domain_parameter_count(scene->domain)) {
        return true;
    }
    bool changed = search->changed;
    begin_round(search, scene);
    return changed;
}

static vlt_status propose(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err)
{
    greedy *search = state;
    const vlt_history *history = scene->history;
    (void)err;
    *out = VLT_SETTING_NONE;
    if (!search->began && history->best >= 0) { /* begin where others got to */
        search->at = search->best_at = history->told[history->best]->setting;
        search->cost = search->best_cost = history->told[history->best]->cost;
        search->began = true;
    }
    while (search->at != VLT_SETTING_NONE) {
        *out = next_value(search, scene);
        if (*out != VLT_SETTING_NONE) {
            return VLT_OK;
        }
        if (!advance(search, scene)) {
            search->at = VLT_SETTING_NONE;
        }
    }
    return VLT_OK;
}

static void note(void *state, vlt_scene *scene, const vlt_told *told)
{
    greedy *search = state;
    (void)scene;
    if (search->at == VLT_SETTING_NONE) {
        if (isfinite(told->cost)) {
            search->at = search->best_at = told->setting;
            search->cost = search->best_cost = told->cost;
            search->began = true;
        }
    } else if (told->cost < search->best_cost) {
        search->best_cost = told->cost;
        search->best_at = told->setting;
    }
}

VLT_STRATEGY(greedy, .state_bytes = sizeof(greedy), .foreign_first = VLT_FOREIGN_FIRST,
             .init = init, .propose = propose, .note = note);
