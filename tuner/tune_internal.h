/* tune_internal.h: the state of one tuning run, shared by the files that make its stages. */
#ifndef VLT_TUNER_TUNE_INTERNAL_H
#define VLT_TUNER_TUNE_INTERNAL_H

#include "harness/files/temp_folder.h"
#include "harness/json/file_lock.h"
#include "harness/machine/machine.h"
#include "harness/measure/race.h"
#include "harness/measure/roofline.h"
#include "harness/measure/whole.h"
#include "tuner/counters_told.h"
#include "tuner/search.h"
#include "tuner/store/store.h"
#include "tuner/tune.h"

/* Launches behind a decision, at most; the error that all decisions of a run may make together. */
enum { VLT_CONFIRM_LAUNCHES = 24, VLT_TUNE_ROUNDS = 4 };
#define VLT_TUNE_ALPHA 0.01

/* How a problem is measured, and in which order they are decided. The time of what is no leaf is
 * that of others. */
typedef enum vlt_tune_kind {
    VLT_TUNE_LEAF,
    VLT_TUNE_COMPOSITE, /* with the choices of the leaves inside */
    VLT_TUNE_SERVICE    /* on whole batches, under the choices of both */
} vlt_tune_kind;

/* One launch of a setting in the deciding stage. */
typedef struct vlt_confirm {
    vlt_setting setting;
    double log_ratio;
    double call_ns[2]; /* default, setting */
} vlt_confirm;

/* A problem that the model meets, with everything known about it. */
typedef struct vlt_tune_item {
    vlt_whole_problem met;
    vlt_problem problem;
    vlt_tune_kind kind;
    vlt_search search;                        /* its incumbent is the default */
    double estimate_ns;                       /* of a default run, before anything was measured */
    double default_ns, baseline_ns, tuned_ns; /* of one run; NAN: not measured */
    bool baseline_rows;                       /* from some rows of it */
    double baseline_spread; /* of those rows: a factor up and down for 95 %; NAN: not known */
    double first_s;         /* a guess of what the first trial takes, its worker included */
    double wall_s;          /* of the trial of the default against itself */
    bool broken;            /* the default itself cannot be measured: */
    char why[VLT_TUNED_REASON_BYTES];
    int64_t trials, failed;

    vlt_race *race; /* owned; NULL: not running */
    double setup_s;
    uint64_t resident_bytes;
    int64_t used;      /* when: a count of trials of the run */
    int race_launches; /* since its worker was started */

    vlt_confirm *confirm; /* owned */
    int confirm_count, confirm_capacity;

    bool finalist; /* something promising is to be confirmed */
    bool decided;
    vlt_setting choice;
    vlt_judgement judgement; /* of the best setting over the default */
    bool judged;
    int launches;
    vlt_report_comparison over_baseline;
    vlt_report_comparison over_inside; /* of a composite with the chosen children, over its default
                                        with default ones */
    bool reverted;
    bool refused; /* what was chosen loses too much: `choice` is exact and was not raced */
    char reason[VLT_TUNED_REASON_BYTES];
    char nearest[VLT_TUNED_REASON_BYTES];         /* where the default stays: who came near; "" */
    double nearest_ratio;                         /* of that */
    int64_t told;                                 /* settings that the reason speaks of */
    vlt_setting counted;                          /* the last challenger that was counted */
    char counted_text[2][VLT_TUNE_COUNTED_BYTES]; /* what that told: of the default, of it */
    char evidence[VLT_STORE_ID_BYTES];
} vlt_tune_item;

typedef struct vlt_tuner {
    const vlt_tune_options *options;
    vlt_report *result;
    const char *program; /* that trials start; NULL: /proc/self/exe */
    vlt_machine *machine;
    vlt_tuned_key key;
    vlt_file_lock *lock; /* on the config: a second run that writes it is refused */
    vlt_file_lock *turn; /* of measuring on this machine */
    vlt_store *store;
    int64_t session;
    double begin_ms;
    double budget_s;
    double commit_s; /* the longest that the store took for a trial */
    double found_s;  /* when the problems were known: the shares divide what is left from there */
    vlt_temp_folder folder; /* scenes, configs under trial; the paths below are owned */
    char *scenes;           /* a picture of 640 x 480, for requests */
    char *unseen;           /* scenes that the search never sees */
    char *provisional;      /* the config under trial */
    char *workload;         /* owned; JSON lines of the user's requests; NULL: the scene */
    int workload_lines;     /* of the file of the options */
    int batch_lines;        /* of the next, the first ones */
    char *batch;            /* owned; likewise: what services are measured on; NULL: nothing yet */
    double request_ms;      /* of one request with the defaults; estimated where depth is not 0 */
    int depth;              /* of the model that was looked at; 0: the whole */
    vlt_tune_item *item;    /* owned, in order of falling weight once measured */
    int item_count;
    vlt_seeds *seeds; /* owned [seed_count]: those of the options, then the nearest packs */
    int seed_count;
    int outside; /* items whose default lies outside of the restriction */
    uint64_t launch_seed;
    char *children; /* owned; what composites shall find inside, see race.h; NULL: not yet known */
    int round;      /* of searching and deciding */
    vlt_roofline *roofline; /* owned; NULL: not measured */
    bool roofline_tried;
    char **edged; /* owned: settings that have passed the small problems */
    int edged_count;
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

/* tune_stages.c: problems, races, decisions, the check end to end, one after the other. */
vlt_status vlt_tuner_run_stages(vlt_tuner *tuner, vlt_error *err);

/* tune_check.c: INPUT for a --where that no operator's names fit, a workload line that is no
 * request; IO. Before anybody waits. Counts the lines of the workload. */
vlt_status vlt_tuner_check_inputs(vlt_tuner *tuner, vlt_error *err);

/* tune_seeds.c: reads what the options name, and the packs of the nearest machines. */
vlt_status vlt_tuner_read_seeds(vlt_tuner *tuner, vlt_error *err);
/* How many of what the options name fit no problem, and why. */
void vlt_tuner_note_seeds(vlt_tuner *tuner);
void vlt_tuner_release_seeds(vlt_tuner *tuner);

/* tune_scenes.c: the folder of the run, with the scenes. */
vlt_status vlt_tuner_draw_scenes(vlt_tuner *tuner, vlt_error *err);

/* tune_problems.c: which problems there are, the session in the store. */
vlt_status vlt_tuner_find_problems(vlt_tuner *tuner, double limit_s, vlt_error *err);
void vlt_tuner_keep_phases(vlt_tuner *tuner, const vlt_whole_request *request, int column);
enum { VLT_PHASE_BASELINE, VLT_PHASE_DEFAULT, VLT_PHASE_TUNED };

/* Time of the item in one default request, in ns; by its best setting so far when `tuned`. */
double vlt_item_weight(const vlt_tune_item *item, bool tuned);

/* Of the time of the leaves in one default request, in ns. */
double vlt_tuner_request_ns(const vlt_tuner *tuner);

/* tune_trial.c: one trial, into the store. Fills *shown; for an ok one, log_ratio and call_ns.
 * INTERRUPTED: somebody asked to stop, or the budget ended first; nothing was stored. */
typedef struct vlt_trial_shown {
    vlt_outcome outcome;
    double log_ratio;
    double call_ns[2];
    double low, high; /* 95 % interval of the ratio, from the pairs of this process; NAN */
    double wall_s;
    bool same; /* nothing differs between the sides */
} vlt_trial_shown;

/* A composite's default with default children inside, whatever those were tuned to. */
#define VLT_TRIAL_DEFAULTS "default of all inside"

typedef struct vlt_trial_options {
    const vlt_setting *against; /* NULL: the item's default */
    const char *against_name;   /* "default" (NULL), "baseline", VLT_TRIAL_DEFAULTS */
    const char *stage;
    bool verify, decide;
    bool count; /* counters of the challenger, behind the timing */
    bool fresh; /* a launch of its own: the worker is started anew now and then */
    int pairs, pairs_min;
    double limit_s;
} vlt_trial_options;

vlt_status vlt_tuner_try(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                         const vlt_trial_options *options, vlt_trial_shown *shown, vlt_error *err);

/* tune_counters.c: what a launch counted, for the store, and in words for the report. Returns how
 * many; texts are borrowed from the launch. */
int vlt_tuner_keep_counters(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                            const vlt_launch *launch,
                            vlt_store_counter counter[VLT_COUNTERS_STORED_MAX]);

/* Ends the item's worker; all workers, side by side, waited for or not. */
void vlt_item_end_race(vlt_tune_item *item);
void vlt_tuner_kill_races(vlt_tuner *tuner);
void vlt_tuner_end_races(vlt_tuner *tuner);

/* tune_search.c: what earlier runs have measured; then search until the share is used up, of the
 * leaves or of the composites. */
vlt_status vlt_tuner_recall(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err);
vlt_status vlt_tuner_search(vlt_tuner *tuner, vlt_tune_kind kind, double share, vlt_error *err);

/* tune_decide.c: fresh launches of the best settings until the share is used up, and decisions. */
vlt_status vlt_tuner_decide(vlt_tuner *tuner, vlt_tune_kind kind, double share, vlt_error *err);
vlt_status vlt_item_keep_confirm(vlt_tune_item *item, const vlt_confirm *confirm, vlt_error *err);
bool vlt_item_differs(const vlt_tune_item *item); /* from the default */
bool vlt_tuner_differs(const vlt_tuner *tuner);   /* any item does */

/* Where the default stays and more settings were tried since: the reason says so, here and in the
 * store. */
vlt_status vlt_tuner_renew_decisions(vlt_tuner *tuner, vlt_error *err);

/* Into the store; fills item->evidence. */
vlt_status vlt_tuner_note_decision(vlt_tuner *tuner, vlt_tune_item *item, vlt_error *err);

/* tune_services.c: settings of services on whole batches, and a decision about them, until the
 * share is used up. */
vlt_status vlt_tuner_serve(vlt_tuner *tuner, double share, vlt_error *err);

/* Seconds that the stage wants; 0: there is nothing for it. */
double vlt_tuner_serve_wants_s(const vlt_tuner *tuner);

/* One launch: a batch under `against` and under `setting`, the other choices inside both. */
vlt_status vlt_tuner_launch_batch(vlt_tuner *tuner, const vlt_setting *against,
                                  const vlt_setting *setting, double timeout_s, vlt_launch *launch,
                                  vlt_error *err);

/* tune_far.c: are the launches, in the order of their making, certainly beyond what layouts do?
 * Then the judgement says faster, with p and interval. */
bool vlt_far_faster(const double *log_ratio, int launches, double alpha, vlt_judgement *judgement);

/* tune_children.c: the leaves' choices as text, for composites. */
vlt_status vlt_tuner_note_children(vlt_tuner *tuner, vlt_error *err);

/* tune_baseline.c: the choices against the baseline, for the report. */
vlt_status vlt_tuner_measure_baseline(vlt_tuner *tuner, double share, vlt_error *err);

/* tune_config.c: the decisions as a config (item number `except` as its default; -1: none). */
vlt_status vlt_tuner_write_config(const vlt_tuner *tuner, const char *path, int except,
                                  vlt_error *err);

/* tune_value.c: what the decisions are worth, from their parts. */
vlt_report_comparison vlt_tuner_compose_default(const vlt_tuner *tuner);
vlt_report_comparison vlt_tuner_compose_baseline(const vlt_tuner *tuner);
vlt_report_comparison vlt_item_over_default(const vlt_tune_item *item);
vlt_report_comparison vlt_comparison_of(const vlt_judgement *judgement, vlt_tune_how how);
vlt_report_comparison vlt_comparison_unknown(void);
vlt_report_comparison vlt_comparison_one(vlt_tune_how how); /* 1, 1, 1 */

/* Launches that make an end-to-end interval. */
enum { VLT_WHOLE_LAUNCHES = 6 };

/* Seconds of one launch of a whole request by the defaults and one that takes other_s: both sides
 * are called twice, slow ones once. */
double vlt_tuner_launch_s(const vlt_tuner *tuner, double other_s);

/* A request takes so long that outputs are compared on the first blocks, and nobody is asked a
 * hundred. */
bool vlt_tuner_is_slow(const vlt_tuner *tuner);

/* tune_whole.c: the config as a whole against the defaults; undoes what does not help. */
vlt_status vlt_tuner_check_whole(vlt_tuner *tuner, double share, vlt_error *err);

/* All choices back to the defaults, here and in the report. */
vlt_status vlt_tuner_revert_whole(vlt_tuner *tuner, const char *why, vlt_error *err);

/* tune_loss.c: what rounding loses in all; takes back what is beyond the limit. */
vlt_status vlt_tuner_check_loss(vlt_tuner *tuner, double share, vlt_error *err);

/* tune_accuracy.c: answers to unseen scenes under three configs, and the peaks of memory; a config
 * that certainly loses answers or takes more memory is undone. */
vlt_status vlt_tuner_check_accuracy(vlt_tuner *tuner, double share, vlt_error *err);
bool vlt_tuner_answers_lost(const vlt_whole_answers *before, const vlt_whole_answers *after,
                            int64_t count);
bool vlt_tuner_peak_lost(double before_bytes, double after_bytes); /* NAN: unknown */

#endif
