/* recorder.h: what bench, compare and gate measure, kept in the store: a session each, every launch
 * a trial with all its pairs, written before the next launch begins. */
#ifndef VLT_TUNER_RECORDER_H
#define VLT_TUNER_RECORDER_H

#include "tuner/bench/row.h"
#include "tuner/store/store.h"

typedef struct vlt_recorder vlt_recorder;

/* kind: "bench", "compare", "gate". IO or INPUT as vlt_store_open says, for a read-only file for
 * instance. */
vlt_status vlt_recorder_open(const char *path, const char *kind, int threads, uint64_t seed,
                             vlt_recorder **out, vlt_error *err);

/* What the following launches belong to. */
void vlt_recorder_row(vlt_recorder *recorder, const vlt_side side[2]);

/* As vlt_experiment_options.on_launch, with the recorder as user. */
vlt_status vlt_recorder_launch(void *recorder, int index, uint64_t seed, const vlt_launch *launch,
                               vlt_error *err);

/* A row that failed: outcome and reason, no samples. */
vlt_status vlt_recorder_failure(vlt_recorder *recorder, const vlt_row *row, vlt_error *err);

const char *vlt_recorder_id(const vlt_recorder *recorder); /* the run's UUID, for db:RUN */

/* Ends the session; NULL is fine. */
void vlt_recorder_close(vlt_recorder *recorder, const char *end);

#endif
