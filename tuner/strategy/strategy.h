/* strategy.h: what a strategy is. Each is one file strategy_<name>.c and one line in
 * strategies.def.
 *
 * A strategy proposes settings that were never asked, knowing what everybody was told so far: also
 * what others of a bandit found. It keeps a state of its own that is moved by the results of its
 * own proposals (`note`). The explorer guards the promises: a proposal that is not new is replaced
 * by a uniform draw.
 */
#ifndef VLT_TUNER_STRATEGY_H
#define VLT_TUNER_STRATEGY_H

#include "tuner/strategy/explorer.h"

/* Foreign settings that a strategy without a model tries before its own. */
enum { VLT_FOREIGN_FIRST = 16 };

/* What strategies see. */
typedef struct vlt_scene {
    const vlt_domain *domain;
    const vlt_history *history;
    vlt_random *random;
    const vlt_foreign *foreign;
    int foreign_count;
    uint64_t *near; /* [vlt_domain_near_max]: scratch for neighbours */
} vlt_scene;

typedef struct vlt_strategy {
    const char *name;
    size_t state_bytes; /* zeroed before `init` */
    int foreign_first;  /* how many foreign settings come before its own proposals; of each list at
                           least the best */

    /* Optional. */
    vlt_status (*init)(void *state, vlt_scene *scene, vlt_error *err);
    void (*release)(void *state);

    /* A new setting, or VLT_SETTING_NONE for "any". */
    vlt_status (*propose)(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err);

    /* Optional: a setting that it proposed was told for the first time; cost INFINITY: failed. */
    void (*note)(void *state, vlt_scene *scene, const vlt_told *told);

    /* Optional: see vlt_explorer_hope. Negative: it cannot tell. */
    double (*hope)(const void *state);
} vlt_strategy;

#define VLT_STRATEGY(id, ...) const vlt_strategy vlt_strategy_##id = {.name = #id, __VA_ARGS__}

/* All strategies in the order of strategies.def. */
const vlt_strategy *vlt_strategy_at(int index); /* NULL behind the last */
const vlt_strategy *vlt_strategy_find(const char *name);

/* A neighbour of `from` never asked, drawn uniformly; VLT_SETTING_NONE when there is none. */
uint64_t vlt_scene_new_near(vlt_scene *scene, uint64_t from, vlt_reach reach);

static inline uint64_t vlt_scene_draw(vlt_scene *scene)
{
    return vlt_history_draw(scene->history, scene->random);
}

static inline int vlt_scene_below(vlt_scene *scene, int limit)
{
    return (int)vlt_random_range(scene->random, 0, limit - 1);
}

#endif
