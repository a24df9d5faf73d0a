/* report.h: what a tuning run found, as plain data; the terminal, the page and JSON are three views
 * of it.
 *
 * Nothing here is measured: the tuner fills a report when it ends and keeps it in the store as JSON
 * beside the samples, so `vltune report` shows the same numbers later. What is unknown is NAN (a
 * number) or NULL (a text), never 0 and never "".
 */
#ifndef VLT_REPORTS_REPORT_H
#define VLT_REPORTS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/cli/format.h"
#include "harness/json/json.h"
#include "optimizations/core/status.h"

/* The time tuned over the time of another one; unknown where ratio is not above 0. */
typedef struct vlt_report_comparison {
    double ratio, low, high; /* 95 % interval; NAN */
    const char *verdict;     /* NULL: unknown */
    const char *how;         /* measured, rows, layers, composed; NULL */
} vlt_report_comparison;

/* One tuned operator at one shape, or the end-to-end path. Times are of one run, in ns. */
typedef struct vlt_report_row {
    const char *op;
    const char *shape; /* for people: "640x427 -> 640x416" */
    double baseline_ns;
    double tuned_ns;
    double ratio;                 /* time tuned / time baseline; NAN where nothing was measured */
    double ratio_low, ratio_high; /* 95 % interval */
    const char *verdict;          /* faster, same, slower, inconclusive; NULL: not measured */
    const char *how;              /* that ratio was found; NULL: not measured */
    const char *choice;           /* "avx512 strip=64" or "baseline" */
    const char *reason;           /* one line: why this choice */
    int64_t trials;               /* trials made */
    double share;                 /* of the default request's time, 0..1; NAN: unknown, or it is
                                     that of other rows */
    double default_ns;            /* of what runs without any config; NAN or 0 */
    bool is_default;              /* the choice is that */
    int64_t settings;             /* distinct ones measured; 0: not known */
    vlt_report_comparison over_default;
    const char *counted; /* what the counters tell of the choice; NULL: not counted */
} vlt_report_row;

/* One phase of the same request, baseline and tuned, in ms. */
typedef struct vlt_report_phase {
    const char *name;
    double baseline_ms;
    double tuned_ms;
    double default_ms; /* NAN or 0: not measured */
} vlt_report_phase;

/* A name and a value, for the machine, the settings and the trust box. */
typedef struct vlt_report_fact {
    const char *name;
    const char *value;
} vlt_report_fact;

typedef struct vlt_report_answer {
    const char *image;
    const char *question;
    const char *baseline;
    const char *tuned;
    const char *truth; /* NULL where nobody knows */
} vlt_report_answer;

/* How far next tokens are from those of what loses nothing; quality NULL: nothing was rounded. */
typedef struct vlt_report_loss {
    const char *quality;
    int64_t scenes, steps, agreed;  /* steps 0: not measured */
    double kl_mean, kl_max, max_kl; /* nats; max_kl: permitted on average */
} vlt_report_loss;

typedef struct vlt_report {
    const char *machine; /* one line each */
    const char *model;
    const char *status; /* complete, budget reached, interrupted */
    double seconds;
    double budget_seconds;
    int64_t trials;
    int64_t seeds; /* settings among them that did well elsewhere */

    vlt_report_row *row;
    int row_count;
    vlt_report_row end_to_end; /* op "end to end" */
    const char *correctness;   /* "correct on unseen inputs", or what was wrong */
    vlt_report_phase *phase;
    int phase_count;
    vlt_report_answer *answer;
    int answer_count;
    int64_t accuracy_total, accuracy_baseline, accuracy_tuned; /* total 0: not asked */
    int64_t accuracy_default;
    vlt_report_loss loss;
    double peak_baseline_bytes, peak_tuned_bytes, peak_default_bytes; /* NAN or 0: unknown */
    int depth;             /* not 0: problems and shares come from so many blocks of each tower */
    vlt_report_fact *fact; /* machine and settings */
    int fact_count;
    vlt_report_fact *trust; /* what tells whether to believe the numbers */
    int trust_count;
    const char **note; /* reverted choices, warnings, what could not be measured */
    int note_count;

    const char *config_path, *db_path, *page_path; /* NULL: not written */

    json_t *document; /* owns every text above when the report was read from JSON */
} vlt_report;

/* The report as one JSON document (new reference), and back. Reading refuses with INPUT what is not
 * a report; the result is released with vlt_report_release. */
json_t *vlt_report_to_json(const vlt_report *report);
vlt_status vlt_report_from_json(const json_t *document, vlt_report *out, vlt_error *err);
void vlt_report_release(vlt_report *report); /* only for a report that was read from JSON */

/* "15.8x" for the ratio 0.0633, "same" and "unsure" where the verdict says so, "-" for NAN. */
void vlt_format_speedup(const vlt_report_row *row, char *text, size_t text_bytes);
/* "[15.6, 16.0]" as speed-ups, "" for NAN. */
void vlt_format_interval(const vlt_report_row *row, char *text, size_t text_bytes);

/* "1.21x +-0.02", "1.21x", "default" where the choice is that, "unsure", "-". */
void vlt_format_over_default(const vlt_report_row *row, char *text, size_t text_bytes);

#endif
