/* measure.h: candidate against baseline: the calls that tuner and commands use.
 *
 * Quick: both subjects in this process; the pairs are the sample. Good for ranking many settings,
 * blind to the luck of this process's memory layout.
 * Believable: launches of fresh processes (launch.h); their medians are the sample. Whatever is
 * reported, gated or written into a config comes from there.
 */
#ifndef VLT_HARNESS_MEASURE_H
#define VLT_HARNESS_MEASURE_H

#include "harness/measure/pair.h"
#include "harness/measure/verdict.h"

typedef struct vlt_measure_options {
    uint64_t seed;           /* of coins and layouts */
    double budget_s;         /* time to spend; measuring ends earlier when the verdict is clear */
    int pairs_max;           /* in one process */
    vlt_judge_options judge; /* margin, error, coverage */
    bool (*stop)(void);      /* asked often: Ctrl-C; NULL: never */
} vlt_measure_options;

/* seed 1, 1 s, 2000 pairs, vlt_judge_defaults. */
vlt_measure_options vlt_measure_defaults(void);

typedef struct vlt_measure_result {
    vlt_judgement judgement; /* ratio = time of B over time of A, interval, verdict, reason */
    double call_ns[2];       /* median time of one call of A, B */
    int launches;
    int pairs;                 /* used ones, all launches */
    vlt_pair_run *run;         /* owned, one per launch: every raw pair, with what disturbed it */
    uint64_t *seed;            /* owned, of each launch */
    vlt_steadiness steadiness; /* NO when any launch was not steady */
} vlt_measure_result;

void vlt_measure_result_release(vlt_measure_result *result); /* fine on {0} */

/* Measures two subjects in this process. Looks at the verdict after every batch of pairs and stops
 * when it is clear or the budget is spent. */
vlt_status vlt_measure_subjects(const vlt_subject subject[2], bool whole_process,
                                const vlt_measure_options *options, vlt_measure_result *result,
                                vlt_error *err);

#endif
