/* Differential evolution: a member of a population is moved by the difference of two others; the
 * child replaces its parent where it is better. Ordered parameters move along their values, others
 * take one of the values at hand.
 */
#include <math.h>
#include <string.h>

#include "tuner/strategy/strategy.h"

enum { POPULATION = 15, TRIES = 30 };

static const double amplification = 0.7, crossover = 0.7, restart_share = 0.1;

typedef struct evolution {
    uint64_t member[POPULATION];
    double cost[POPULATION];
    int count;
    int turn;   /* the parent of the next child */
    int parent; /* of the child that is out; -1: none */
} evolution;

/* The parameter of a child: from `best` towards what `a` and `b` differ by. */
static uint16_t blend(vlt_scene *scene, const vlt_parameter *parameter, uint16_t base, uint16_t a,
                      uint16_t b)
{
    if (!parameter->ordered) {
        int pick = vlt_scene_below(scene, 3);
        return pick == 0 ? base : pick == 1 ? a : b;
    }
    double moved = base + amplification * ((double)a - b);
    moved += vlt_random_unit(scene->random) - 0.5; /* rounds to both sides */
    long digit = lround(moved);
    long last = parameter->value_count - 1;
    return (uint16_t)(digit < 0 ? 0 : digit > last ? last : digit);
}

static uint64_t make_child(const evolution *search, vlt_scene *scene)
{
    uint16_t base[VLT_DOMAIN_PARAMETER_MAX], a[VLT_DOMAIN_PARAMETER_MAX],
        b[VLT_DOMAIN_PARAMETER_MAX], child[VLT_DOMAIN_PARAMETER_MAX];
    uint16_t parent[VLT_DOMAIN_PARAMETER_MAX];
    const vlt_history *history = scene->history;
    int parameters = vlt_domain_parameter_count(scene->domain);
    vlt_domain_digits(scene->domain, search->member[search->turn], parent);
    vlt_domain_digits(scene->domain, history->told[history->best]->setting, base);
    vlt_domain_digits(scene->domain, search->member[vlt_scene_below(scene, search->count)], a);
    vlt_domain_digits(scene->domain, search->member[vlt_scene_below(scene, search->count)], b);
    int always = vlt_scene_below(scene, parameters);
    for (int i = 0; i < parameters; i++) {
        bool cross = i == always || vlt_random_unit(scene->random) < crossover;
        child[i] = cross ? blend(scene, vlt_domain_parameter(scene->domain, i), base[i], a[i], b[i])
                         : parent[i];
    }
    vlt_domain_settle(scene->domain, parent, child);
    return vlt_domain_find(scene->domain, child);
}

static vlt_status propose(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err)
{
    evolution *search = state;
    (void)err;
    *out = VLT_SETTING_NONE;
    search->parent = -1;
    if (search->count < POPULATION || scene->history->best < 0 ||
        vlt_random_unit(scene->random) < restart_share) {
        return VLT_OK; /* fresh blood */
    }
    search->parent = search->turn;
    search->turn = (search->turn + 1) % POPULATION;
    for (int t = 0; t < TRIES; t++) {
        *out = make_child(search, scene);
        if (*out != VLT_SETTING_NONE && vlt_history_is_new(scene->history, *out)) {
            return VLT_OK;
        }
    }
    *out = vlt_scene_new_near(scene, search->member[search->parent], VLT_REACH_ANY);
    return VLT_OK;
}

static void note(void *state, vlt_scene *scene, const vlt_told *told)
{
    evolution *search = state;
    (void)scene;
    int place = search->parent;
    if (search->count < POPULATION) {
        place = search->count;
        search->cost[place] = INFINITY;
        search->count += isfinite(told->cost);
    } else if (place < 0) { /* fresh blood: for the worst */
        place = 0;
        for (int i = 1; i < POPULATION; i++) {
            place = search->cost[i] > search->cost[place] ? i : place;
        }
    }
    if (told->cost < search->cost[place]) {
        search->member[place] = told->setting;
        search->cost[place] = told->cost;
    }
}

VLT_STRATEGY(evolution, .state_bytes = sizeof(evolution), .foreign_first = VLT_FOREIGN_FIRST,
             .propose = propose, .note = note);
