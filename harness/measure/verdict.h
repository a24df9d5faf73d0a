/* verdict.h: from log-ratios of launches to faster, slower, same or inconclusive. */
#ifndef VLT_HARNESS_VERDICT_H
#define VLT_HARNESS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

enum { VLT_VERDICT_REASON_BYTES = 384 };

/* Speaks of the candidate B: its time over the time of A. */
typedef enum vlt_verdict {
    VLT_VERDICT_INCONCLUSIVE,
    VLT_VERDICT_FASTER,
    VLT_VERDICT_SLOWER,
    VLT_VERDICT_SAME
} vlt_verdict;

const char *vlt_verdict_name(vlt_verdict verdict);

typedef struct vlt_judge_options {
    double margin;   /* what counts as equal: 0.01 for a stage, 0.03 end to end */
    double alpha;    /* error of a faster or slower verdict */
    double coverage; /* of the interval, 0.95 */
    bool anytime;    /* looked at repeatedly: e-values; else one look: the sign test */
} vlt_judge_options;

/* margin 1 %, alpha 0.005, coverage 95 %, anytime. */
vlt_judge_options vlt_judge_defaults(void);

typedef struct vlt_judgement {
    vlt_verdict verdict;
    double ratio;    /* exp(median) */
    double low;      /* 0 where the data cannot bound it (fewer than 6 launches; 8 anytime) */
    double high;     /* INFINITY where they cannot */
    double p_slower; /* of "not slower than the margin"; anytime: 1 / largest e-value so far */
    double p_faster;
    char reason[VLT_VERDICT_REASON_BYTES]; /* one clause, in words */
} vlt_judgement;

/* log_ratio[m] in the order in which they were measured (it matters for e-values), m >= 0. */
void vlt_judge(const double *log_ratio, int m, const vlt_judge_options *options,
               vlt_judgement *judgement);

#endif
