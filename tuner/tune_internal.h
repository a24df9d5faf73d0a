/* tune_internal.h: the state of one tuning run, shared by the files that make its stages. */
#ifndef VLT_TUNER_TUNE_INTERNAL_H
#define VLT_TUNER_TUNE_INTERNAL_H

#include "harness/files/temp_folder.h"
#include "harness/json/file_lock.h"
#include "harness/machine/machine.h"
#include "tuner/search.h"
#include "tuner/store/store.h"
#include "tuner/tune.h"
#include "tuner/whole.h"

/* Launches behind a decision: the fewest with which one look can be certain (1/256 < 0.5 %). */
enum { VLT_CONFIRM_LAUNCHES = 8 };

/* One launch of a setting in the confirming stage. */
typedef struct vlt_confirm {
    vlt_setting setting;
    double log_ratio;
    double call_ns[2];
} vlt_confirm;

/* A problem that the model meets, with everything known about it. */
typedef struct vlt_tune_item {
    vlt_whole_problem met;
    vlt_problem problem;
    vlt_search search;
    double baseline_ns; /* of one run; NAN: not measured */
    double estimate;    /* weight before anything was measured, from the operator's cost */
    double wall_s;      /* of the trial of the baseline against itself */
    bool broken;        /* the baseline itself cannot be measured: */
    char why[VLT_TUNED_REASON_BYTES];
    int64_t trials, failed;

    vlt_confirm *confirm; /* owned */
    int confirm_count, confirm_capacity;

    bool decided;
    vlt_setting choice;
    bool measured; /* choice against the baseline */
    vlt_judgement judgement;
    double tuned_ns;
    int launches;
    bool reverted;
    char reason[VLT_TUNED_REASON_BYTES];
    char evidence[VLT_STORE_ID_BYTES];
} vlt_tune_item;

typedef struct vlt_tuner {
    const vlt_tune_options *options;
    vlt_tune_result *result;
    const char *program; /* that trials start; NULL: /proc/self/exe */
    vlt_machine *machine;
    vlt_tuned_key key;
    vlt_file_lock *lock; /* on the config: a second run that writes it is refused */
    vlt_store *store;
    int64_t session;
    double begin_ms;
    double budget_s;
    double found_s; /* when the problems were known: the shares divide what is left from there */
    vlt_temp_folder folder; /* scenes, configs under trial; the paths below are owned */
    char *scenes;           /* a picture of 640 x 480, for requests */
    char *unseen;           /* scenes that the search never sees */
    char *provisional;      /* the config under trial */
    double request_ms;      /* of one baseline request */
    vlt_tune_item *item;    /* owned, in order of falling weight once measured */
    int item_count;
    uint64_t launch_seed;
} vlt_tuner;

/* Seconds since the run began; until the end of the share `share` of the budget (may be negative).
 */
double vlt_tuner_elapsed(const vlt_tuner *tuner);
double vlt_tuner_left(const vlt_tuner *tuner, double share);
bool vlt_tuner_stopped(const vlt_tuner *tuner);
void vlt_tuner_progress(const vlt_tuner *tuner, const char *stage, const vlt_tune_item *item);
void vlt_tuner_note(vlt_tuner *tuner, const char *format, ...) VLT_PRINTF(2, 3);

/* A task for whole.h, killed at the end of the budget. */
vlt_whole_task vlt_tuner_task(const vlt_tuner *tuner, const char *config, const char *scenes,
                              double share);

/* Time of the item in one baseline request, in ns; by its best setting so far when `tuned`. */
double vlt_item_weight(const vlt_tune_item *item, bool tuned);

/* tune_trial.c: one trial in a child process, into the store. Fills *outcome; for an ok one,
 * *log_ratio and call_ns. INTERRUPTED: somebody asked to stop, or the budget ended first; nothing
 * was stored. */
typedef struct vlt_trial_shown {
    vlt_outcome outcome;
    double log_ratio;
    double call_ns[2];
    double wall_s;
} vlt_trial_shown;

vlt_status vlt_tuner_try(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                         const char *stage, bool verify, double limit_s, vlt_trial_shown *shown,
                         vlt_error *err);

/* tune_search.c: what earlier runs have measured; then search until the share is used up. */
vlt_status vlt_tuner_recall(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err);
vlt_status vlt_tuner_search(vlt_tuner *tuner, double share, vlt_error *err);

/* tune_decide.c: fresh launches of the best settings until the share is used up, and decisions. */
vlt_status vlt_tuner_decide(vlt_tuner *tuner, double share, vlt_error *err);
vlt_status vlt_item_keep_confirm(vlt_tune_item *item, const vlt_confirm *confirm, vlt_error *err);

/* Into the store; fills item->evidence. */
vlt_status vlt_tuner_note_decision(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err);

/* tune_config.c: the decisions as a config (items marked `except` as if undone; -1: none). */
vlt_status vlt_tuner_write_config(const vlt_tuner *tuner, const char *path, int except,
                                  vlt_error *err);

/* Launches that make an end-to-end interval. */
enum { VLT_WHOLE_LAUNCHES = 6 };

/* tune_whole.c: the config as a whole against the baseline; undoes what does not help. */
vlt_status vlt_tuner_check_whole(vlt_tuner *tuner, double share, vlt_error *err);
vlt_status vlt_tuner_check_accuracy(vlt_tuner *tuner, double share, vlt_error *err);

#endif
