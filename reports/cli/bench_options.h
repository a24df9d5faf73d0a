/* bench_options.h: the options that bench, compare and gate share, and the tables they print. */
#ifndef VLT_REPORTS_BENCH_OPTIONS_H
#define VLT_REPORTS_BENCH_OPTIONS_H

#include <stdio.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/pack_cache_cli.h"
#include "tuner/bench/contender.h"
#include "tuner/bench/recorder.h"
#include "tuner/bench/row.h"

#define VLT_BENCH_OPTIONS                                                                         \
    {"seed", "N", "seed of layouts, orders and coins (default 1)", 0, VLT_INT(0, INT64_MAX)},     \
        {"launches", "N",                                                                         \
         "at most this many fresh processes a comparison (default 40; compare 100)", 0,           \
         VLT_INT(1, 10000)},                                                                      \
        {"pairs", "N", "pairs of epochs in each process (default 100)", 0, VLT_INT(1, 100000)},   \
        {"budget", "TIME", "time for each comparison (default 20s)", 0, VLT_TIME},                \
        {"cache", "REGIME", "hot (default), cold or weights-cold", 0,                             \
         VLT_CHOICE("hot", "cold", "weights-cold")},                                              \
        {"page", "FILE", "also write an HTML page with a forest plot", 0, VLT_OUTPUT},            \
    {                                                                                             \
        "trust", "FILE", "put what `bench --self-check --json` printed on the page", 0, VLT_FILE, \
            .needs = "page"                                                                       \
    }

#define VLT_BENCH_MARGIN_OPTION                                                      \
    {                                                                                \
        "margin", "PERCENT", "what counts as equal (default 1)", 0, VLT_REAL(0, 100) \
    }

/* What the end-to-end comparison asks of a model. */
#define VLT_BENCH_MODEL_OPTIONS                                                               \
    {"model", "DIR", "compare whole requests to this checkpoint, end to end", 0, VLT_FOLDER}, \
        {"image",                                                                             \
         "FILE",                                                                              \
         "picture of the request (default: a drawn one, 640x480)",                            \
         0,                                                                                   \
         VLT_OWN_FILE(vlt_engine_cli_check_image),                                            \
         .needs = "model"},                                                                   \
        {"prompt", "TEXT", "question of the request", 0, VLT_WORDS, .needs = "model"},        \
        VLT_PACK_CACHE_CLI_OPTION(.needs = "model"),                                          \
    {                                                                                         \
        "max-tokens", "N", "tokens it answers with (default 16)", 0, VLT_INT(1, 4096),        \
            .needs = "model"                                                                  \
    }

/* For VLT_OWN of --what: OP[/VARIANT][@...] of this build's catalogue. */
vlt_status vlt_bench_check_what(const vlt_cli *cli, const char *text, vlt_error *err);

/* What a contender is in an end-to-end comparison: a tuned config, "baseline", or a build with
 * default variants, as the text of a side; library may become the contender's path. *what owns the
 * side's text and is freed by the caller in every case. USAGE when it
 * cannot run a model. */
vlt_status vlt_bench_model_side(const vlt_cli *cli, const vlt_contender *contender, char **what,
                                vlt_side *side, vlt_error *err);

/* Requests take long: fewer pairs, more time, a margin of 3 % unless one is given. */
void vlt_bench_model_settings(const vlt_cli *cli, vlt_experiment_options *options);

/* Reads them. Measures the cache where a cold regime asks for it. */
vlt_status vlt_bench_options_read(const vlt_cli *cli, vlt_experiment_options *options,
                                  vlt_error *err);

/* The margin of bench and compare; a gate has one for each stage. */
void vlt_bench_margin_read(const vlt_cli *cli, vlt_experiment_options *options);

/* Shows "WHAT: launch 7, 1.031" on a terminal; for on_launch, user is a vlt_bench_progress. */
typedef struct vlt_bench_progress {
    const vlt_cli *cli;
    const char *what;
    int done, total;        /* comparisons; total 0: not known */
    vlt_recorder *recorder; /* NULL: nothing is stored */
} vlt_bench_progress;

/* Opens the database of --db for recording where one is given (default: none). */
vlt_status vlt_bench_record(const vlt_cli *cli, const char *kind,
                            const vlt_experiment_options *options, vlt_recorder **out,
                            vlt_error *err);

/* Closes it and says how to name the run later. */
void vlt_bench_record_end(vlt_bench_progress *progress, vlt_status status);

/* vlt_row_measure with progress and recording. */
vlt_status vlt_bench_measure(vlt_bench_progress *progress, vlt_row *row, const vlt_side side[2],
                             vlt_experiment_options *options, vlt_error *err);

vlt_status vlt_bench_on_launch(void *user, int index, uint64_t seed, const vlt_launch *launch,
                               vlt_error *err);

/* Rows of one operator and shape belong together: head prints the line above them. 80 columns. */
void vlt_bench_print_head(const vlt_row *row, FILE *stream);
void vlt_bench_print_row(const vlt_row *row, FILE *stream);

/* One comparison in full sentences. */
void vlt_bench_print_comparison(const vlt_row *row, FILE *stream);

/* Everything that goes out at the end: the document {"rows": [...], "seed": N ...} on stdout with
 * --json, and the page of --page. title: "vltune compare". */
vlt_status vlt_bench_write(const vlt_cli *cli, const char *title, const vlt_rows *rows,
                           const vlt_experiment_options *options, vlt_error *err);

/* One line about the machine at hand for pages and verdicts, "" when it cannot be probed; warns
 * where a single CPU is all there is. */
void vlt_bench_describe_machine(const vlt_cli *cli, char *text, size_t text_bytes);

#endif
