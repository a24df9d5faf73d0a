/* store_runs.h: whole sessions as somebody names them: `compare db:RUN`, `gate db:RUN`. */
#ifndef VLT_TUNER_STORE_RUNS_H
#define VLT_TUNER_STORE_RUNS_H

#include "tuner/store/store.h"

enum { VLT_STORE_HARD_BYTES = 8192 };

typedef struct vlt_store_run_info {
    int64_t session;
    char id[VLT_STORE_ID_BYTES];
    char kind[32];
    int64_t started_ms; /* since 1970 */
    int threads;
    char hard[VLT_STORE_HARD_BYTES]; /* parts of the machine as JSON text */
} vlt_store_run_info;

/* The session whose UUID begins with `name`, or "latest": the newest one with trials. INPUT when
 * there is none, or more than one. */
vlt_status vlt_store_find_run(vlt_store *store, const char *name, vlt_store_run_info *run,
                              vlt_error *err);

/* UUID of a session that this process has begun. */
vlt_status vlt_store_session_id(vlt_store *store, int64_t session, char id[VLT_STORE_ID_BYTES],
                                vlt_error *err);

/* Do two machines differ in anything but the catalogue of variants? `why` names the part and both
 * values. */
bool vlt_store_same_machine(const char *hard_a, const char *hard_b, char *why, size_t why_bytes);

/* The same text for the machine at hand, into hard[VLT_STORE_HARD_BYTES]. */
vlt_status vlt_store_machine_here(char *hard, vlt_error *err);

/* A timed trial of a run. Texts are valid during the call. */
typedef struct vlt_store_timed {
    int64_t trial;
    const char *op, *problem, *variant, *knobs, *stage;
    vlt_pair_run run; /* its figures, without the pairs behind them */
} vlt_store_timed;

/* Visits them, equal settings together, each in the order of measuring, until visit says false. */
vlt_status vlt_store_each_timed(vlt_store *store, int64_t session,
                                bool (*visit)(void *user, const vlt_store_timed *timed), void *user,
                                vlt_error *err);

/* The pairs of a trial into run->pair (vlt_pair_run_release), and how many of them were disturbed.
 * May be called while trials are visited. */
vlt_status vlt_store_read_pairs(vlt_store *store, int64_t trial, vlt_pair_run *run, vlt_error *err);

#endif
