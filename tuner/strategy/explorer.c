#include "tuner/strategy/explorer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/registry.h"
#include "tuner/strategy/strategy.h"

enum {
    AGAIN_MAX = 5,      /* measurements of one setting that the explorer asks for by itself */
    REFRESH_EVERY = 24, /* proposals after which the label of the best is refreshed */
    NAMES_MAX = 32,
    EARLY_LISTS = 8 /* foreign lists of which at least the best is tried */
};

/* A best setting is measured again while this many standard errors do not separate it from the
 * second best. */
static const double separation = 2;

struct vlt_explorer {
    const vlt_strategy *strategy;
    void *state;
    vlt_history history;
    vlt_random random;
    vlt_scene scene;
    vlt_foreign *foreign; /* owned, with its arrays */
    int foreign_count;
    uint64_t *early; /* owned: foreign settings to try before the strategy's own */
    int early_count, early_at;
    double noise;
    uint64_t *own; /* owned: proposals of the strategy not told yet */
    int own_count, own_capacity;
    int since_refresh; /* proposals */
    bool refresh_out;  /* a proposal to measure again was not told yet */
};

static vlt_status no_memory(vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory");
}

static vlt_status find_strategy(const char *name, const vlt_strategy **out, vlt_error *err)
{
    const char *names[NAMES_MAX];
    int count = 0;
    *out = vlt_strategy_find(name);
    if (*out) {
        return VLT_OK;
    }
    while (count < NAMES_MAX && (names[count] = vlt_strategy_name(count))) {
        count++;
    }
    const char *near = vlt_nearest_name(name, names, count);
    return vlt_fail(err, VLT_STATUS_USAGE, "unknown strategy '%s'%s%s%s", name,
                    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

vlt_status vlt_strategy_check(const char *name, vlt_error *err)
{
    const vlt_strategy *strategy;
    return find_strategy(name, &strategy, err);
}

/* Copies one list, without what is none of the domain's. */
static vlt_status copy_foreign(vlt_explorer *explorer, const vlt_foreign *from, vlt_error *err)
{
    vlt_foreign *to = &explorer->foreign[explorer->foreign_count++];
    uint64_t *setting = calloc((size_t)from->count + 1, sizeof *setting);
    double *cost = calloc((size_t)from->count + 1, sizeof *cost);
    to->setting = setting;
    to->cost = cost;
    to->whole = from->whole;
    if (!setting || !cost) {
        return no_memory(err);
    }
    for (int i = 0; i < from->count; i++) {
        if (from->setting[i] < vlt_domain_count(explorer->scene.domain)) {
            setting[to->count] = from->setting[i];
            cost[to->count++] = from->cost ? from->cost[i] - from->cost[0] : 0;
        }
    }
    return VLT_OK;
}

/* How many of the first of a list are as good as its best. */
static int tied(const vlt_foreign *list)
{
    int count = 0;
    while (count < list->count && list->cost[count] <= VLT_FOREIGN_TIE) {
        count++;
    }
    return count;
}

/* The best of every list, of ties any one; then by rank. Each list in turn, up to a limit. */
static vlt_status plan_early(vlt_explorer *explorer, vlt_error *err)
{
    int lists = explorer->foreign_count, limit = lists < EARLY_LISTS ? lists : EARLY_LISTS;
    limit = explorer->strategy->foreign_first > limit ? explorer->strategy->foreign_first : limit;
    explorer->early = calloc((size_t)limit + 1, sizeof *explorer->early);
    if (!explorer->early) {
        return no_memory(err);
    }
    for (int rank = 0, before = -1; explorer->early_count > before; rank++) {
        before = explorer->early_count;
        for (int i = 0; i < lists; i++) {
            const vlt_foreign *list = &explorer->foreign[i];
            if (rank < list->count && explorer->early_count < limit) {
                int last = rank == 0 ? tied(list) - 1 : 0;
                int64_t among = last > 0 ? vlt_random_range(&explorer->random, 0, last) : 0;
                explorer->early[explorer->early_count++] = list->setting[rank + among];
            }
        }
    }
    return VLT_OK;
}

vlt_status vlt_explorer_create(const vlt_domain *domain, const vlt_explorer_options *options,
                               vlt_explorer **out, vlt_error *err)
{
    const vlt_strategy *strategy;
    *out = NULL;
    vlt_status status = find_strategy(options->strategy ? options->strategy : "auto", &strategy,
                                      err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_explorer *explorer = calloc(1, sizeof *explorer);
    if (!explorer) {
        return no_memory(err);
    }
    explorer->strategy = strategy;
    explorer->noise = options->noise;
    explorer->random.state = options->seed;
    vlt_history_init(&explorer->history, domain);
    explorer->scene = (vlt_scene){
        .domain = domain, .history = &explorer->history, .random = &explorer->random};
    explorer->scene.near = calloc((size_t)vlt_domain_near_max(domain) + 1, sizeof(uint64_t));
    explorer->foreign = calloc((size_t)options->foreign_count + 1, sizeof *explorer->foreign);
    explorer->state = calloc(1, strategy->state_bytes + 1);
    if (!explorer->scene.near || !explorer->foreign || !explorer->state) {
        status = no_memory(err);
    }
    for (int i = 0; i < options->foreign_count && status == VLT_OK; i++) {
        status = copy_foreign(explorer, &options->foreign[i], err);
    }
    explorer->scene.foreign = explorer->foreign;
    explorer->scene.foreign_count = explorer->foreign_count;
    status = status == VLT_OK ? plan_early(explorer, err) : status;
    if (status == VLT_OK && strategy->init) {
        status = strategy->init(explorer->state, &explorer->scene, err);
    }
    if (status != VLT_OK) {
        vlt_explorer_destroy(explorer);
        return status;
    }
    *out = explorer;
    return VLT_OK;
}

void vlt_explorer_destroy(vlt_explorer *explorer)
{
    if (!explorer) {
        return;
    }
    if (explorer->state && explorer->strategy->release) {
        explorer->strategy->release(explorer->state);
    }
    for (int i = 0; i < explorer->foreign_count; i++) {
        free((void *)explorer->foreign[i].setting);
        free((void *)explorer->foreign[i].cost);
    }
    free(explorer->foreign);
    free(explorer->state);
    free(explorer->early);
    free(explorer->own);
    free(explorer->scene.near);
    vlt_history_release(&explorer->history);
    free(explorer);
}

/* Should the label of the best be refreshed before anything else? Then fills *out. */
static bool ask_again(vlt_explorer *explorer, vlt_proposal *out)
{
    const vlt_history *history = &explorer->history;
    if (!(explorer->noise > 0) || history->best < 0 || explorer->refresh_out) {
        return false;
    }
    const vlt_told *best = history->told[history->best];
    const vlt_told *second = history->second < 0 ? NULL : history->told[history->second];
    double error = explorer->noise / sqrt(best->measured);
    bool close = second && second->cost - best->cost < separation * error;
    bool due = explorer->since_refresh >= REFRESH_EVERY;
    if (!due && !(close && best->measured < AGAIN_MAX)) {
        return false;
    }
    explorer->since_refresh = 0;
    explorer->refresh_out = true;
    *out = (vlt_proposal){best->setting, true, explorer->strategy->name};
    return true;
}

static vlt_status remember_own(vlt_explorer *explorer, uint64_t setting, vlt_error *err)
{
    if (explorer->own_count == explorer->own_capacity) {
        int capacity = explorer->own_capacity ? 2 * explorer->own_capacity : 16;
        void *grown = realloc(explorer->own, (size_t)capacity * sizeof *explorer->own);
        if (!grown) {
            return no_memory(err);
        }
        explorer->own = grown;
        explorer->own_capacity = capacity;
    }
    explorer->own[explorer->own_count++] = setting;
    return VLT_OK;
}

static vlt_status propose(vlt_explorer *explorer, uint64_t *setting, bool *early, vlt_error *err)
{
    *early = false;
    while (explorer->early_at < explorer->early_count) {
        *setting = explorer->early[explorer->early_at++];
        *early = vlt_history_is_new(&explorer->history, *setting);
        if (*early) {
            return VLT_OK;
        }
    }
    *setting = VLT_SETTING_NONE;
    vlt_status status = explorer->strategy->propose(explorer->state, &explorer->scene, setting,
                                                    err);
    if (status == VLT_OK && (*setting >= vlt_domain_count(explorer->scene.domain) ||
                             !vlt_history_is_new(&explorer->history, *setting))) {
        *setting = vlt_scene_draw(&explorer->scene);
    }
    return status == VLT_OK ? remember_own(explorer, *setting, err) : status;
}

vlt_status vlt_explorer_ask(vlt_explorer *explorer, vlt_proposal *out, bool *any, vlt_error *err)
{
    bool early;
    *any = true;
    if (ask_again(explorer, out)) {
        return VLT_OK;
    }
    *out = (vlt_proposal){VLT_SETTING_NONE, false, explorer->strategy->name};
    *any = vlt_history_left(&explorer->history) > 0;
    if (!*any) {
        return VLT_OK;
    }
    vlt_status status = propose(explorer, &out->setting, &early, err);
    if (status == VLT_OK) {
        out->by = early ? "foreign" : explorer->strategy->name;
        explorer->since_refresh++;
        status = vlt_history_ask(&explorer->history, out->setting, err);
    }
    return status;
}

vlt_status vlt_explorer_tell(vlt_explorer *explorer, uint64_t setting, double cost, vlt_error *err)
{
    assert(!isnan(cost) && setting < vlt_domain_count(explorer->scene.domain));
    cost = isfinite(cost) ? cost : INFINITY;
    bool repeated = vlt_history_find(&explorer->history, setting) != NULL;
    explorer->refresh_out = explorer->refresh_out && !repeated;
    vlt_status status = vlt_history_tell(&explorer->history, setting, cost, err);
    if (status != VLT_OK) {
        return status;
    }
    for (int i = 0; i < explorer->own_count; i++) {
        if (explorer->own[i] == setting) {
            explorer->own[i] = explorer->own[--explorer->own_count];
            if (explorer->strategy->note) {
                explorer->strategy->note(explorer->state, &explorer->scene,
                                         vlt_history_find(&explorer->history, setting));
            }
            break;
        }
    }
    return VLT_OK;
}

bool vlt_explorer_best(const vlt_explorer *explorer, uint64_t *setting, double *cost)
{
    const vlt_history *history = &explorer->history;
    if (history->best < 0) {
        return false;
    }
    *setting = history->told[history->best]->setting;
    *cost = history->told[history->best]->cost;
    return true;
}

double vlt_explorer_hope(const vlt_explorer *explorer)
{
    /* Without a model: hope halves with every doubling of what was tried. */
    double hope = explorer->strategy->hope ? explorer->strategy->hope(explorer->state) : -1;
    if (vlt_history_left(&explorer->history) == 0) {
        return 0;
    }
    return hope >= 0 ? hope : 0.5 / (1 + explorer->history.count);
}

const vlt_history *vlt_explorer_history(const vlt_explorer *explorer)
{
    return &explorer->history;
}
