/* race_internal.h: the worker's half of race.h: what it holds, and what a trial is. */
#ifndef VLT_HARNESS_RACE_INTERNAL_H
#define VLT_HARNESS_RACE_INTERNAL_H

#include "harness/json/json.h"
#include "harness/measure/oracle.h"
#include "harness/measure/race.h"
#include "harness/measure/race_verified.h"

/* A variant by name: vlt_registry_find_variant, or a test's own. */
typedef const vlt_variant *vlt_race_find(const vlt_op *op, const char *name);

/* vlt_race_serve with variants that are found so. */
vlt_status vlt_race_serve_with(FILE *in, FILE *out, vlt_race_find *find, vlt_error *err);

/* Made before any trial; trials read it through their copy. */
typedef struct vlt_race_scene {
    vlt_caps caps;
    int threads;
    vlt_quality quality;
    vlt_workload workload;
    vlt_oracle oracle;
    vlt_race_verified verified; /* where the oracle is not whole */
    uint64_t memory_bytes;
    uint64_t data_seed;
    vlt_race_find *find;
} vlt_race_scene;

/* In the child: prepares, verifies, measures. The trial's texts are borrowed. */
vlt_status vlt_race_trial_run(vlt_race_scene *scene, const vlt_race_trial *trial,
                              vlt_launch *launch, vlt_error *err);

/* The texts belong to the document. */
vlt_status vlt_race_trial_from_json(const json_t *document, vlt_race_trial *trial, vlt_error *err);

#endif
