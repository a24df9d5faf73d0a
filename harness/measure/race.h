/* race.h: many settings of one problem against each other, cheaply.
 *
 * A worker process (`vltune _race`) makes the inputs and weights of one problem once, and what the
 * outputs should be (oracle.h). Each trial is a child forked from it: it prepares two settings over
 * those inputs, verifies the second one, and measures pairs. A child that crashes, hangs, eats
 * memory, changes its input or writes where it must not costs one trial and nothing else; its
 * process group and whatever it left behind are killed. Memory is copied on write, so no trial sees
 * another one's. Layouts differ from trial to trial: heap and stack are shifted by a random amount.
 *
 * One thread uses a race at a time.
 */
#ifndef VLT_HARNESS_RACE_H
#define VLT_HARNESS_RACE_H

#include <stdio.h>

#include "harness/measure/launch.h"

typedef struct vlt_race vlt_race;

typedef struct vlt_race_options {
    const char *program;   /* NULL: /proc/self/exe; a program that knows the command _race */
    const char *problem;   /* "linear@m=1,n=6144,k=2048,weights=1" */
    uint64_t seed;         /* of layouts */
    uint64_t data_seed;    /* of inputs */
    int threads;           /* 0: one per usable core */
    vlt_quality quality;   /* what variants may lose */
    double oracle_s;       /* what the baseline may spend on it */
    double timeout_s;      /* of starting */
    uint64_t memory_bytes; /* resident, of each process; 0: no limit */
    bool (*stop)(void);    /* NULL: never */
} vlt_race_options;

/* What starting showed. */
typedef struct vlt_race_start {
    double setup_s;
    double baseline_ns;     /* of one run; NAN: not known */
    bool baseline_rows;     /* from some rows of it */
    double baseline_spread; /* of those rows: a factor up and down for 95 %; NAN: not known */
    uint64_t resident_bytes;
} vlt_race_start;

/* A side is a setting "OP/VARIANT[:KNOBS]" of the problem; children: "OP|BUCKET|VARIANT|KNOBS"
 * lines, what the operators inside are tuned to; "baseline": baseline children; NULL: defaults. */
typedef struct vlt_race_side {
    const char *setting;
    const char *children;
} vlt_race_side;

typedef struct vlt_race_trial {
    vlt_race_side side[2];
    uint64_t seed;
    int pairs, pairs_min;
    double limit_s;   /* of measuring */
    double timeout_s; /* of the whole trial */
    double worker_s;  /* who has heard nothing then ends the worker too; 0: timeout_s and a second,
                         which the worker has to end the trial and to say so */
    bool verify;      /* B here; false where it has passed */
    bool edges;       /* B at small problems */
    bool count;       /* B's counters, behind the timing */
    bool decide;      /* end as soon as the pairs say that B is slower or faster */
} vlt_race_trial;

vlt_status vlt_race_create(const vlt_race_options *options, vlt_race **out, vlt_race_start *start,
                           vlt_error *err);
void vlt_race_destroy(vlt_race *race); /* NULL is fine */

/* The worker ends, and nobody waits for it before vlt_race_destroy: many end side by side. */
void vlt_race_kill(vlt_race *race); /* NULL is fine */

/* The launch's note where the sides' children were to differ, and neither side has any of them. */
#define VLT_RACE_SAME "both sides are the same"

/* As vlt_launch_run. INTERNAL or STOPPED with vlt_race_broken: the worker itself has gone. */
vlt_status vlt_race_run(vlt_race *race, const vlt_race_trial *trial, vlt_launch *launch,
                        vlt_error *err);
bool vlt_race_broken(const vlt_race *race);

/* What the worker does. */
vlt_status vlt_race_serve(FILE *in, FILE *out, vlt_error *err);

#endif
