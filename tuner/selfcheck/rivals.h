/* rivals.h: the decision rules of other tools, for replaying them on our samples.
 *
 * Written anew from the tools' documentation and sources (google/benchmark tools/gbench/report.py,
 * criterion.rs analysis/compare.rs); each says whether it would report a slowdown. They are given
 * what such tools measure: a block of A, then a block of B.
 */
#ifndef VLT_TUNER_RIVALS_H
#define VLT_TUNER_RIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/measure/pair.h"

/* Two-sided p of the Mann-Whitney U test by the normal approximation with corrections for ties and
 * continuity, as SciPy computes it by default for samples with ties or above 8. */
double vlt_mann_whitney_p(const double *a, int n_a, const double *b, int n_b);

/* Google Benchmark's compare.py: 9 repetitions of each, p < 0.05, and B's median is larger. */
bool vlt_rival_google_benchmark(const double *a, const double *b, int count);

/* Criterion.rs: bootstrapped t of the difference of means, p < 0.05, and the 95 % interval of the
 * relative change lies above the noise threshold of 1 %. */
bool vlt_rival_criterion(const double *a, const double *b, int count, uint64_t seed);

/* A fixed threshold of 5 % on the means, as many actions for CI have it. */
bool vlt_rival_threshold(const double *a, const double *b, int count);

typedef struct vlt_rivals {
    int replays;                                /* processes that gave enough epochs */
    int google_benchmark, criterion, threshold; /* slowdowns reported */
} vlt_rivals;

/* Replays all three on one process: A's epochs of the first half of its pairs against B's of the
 * second half. Adds to *rivals; fewer than 36 pairs give no replay. */
void vlt_rivals_replay(const vlt_pair_run *run, uint64_t seed, vlt_rivals *rivals);

#endif
