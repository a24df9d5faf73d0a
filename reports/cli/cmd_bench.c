/* vltune bench: every applicable variant against its operator's baseline. */
#include <stdio.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/bench/row_counters.h"
#include "reports/cli/bench_options.h"
#include "reports/cli/bench_selfcheck.h"

struct bench {
    const vlt_cli *cli;
    const char *shape;   /* --shape, NULL: all */
    const char *variant; /* --variant, NULL: all */
    vlt_experiment_options options;
    vlt_bench_progress progress;
    vlt_roofline roofline; /* only for JSON, which shows counters and shares of the roof */
    vlt_rows rows;
};

static vlt_status unknown_op(const char *name, vlt_error *err)
{
    const char *names[64];
    int count = vlt_registry_op_count();
    for (int i = 0; i < count && i < 64; i++) {
        names[i] = vlt_registry_op(i)->name;
    }
    const char *near = vlt_nearest_name(name, names, count < 64 ? count : 64);
    return vlt_fail(err, VLT_STATUS_USAGE, "unknown operator '%s'%s%s%s", name,
                    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool op_wanted(const struct bench *bench, const vlt_op *op)
{
    int given = vlt_cli_operand_count(bench->cli);
    for (int i = 0; i < given; i++) {
        if (!strcmp(vlt_cli_operand(bench->cli, i), op->name)) {
            return true;
        }
    }
    return given == 0;
}

static bool wanted(const char *filter, const char *name)
{
    return !filter || !strcmp(filter, name);
}

static vlt_status bench_variant(struct bench *bench, const vlt_problem *problem,
                                const vlt_variant *variant, vlt_error *err)
{
    char dims[VLT_BUCKET_BYTES], a[VLT_ROW_TEXT_BYTES], b[VLT_ROW_TEXT_BYTES];
    const char *op = problem->op->name;
    vlt_problem_format(problem, dims, sizeof dims);
    snprintf(a, sizeof a, "%s/%s@%s", op, vlt_registry_variant(problem->op, 0)->name, dims);
    snprintf(b, sizeof b, "%s/%s@%s", op, variant->name, dims);
    const vlt_side side[2] = {{.what = a}, {.what = b}};
    vlt_row *row = vlt_rows_add(&bench->rows, err);
    if (!row) {
        return VLT_STATUS_NOMEM;
    }
    vlt_status status = vlt_bench_measure(&bench->progress, row, side, &bench->options, err);
    if (vlt_cli_flag(bench->cli, "json")) {
        vlt_row_count(row, &side[1], &bench->options.launch, &bench->roofline);
    } else {
        vlt_bench_print_row(row, stdout);
        fflush(stdout);
    }
    return status;
}

/* Walks operators, shapes and variants; counts them when `count` is given, else measures. */
static vlt_status walk(struct bench *bench, int *count, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int o = 0; o < vlt_registry_op_count(); o++) {
        const vlt_op *op = vlt_registry_op(o);
        for (int s = 0; op_wanted(bench, op) && s < op->shape_count; s++) {
            vlt_problem problem = {.op = op};
            memcpy(problem.dim, op->shapes[s].dim, sizeof problem.dim);
            bool head = !count && !vlt_cli_flag(bench->cli, "json");
            for (int v = 0; v < vlt_registry_variant_count(op) && status == VLT_OK; v++) {
                const vlt_variant *variant = vlt_registry_variant(op, v);
                if (!wanted(bench->shape, op->shapes[s].name) ||
                    !wanted(bench->variant, variant->name)) {
                    continue;
                }
                if (count) {
                    ++*count;
                    continue;
                }
                if (head) {
                    vlt_row title = {0};
                    vlt_utf8_format(title.op, sizeof title.op, "%s", op->name);
                    vlt_utf8_format(title.shape, sizeof title.shape, "%s", op->shapes[s].name);
                    vlt_problem_format(&problem, title.dims, sizeof title.dims);
                    vlt_bench_print_head(&title, stdout);
                    head = false;
                }
                status = bench_variant(bench, &problem, variant, err);
            }
        }
    }
    return status;
}

static vlt_status finish(struct bench *bench, vlt_status status, vlt_error *err)
{
    vlt_error own = {0};
    vlt_status adjusted = vlt_rows_adjust(&bench->rows, &own);
    if (adjusted == VLT_OK) {
        adjusted = vlt_bench_write(bench->cli, "vltune bench", &bench->rows, &bench->options, &own);
    }
    if (status == VLT_OK && adjusted == VLT_OK) {
        return vlt_rows_status(&bench->rows, err);
    }
    return status != VLT_OK ? status : vlt_fail(err, adjusted, "%s", own.message);
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    struct bench bench = {.cli = cli,
                          .shape = vlt_cli_text(cli, "shape", NULL),
                          .variant = vlt_cli_text(cli, "variant", NULL),
                          .progress = {.cli = cli}};
    if (vlt_cli_flag(cli, "self-check")) {
        return vlt_bench_selfcheck(cli, err);
    }
    for (int i = 0; i < vlt_cli_operand_count(cli); i++) {
        if (!vlt_registry_find_op(vlt_cli_operand(cli, i))) {
            return unknown_op(vlt_cli_operand(cli, i), err);
        }
    }
    vlt_status status = vlt_bench_options_read(cli, &bench.options, err);
    if (status == VLT_OK) {
        status = vlt_bench_margin_read(cli, &bench.options, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    walk(&bench, &bench.progress.total, NULL);
    if (bench.progress.total == 0) {
        return vlt_fail(err, VLT_STATUS_USAGE, "no operator has shape '%s' and variant '%s'",
                        bench.shape ? bench.shape : "*", bench.variant ? bench.variant : "*");
    }
    if (vlt_cli_flag(cli, "json")) {
        status = vlt_row_ceilings(&bench.roofline, err);
        if (status != VLT_OK) {
            return status;
        }
    }
    status = vlt_bench_record(cli, "bench", &bench.options, &bench.progress.recorder, err);
    if (status != VLT_OK) {
        return status;
    }
    status = walk(&bench, NULL, err);
    status = finish(&bench, status, err);
    vlt_bench_record_end(&bench.progress, status);
    vlt_rows_release(&bench.rows);
    return status;
}

static const vlt_option options[] = {
    VLT_BENCH_OPTIONS,
    VLT_BENCH_MARGIN_OPTION,
    {"shape", "NAME", "only this named shape", 0},
    {"variant", "NAME", "only this variant", 0},
    {"self-check", NULL, "measure the measuring: false alarms, power, noise, costs", 0},
    {"long", NULL, "self-check for a night: 628 gates, 93 trials of each slowdown", 0},
    {"table", "FILE", "self-check: append every series there; goes on where it stopped", 0},
    {"gates", "N", "self-check: false-alarm gates (default 20)", 0},
    {"trials", "N", "self-check: gates for each injected slowdown (default 10)", 0},
};

VLT_COMMAND(
    bench, .operands = "[OP...]",
    .summary = "every applicable variant against the baseline at named shapes",
    .details =
        "Each variant is verified against its operator's baseline, then both are measured "
        "in fresh\nprocesses, in coin-flipped pairs on the same buffers. speed-up is the "
        "time of the baseline over the\ntime of the variant; a verdict is given beyond the "
        "margin of 1 %. The row of the baseline measures\nit against itself. --db FILE keeps "
        "every sample, for report, compare db:RUN and gate db:RUN.",
    .options = options, .option_count = sizeof options / sizeof *options, .operand_max = -1,
    .run = run);
