/* Uniform draws without replacement: the ruler that every other strategy must beat. */
#include "tuner/strategy/strategy.h"

static vlt_status propose(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err)
{
    (void)state, (void)err;
    *out = vlt_scene_draw(scene);
    return VLT_OK;
}

VLT_STRATEGY(random, .foreign_first = VLT_FOREIGN_FIRST, .propose = propose);
