/* stored.h: rows from runs that are already in a database. */
#ifndef VLT_TUNER_STORED_H
#define VLT_TUNER_STORED_H

#include "tuner/bench/row.h"
#include "tuner/store/store_runs.h"

/* All launches of one setting in one run. */
typedef struct vlt_stored_setting {
    char op[48];
    char problem[3 * VLT_ROW_TEXT_BYTES];
    char variant[64];
    char knobs[256];
    vlt_pair_run *run; /* owned, [launches], with their pairs: its baseline and itself */
    int launches;
    int pairs; /* behind their figures */
} vlt_stored_setting;

typedef struct vlt_stored_run {
    vlt_store_run_info info;
    vlt_stored_setting *setting; /* owned */
    int count;
} vlt_stored_run;

vlt_status vlt_stored_read(const char *path, const char *run, vlt_stored_run *out, vlt_error *err);
void vlt_stored_release(vlt_stored_run *run); /* fine on {0} */

/* The same setting in another run, or NULL. */
const vlt_stored_setting *vlt_stored_find(const vlt_stored_run *run,
                                          const vlt_stored_setting *like);

/* A row per setting of one run, against what it was measured beside, judged as when it was measured
 * (it may have been looked at after every launch). INPUT when no run has samples and that name. */
vlt_status vlt_rows_from_run(const char *path, const char *run, const vlt_judge_options *options,
                             vlt_rows *rows, vlt_error *err);

/* A row per setting that both runs have: B's launches against A's, each relative to the baseline
 * that was measured beside it. STALE when the runs are of two machines, UNMEASURED when they have
 * no setting in common. */
vlt_status vlt_rows_from_runs(const char *path, const char *run_a, const char *run_b,
                              const vlt_judge_options *options, vlt_rows *rows, vlt_error *err);

#endif
