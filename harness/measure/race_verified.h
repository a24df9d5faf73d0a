/* race_verified.h: what a verified side of a race gave, kept for the trials after it.
 *
 * Where the baseline is too slow to tell every row, a challenger is held to all rows of a setting
 * that has passed. Those rows are computed once a worker: the first trial that verified the setting
 * keeps them in memory that all trials share. Who finds them there can no longer write to them.
 */
#ifndef VLT_HARNESS_RACE_VERIFIED_H
#define VLT_HARNESS_RACE_VERIFIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/measure/race.h"
#include "optimizations/core/op.h"

typedef struct vlt_race_verified {
    void *map; /* owned; NULL: nothing is shared */
    size_t bytes;
} vlt_race_verified;

/* Room for the workload's outputs; without memory for it nothing is shared, no trial fails. */
void vlt_race_verified_create(const vlt_workload *workload, vlt_race_verified *out);
void vlt_race_verified_release(vlt_race_verified *verified); /* fine on {0} */

/* In a trial: are the outputs of this side there? Then the trial can no longer change them. */
bool vlt_race_verified_has(const vlt_race_verified *verified, const vlt_race_side *side);
/* Output number i of it. */
const void *vlt_race_verified_output(const vlt_race_verified *verified,
                                     const vlt_workload *workload, int i);
/* How long the run that made them took. */
uint64_t vlt_race_verified_ns(const vlt_race_verified *verified);
/* The workload's outputs are the side's, and right. */
void vlt_race_verified_keep(const vlt_race_verified *verified, const vlt_race_side *side,
                            const vlt_workload *workload, uint64_t run_ns);

#endif
