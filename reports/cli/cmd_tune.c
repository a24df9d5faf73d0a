/* vltune tune: search, store, write the tuned config, verify it end to end, show what it gained. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/db_cli.h"
#include "harness/cli/pack_cache_cli.h"
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "reports/cli/program.h"
#include "reports/cli/tune_record.h"
#include "reports/cli/tune_replay.h"
#include "reports/page/page.h"
#include "reports/report_json.h"
#include "reports/terminal/terminal.h"
#include "tuner/store/store.h"
#include "tuner/tune.h"

static const vlt_option options[] = {
    {"budget", "TIME", "time for everything, such as 60s or 10m (default 60s)", 'b', VLT_TIME,
     .unless = "replay record"},
    {"output", "FILE", "the tuned config to write (default: where run looks for it)", 'o',
     VLT_OUTPUT, .unless = "replay record"},
    {"page", "FILE", "the HTML page to write (default report.html)", 0, VLT_OUTPUT,
     .unless = "no-page replay record"},
    {"no-page", NULL, "write no HTML page", 0, VLT_FLAG, .unless = "replay record"},
    {"workload", "FILE", "tune for these requests: JSON lines as batch takes them", 0, VLT_FILE,
     .unless = "image prompt replay record"},
    {"image", "FILE", "tune for a request with this picture (default: a drawn one)", 0, VLT_FILE,
     .unless = "replay record"},
    {"prompt", "TEXT", "and with this question", 0, VLT_WORDS, .unless = "replay record"},
    {"max-tokens", "N", "tokens that a request generates (default 16)", 'n', VLT_INT(1, 4096),
     .unless = "replay record"},
    {"parallel", "N", "requests of the workload at a time", 0, VLT_INT(1, 64), .needs = "workload"},
    {"op", "OP", "tune this operator alone", 0, VLT_OPERATOR, .unless = "replay"},
    {"seed", "N", "of inputs, coins and the search (default 1)", 's', VLT_INT(1, INT64_MAX),
     .unless = "replay"},
    {"scenes", "N", "unseen scenes for the accuracy of the demo model (default 100, 0: none)", 0,
     VLT_INT(0, 10000), .unless = "replay record"},
    {"max-kl", "NATS", "what rounding may lose in all, KL of the next token (default 0.01)", 0,
     VLT_REAL(0, 100), .needs = "quality", .unless = "replay record"},
    {"fresh", NULL, "measure anew what the database already has", 0, VLT_FLAG,
     .unless = "replay record"},
    VLT_PACK_CACHE_CLI_OPTION(.unless = "replay record"),
    {"replay", "DIR", "no model: the strategies on spaces that somebody recorded", 0, VLT_FOLDER,
     .unless = "record"},
    {"seeds", "N", "runs of every strategy on every space (default 50)", 0,
     VLT_INT(1, VLT_REPLAY_SEEDS_MAX), .needs = "replay"},
    {"evaluations", "N,...", "figures after so many (default 25,100,220)", 0,
     VLT_OWN(vlt_tune_check_evaluations), .needs = "replay"},
    {"strategy", "NAME", "what proposes settings (default: auto; with --replay all of them)", 0,
     VLT_OWN(vlt_tune_check_strategy), .unless = "record"},
    {"where", "EXPR", "only settings for which it holds (once): 'threads <= 2 && rows >= 96'", 0,
     VLT_TEXT},
    {"seed-from", "FILE", "try what this config, database or pack of another machine holds early",
     0, VLT_FILE, .unless = "replay record"},
    {"record", "DIR", "measure every setting of the problems of --model into T4 files", 0, VLT_TEXT,
     .unless = "replay"},
    {"model", "DIR", "the checkpoint whose problems are recorded", 'm', VLT_FOLDER,
     .needs = "record"},
    {"problem", "OP@DIM=N,...",
     "record this problem alone (once), such as resize@src_h=427,src_w=640", 0, VLT_TEXT,
     .needs = "record", .unless = "model op"},
    {"settings", "N", "pass over problems with fewer settings (default 2)", 0,
     VLT_INT(1, 1000000000), .needs = "record"},
};

enum { BAR = 20 };

/* "tuning    [####----]  41 s of 60 s · 312 trials · linear: 6.8x so far · 19 s left" */
static void show_progress(void *user, const vlt_tune_progress *progress)
{
    const vlt_cli *cli = user;
    char bar[BAR + 3], best[48] = "";
    vlt_terminal_bar(progress->elapsed_s / progress->budget_s, BAR, bar);
    if (isfinite(progress->best_speedup)) {
        snprintf(best, sizeof best, ": %.2fx over the default so far", progress->best_speedup);
    }
    vlt_cli_progress(cli, "tuning    %s  %.0f s of %.0f s, %lld trials, %s%s, %.0f s left", bar,
                     progress->elapsed_s, progress->budget_s, (long long)progress->trials,
                     progress->op[0] ? progress->op : progress->stage, best, progress->left_s);
}

/* Somebody else measures on this machine: both would measure each other. */
static void say_waiting(void *user, long holder)
{
    vlt_cli_warn(user, "waits for process %ld, which is measuring on this machine", holder);
}

static void warn(void *user, const char *message)
{
    vlt_cli_warn(user, "%s", message);
}

static vlt_tune_options read_options(vlt_cli *cli, const char *db)
{
    int64_t scenes = vlt_cli_int(cli, "scenes", 100);
    const double max_kl = vlt_cli_real(cli, "max-kl", VLT_TUNE_MAX_KL);
    return (vlt_tune_options){.directory = vlt_cli_operand(cli, 0),
                              .config_path = vlt_cli_text(cli, "output", NULL),
                              .db_path = db,
                              .workload = vlt_cli_text(cli, "workload", NULL),
                              .image = vlt_cli_text(cli, "image", NULL),
                              .prompt = vlt_cli_text(cli, "prompt", NULL),
                              .max_tokens = vlt_cli_int(cli, "max-tokens", 0),
                              .parallel = (int)vlt_cli_int(cli, "parallel", 0),
                              .only_op = vlt_cli_text(cli, "op", NULL),
                              .fresh = vlt_cli_flag(cli, "fresh"),
                              .budget_s = vlt_cli_seconds(cli, "budget", VLT_TUNE_BUDGET_S),
                              .seed = (uint64_t)vlt_cli_int(cli, "seed", 1),
                              .scenes = scenes ? scenes : -1,
                              .threads = (int)vlt_cli_int(cli, "threads", 0),
                              .strategy = vlt_cli_text(cli, "strategy", NULL),
                              .quality = vlt_cli_quality(cli),
                              .max_kl = max_kl > 0 ? max_kl : -1,
                              .pack_cache = vlt_pack_cache_cli_bytes(cli),
                              .measuring_lock = "/tmp/vltune-measuring",
                              .waiting = say_waiting,
                              .stop = vlt_cli_interrupted,
                              .progress = show_progress,
                              .warn = warn,
                              .user = cli};
}

/* --where and --seed-from: what is owned by the options until run_model ends. */
static vlt_status read_where(const vlt_cli *cli, vlt_tune_options *tune, vlt_error *err)
{
    const char *text = vlt_cli_text(cli, "where", NULL);
    int count = vlt_cli_count(cli, "seed-from");
    const char **files = calloc((size_t)count + 1, sizeof *files);
    if (!files) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tune: out of memory");
    }
    for (int i = 0; i < count; i++) {
        files[i] = vlt_cli_nth(cli, "seed-from", i);
    }
    tune->seed_from = files;
    tune->seed_from_count = count;
    return text ? vlt_restriction_parse(text, "--where", &tune->where, err) : VLT_OK;
}

/* The report stays beside its samples, for `vltune report`. */
static vlt_status keep(const vlt_report *report, const json_t *document, vlt_error *err)
{
    vlt_store *store;
    if (!report->session) {
        return VLT_OK;
    }
    vlt_status status = vlt_store_open(report->db_path, VLT_STORE_WRITE, &store, err);
    if (status == VLT_OK) {
        char *text = vlt_json_dump(document, NULL);
        status = text ? vlt_store_put_result(store, report->session, text, err)
                      : vlt_fail(err, VLT_STATUS_NOMEM, "report: out of memory");
        free(text);
        vlt_store_close(store);
    }
    return status;
}

static void print_text(const vlt_cli *cli, const vlt_report *report)
{
    vlt_terminal terminal = vlt_terminal_stdout(vlt_cli_colour(cli));
    vlt_terminal_head(&terminal, report);
    printf("tuning    %s after %.0f s of %.0f s, %lld trials", vlt_tune_end_name(report->end),
           report->seconds, report->budget_s, (long long)report->trials);
    if (report->trials_reused) {
        printf(", %lld more known from before", (long long)report->trials_reused);
    }
    if (report->seeds) {
        printf(", %lld seed%s tried", (long long)report->seeds, report->seeds == 1 ? "" : "s");
    }
    printf("\n");
    vlt_terminal_result(&terminal, report);
}

/* NULL: none. */
static const char *page_path(const vlt_cli *cli)
{
    return vlt_cli_flag(cli, "no-page") ? NULL : vlt_cli_text(cli, "page", "report.html");
}

static vlt_status show(vlt_cli *cli, vlt_report *report, vlt_error *err)
{
    const char *page = page_path(cli);
    vlt_utf8_format(report->page_path, sizeof report->page_path, "%s", page ? page : "");
    json_t *document = vlt_report_to_json(report);
    vlt_status status = keep(report, document, err);
    if (page) { /* whatever the database says: what was measured is shown */
        vlt_status written = vlt_page_write(report, page, status == VLT_OK ? err : NULL);
        status = status == VLT_OK ? written : status;
    }
    if (vlt_cli_flag(cli, "json")) {
        vlt_status printed = vlt_json_print(document, false, stdout, status == VLT_OK ? err : NULL);
        status = status == VLT_OK ? printed : status;
    } else {
        print_text(cli, report);
    }
    json_decref(document);
    return status;
}

static vlt_status run_model(vlt_cli *cli, vlt_error *err)
{
    char db[VLT_DB_PATH_BYTES];
    vlt_report report = {0};
    const char *page = page_path(cli);
    /* before a minute is spent */
    vlt_status status = VLT_OK;
    if (page && !vlt_cli_count(cli, "page")) {
        status = vlt_cli_check_default_output(cli, page, err);
    }
    if (status == VLT_OK) {
        status = vlt_db_cli_path(cli, NULL, true, db, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    vlt_tune_options tune = read_options(cli, db);
    status = read_where(cli, &tune, err);
    if (status != VLT_OK) {
        goto done;
    }
    vlt_pack_cache_watch *packs = vlt_pack_cache_cli_watch();
    status = vlt_tune(&tune, &report, err);
    vlt_cli_progress(cli, NULL);
    vlt_pack_cache_cli_say(cli, packs);
    bool measured = status == VLT_STATUS_INTERRUPTED && report.session;
    if (status == VLT_OK || measured || report.config_path[0]) {
        vlt_status shown = show(cli, &report, status == VLT_OK ? err : NULL);
        status = status == VLT_OK ? shown : status;
    }
    if (measured) { /* its message says how to go on */
        status = VLT_STATUS_STOPPED;
    }
    vlt_report_release(&report);
done:
    vlt_restriction_destroy(tune.where);
    free((void *)tune.seed_from);
    return status;
}

/* Options of which the last one given would win in silence. */
static vlt_status check_once(const vlt_cli *cli, vlt_error *err)
{
    static const char *const once[][2] = {
        {"where", "join the conditions with &&"},
        {"problem", "record one problem after the other, into the same folder"},
    };
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        int count = vlt_cli_count(cli, once[i][0]);
        if (count > 1) {
            return vlt_fail(err, VLT_STATUS_USAGE,
                            "tune: --%s is given %d times, expected once: %s", once[i][0], count,
                            once[i][1]);
        }
    }
    return VLT_OK;
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    vlt_status status = check_once(cli, err);
    if (status != VLT_OK) {
        return status;
    }
    bool replay = vlt_cli_text(cli, "replay", NULL) != NULL;
    bool record = vlt_cli_text(cli, "record", NULL) != NULL;
    bool operand = vlt_cli_operand_count(cli) > 0;
    if ((replay || record) == operand) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "tune: %s, expected a checkpoint, --replay DIR or --record DIR",
                        operand ? "a checkpoint beside --replay or --record" : "no operand");
    }
    const char *device = vlt_cli_text(cli, "device", "none");
    if (strcmp(device, "none") != 0 && strcmp(device, "auto") != 0) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "tune: --device %s: what runs on devices is not tuned yet, expected none "
                        "or auto",
                        vlt_quoted_word(device).text);
    }
    return replay   ? vlt_tune_replay(cli, err)
           : record ? vlt_tune_record(cli, err)
                    : run_model(cli, err);
}

VLT_COMMAND(
    tune, .operands = "DIR",
    .summary = "find the fastest variants for this machine and model, prove it",
    .details =
        "DIR is a checkpoint. One request with the defaults tells which problems the model meets "
        "(where\nthat takes too long, a request to its first blocks); settings are raced against "
        "what "
        "would run\nanyway in forks of worker processes, verified, measured in pairs, and chosen "
        "only "
        "where fresh\nlaunches make the gain certain; ties stay with the default. The config as a "
        "whole "
        "is verified\nend to end on unseen inputs. Ctrl-C leaves a valid database and the best "
        "config so "
        "far; the same\ncommand goes on from there.\n"
        "--where names knobs, with values as `vltune list` shows them, and `variant`: \"variant != "
        "'avx2' &&\nrows >= 96\". Each part joined by && holds for the operators that have all its "
        "names, and there for\nthe variants that have them. The default is what a choice has to "
        "beat even where --where leaves it\nout, and stays where none does.\n"
        "Settings that did well on machines like this one come with the program; --seed-from "
        "(may be given\nmore than once) adds others. They are tried early and measured like every "
        "other setting.\n"
        "With --quality int8 the next tokens of the config are compared with those of exact on "
        "unseen\nscenes; where their KL divergence is beyond --max-kl on average, operators are "
        "taken back to what is\nexact, the coarsest first, until the rest is within it. The "
        "default of 0.01 nats means, by Pinsker's\ninequality, that at most 7 of 100 sampled "
        "tokens differ; rounding well to 8 bits loses far less.\n"
        "With --replay nothing is measured: the strategies that choose settings are tried on "
        "recorded\nspaces (T4 results or Kernel Tuner caches, a folder a kernel, T1.json "
        "beside them), and what\nthey find after so many evaluations is shown as a fraction "
        "of the optimum.\nWith --record every setting of the problems that a request to --model "
        "meets, or of --problem,\nis measured 32 times, in random order, into "
        "DIR/PROBLEM/MACHINE_T4.json.gz; Ctrl-C "
        "keeps what is\nthere, and the same command goes on.",
    .examples = "tune DIR\n"
                "tune DIR -o tuned.toml --db vltune.db --page report.html\n"
                "tune DIR --op attention -o attention.toml",
    .options = options, .option_count = sizeof options / sizeof *options,
    .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_DB | VLT_WITH_QUALITY | VLT_WITH_DEVICE,
    .operand_min = 0, .operand_max = 1, .run = run);
