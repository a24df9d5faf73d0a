/* vltune bench: every applicable variant against its operator's baseline. */
#include <stdio.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
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

/* A variant out of a library: compiled in where its build option is on. */
static bool is_peer(const vlt_variant *variant)
{
    return vlt_registry_need(variant) > VLT_NEED_DEVICE;
}

static bool any_peer(void)
{
    for (int o = 0; o < vlt_registry_op_count(); o++) {
        const vlt_op *op = vlt_registry_op(o);
        for (int v = 0; v < vlt_registry_variant_count(op); v++) {
            if (is_peer(vlt_registry_variant(op, v))) {
                return true;
            }
        }
    }
    return false;
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
    if (vlt_cli_flag(bench->cli, "peers")) { /* ours is what runs untuned */
        vlt_utf8_format(a, sizeof a, "%s@%s", op, dims);
    } else {
        vlt_utf8_format(a, sizeof a, "%s/%s@%s", op, vlt_registry_variant(problem->op, 0)->name,
                        dims);
    }
    vlt_utf8_format(b, sizeof b, "%s/%s@%s", op, variant->name, dims);
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
                    !wanted(bench->variant, variant->name) ||
                    (vlt_cli_flag(bench->cli, "peers") && !is_peer(variant))) {
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
        if (!vlt_cli_require_op(cli, vlt_cli_operand(cli, i), err)) {
            return VLT_STATUS_USAGE;
        }
    }
    vlt_status status = vlt_bench_options_read(cli, &bench.options, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_bench_margin_read(cli, &bench.options);
    if (vlt_cli_flag(cli, "peers") && bench.options.launch.quality < VLT_QUALITY_BF16) {
        bench.options.launch.quality = VLT_QUALITY_BF16; /* OpenCV's pixels differ */
    }
    walk(&bench, &bench.progress.total, NULL);
    if (bench.progress.total == 0 && vlt_cli_flag(cli, "peers") && !any_peer()) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "--peers: this build has no libraries to compare with; ./bootstrap.sh "
                        "peers builds build-peers/vltune, which has them");
    }
    if (bench.progress.total == 0) {
        return vlt_fail(err, VLT_STATUS_USAGE, "no operator has shape '%s' and variant '%s'",
                        bench.shape ? bench.shape : "*", bench.variant ? bench.variant : "*");
    }
    if (vlt_cli_flag(cli, "json")) {
        status = vlt_roofline_here(&bench.roofline, err);
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

/* A shape or a variant that no operator has. */
static vlt_status check_shape(const vlt_cli *cli, const char *text, vlt_error *err)
{
    (void)cli;
    for (int o = 0; o < vlt_registry_op_count(); o++) {
        if (vlt_registry_find_shape(vlt_registry_op(o), text, strlen(text))) {
            return VLT_OK;
        }
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "no operator has a shape '%s'", text);
}

static vlt_status check_variant(const vlt_cli *cli, const char *text, vlt_error *err)
{
    (void)cli;
    for (int o = 0; o < vlt_registry_op_count(); o++) {
        if (vlt_registry_find_variant(vlt_registry_op(o), text)) {
            return VLT_OK;
        }
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "no operator has a variant '%s'", text);
}

static const vlt_option options[] = {
    VLT_BENCH_OPTIONS,
    VLT_BENCH_MARGIN_OPTION,
    {"shape", "NAME", "only this named shape", 0, VLT_OWN(check_shape)},
    {"variant", "NAME", "only this variant", 0, VLT_OWN(check_variant)},
    {"peers", NULL, "variants out of libraries against ours (of build-peers)", 0, VLT_FLAG,
     .unless = "self-check"},
    {"self-check", NULL, "measure the measuring: false alarms, power, noise, costs", 0, VLT_FLAG},
    {"long", NULL, "self-check for a night: 628 gates, 93 trials of each slowdown", 0, VLT_FLAG,
     .needs = "self-check"},
    {"table", "FILE", "self-check: append every series there; goes on where it stopped", 0,
     VLT_UPDATED, .needs = "self-check"},
    {"gates", "N", "self-check: false-alarm gates (default 20)", 0, VLT_INT(0, 1000000),
     .needs = "self-check"},
    {"trials", "N", "self-check: gates for each injected slowdown (default 10)", 0,
     VLT_INT(0, 1000000), .needs = "self-check"},
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
    .examples = "bench norm --db vltune.db\n"
                "bench attention --shape demo_decode --json\n"
                "bench norm --variant baseline --page norm.html",
    .options = options, .option_count = sizeof options / sizeof *options,
    .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_DB | VLT_WITH_QUALITY | VLT_WITH_DEVICE,
    .operand_max = -1, .run = run);
