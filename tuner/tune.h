/* tune.h: the whole of tuning in one call: problems, races, decisions, the check end to end.
 *
 * vlt_tune asks one request with the defaults which problems the model meets (where that takes too
 * long, a request to its first blocks), races settings of them against what would run anyway,
 * decides by paired measurements from fresh processes, writes the tuned config, and verifies it end
 * to end on inputs that the search has not seen. Everything measured is in the store before it is
 * used. The budget is a promise: the call ends within it, with the best config that is certain by
 * then.
 *
 * Numbers that were not measured are NAN, texts that are not known are "".
 */
#ifndef VLT_TUNER_TUNE_H
#define VLT_TUNER_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/config/tuned.h"
#include "harness/measure/verdict.h"
#include "harness/measure/whole.h"
#include "optimizations/core/status.h"
#include "tuner/space/restriction.h"

enum {
    VLT_TUNE_TEXT_BYTES = 256,
    VLT_TUNE_SHAPE_BYTES = VLT_BUCKET_BYTES,
    VLT_TUNE_COUNTED_BYTES = 400,
    VLT_TUNE_PHASE_MAX = 12,
    VLT_TUNE_ANSWER_MAX = 4
};

#define VLT_TUNE_BUDGET_S 60.0

/* Nats of KL divergence of the next token, on average, that rounding may cost: by Pinsker's
 * inequality at most 7 of 100 sampled tokens then differ; 8 bits lose a thousandth of it. */
#define VLT_TUNE_MAX_KL 0.01

/* How a comparison was made. */
typedef enum vlt_tune_how {
    VLT_TUNE_UNKNOWN,
    VLT_TUNE_MEASURED,
    VLT_TUNE_ROWS,    /* on fewer rows of the same problem */
    VLT_TUNE_LAYERS,  /* on the first blocks of the model */
    VLT_TUNE_COMPOSED /* a sum of measured parts */
} vlt_tune_how;

const char *vlt_tune_how_name(vlt_tune_how how); /* "measured" ...; NULL: unknown */

/* The time tuned over the time of another one; NAN where unknown. */
typedef struct vlt_tune_comparison {
    double ratio, low, high; /* 95 % interval */
    bool known;
    vlt_verdict verdict;
    vlt_tune_how how;
} vlt_tune_comparison;

/* One problem (operator and bucket) and what was decided for it. Times of one run, in ns. */
typedef struct vlt_tune_row {
    char op[VLT_TUNED_NAME_BYTES];
    char bucket[VLT_BUCKET_BYTES];
    char shape[VLT_TUNE_SHAPE_BYTES]; /* the problem that stood for the bucket, for people */
    double baseline_ns, default_ns, tuned_ns;
    vlt_tune_comparison over_default, over_baseline;
    char choice[VLT_TUNE_TEXT_BYTES]; /* "avx512 strip=64" */
    bool is_default;                  /* the choice is what would run anyway */
    char reason[VLT_TUNED_REASON_BYTES];
    char counted[VLT_TUNE_COUNTED_BYTES]; /* what the counters tell of the choice; "" */
    int64_t trials;                       /* made, failed ones included */
    int64_t failed;                       /* crashed, hung, out of memory or wrong */
    int64_t settings;                     /* distinct ones measured */
    double share;  /* of the default request's time; NAN: unknown, or it is its children's */
    bool reverted; /* chosen, then taken back by the check end to end, or for what it loses */
} vlt_tune_row;

/* One phase of the same request, in ms; NAN. */
typedef struct vlt_tune_phase {
    const char *name; /* static */
    double baseline_ms, default_ms, tuned_ms;
} vlt_tune_phase;

/* What the whole config loses: reports/cli/README.md#tune. */
typedef struct vlt_tune_loss {
    vlt_quality quality; /* of what was chosen; exact: nothing to measure */
    double max_kl;       /* permitted, nats on average */
    bool refused;        /* something was taken back: it stays so whatever else it costs */
    vlt_whole_divergence measured; /* steps 0: was not */
} vlt_tune_loss;

/* An unseen scene; the texts are owned by the result, whole, valid UTF-8. */
typedef struct vlt_tune_answer {
    char image[64];
    char *question;
    char *baseline;
    char *tuned;
    char *truth;
} vlt_tune_answer;

/* How the run ended. */
typedef enum vlt_tune_end {
    VLT_TUNE_COMPLETE,   /* nothing was left to try */
    VLT_TUNE_BUDGET,     /* the budget was reached */
    VLT_TUNE_INTERRUPTED /* `stop` said so; the config holds what was certain by then */
} vlt_tune_end;

const char *vlt_tune_end_name(vlt_tune_end end); /* "complete", "budget reached", "interrupted" */

typedef struct vlt_tune_result {
    char machine[VLT_TUNE_TEXT_BYTES]; /* one line each */
    char model[VLT_TUNE_TEXT_BYTES];
    vlt_tune_end end;
    double seconds;
    double budget_s;
    int64_t trials;        /* measured in this run */
    int64_t trials_reused; /* found in the store from an earlier run */
    int64_t seeds;         /* settings tried that seeds name */

    vlt_tune_row *row; /* owned; in order of falling share */
    int row_count;

    /* End to end: one request, picture and question in, tokens out, load left out. */
    vlt_tune_row end_to_end;               /* op "end to end"; shape "JPEG 640x480 -> 16 tokens" */
    bool correct;                          /* reports/cli/README.md#tune; false: unchecked */
    char correctness[VLT_TUNE_TEXT_BYTES]; /* "correct on unseen inputs", or what was not */
    vlt_tune_phase phase[VLT_TUNE_PHASE_MAX];
    int phase_count;
    vlt_tune_answer answer[VLT_TUNE_ANSWER_MAX];
    int answer_count;
    int64_t accuracy_total, accuracy_baseline, accuracy_default, accuracy_tuned; /* total 0: not
                                                                                    asked */
    vlt_tune_loss loss;
    double peak_baseline_bytes, peak_default_bytes, peak_tuned_bytes; /* resident, of one process
                                                                         each */
    int depth; /* not 0: problems and shares come from so many blocks of each tower */

    char (*note)[VLT_TUNE_TEXT_BYTES]; /* owned: reverted choices, what could not be measured */
    int note_count;
    char config_path[VLT_TUNED_PATH_BYTES]; /* "": not written */
    char db_path[VLT_TUNED_PATH_BYTES];
    int64_t session; /* of this run in the store, where its caller keeps the report; 0: none */
} vlt_tune_result;

void vlt_tune_result_release(vlt_tune_result *result); /* fine on {0} */

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

/* VLT_OK: the config is written and the result filled, also when the budget ended the search.
 * INTERRUPTED: stopped, and the config holds what was certain by then; result filled. UNMEASURED:
 * no problem could be measured. INPUT, IO ...: bad model, database or path. Whatever the status,
 * the caller releases the result. */
vlt_status vlt_tune(const vlt_tune_options *options, vlt_tune_result *result, vlt_error *err);

#endif
