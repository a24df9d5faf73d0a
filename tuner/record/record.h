/* record.h: spaces measured setting by setting, as a dataset: what `tune --record` does.
 *
 * A problem that the model meets, or one that is named, makes a space; every setting of it is
 * measured in a child process (verified first, as in tuning), 32 raw times each, in random order,
 * so that what drifts on the machine falls on all of them. DIR/PROBLEM/MACHINE_T4.json.gz holds the
 * results, T1.json beside it the parameters. What was recorded is kept at every stop, and not
 * measured again.
 */
#ifndef VLT_TUNER_RECORD_H
#define VLT_TUNER_RECORD_H

#include "optimizations/core/quality.h"
#include "tuner/space/restriction.h"

enum { VLT_RECORD_RUNS = 32, VLT_RECORD_NAME_BYTES = 256 };

/* Where a recording stands; texts are valid during the call only. */
typedef struct vlt_record_progress {
    const char *space;
    int64_t settings, done; /* of the space */
    int space_index, space_count;
} vlt_record_progress;

typedef struct vlt_record_options {
    const char *directory;  /* made where it is missing */
    const char *model;      /* checkpoint; NULL beside `problem` */
    const char *problem;    /* OP@DIM=N,... instead of a model's; NULL: none */
    const char *only_op;    /* NULL: every operator that a request meets */
    const char *program;    /* that trials start; NULL: /proc/self/exe */
    vlt_restriction *where; /* NULL: every setting */
    int64_t settings_min;   /* smaller spaces are passed over */
    vlt_quality quality;    /* what variants may lose */
    int threads;            /* 0: one per usable core */
    uint64_t seed;          /* of order and inputs; 0: 1 */
    bool (*stop)(void);     /* NULL: never */
    void (*progress)(void *user, const vlt_record_progress *progress); /* NULL: none */
    void *user;
} vlt_record_options;

typedef struct vlt_record_row {
    char space[VLT_RECORD_NAME_BYTES]; /* "linear_m256_n1024_k256/amd-epyc-7b13-2t" */
    int64_t settings;
    int64_t known;    /* recorded before */
    int64_t measured; /* now, failed ones included */
    int64_t failed;   /* of all */
} vlt_record_row;

typedef struct vlt_record_result {
    vlt_record_row *row; /* owned, a space each */
    int count;
    char machine[VLT_RECORD_NAME_BYTES];
} vlt_record_result;

/* INTERRUPTED: stopped; what was measured is in the files. UNMEASURED: no problem has enough
 * settings. INPUT: a file that is there is none of ours, or of another machine. USAGE: the model
 * never meets the operator. The caller releases the result whatever the status. */
vlt_status vlt_record_run(const vlt_record_options *options, vlt_record_result *out,
                          vlt_error *err);
void vlt_record_result_release(vlt_record_result *result); /* fine on {0} */

#endif
