/* Genetic search: children of two good settings, each parameter from one of them, some changed.
 *
 * The population is the best of everything told, so the best one is always in it. Strong late: it
 * puts together what good settings have in common.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/strategy/strategy.h"

enum { POPULATION = 20, TRIES = 30 };

static const double mutation_share = 1.0; /* of one parameter a child, on average */

typedef struct member {
    const vlt_told *told;
} member;

static int compare_members(const void *a, const void *b)
{
    const vlt_told *x = ((const member *)a)->told, *y = ((const member *)b)->told;
    return x->cost != y->cost ? (x->cost > y->cost) - (x->cost < y->cost)
                              : (x->setting > y->setting) - (x->setting < y->setting);
}

/* The best of the history, ascending; returns how many. */
static int population(const vlt_history *history, member *out)
{
    int count = 0;
    for (int i = 0; i < history->count; i++) {
        const member one = {history->told[i]};
        if (!isfinite(one.told->cost) ||
            (count == POPULATION && compare_members(&one, &out[count - 1]) > 0)) {
            continue;
        }
        int at = count < POPULATION ? count++ : count - 1;
        while (at > 0 && compare_members(&one, &out[at - 1]) < 0) {
            out[at] = out[at - 1];
            at--;
        }
        out[at] = one;
    }
    return count;
}

/* The better of two draws. */
static const vlt_told *tournament(vlt_scene *scene, const member *members, int count)
{
    int a = vlt_scene_below(scene, count), b = vlt_scene_below(scene, count);
    return members[a < b ? a : b].told;
}

static void mutate(vlt_scene *scene, uint16_t *digits)
{
    int parameters = vlt_domain_parameter_count(scene->domain);
    for (int i = 0; i < parameters; i++) {
        const vlt_parameter *parameter = vlt_domain_parameter(scene->domain, i);
        if (vlt_random_unit(scene->random) < mutation_share / parameters) {
            digits[i] = (uint16_t)vlt_scene_below(scene, parameter->value_count);
        }
    }
}

static vlt_status propose(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err)
{
    member members[POPULATION];
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    int parameters = vlt_domain_parameter_count(scene->domain);
    int count = population(scene->history, members);
    (void)state, (void)err;
    *out = VLT_SETTING_NONE;
    if (scene->history->count < POPULATION || count < 2) {
        return VLT_OK; /* the first generation is drawn */
    }
    const vlt_told *mother = NULL;
    for (int t = 0; t < TRIES; t++) {
        mother = tournament(scene, members, count);
        const vlt_told *father = tournament(scene, members, count);
        for (int i = 0; i < parameters; i++) {
            digits[i] = vlt_random_next(scene->random) >> 63 ? mother->digit[i] : father->digit[i];
        }
        mutate(scene, digits);
        vlt_domain_settle(scene->domain, mother->digit, digits);
        *out = vlt_domain_find(scene->domain, digits);
        if (*out != VLT_SETTING_NONE && vlt_history_is_new(scene->history, *out)) {
            return VLT_OK;
        }
    }
    *out = vlt_scene_new_near(scene, mother->setting, VLT_REACH_ANY);
    return VLT_OK;
}

VLT_STRATEGY(genetic, .foreign_first = VLT_FOREIGN_FIRST, .propose = propose);
