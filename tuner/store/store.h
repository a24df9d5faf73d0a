/* store.h: every sample that a decision rests on, in SQLite.
 *
 * One file per machine; files of many machines are merged (merge.h), which is why everything that
 * is merged has a UUID: made from the content for what is the same everywhere (machine, build,
 * model, variant, workload), random for what happened once (session, trial, decision). Inside the
 * file, integers link the rows. A trial is written with its samples in one transaction, so a kill
 * loses at most the trial in flight. The views v_best, v_vs_baseline and v_stale are the public
 * face; the tables may change, with a migration, between versions.
 *
 * A store is used by one thread at a time; several processes may use one file.
 */
#ifndef VLT_TUNER_STORE_H
#define VLT_TUNER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/config/tuned.h"
#include "harness/measure/pair.h"
#include "optimizations/core/status.h"

enum { VLT_STORE_APPLICATION_ID = 0x766C7475, VLT_STORE_SCHEMA = 4, VLT_STORE_ID_BYTES = 37 };

enum { VLT_STORE_ID_SHOWN = 8 }; /* letters of an id that people get to see: db:1a2b3c4d */

typedef struct vlt_store vlt_store;

typedef enum vlt_store_mode {
    VLT_STORE_READ,  /* must exist, also where nothing may be written; nothing is written, an older
                        schema is refused */
    VLT_STORE_WRITE, /* must exist; an older schema is migrated */
    VLT_STORE_CREATE /* is made when it does not exist */
} vlt_store_mode;

/* IO: missing, read-only, full disk, locked by another for 10 s. INPUT: no SQLite
 * file, empty, a copy without its -wal, damaged, of another program, or of a newer schema; the
 * message names the file and both values. Writers may start together on a file that is not there.
 */
vlt_status vlt_store_open(const char *path, vlt_store_mode mode, vlt_store **out, vlt_error *err);
void vlt_store_close(vlt_store *store); /* NULL is fine */
const char *vlt_store_path(const vlt_store *store);

/* A fresh random UUID (version 4) as text, and one made from content (version 8). */
void vlt_store_random_id(char id[VLT_STORE_ID_BYTES]);
void vlt_store_content_id(const char *text, char id[VLT_STORE_ID_BYTES]);

/* Under which circumstances a session measures. */
typedef struct vlt_store_session {
    const char *kind; /* "tune" */
    const vlt_tuned_key *key;
    const char *model_name; /* NULL: no model */
    uint64_t code_hash;     /* of the program's code */
    int threads;
    uint64_t seed;
} vlt_store_session;

/* Notes the session (and its machine, build and model where they are new); *session is what the
 * functions below take. */
vlt_status vlt_store_begin_session(vlt_store *store, const vlt_store_session *info,
                                   int64_t *session, vlt_error *err);
vlt_status vlt_store_end_session(vlt_store *store, int64_t session, const char *end,
                                 vlt_error *err);

/* X(code, name in the database) */
#define VLT_OUTCOME_MAP(X)     \
    X(OK, "ok")                \
    X(WRONG, "wrong-result")   \
    X(TIMEOUT, "timeout")      \
    X(CRASH, "crash")          \
    X(MEMORY, "out-of-memory") \
    X(INVALID, "invalid")      \
    X(FAILED, "failed")

typedef enum vlt_outcome {
#define VLT_OUTCOME_ENUM(code, name) VLT_OUTCOME_##code,
    VLT_OUTCOME_MAP(VLT_OUTCOME_ENUM)
#undef VLT_OUTCOME_ENUM
        VLT_OUTCOME_COUNT
} vlt_outcome;

const char *vlt_outcome_name(vlt_outcome outcome);

/* The problem that was run. */
typedef struct vlt_store_workload {
    const char *op;
    const char *bucket;
    const char *problem;  /* all dimensions, as vlt_problem_format */
    const char *children; /* what the operators inside were tuned to; "" for none */
} vlt_store_workload;

/* A metric beside time; value NAN with the reason in `status`. */
typedef struct vlt_store_counter {
    const char *name;
    double value;
    const char *status; /* ok, unsupported, not_permitted, multiplexed, below_floor, error */
    const char *source; /* papi, software, roofline ... */
    const char *reason; /* why there is no value; NULL */
} vlt_store_counter;

/* One setting measured once, in one process, against another one beside it. */
typedef struct vlt_store_trial {
    vlt_store_workload workload;
    const char *variant;
    const char *knobs;   /* as vlt_binding_format */
    const char *against; /* "default", or NULL: "baseline" */
    const char *stage;   /* "search", "confirm", "end to end" */
    uint64_t seed;
    vlt_outcome outcome;
    const char *message;     /* why it is not ok; NULL */
    const vlt_pair_run *run; /* NULL when nothing was timed */
    const vlt_store_counter *counter;
    int counter_count;
    double wall_s; /* of the whole trial */
} vlt_store_trial;

/* Trial, samples and counters, all or nothing. id (may be NULL) gets the UUID; "" on failure. */
vlt_status vlt_store_add_trial(vlt_store *store, int64_t session, const vlt_store_trial *trial,
                               char id[VLT_STORE_ID_BYTES], vlt_error *err);

/* What was decided for a bucket. */
typedef struct vlt_store_decision {
    vlt_store_workload workload;
    const char *variant;
    const char *knobs;
    const char *verdict; /* of the choice against the baseline; NULL: not measured */
    double ratio, low, high;
    double baseline_ns, tuned_ns;
    int launches;
    const char *reason;
    bool reverted; /* by the check end to end */
    /* Against what would run without any config. */
    const char *default_verdict; /* NULL: not measured */
    double default_ratio, default_low, default_high, default_ns;
    int64_t settings; /* distinct ones measured */
} vlt_store_decision;

vlt_status vlt_store_add_decision(vlt_store *store, int64_t session,
                                  const vlt_store_decision *decision, char id[VLT_STORE_ID_BYTES],
                                  vlt_error *err);

/* A stored trial as the search sees it again. Texts are valid during the call. */
typedef struct vlt_store_found {
    const char *variant;
    const char *knobs;
    const char *stage;
    const char *against;
    vlt_outcome outcome;
    const char *message; /* NULL */
    double log_ratio;    /* NAN when nothing was timed */
    double call_ns[2];   /* baseline, candidate */
    int pairs;
    uint64_t seed;
} vlt_store_found;

/* Calls visit, in the order of their writing, for each trial of the workload that was made under
 * the same circumstances as `session` (machine, code, threads), until it returns false. */
vlt_status vlt_store_each_trial(vlt_store *store, int64_t session,
                                const vlt_store_workload *workload,
                                bool (*visit)(void *user, const vlt_store_found *found), void *user,
                                vlt_error *err);

/* The result of a session as one JSON document, for `vltune report`. */
vlt_status vlt_store_put_result(vlt_store *store, int64_t session, const char *document,
                                vlt_error *err);
/* The newest one, or that of the session whose UUID begins with `session` (not NULL); malloc'ed.
 * UNMEASURED when there is none. */
vlt_status vlt_store_get_result(vlt_store *store, const char *session, char **document,
                                vlt_error *err);

#endif
