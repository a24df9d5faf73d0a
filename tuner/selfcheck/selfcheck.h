/* selfcheck.h: measuring the measuring, on the machine at hand.
 *
 * Whole gates of three kernels (arithmetic, a stream, scattered access) are run exactly as `vltune
 * gate` runs them, on two copies of libvltune.so: with equal work for false alarms, with 2, 3 and
 * 5 % really more rows, bytes or look-ups for power; on the machine as it is, and beside a busy
 * neighbour. The rules of other tools are replayed on the same samples.
 *
 * Every series of launches is one line of a table (TSV) with its seed and all its log-ratios, so
 * that every figure can be computed anew. The table is only appended to; a run with the table of
 * an earlier one goes on where that one stopped.
 */
#ifndef VLT_TUNER_SELFCHECK_H
#define VLT_TUNER_SELFCHECK_H

#include "harness/json/json.h"
#include "harness/measure/probe.h"
#include "tuner/gate/gate.h"
#include "tuner/selfcheck/rivals.h"

enum { VLT_SELFCHECK_WORKS = 4, VLT_SELFCHECK_LAUNCHES = 64 };

/* 1000 (equal), 1020, 1030, 1050 */
extern const int vlt_selfcheck_work[VLT_SELFCHECK_WORKS];

/* One kernel of one gate. */
typedef struct vlt_selfcheck_line {
    int busy; /* beside a neighbour */
    int gate; /* number of the gate within (busy, work), from 0 */
    int kernel;
    int work; /* index into vlt_selfcheck_work */
    uint64_t seed;
    vlt_gate_verdict verdict;
    double seconds; /* to the verdict, confirmation included */
    int confirmed;  /* launches of the second series */
    vlt_rivals rivals;
    int launches; /* of the first series, at most VLT_SELFCHECK_LAUNCHES kept */
    int32_t ppm[VLT_SELFCHECK_LAUNCHES]; /* ln(B/A) of each, in millionths */
} vlt_selfcheck_line;

/* What measuring itself costs. */
typedef struct vlt_selfcheck_costs {
    bool known; /* measured in this run; a table does not hold it */
    vlt_clock_info clock;
    double book_ns;  /* book-keeping of a pair */
    double empty_ns; /* what an empty kernel reads */
} vlt_selfcheck_costs;

typedef struct vlt_selfcheck {
    vlt_selfcheck_line *line; /* owned */
    int count;
    int capacity;
    vlt_selfcheck_costs costs[2]; /* as it is, beside a neighbour */
    char note[VLT_GATE_REASON_BYTES];
} vlt_selfcheck;

typedef struct vlt_selfcheck_options {
    vlt_gate_options gate;
    const char *table; /* read when it is there, appended to; NULL: kept in memory */
    double budget_s;   /* no new gate after this; 0: until the counts below are reached */
    int gates;         /* false-alarm gates wanted in all, quiet and busy together */
    int trials;        /* gates wanted for each amount of injected work, together */
    bool busy;         /* half of them beside a neighbour */
    bool (*stop)(void);
    void (*progress)(void *user, const vlt_selfcheck *check, double share);
    void *user;
} vlt_selfcheck_options;

/* Runs until the counts or the budget are reached. INTERRUPTED when stopped (the table holds every
 * finished gate); INPUT for a table that is none; IO when it cannot be appended to: what was
 * measured stays in *check. */
vlt_status vlt_selfcheck_run(const vlt_selfcheck_options *options, vlt_selfcheck *check,
                             vlt_error *err);
void vlt_selfcheck_release(vlt_selfcheck *check);

/* The table. */
vlt_status vlt_selfcheck_read(const char *path, vlt_selfcheck *check, vlt_error *err);
vlt_status vlt_selfcheck_parse(const char *text, const char *name, vlt_selfcheck *check,
                               vlt_error *err);
void vlt_selfcheck_format_line(const vlt_selfcheck_line *line, char *text, size_t text_bytes);
const char *vlt_selfcheck_header(void); /* the line of column names */
vlt_status vlt_selfcheck_add(vlt_selfcheck *check, const vlt_selfcheck_line *line, vlt_error *err);

/* Figures over the lines that match; -1 stands for any. */
typedef struct vlt_selfcheck_figures {
    int gates, failed_gates; /* whole gates in which some kernel was judged slower */
    double failed_upper;     /* 95 % one-sided bound of their share; NAN without gates */
    int series, slower;      /* kernels of gates, and those judged slower */
    double slower_lower, slower_upper;
    double seconds_median; /* to the verdict; NAN */
    double launch_sigma;   /* robust scatter of launches around their series; NAN */
    vlt_rivals rivals;
} vlt_selfcheck_figures;

void vlt_selfcheck_figure(const vlt_selfcheck *check, int busy, int kernel, int work,
                          vlt_selfcheck_figures *figures);

/* New reference. */
json_t *vlt_selfcheck_to_json(const vlt_selfcheck *check);

#endif
