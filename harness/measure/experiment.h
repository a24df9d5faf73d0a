/* experiment.h: a comparison over fresh launches: the believable way to measure. */
#ifndef VLT_HARNESS_EXPERIMENT_H
#define VLT_HARNESS_EXPERIMENT_H

#include "harness/measure/launch.h"
#include "harness/measure/measure.h"

typedef struct vlt_experiment_options {
    vlt_launch_options launch; /* its seed starts the series; verify is done before the first one */
    vlt_judge_options judge;
    int launches_min; /* before the first look; 8 make an interval finite */
    int launches_max;
    double budget_s;    /* no new launch after this, once there are launches_min; 0: no limit */
    bool until_bounded; /* go on until the ratio is known, even when the verdict is clear */
    /* Called after every launch, NULL: not; raw samples are stored from here, so that what was
     * measured is not lost when a later launch fails. An error ends the experiment. */
    vlt_status (*on_launch)(void *user, int index, uint64_t seed, const vlt_launch *launch,
                            vlt_error *err);
    void *user;
} vlt_experiment_options;

/* 100 pairs, at most 180 ms and 8 to 40 launches; verifies; 20 s of budget. */
vlt_experiment_options vlt_experiment_defaults(void);

enum { VLT_EXPERIMENT_PLAN_MAX = 400 };

typedef struct vlt_experiment {
    vlt_measure_result result;
    double log_ratio_sigma;           /* scatter of launches (vlt_scatter); NAN below 3 */
    double cost[2][VLT_LAUNCH_COSTS]; /* of one call of A, B; NAN unknown */
    char unit[16];
    char note[VLT_LAUNCH_NOTE_BYTES];
    int failed_launches;   /* ended from outside, and repeated */
    double launch_s;       /* wall time of one launch, mean; NAN unknown */
    int launches_planned;  /* that would probably decide what is inconclusive, if as large a share
                             of them as of these lies beyond the margin; 0: decided or not known,
                             VLT_EXPERIMENT_PLAN_MAX + 1: more */
    int grouped[2];        /* launches in two groups with a bound of the margin between them: what
                             decides is how many will be in which, which nobody knows, and nothing
                             is planned; 0: not so */
    double group_ratio[2]; /* medians of the groups */
    int pairs_planned;     /* per launch that would have made best use of the time; 0 unknown */
} vlt_experiment;

/* Judges after every launch. WRONG: the outputs differ, nothing was timed. UNMEASURED: no launch
 * came back (the last one's reason). INTERRUPTED: the launches so far are in *experiment. */
vlt_status vlt_experiment_run(const vlt_side side[2], const vlt_experiment_options *options,
                              vlt_experiment *experiment, vlt_error *err);

/* Judges the launches of the result anew, as when they were read from a store. */
vlt_status vlt_experiment_judge(vlt_experiment *experiment, const vlt_judge_options *options,
                                vlt_error *err);

/* Fills launches_planned, grouped and pairs_planned of what has been judged so, and tells the first
 * two in the judgement's reason: once, at the end. */
void vlt_experiment_plan(vlt_experiment *experiment, const vlt_judge_options *options);

/* Share of the time in which tasks waited for CPUs, mean over the launches; NAN: not known. */
double vlt_experiment_pressure(const vlt_experiment *experiment);

void vlt_experiment_release(vlt_experiment *experiment);

#endif
