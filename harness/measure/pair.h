/* pair.h: two prepared subjects, measured in pairs inside one process.
 *
 * A pair is one epoch of A and one of B, in the order of a coin flip, each after a priming call
 * that is not timed and restores what the other one left in the caches (long epochs go without).
 * What disturbs the machine for longer than a pair hits both epochs and cancels in ln(B/A); the
 * coin takes away what depends on the order. The statistic of a process is by how much the
 * logarithms of B's times lie above A's (vlt_shift: all epochs of one side with all of the other;
 * exchanging the sides changes its sign alone). Pairing cannot undo the luck of one process's
 * memory layout, which is why launch.h repeats it in fresh ones. Where the sides lie apart they
 * exchange their places halfway, and the statistic is the mean of both halves': what one place
 * costs more than the other is in both, with opposite signs.
 *
 * Pairs are dropped on the system's own word alone (an involuntary context switch), never by
 * their duration; and not even then when that would cost more than half of them.
 *
 * Where several threads work and others want their CPUs, a call lasts as the scheduler likes: as
 * long as with one CPU, as with all, or some slices of a neighbour. Its CPU time is that of its
 * work all the same. A run in which the system says that threads waited for a CPU, and whose sides
 * are the same code, therefore has a second statistic, of CPU time, all epochs of one side with all
 * of the other: which of them shared their CPUs is the same luck for both.
 */
#ifndef VLT_HARNESS_PAIR_H
#define VLT_HARNESS_PAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/measure/epoch.h"
#include "harness/measure/steady.h"
#include "harness/measure/verdict.h"

/* Epochs longer than this need no warm-up windows and no priming call: what the other side left in
 * the caches is refilled in a small part of them, for both sides alike, and twice the pairs tell
 * more. */
enum { VLT_PAIR_LONG_NS = 2 * 1000 * 1000 };

/* A flag says why a pair may not count. */
enum {
    VLT_PAIR_PREEMPTED = 1, /* the system reported an involuntary switch */
    VLT_PAIR_CLOCK = 2,     /* the clock went back or stood still */
    VLT_PAIR_CROWDED = 4,   /* measured while threads waited for a CPU; cpu_ns is of all threads */
    VLT_PAIR_EXCHANGED = 8  /* measured after the sides had exchanged their places; it counts */
};

/* Makes the sides exchange their places in memory; subject[2] is what to run from then on. */
typedef vlt_status vlt_pair_exchange(void *user, vlt_subject subject[2], vlt_error *err);

/* Index 0 is A, 1 is B. */
typedef struct vlt_pair {
    uint64_t wall_ns[2];
    uint64_t cpu_ns[2];   /* of the epoch, by all threads of the process; where that is not known,
                             or there is one, of the measuring thread: its share of the side's
                             stretch, which begins where the other one's ended, times wall_ns */
    uint32_t switches[2]; /* involuntary context switches in that stretch */
    uint32_t faults[2];   /* page faults, likewise */
    float pressure;       /* share of time in which some task waited for a CPU; NAN: not known */
    uint8_t b_first;      /* order */
    uint8_t flags;        /* VLT_PAIR_* */
} vlt_pair;

typedef struct vlt_pair_options {
    uint64_t seed;      /* of the coin */
    int pairs;          /* wanted, >= 1 */
    int pairs_min;      /* measured even when that takes longer than limit_s; >= 1 */
    double limit_s;     /* of everything, warm-up included; 0: no limit */
    bool whole_process; /* the subjects use more threads: count switches of all of them */
    bool same_code;     /* of one variant: CPU time may stand for wall time, a call warms up both */
    /* Called once, when half of the time or pairs have gone, unless so few fit that they tell more
     * without; NULL: the sides stay where they are. */
    vlt_pair_exchange *exchange;
    void *exchange_user;
    bool (*stop)(void);             /* asked between pairs, NULL: never */
    const vlt_judge_options *judge; /* end as soon as the pairs give a verdict; NULL: do not */
} vlt_pair_options;

/* One process's worth of measuring. */
typedef struct vlt_pair_run {
    vlt_pair *pair; /* owned, pair_count of them; vlt_pair_run_release */
    int pair_count;
    int used;              /* pairs behind log_ratio */
    int preempted;         /* flagged so */
    bool keeps_preempted;  /* they are most of all, so they count */
    bool crowded;          /* threads waited for CPUs, and CPU time could stand for wall time */
    bool by_cpu;           /* log_ratio is of CPU time; experiment.h decides it */
    int64_t iterations;    /* per epoch */
    double log_ratio;      /* one of the next two: the statistic of this process; NAN: no pairs */
    double wall_log_ratio; /* vlt_shift of the logarithms of the used pairs' times; the mean of both
                              halves' where the sides exchanged their places */
    double cpu_log_ratio;  /* crowded: vlt_shift of the logarithms of CPU times */
    double log_busy_ratio; /* crowded: of how many CPUs B kept busy, and A */
    double scatter;        /* standard deviation of ln(B/A), robust: 1.4826 MAD */
    double call_ns[2];     /* median time of one call, clock overhead taken off */
    double floor_ns[2];    /* shortest time of one call: a floor, never what is compared */
    double pressure;       /* mean over the run; NAN where the system does not say */
    double steal;          /* share of time taken by the hypervisor; NAN likewise */
    double frequency_hz;   /* of the CPU at the end; NAN likewise */
    double overhead_ns;    /* of the clock in one epoch */
    double book_ns;        /* median book-keeping between the epochs of a pair */
    vlt_steadiness steadiness;
} vlt_pair_run;

/* Warms up, calibrates, measures. The clock may be NULL: the system's. On failure *run holds
 * nothing. STOPPED when `stop` said so before pairs_min; UNMEASURED when no pair is usable. */
vlt_status vlt_pair_measure(const vlt_clock *clock, const vlt_subject subject[2],
                            const vlt_pair_options *options, vlt_pair_run *run, vlt_error *err);

/* Fills the figures from run->pair (flags set) and run->iterations; part of vlt_pair_measure, and
 * what turns stored pairs back into figures. */
vlt_status vlt_pair_summarise(vlt_pair_run *run, vlt_error *err);

/* ln(B/A) of the used pairs in their order into log_ratio[pair_count]; returns how many. */
int vlt_pair_log_ratios(const vlt_pair_run *run, double *log_ratio);

/* Is pair i behind the figures? */
bool vlt_pair_used(const vlt_pair_run *run, int i);

void vlt_pair_run_release(vlt_pair_run *run);

#endif
