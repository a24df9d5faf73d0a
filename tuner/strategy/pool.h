/* pool.h: the candidates that the model looks at closely: what it expects of each, kept up to date
 * as points are added to its process. */
#ifndef VLT_TUNER_POOL_H
#define VLT_TUNER_POOL_H

#include "tuner/strategy/process.h"

typedef struct vlt_pool {
    int axis_count;
    int count, capacity;    /* candidates */
    int points, points_max; /* of the process that are reckoned in */
    int reckoned;           /* candidates in which they are */
    uint64_t *setting;      /* owned [capacity] */
    uint16_t *place;        /* owned [capacity][axis_count] */
    double *offset;         /* owned [capacity]: what is known of the label beforehand */
    float *along;           /* owned [points_max][capacity]: factor^-T k */
    float *left;            /* owned [capacity]: share of the variance that is left */
    double *mean;           /* owned [capacity]: the expected label, offset included */
} vlt_pool;

vlt_status vlt_pool_init(vlt_pool *pool, int axis_count, int capacity, int points_max,
                         vlt_error *err);
void vlt_pool_release(vlt_pool *pool); /* fine on {0} */

/* Forgets all candidates; or what the process said of them, after the kernel changed. */
void vlt_pool_clear(vlt_pool *pool);

/* False where it is full or has the setting. */
bool vlt_pool_add(vlt_pool *pool, uint64_t setting, const uint16_t *place, double offset);

/* Takes out candidate `index`; another one gets its place. */
void vlt_pool_remove(vlt_pool *pool, int index);

/* Reckons in what the process has: its new points, its labels. */
void vlt_pool_update(vlt_pool *pool, const vlt_process *process, const vlt_kernel *kernel);

#endif
