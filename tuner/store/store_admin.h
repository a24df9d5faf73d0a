/* store_admin.h: a store as a whole: checked, merged, written out, asked for its decisions. */
#ifndef VLT_TUNER_STORE_ADMIN_H
#define VLT_TUNER_STORE_ADMIN_H

#include <stdio.h>

#include "tuner/store/store.h"

/* Calls `found` for each thing that is wrong: SQLite's own integrity and foreign keys, then our own
 * rules (an ok trial has samples, a failed one has none, intervals contain their ratio ...).
 * *problems counts them. */
vlt_status vlt_store_check(vlt_store *store, void (*found)(void *user, const char *what),
                           void *user, int64_t *problems, vlt_error *err);

typedef struct vlt_store_merged {
    int64_t sessions, trials, samples, decisions; /* that were new */
} vlt_store_merged;

/* Adds what the file `path` has and `store` lacks, in one transaction. Merging again changes
 * nothing, and the order of merges does not matter. */
vlt_status vlt_store_merge(vlt_store *store, const char *path, vlt_store_merged *merged,
                           vlt_error *err);

typedef enum vlt_store_format {
    VLT_STORE_JSONL, /* one object per trial, samples included */
    VLT_STORE_CSV,   /* one line per trial, header first */
    VLT_STORE_T4     /* one document as Kernel Tuner and its kin exchange (schema T4) */
} vlt_store_format;

/* Equal content gives equal text, whatever the history of the file: rows are ordered by UUID. */
vlt_status vlt_store_export(vlt_store *store, vlt_store_format format, FILE *stream,
                            vlt_error *err);

/* A decision with its circumstances, newest first. Texts are valid during the call. */
typedef struct vlt_store_view {
    int64_t session;
    const char *session_id, *decision_id;
    const char *op, *bucket, *problem, *children;
    const char *variant, *knobs, *verdict, *reason; /* verdict NULL: not measured */
    double ratio, low, high, baseline_ns, tuned_ns;
    int launches;
    bool reverted;
    int64_t created_ms;
    const char *machine, *model;
    const char *against; /* what its settings were measured against: "default" or "baseline" */
    const char *default_verdict; /* over what runs without any config; NULL: not measured */
    double default_ratio, default_low, default_high, default_ns;
    int64_t setting_count; /* distinct ones measured; 0: not known */
} vlt_store_view;

/* Calls visit for each decision (of `op`, or NULL: all) of the newest session that made one. */
vlt_status vlt_store_each_decision(vlt_store *store, const char *op,
                                   bool (*visit)(void *user, const vlt_store_view *view),
                                   void *user, vlt_error *err);

/* Calls visit for each counter of the newest trial of the decision's setting that has any; texts
 * are valid during the call. */
vlt_status vlt_store_each_counter(vlt_store *store, const vlt_store_view *view,
                                  bool (*visit)(void *user, const vlt_store_counter *counter),
                                  void *user, vlt_error *err);

/* What a setting showed, over all its launches in the session of a decision. */
typedef struct vlt_store_setting {
    const char *variant, *knobs;
    vlt_outcome outcome; /* the worst of its trials */
    const char *message; /* NULL */
    int launches;
    double ratio;      /* median over launches; NAN */
    double call_ns[2]; /* of the other side (view->against), of the candidate: medians; NAN */
} vlt_store_setting;

/* Calls visit for each setting that was tried for the workload of the view, fastest first. */
vlt_status vlt_store_each_setting(vlt_store *store, const vlt_store_view *view,
                                  bool (*visit)(void *user, const vlt_store_setting *setting),
                                  void *user, vlt_error *err);

#endif
