/* The table of strategies. */
#include <string.h>

#include "tuner/strategy/strategy.h"

#define STRATEGY(id) extern const vlt_strategy vlt_strategy_##id;
#include "tuner/strategy/strategies.def"
#undef STRATEGY

static const vlt_strategy *const table[] = {
#define STRATEGY(id) &vlt_strategy_##id,
#include "tuner/strategy/strategies.def"
#undef STRATEGY
};

const vlt_strategy *vlt_strategy_at(int index)
{
    return index >= 0 && index < (int)(sizeof table / sizeof *table) ? table[index] : NULL;
}

const vlt_strategy *vlt_strategy_find(const char *name)
{
    for (int i = 0; vlt_strategy_at(i); i++) {
        if (!strcmp(table[i]->name, name)) {
            return table[i];
        }
    }
    return NULL;
}

const char *vlt_strategy_name(int index)
{
    return vlt_strategy_at(index) ? table[index]->name : NULL;
}

uint64_t vlt_scene_new_near(vlt_scene *scene, uint64_t from, vlt_reach reach)
{
    int count = vlt_domain_near(scene->domain, from, reach, scene->near), fresh = 0;
    for (int i = 0; i < count; i++) {
        if (vlt_history_is_new(scene->history, scene->near[i])) {
            scene->near[fresh++] = scene->near[i];
        }
    }
    return fresh ? scene->near[vlt_scene_below(scene, fresh)] : VLT_SETTING_NONE;
}
