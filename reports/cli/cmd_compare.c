/* vltune compare A B: two variants, two builds ... with ratio, interval, verdict and reason. */
#include <stdio.h>
#include <string.h>

#include "harness/cli/db_cli.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/bench/contender.h"
#include "tuner/bench/stored.h"
#include "reports/cli/bench_options.h"

struct compare {
    const vlt_cli *cli;
    vlt_contender contender[2];
    vlt_experiment_options options;
    vlt_bench_progress progress;
    vlt_rows rows;
};

static vlt_status compare_sides(struct compare *compare, const vlt_side side[2], vlt_error *err)
{
    vlt_row *row = vlt_rows_add(&compare->rows, err);
    if (!row) {
        return VLT_STATUS_NOMEM;
    }
    return vlt_bench_measure(&compare->progress, row, side, &compare->options, err);
}

/* "baseline" beside a variant is the baseline of the same operator at the same size; "default" what
 * an untuned engine would run there. */
static vlt_status compare_variants(struct compare *compare, vlt_error *err)
{
    char other[VLT_ROW_TEXT_BYTES];
    vlt_side side[2];
    for (int i = 0; i < 2; i++) {
        const vlt_contender *contender = &compare->contender[i];
        side[i] = (vlt_side){.what = contender->text};
        if (contender->kind == VLT_CONTENDER_BASELINE || contender->kind == VLT_CONTENDER_DEFAULT) {
            vlt_problem problem;
            const vlt_variant *variant;
            vlt_binding binding;
            char dims[VLT_BUCKET_BYTES];
            vlt_status status = vlt_what_parse(compare->contender[!i].text, &problem, &variant,
                                               &binding, err);
            if (status != VLT_OK) {
                return status;
            }
            vlt_problem_format(&problem, dims, sizeof dims);
            bool plain = contender->kind == VLT_CONTENDER_BASELINE;
            vlt_utf8_format(other, sizeof other, "%s%s%s@%s", problem.op->name, plain ? "/" : "",
                            plain ? vlt_registry_variant(problem.op, 0)->name : "", dims);
            side[i].what = other;
        }
    }
    return compare_sides(compare, side, err);
}

/* What two builds are compared at: --what, else every operator at its first shape. */
static vlt_status compare_libraries(struct compare *compare, vlt_error *err)
{
    int given = vlt_cli_count(compare->cli, "what");
    int count = given ? given : vlt_registry_op_count();
    vlt_status status = VLT_OK;
    compare->progress.total = count;
    for (int i = 0; i < count && status == VLT_OK; i++) {
        const char *what = given ? vlt_cli_nth(compare->cli, "what", i) : vlt_registry_op(i)->name;
        vlt_side side[2];
        for (int k = 0; k < 2; k++) {
            side[k] = (vlt_side){.what = what, .library = compare->contender[k].path};
        }
        status = compare_sides(compare, side, err);
    }
    return status;
}

/* Two configs, builds or the baseline, each answering one request. */
static vlt_status compare_models(struct compare *compare, vlt_error *err)
{
    char *what[2] = {NULL, NULL};
    vlt_side side[2];
    vlt_status status = VLT_OK;
    vlt_bench_model_settings(compare->cli, &compare->options);
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        status = vlt_bench_model_side(compare->cli, &compare->contender[i], &what[i], &side[i],
                                      err);
    }
    vlt_pack_cache_watch *packs = vlt_pack_cache_cli_watch();
    if (status == VLT_OK) {
        status = compare_sides(compare, side, err);
    }
    vlt_pack_cache_cli_say(compare->cli, packs);
    free(what[0]);
    free(what[1]);
    return status;
}

static bool is_either(const struct compare *compare, vlt_contender_kind kind)
{
    return compare->contender[0].kind == kind || compare->contender[1].kind == kind;
}

static vlt_status dispatch(struct compare *compare, vlt_error *err)
{
    const vlt_contender *c = compare->contender;
    bool libraries = c[0].kind == VLT_CONTENDER_LIBRARY && c[1].kind == VLT_CONTENDER_LIBRARY;
    bool whole = vlt_cli_text(compare->cli, "model", NULL) != NULL;
    if (vlt_cli_count(compare->cli, "what") && (!libraries || whole)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "compare: option '--what' is for two builds");
    }
    if (whole) {
        return compare_models(compare, err);
    }
    if (is_either(compare, VLT_CONTENDER_CONFIG)) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "a tuned config is compared end to end: --model DIR");
    }
    if (c[0].kind == VLT_CONTENDER_STORED && c[1].kind == VLT_CONTENDER_STORED) {
        char path[VLT_DB_PATH_BYTES];
        vlt_status status = vlt_db_cli_path(compare->cli, NULL, false, path, err);
        return status != VLT_OK
                   ? status
                   : vlt_rows_from_runs(path, c[0].text + strlen("db:"), c[1].text + strlen("db:"),
                                        &compare->options.judge, &compare->rows, err);
    }
    if (libraries) {
        return compare_libraries(compare, err);
    }
    bool plain = !is_either(compare, VLT_CONTENDER_LIBRARY) &&
                 !is_either(compare, VLT_CONTENDER_STORED);
    if (plain && is_either(compare, VLT_CONTENDER_VARIANT)) {
        return compare_variants(compare, err);
    }
    if (plain) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "'%s' and '%s' are compared end to end, which needs --model DIR", c[0].text,
                        c[1].text);
    }
    return vlt_fail(
        err, VLT_STATUS_USAGE,
        "cannot compare '%s' with '%s', expected two variants, two configs, two builds, "
        "two stored runs, or one of them and 'baseline' or 'default'",
        c[0].text, c[1].text);
}

static void print(const struct compare *compare)
{
    const vlt_rows *rows = &compare->rows;
    for (int i = 0; i < rows->count; i++) {
        if (rows->count == 1) {
            vlt_bench_print_comparison(&rows->row[i], stdout);
        } else {
            vlt_bench_print_head(&rows->row[i], stdout);
            vlt_bench_print_row(&rows->row[i], stdout);
        }
    }
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    enum { LAUNCHES_MAX = 100 }; /* one question: its budget ends it */
    struct compare compare = {.cli = cli, .progress = {.cli = cli}};
    vlt_status status = vlt_bench_options_read(cli, &compare.options, err);
    if (!vlt_cli_count(cli, "launches")) {
        compare.options.launches_max = LAUNCHES_MAX;
    }
    vlt_bench_margin_read(cli, &compare.options);
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        status = vlt_contender_parse(vlt_cli_operand(cli, i), &compare.contender[i], err);
    }
    if (status != VLT_OK) {
        return status;
    }
    bool stored = is_either(&compare, VLT_CONTENDER_STORED); /* --db is what is read then */
    status = stored ? VLT_OK
                    : vlt_bench_record(cli, "compare", &compare.options, &compare.progress.recorder,
                                       err);
    if (status != VLT_OK) {
        return status;
    }
    status = dispatch(&compare, err);
    vlt_bench_record_end(&compare.progress, status);
    vlt_status adjusted = vlt_rows_adjust(&compare.rows, status == VLT_OK ? err : NULL);
    status = status == VLT_OK ? adjusted : status;
    if (!vlt_cli_flag(cli, "json")) {
        print(&compare);
    }
    if (compare.rows.count > 0) {
        vlt_error own = {0};
        vlt_status written = vlt_bench_write(cli, "vltune compare", &compare.rows, &compare.options,
                                             &own);
        if (status == VLT_OK && written != VLT_OK) {
            status = vlt_fail(err, written, "%s", own.message);
        }
    }
    if (status == VLT_OK) {
        status = vlt_rows_status(&compare.rows, err);
    }
    vlt_rows_release(&compare.rows);
    return status;
}

static const vlt_option options[] = {
    VLT_BENCH_OPTIONS,
    VLT_BENCH_MARGIN_OPTION,
    {"what", "OP[/VARIANT][@...]", "what two builds are compared at; repeatable", 0,
     VLT_OWN(vlt_bench_check_what)},
    VLT_BENCH_MODEL_OPTIONS,
};

VLT_COMMAND(
    compare, .operands = "A B", .summary = "measure B against A: ratio, interval, verdict, reason",
    .details =
        "A and B are OP/VARIANT[@DIM=N,...][:KNOB=V,...], OP[@...] (as an untuned engine "
        "runs it; behind @\nalso the name of a bench shape), baseline, default, or the "
        "libvltune.so of another build\n(an executable stands for the library beside it); with "
        "--model also a tuned config (FILE.toml),\nend to end; or both are db:RUN, runs that bench "
        "or compare stored with --db on one\nmachine. ratio is the time of B over the time of A; "
        "the exit code is 0 whatever the verdict.",
    .examples = "compare norm/baseline norm\n"
                "compare sample/baseline@2b_greedy sample\n"
                "compare linear@m=128,n=1024,k=1024 linear@m=128,n=1024,k=1056\n"
                "compare baseline tuned.toml --model DIR --image photo.jpg\n"
                "compare main/build/vltune build/vltune --what norm",
    .options = options, .option_count = sizeof options / sizeof *options,
    .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_DB | VLT_WITH_QUALITY | VLT_WITH_DEVICE,
    .operand_min = 2, .operand_max = 2, .run = run);
