/* report.h: what a tuning run found, as plain data: the tuner fills it, terminal, page and JSON
 * (reports/) are three views of it, and reading the JSON fills it again.
 *
 * Numbers that were not measured are NAN, texts that are not known are "" or NULL.
 */
#ifndef VLT_TUNER_REPORT_H
#define VLT_TUNER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/config/tuned.h"
#include "harness/json/json.h"
#include "harness/measure/verdict.h"
#include "harness/measure/whole.h"

enum {
    VLT_TUNE_TEXT_BYTES = 256,
    VLT_TUNE_SHAPE_BYTES = VLT_BUCKET_BYTES,
    VLT_TUNE_COUNTED_BYTES = 400,
    VLT_TUNE_PHASE_MAX = 12,
    VLT_TUNE_ANSWER_MAX = 4
};

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
typedef struct vlt_report_comparison {
    double ratio, low, high; /* 95 % interval */
    bool known;
    vlt_verdict verdict;
    vlt_tune_how how;
} vlt_report_comparison;

/* One problem (operator and bucket) and what was decided for it. Times of one run, in ns. */
typedef struct vlt_report_row {
    char op[VLT_TUNED_NAME_BYTES];
    char bucket[VLT_BUCKET_BYTES];
    char shape[VLT_TUNE_SHAPE_BYTES]; /* the problem that stood for the bucket, for people */
    double baseline_ns, default_ns, tuned_ns;
    vlt_report_comparison over_default, over_baseline;
    char choice[VLT_TUNE_TEXT_BYTES]; /* "avx512 strip=64" */
    bool is_default;                  /* the choice is what would run anyway */
    char reason[VLT_TUNED_REASON_BYTES];
    char counted[VLT_TUNE_COUNTED_BYTES]; /* what the counters tell of the choice; "" */
    int64_t trials;                       /* made, failed ones included */
    int64_t failed;                       /* crashed, hung, out of memory or wrong */
    int64_t settings;                     /* distinct ones measured */
    double share;  /* of the default request's time; NAN: unknown, or it is its children's */
    bool reverted; /* chosen, then taken back by the check end to end, or for what it loses */
} vlt_report_row;

/* One phase of the same request, in ms; NAN. */
typedef struct vlt_report_phase {
    char name[24];
    double baseline_ms, default_ms, tuned_ms;
} vlt_report_phase;

/* What the whole config loses: reports/cli/README.md#tune. */
typedef struct vlt_report_loss {
    vlt_quality quality; /* of what was chosen; exact: nothing to measure */
    double max_kl;       /* permitted, nats on average */
    bool refused;        /* something was taken back: it stays so whatever else it costs */
    vlt_whole_divergence measured; /* steps 0: was not */
} vlt_report_loss;

/* An unseen scene; the texts are owned by the result, whole, valid UTF-8. */
typedef struct vlt_report_answer {
    char image[64];
    char *question;
    char *baseline;
    char *tuned;
    char *truth;
} vlt_report_answer;

/* How the run ended. */
typedef enum vlt_tune_end {
    VLT_TUNE_COMPLETE,   /* nothing was left to try */
    VLT_TUNE_BUDGET,     /* the budget was reached */
    VLT_TUNE_INTERRUPTED /* `stop` said so; the config holds what was certain by then */
} vlt_tune_end;

const char *vlt_tune_end_name(vlt_tune_end end); /* "complete", "budget reached", "interrupted" */

typedef struct vlt_report {
    char machine[VLT_TUNE_TEXT_BYTES]; /* one line each */
    char model[VLT_TUNE_TEXT_BYTES];
    vlt_tune_end end;
    double seconds;
    double budget_s;
    int64_t trials;        /* measured in this run */
    int64_t trials_reused; /* found in the store from an earlier run */
    int64_t seeds;         /* settings tried that seeds name */

    vlt_report_row *row; /* owned; in order of falling share */
    int row_count;

    /* End to end: one request, picture and question in, tokens out, load left out. */
    vlt_report_row end_to_end;             /* op "end to end"; shape "JPEG 640x480 -> 16 tokens" */
    bool correct;                          /* reports/cli/README.md#tune; false: unchecked */
    char correctness[VLT_TUNE_TEXT_BYTES]; /* "correct on unseen inputs", or what was not */
    vlt_report_phase phase[VLT_TUNE_PHASE_MAX];
    int phase_count;
    vlt_report_answer answer[VLT_TUNE_ANSWER_MAX];
    int answer_count;
    int64_t accuracy_total, accuracy_baseline, accuracy_default, accuracy_tuned; /* total 0: not
                                                                                    asked */
    vlt_report_loss loss;
    double peak_baseline_bytes, peak_default_bytes, peak_tuned_bytes; /* resident, of one process
                                                                         each */
    int depth; /* not 0: problems and shares come from so many blocks of each tower */

    char (*note)[VLT_TUNE_TEXT_BYTES]; /* owned: reverted choices, what could not be measured */
    int note_count;
    char config_path[VLT_TUNED_PATH_BYTES]; /* "": not written */
    char db_path[VLT_TUNED_PATH_BYTES];
    char page_path[VLT_TUNED_PATH_BYTES];
    json_t *trust;   /* owned: names and texts, what tells whether to believe the numbers; NULL */
    int64_t session; /* of this run in the store, where its caller keeps the report; 0: none */
} vlt_report;

void vlt_report_release(vlt_report *result); /* fine on {0} */

#endif
