/* gate.h: baseline against candidate, with verdicts that CI may act on.
 *
 * Wrong output comes first: every stage is verified before any is timed. Then each stage is
 * measured over fresh launches until its e-value decides or the launches are spent. What looks
 * slower beyond its margin after Holm's correction over all stages is measured once more on
 * launches of its own, by the same rule over what is suspected; only what both find is a
 * regression. Everything uncertain is inconclusive and fails nothing.
 */
#ifndef VLT_TUNER_GATE_H
#define VLT_TUNER_GATE_H

#include "tuner/bench/recorder.h"
#include "tuner/bench/row.h"

typedef enum vlt_gate_verdict {
    VLT_GATE_PASS,
    VLT_GATE_INCONCLUSIVE,
    VLT_GATE_REGRESSION,
    VLT_GATE_WRONG
} vlt_gate_verdict;

const char *vlt_gate_verdict_name(vlt_gate_verdict verdict); /* "pass", "inconclusive" ... */

enum {
    VLT_GATE_NAME_BYTES = 256,
    VLT_GATE_REASON_BYTES = VLT_ERROR_BYTES,
    VLT_GATE_STAGES_MAX = 256
};

typedef struct vlt_gate_stage {
    char name[VLT_GATE_NAME_BYTES]; /* "linear demo_decode", "end to end" */
    char *what[2];                  /* owned */
    const char *library[2];         /* borrowed; NULL: this build */
    double margin;                  /* 0.01 for a stage, 0.03 end to end */
    double limit_s;                 /* of measuring in one process; 0: as the options say */
    double *stored; /* owned; NULL, or log-ratios against the operator's baseline of an
                       earlier run, which A stands for: what is measured now is compared
                       with them, not with A */
    int stored_count;
    vlt_row screen;         /* the first series of launches */
    vlt_row confirm;        /* the second one; not measured unless the first one asked for it */
    double instructions[2]; /* of one call of A, B; NAN: not counted */
    double seconds;         /* spent on it, both series */
    double p_holm;          /* of the screen, over all stages; NAN unknown */
    double p_confirm;       /* of the second series, over what was confirmed; NAN unknown */
    vlt_gate_verdict verdict;
    char reason[VLT_GATE_REASON_BYTES];
} vlt_gate_stage;

typedef struct vlt_gate_options {
    vlt_experiment_options experiment; /* judge.alpha is the family's: 0.005 */
    int confirm_launches;              /* of a second series at most: 30 */
    double pressure_max;               /* share of time waiting for CPUs beyond which it refuses */
    vlt_recorder *recorder;            /* keeps every launch as it comes; NULL: nothing is stored */
    void (*progress)(void *user, const char *stage, const char *phase); /* NULL: none */
    void *user;
} vlt_gate_options;

vlt_gate_options vlt_gate_defaults(void);

typedef struct vlt_gate {
    vlt_gate_stage *stage; /* owned */
    int stage_count;
    double idle_pressure;     /* before the first launch; NAN unknown */
    bool crowded;             /* it was too high: nothing was timed */
    vlt_gate_verdict verdict; /* the worst of all stages */
    char reason[VLT_GATE_REASON_BYTES];
} vlt_gate;

vlt_gate_stage *vlt_gate_add(vlt_gate *gate, const char *name, const vlt_side side[2],
                             double margin, vlt_error *err);
void vlt_gate_release(vlt_gate *gate);

/* A stage for every setting of a stored run that this build can measure: the setting now against
 * the setting then. STALE when the run is of another machine. */
vlt_status vlt_gate_add_stored(vlt_gate *gate, const char *db_path, const char *run,
                               const char *library, double margin, vlt_error *err);

/* Before anything is started: can both sides of every stage run here? As vlt_side_check. */
vlt_status vlt_gate_check(const vlt_gate *gate, vlt_quality quality, vlt_error *err);

/* Verifies, measures, confirms, judges. INTERRUPTED, IO: stopped in the middle; what was measured
 * is there and judged as far as it goes. A regression or a wrong output is no error here. */
vlt_status vlt_gate_run(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err);

/* Judges by instruction counts instead of time (instructions.h): deterministic, so one count each
 * and the margin alone decide. Verifies first. What cannot be counted is inconclusive. */
vlt_status vlt_gate_count(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err);

/* Every stage's outputs, before anything is timed. What cannot run at all is noted in its screen,
 * WRONG in its verdict. */
vlt_status vlt_gate_verify(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err);

/* The measuring part of it: no verifying, no look at the machine before. Stages whose screen.status
 * is not OK are left out. */
vlt_status vlt_gate_measure(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err);

/* The judging alone, of whatever has been measured: which stages need a second series (true when
 * some do), and the verdicts. */
bool vlt_gate_screen(vlt_gate *gate, const vlt_gate_options *options, bool *needs_confirming);
void vlt_gate_judge(vlt_gate *gate, const vlt_gate_options *options);

/* Share of the time in which tasks waited for CPUs while the stages were measured, mean over them;
 * NAN: not known. */
double vlt_gate_pressure(const vlt_gate *gate);

/* OK, REGRESSION, WRONG, UNMEASURED, or INCONCLUSIVE when strict; with a message. */
vlt_status vlt_gate_status(const vlt_gate *gate, bool strict, vlt_error *err);

#endif
