#include "reports/cli/bench_selfcheck.h"

#include <math.h>
#include <stdio.h>

#include "harness/cli/format.h"
#include "reports/cli/bench_options.h"
#include "reports/page/comparison_page.h"
#include "reports/trust.h"
#include "tuner/selfcheck/selfcheck.h"

enum {
    SHORT_GATES = 20, /* of each kind at most; the budget ends it before */
    SHORT_TRIALS = 10,
    LONG_GATES = 628, /* with at most 2 failures they prove less than 1 % at 95 % confidence */
    LONG_TRIALS = 93  /* with at most 1 miss they prove at least 95 % */
};

static void print_share(int part, int whole, char *text, size_t text_bytes)
{
    if (whole > 0) {
        snprintf(text, text_bytes, "%.3g %%", 100.0 * part / whole);
    } else {
        snprintf(text, text_bytes, "-");
    }
}

static const char *const machines[] = {"as it is", "busy neighbour"};

static void print_costs(const vlt_selfcheck *check, FILE *stream)
{
    fprintf(stream, "costs: the clock's share of every timed interval is taken off\n");
    fprintf(stream, "  %-16s %14s %8s %22s %14s\n", "machine", "clock", "tick",
            "book-keeping a pair", "empty kernel");
    for (int busy = 0; busy <= 1; busy++) {
        const vlt_selfcheck_costs *costs = &check->costs[busy];
        char book[24];
        if (costs->known) {
            vlt_format_ns(costs->book_ns, book, sizeof book);
            fprintf(stream, "  %-16s %11.0f ns %5.0f ns %22s %11.2f ns\n", machines[busy],
                    costs->clock.overhead_ns, costs->clock.tick_ns, book, costs->empty_ns);
        }
    }
}

static void print_gates(const vlt_selfcheck *check, FILE *stream)
{
    fprintf(stream, "\nA/A: gates of three kernels, two copies of one library\n");
    fprintf(stream, "  %-16s %6s %15s %22s\n", "machine", "gates", "false failures",
            "below, at 95 %");
    for (int busy = 0; busy <= 1; busy++) {
        vlt_selfcheck_figures f;
        vlt_selfcheck_figure(check, busy, -1, 0, &f);
        if (f.gates > 0) {
            fprintf(stream, "  %-16s %6d %15d %20.2f %%\n", machines[busy], f.gates, f.failed_gates,
                    100 * f.failed_upper);
        }
    }
}

static void print_power(const vlt_selfcheck *check, FILE *stream)
{
    fprintf(stream, "\npower: share of injected slowdowns that the gate reports\n");
    fprintf(stream, "  %-16s %-7s %8s %8s %8s %14s %13s\n", "machine", "kernel", "2 %", "3 %",
            "5 %", "launch scatter", "verdict after");
    for (int busy = 0; busy <= 1; busy++) {
        for (int kernel = 0; kernel < VLT_PROBE_COUNT; kernel++) {
            char cell[VLT_SELFCHECK_WORKS][24], after[24];
            vlt_selfcheck_figures f, all;
            vlt_selfcheck_figure(check, busy, kernel, -1, &all);
            if (all.series == 0) {
                continue;
            }
            for (int work = 1; work < VLT_SELFCHECK_WORKS; work++) {
                vlt_selfcheck_figure(check, busy, kernel, work, &f);
                print_share(f.slower, f.series, cell[work], sizeof cell[work]);
            }
            vlt_format_ns(all.seconds_median * 1e9, after, sizeof after);
            fprintf(stream, "  %-16s %-7s %8s %8s %8s %12.3f %% %13s\n",
                    busy ? "busy neighbour" : "as it is", vlt_probe_name(kernel), cell[1], cell[2],
                    cell[3], 100 * all.launch_sigma, after);
        }
    }
}

static int hits_of(const vlt_selfcheck_figures *f, int rule)
{
    const int hits[] = {f->slower, f->rivals.google_benchmark, f->rivals.criterion,
                        f->rivals.threshold};
    return hits[rule];
}

static void print_rules(const vlt_selfcheck *check, FILE *stream)
{
    static const char *const rules[] = {"vltune gate", "Google Benchmark U test",
                                        "Criterion.rs t test, 1 %", "fixed threshold 5 %"};
    fprintf(stream, "\nrules side by side on the same samples, all machines and kernels\n");
    fprintf(stream, "  %-26s %13s %9s %9s %9s\n", "rule", "false alarms", "2 %", "3 %", "5 %");
    for (int rule = 0; rule < 4; rule++) {
        char cell[VLT_SELFCHECK_WORKS][24];
        for (int work = 0; work < VLT_SELFCHECK_WORKS; work++) {
            vlt_selfcheck_figures f;
            vlt_selfcheck_figure(check, -1, -1, work, &f);
            print_share(hits_of(&f, rule), rule == 0 ? f.series : f.rivals.replays, cell[work],
                        sizeof cell[work]);
        }
        fprintf(stream, "  %-26s %13s %9s %9s %9s\n", rules[rule], cell[0], cell[1], cell[2],
                cell[3]);
    }
    fprintf(stream, "  (the others see one process each: a block of A, then a block of B)\n");
}

static void show_progress(void *user, const vlt_selfcheck *check, double share)
{
    vlt_cli_progress(user, "self-check  %.0f %% of the gates, %d series", 100 * share,
                     check->count);
}

/* The trust box on a page of its own; elsewhere it is --trust that shows it. */
static vlt_status write_page(const vlt_cli *cli, const json_t *document, const char *path,
                             vlt_error *err)
{
    char machine[256];
    json_t *facts = NULL;
    vlt_bench_describe_machine(cli, machine, sizeof machine);
    vlt_status status = vlt_trust_facts(document, &facts, err);
    if (status == VLT_OK) {
        const vlt_comparison_page page = {.title = "vltune bench --self-check",
                                          .machine = machine[0] ? machine : NULL,
                                          .trust = facts,
                                          .document = document};
        status = vlt_comparison_page_write(&page, path, err);
    }
    json_decref(facts);
    return status;
}

static vlt_status write_outputs(const vlt_cli *cli, const vlt_selfcheck *check, vlt_error *err)
{
    vlt_status status = VLT_OK;
    const char *page = vlt_cli_text(cli, "page", NULL);
    json_t *document = vlt_selfcheck_to_json(check);
    if (vlt_cli_flag(cli, "json")) {
        status = vlt_json_print(document, false, stdout, err);
    } else {
        print_costs(check, stdout);
        print_gates(check, stdout);
        print_power(check, stdout);
        print_rules(check, stdout);
    }
    if (status == VLT_OK && page) {
        status = write_page(cli, document, page, err);
    }
    json_decref(document);
    return status;
}

static vlt_selfcheck_options read_options(vlt_cli *cli)
{
    bool long_run = vlt_cli_flag(cli, "long");
    vlt_selfcheck_options options = {
        .gate = vlt_gate_defaults(),
        .gates = (int)vlt_cli_int(cli, "gates", long_run ? LONG_GATES : SHORT_GATES),
        .trials = (int)vlt_cli_int(cli, "trials", long_run ? LONG_TRIALS : SHORT_TRIALS),
        .budget_s = vlt_cli_seconds(cli, "budget", long_run ? 0 : 60),
        .table = vlt_cli_text(cli, "table", NULL),
        .busy = true,
        .stop = vlt_cli_interrupted,
        .progress = show_progress,
        .user = cli};
    options.gate.experiment.launch.stop = vlt_cli_interrupted;
    options.gate.experiment.launch.threads = 1;
    options.gate.pressure_max = 1; /* to judge under pressure is what is checked */
    return options;
}

/* It measures kernels of its own in its own way: what asks for something else is refused. */
static vlt_status check_given(const vlt_cli *cli, vlt_error *err)
{
    static const char *const others[] = {"seed",   "launches", "pairs",   "cache",   "trust",
                                         "margin", "shape",    "variant", "threads", "db"};
    if (vlt_cli_operand_count(cli) > 0) {
        return vlt_fail(err, VLT_STATUS_USAGE, "bench --self-check: unexpected operand '%s'",
                        vlt_cli_operand(cli, 0));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (vlt_cli_count(cli, others[i])) {
            return vlt_fail(err, VLT_STATUS_USAGE,
                            "bench: option '--%s' does nothing beside '--self-check'", others[i]);
        }
    }
    return VLT_OK;
}

vlt_status vlt_bench_selfcheck(vlt_cli *cli, vlt_error *err)
{
    const vlt_selfcheck_options options = read_options(cli);
    vlt_selfcheck check = {0};
    vlt_error own = {0};
    vlt_status status = check_given(cli, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_selfcheck_run(&options, &check, &own);
    vlt_cli_progress(cli, NULL);
    if (status == VLT_STATUS_INTERRUPTED && options.table) {
        status = vlt_fail(&own, VLT_STATUS_STOPPED,
                          "stopped after %d series; the same command goes on with table '%s'",
                          check.count, options.table);
    }
    if (check.count > 0) {
        vlt_status written = write_outputs(cli, &check, &own);
        status = status == VLT_OK ? written : status;
    }
    if (check.count > 0 && check.note[0]) {
        vlt_cli_warn(cli, "%s", check.note);
    }
    if (check.count == 0 && status == VLT_OK) {
        status = vlt_fail(&own, VLT_STATUS_UNMEASURED, "self-check: no gate was measured");
    }
    vlt_selfcheck_release(&check);
    return status == VLT_OK ? VLT_OK : vlt_fail(err, status, "%s", own.message);
}
