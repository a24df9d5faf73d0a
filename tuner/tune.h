/* tune.h: the whole of tuning in one call: problems, races, decisions, the check end to end.
 *
 * vlt_tune asks one request with the defaults which problems the model meets (where that takes too
 * long, a request to its first blocks), races settings of them against what would run anyway,
 * decides by paired measurements from fresh processes, writes the tuned config, and verifies it end
 * to end on inputs that the search has not seen. Everything measured is in the store before it is
 * used. The budget is a promise: the call ends within it, with the best config that is certain by
 * then.
 */
#ifndef VLT_TUNER_TUNE_H
#define VLT_TUNER_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/config/tuned.h"
#include "optimizations/core/status.h"
#include "tuner/report.h"
#include "tuner/space/restriction.h"

#define VLT_TUNE_BUDGET_S 60.0

/* Nats of KL divergence of the next token, on average, that rounding may cost: by Pinsker's
 * inequality at most 7 of 100 sampled tokens then differ; 8 bits lose a thousandth of it. */
#define VLT_TUNE_MAX_KL 0.01

/* Where a run stands; texts are valid during the call only. */
typedef struct vlt_tune_progress {
    const char *stage; /* "problems", "search", "confirm", "end to end", "accuracy" */
    const char *op;    /* the operator at hand, "" where there is none */
    double elapsed_s, budget_s;
    double left_s;       /* until the end, as far as can be told */
    int64_t trials;      /* done so far */
    double best_speedup; /* of `op` over the default, so far; NAN */
} vlt_tune_progress;

typedef struct vlt_tune_options {
    const char *directory;   /* of the model */
    const char *config_path; /* written; NULL: where `run` looks first */
    const char *db_path;     /* NULL: "vltune.db" */
    double budget_s;         /* everything included; 0: VLT_TUNE_BUDGET_S */
    int threads;             /* 0: one per usable core */
    uint64_t seed;           /* of inputs, coins and the search; 0: 1 */
    const char *workload;    /* JSON lines as `batch` takes them: the requests to tune for; NULL: */
    const char *image;       /* of the request; NULL: a drawn scene of 640 x 480 */
    const char *prompt;      /* NULL: the scene's question */
    int64_t max_tokens;      /* of the request; 0: 16 */
    int parallel;            /* requests of the workload at a time; 0: as batch has it */
    const char *only_op;     /* NULL: every operator that the model meets */
    int64_t scenes;          /* unseen scenes for the accuracy; 0: 100, negative: none */
    const char *strategy;    /* that proposes settings; NULL: "auto" */
    vlt_restriction *where;  /* what may be chosen besides the defaults; NULL: anything */
    const char *const *seed_from; /* [seed_from_count]: configs, databases, packs that are tried
                                     early, before those of this program */
    int seed_from_count;
    vlt_quality quality;        /* what the choices may lose */
    double max_kl;              /* and what all of them together may, in nats of the next token on
                                average; 0: VLT_TUNE_MAX_KL, negative: none */
    int64_t pack_cache;         /* as in vlt_engine_options */
    const char *measuring_lock; /* one run at a time that has this file: others wait, and the budget
                                   begins when it is theirs; NULL: nobody waits */
    void (*waiting)(void *user, long holder); /* said once; NULL */
    bool fresh;                               /* measure anew what the store already has */
    bool (*stop)(void);                       /* Ctrl-C; NULL: never */
    double (*now_ms)(void);                   /* the budget's clock; NULL: vlt_now_ms */
    void (*progress)(void *user, const vlt_tune_progress *progress); /* NULL: none */
    vlt_tuned_warning *warn;                                         /* NULL: none */
    void *user;                                                      /* of progress and warn */
} vlt_tune_options;

/* VLT_OK: the config is written and the report filled, also when the budget ended the search.
 * INTERRUPTED: stopped, and the config holds what was certain by then; report filled. UNMEASURED:
 * no problem could be measured. INPUT, IO ...: bad model, database or path. Whatever the status,
 * the caller releases the report. */
vlt_status vlt_tune(const vlt_tune_options *options, vlt_report *report, vlt_error *err);

#endif
