/* A bandit over the other strategies: each proposal is made by one of them, all of them see every
 * result, and who finds better settings gets more turns.
 *
 * The model leads: while it finds better settings, every turn is its own. When nobody has for a
 * while, every third turn goes to another one: the one with the highest upper bound of its success
 * rate. Success fades, so that one that did well early does not keep the turns for ever; a prior
 * stands for what each is known for when nothing was seen of it yet.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/strategy/strategy.h"

enum { MEMBERS_MAX = 16, PATIENCE = 24, SHARE = 3 };

static const char lead[] = "model";

/* Turns that a prior is worth, the weight of what is not known, and what is left of a success after
 * another turn; a gain below 0.1 % is none. */
static const double prior_turns = 3, curiosity = 0.1, fading = 0.97, gain_min = 1e-3;

/* Success rates until more is known: local descents and crossing good settings end searches well,
 * the others seldom find what these do not. */
static const double prior_strong = 0.5, prior_weak = 0.1;

typedef struct member {
    const vlt_strategy *strategy;
    void *state; /* owned */
    double prior;
    double turns, gains; /* fading */
} member;

typedef struct bandit {
    member member[MEMBERS_MAX];
    int count, lead;
    int idle; /* results since the best got better */
    int turn; /* proposals made while idle */
    double best;
    uint64_t *setting; /* owned: proposals not told yet, */
    int *by;           /* owned: and the members that made them */
    int out_count, out_capacity;
} bandit;

static void release(void *state)
{
    bandit *b = state;
    for (int i = 0; i < b->count; i++) {
        if (b->member[i].state && b->member[i].strategy->release) {
            b->member[i].strategy->release(b->member[i].state);
        }
        free(b->member[i].state);
    }
    free(b->setting);
    free(b->by);
    *b = (bandit){0};
}

static vlt_status add_member(bandit *b, vlt_scene *scene, const vlt_strategy *strategy,
                             vlt_error *err)
{
    bool strong = !strcmp(strategy->name, "local") || !strcmp(strategy->name, "genetic");
    member *m = &b->member[b->count++];
    *m = (member){.strategy = strategy, .prior = strong ? prior_strong : prior_weak};
    if (!strcmp(strategy->name, lead)) {
        b->lead = b->count - 1;
    }
    m->state = calloc(1, strategy->state_bytes + 1);
    if (!m->state) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory");
    }
    return strategy->init ? strategy->init(m->state, scene, err) : VLT_OK;
}

static vlt_status init(void *state, vlt_scene *scene, vlt_error *err)
{
    bandit *b = state;
    vlt_status status = VLT_OK;
    b->best = INFINITY;
    for (int i = 0; vlt_strategy_at(i) && b->count < MEMBERS_MAX && status == VLT_OK; i++) {
        if (vlt_strategy_at(i)->init != init) {
            status = add_member(b, scene, vlt_strategy_at(i), err);
        }
    }
    return status;
}

/* The member with the highest upper bound, other than the lead. */
static int choose_other(const bandit *b)
{
    int best = b->lead;
    double best_bound = -INFINITY, turns = 0;
    for (int i = 0; i < b->count; i++) {
        turns += i == b->lead ? 0 : b->member[i].turns;
    }
    for (int i = 0; i < b->count; i++) {
        const member *m = &b->member[i];
        double known = m->turns + prior_turns;
        double bound = (m->gains + m->prior * prior_turns) / known +
                       curiosity * sqrt(log(turns + 2) / known);
        if (i != b->lead && bound > best_bound) {
            best = i;
            best_bound = bound;
        }
    }
    return best;
}

static vlt_status remember(bandit *b, uint64_t setting, int by, vlt_error *err)
{
    if (b->out_count == b->out_capacity) {
        int capacity = b->out_capacity ? 2 * b->out_capacity : 16;
        void *settings = realloc(b->setting, (size_t)capacity * sizeof *b->setting);
        b->setting = settings ? settings : b->setting;
        void *members = realloc(b->by, (size_t)capacity * sizeof *b->by);
        b->by = members ? members : b->by;
        if (!settings || !members) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory");
        }
        b->out_capacity = capacity;
    }
    b->setting[b->out_count] = setting;
    b->by[b->out_count++] = by;
    return VLT_OK;
}

static vlt_status propose(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err)
{
    bandit *b = state;
    int by = b->idle < PATIENCE || b->turn++ % SHARE ? b->lead : choose_other(b);
    vlt_status status = b->member[by].strategy->propose(b->member[by].state, scene, out, err);
    if (status == VLT_OK &&
        (*out >= vlt_domain_count(scene->domain) || !vlt_history_is_new(scene->history, *out))) {
        *out = vlt_scene_draw(scene);
    }
    return status == VLT_OK ? remember(b, *out, by, err) : status;
}

static void credit(bandit *b, int by, double cost)
{
    bool gain = cost < b->best - gain_min;
    for (int i = 0; i < b->count; i++) {
        b->member[i].turns *= fading;
        b->member[i].gains *= fading;
    }
    b->member[by].turns++;
    b->member[by].gains += gain;
    b->idle = gain ? 0 : b->idle + 1;
    b->best = fmin(b->best, cost);
}

static void note(void *state, vlt_scene *scene, const vlt_told *told)
{
    bandit *b = state;
    for (int i = 0; i < b->out_count; i++) {
        if (b->setting[i] == told->setting) {
            int by = b->by[i];
            b->setting[i] = b->setting[--b->out_count];
            b->by[i] = b->by[b->out_count];
            credit(b, by, told->cost);
            if (b->member[by].strategy->note) {
                b->member[by].strategy->note(b->member[by].state, scene, told);
            }
            return;
        }
    }
}

static double hope(const void *state)
{
    const bandit *b = state;
    const member *m = &b->member[b->lead];
    return m->strategy->hope ? m->strategy->hope(m->state) : -1;
}

VLT_STRATEGY(auto, .state_bytes = sizeof(bandit), .init = init, .release = release,
             .propose = propose, .note = note, .hope = hope);
