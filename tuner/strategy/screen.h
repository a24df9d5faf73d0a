/* screen.h: a quick look at many settings, to find the few that the model looks at closely. */
#ifndef VLT_TUNER_SCREEN_H
#define VLT_TUNER_SCREEN_H

#include "tuner/strategy/abroad.h"
#include "tuner/strategy/pool.h"
#include "tuner/strategy/strategy.h"

enum { VLT_SCREEN_MAX = 12288 }; /* settings looked at: all of smaller domains, else draws */

typedef struct vlt_screen {
    int axis_count;
    int count;
    bool all;          /* they are all settings of the domain, and stay */
    uint64_t *setting; /* owned [VLT_SCREEN_MAX], ascending */
    uint16_t *place;   /* owned [VLT_SCREEN_MAX][axis_count] */
    float *product;    /* owned [axis_count][points]: of the first axes, for the setting at hand */
    float *gathered;   /* owned: tables at the points, [values of every axis][points] */
    float *weight;     /* owned [points] */
    int points_max;
} vlt_screen;

vlt_status vlt_screen_init(vlt_screen *screen, const vlt_scene *scene, const vlt_kernel *kernel,
                           int points_max, vlt_error *err);
void vlt_screen_release(vlt_screen *screen); /* fine on {0} */

/* Fills the pool with the `wanted` new settings of lowest bound (expected label less what the
 * nearest point leaves of the deviation). */
vlt_status vlt_screen_run(vlt_screen *screen, vlt_scene *scene, const vlt_kernel *kernel,
                          const vlt_process *process, const vlt_abroad *abroad, int wanted,
                          vlt_pool *pool, vlt_error *err);

#endif
