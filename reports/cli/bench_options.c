#include "reports/cli/bench_options.h"

#include <math.h>
#include <stdlib.h>

#include "harness/json/json_make.h"
#include "harness/machine/machine.h"
#include "harness/machine/quick_caps.h"
#include "harness/measure/cold.h"
#include "harness/measure/model_subject.h"
#include "harness/measure/prepared.h"
#include "harness/measure/probe.h"
#include "optimizations/core/utf8_text.h"
#include "reports/page/comparison_page.h"

static vlt_status read_cache(const vlt_cli *cli, vlt_launch_options *launch, vlt_error *err)
{
    const char *cache = vlt_cli_text(cli, "cache", "hot");
    vlt_status status = vlt_regime_parse(cache, &launch->regime, err);
    if (status == VLT_OK && launch->regime != VLT_REGIME_HOT) {
        vlt_caps caps;
        int threads;
        vlt_quick_caps(&caps, &threads);
        status = vlt_cold_bytes(&caps, &launch->cold_bytes, err);
    }
    return status;
}

vlt_status vlt_bench_options_read(const vlt_cli *cli, vlt_experiment_options *options,
                                  vlt_error *err)
{
    *options = vlt_experiment_defaults();
    vlt_status status = read_cache(cli, &options->launch, err);
    options->launch.seed = (uint64_t)vlt_cli_int(cli, "seed", 1);
    options->launch.pairs = (int)vlt_cli_int(cli, "pairs", options->launch.pairs);
    options->launch.threads = (int)vlt_cli_int(cli, "threads", 0);
    options->launch.quality = vlt_cli_quality(cli);
    options->launch.device = vlt_cli_has(cli, "device") ? vlt_cli_text(cli, "device", NULL) : NULL;
    options->launch.stop = vlt_cli_interrupted;
    options->launches_max = (int)vlt_cli_int(cli, "launches", options->launches_max);
    if (options->launches_min > options->launches_max) {
        options->launches_min = options->launches_max;
    }
    options->budget_s = vlt_cli_seconds(cli, "budget", options->budget_s);
    options->until_bounded = true;
    options->on_launch = vlt_bench_on_launch;
    return status;
}

vlt_status vlt_bench_check_what(const vlt_cli *cli, const char *text, vlt_error *err)
{
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    (void)cli;
    return vlt_probe_named(text) ? vlt_probe_check(text, err)
                                 : vlt_what_parse(text, &problem, &variant, &binding, err);
}

void vlt_bench_margin_read(const vlt_cli *cli, vlt_experiment_options *options)
{
    options->judge.margin = vlt_cli_real(cli, "margin", 100 * options->judge.margin) / 100;
}

vlt_status vlt_bench_model_side(const vlt_cli *cli, const vlt_contender *contender, char **what,
                                vlt_side *side, vlt_error *err)
{
    const char *model = vlt_cli_text(cli, "model", NULL), *config = NULL;
    *side = (vlt_side){0};
    *what = NULL;
    switch (contender->kind) {
    case VLT_CONTENDER_CONFIG:
        config = contender->path;
        break;
    case VLT_CONTENDER_BASELINE:
        config = "baseline";
        break;
    case VLT_CONTENDER_DEFAULT: /* every config is ignored */
        break;
    case VLT_CONTENDER_LIBRARY:
        side->library = contender->path[0] ? contender->path : NULL;
        break;
    default:
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "--model: '%s' cannot answer a request, expected a tuned config, "
                        "'default', 'baseline' or a build",
                        contender->text);
    }
    const vlt_model_request request = {.model = model,
                                       .config = config,
                                       .image = vlt_cli_text(cli, "image", NULL),
                                       .prompt = vlt_cli_text(cli, "prompt", NULL),
                                       .tokens = (int)vlt_cli_int(cli, "max-tokens", 16),
                                       .quality = vlt_cli_quality(cli),
                                       .pack_cache = vlt_pack_cache_cli_bytes(cli)};
    vlt_status status = vlt_model_subject_format(&request, what, err);
    side->what = *what;
    return status;
}

void vlt_bench_model_settings(const vlt_cli *cli, vlt_experiment_options *options)
{
    enum { REQUEST_PAIRS = 30, VERDICT_LAUNCHES = 11 /* unanimous ones say so with 0.5 % error */ };
    options->launch.limit_s = 1.0;
    if (options->launches_min < VERDICT_LAUNCHES) {
        options->launches_min = options->launches_max < VERDICT_LAUNCHES ? options->launches_max
                                                                         : VERDICT_LAUNCHES;
    }
    if (!vlt_cli_count(cli, "pairs")) {
        options->launch.pairs = REQUEST_PAIRS;
    }
    if (!vlt_cli_count(cli, "margin")) {
        options->judge.margin = 0.03;
    }
    if (!vlt_cli_count(cli, "budget")) {
        options->budget_s = 60;
    }
}

vlt_status vlt_bench_on_launch(void *user, int index, uint64_t seed, const vlt_launch *launch,
                               vlt_error *err)
{
    const vlt_bench_progress *progress = user;
    char place[48] = "";
    if (progress->total > 1) {
        snprintf(place, sizeof place, "%d of %d  ", progress->done + 1, progress->total);
    }
    size_t shown = vlt_utf8_cut_columns(progress->what, strlen(progress->what), 48);
    vlt_cli_progress(progress->cli, "%s%s  launch %d: %.3f", place,
                     vlt_quoted(progress->what, shown).text, index + 1, exp(launch->run.log_ratio));
    return progress->recorder ? vlt_recorder_launch(progress->recorder, index, seed, launch, err)
                              : VLT_OK;
}

vlt_status vlt_bench_record(const vlt_cli *cli, const char *kind,
                            const vlt_experiment_options *options, vlt_recorder **out,
                            vlt_error *err)
{
    const char *path = vlt_cli_text(cli, "db", NULL);
    *out = NULL;
    return path ? vlt_recorder_open(path, kind, options->launch.threads, options->launch.seed, out,
                                    err)
                : VLT_OK;
}

/* A verdict is an end as well. */
static const char *end_of(vlt_status status)
{
    switch (status) {
    case VLT_OK:
    case VLT_STATUS_REGRESSION:
    case VLT_STATUS_WRONG:
    case VLT_STATUS_UNMEASURED:
    case VLT_STATUS_INCONCLUSIVE:
        return "complete";
    case VLT_STATUS_INTERRUPTED:
        return "interrupted";
    default:
        return "failed";
    }
}

void vlt_bench_record_end(vlt_bench_progress *progress, vlt_status status)
{
    if (progress->recorder) {
        vlt_cli_info(progress->cli, "stored as db:%s in %s",
                     vlt_quoted(vlt_recorder_id(progress->recorder), VLT_STORE_ID_SHOWN).text,
                     vlt_cli_text(progress->cli, "db", ""));
        vlt_recorder_close(progress->recorder, end_of(status));
        progress->recorder = NULL;
    }
}

vlt_status vlt_bench_measure(vlt_bench_progress *progress, vlt_row *row, const vlt_side side[2],
                             vlt_experiment_options *options, vlt_error *err)
{
    progress->what = side[1].what;
    options->user = progress;
    if (progress->recorder) {
        vlt_recorder_row(progress->recorder, side);
        options->launch.count = true;
    }
    vlt_status status = vlt_row_measure(row, side, options, err);
    if (status == VLT_OK && progress->recorder && row->status != VLT_OK) {
        status = vlt_recorder_failure(progress->recorder, row, err);
    }
    vlt_cli_progress(progress->cli, NULL);
    progress->done++;
    return status;
}

void vlt_bench_describe_machine(const vlt_cli *cli, char *text, size_t text_bytes)
{
    const vlt_machine_sources sources = {.no_gpu = true};
    vlt_machine *machine = NULL;
    text[0] = '\0';
    if (vlt_machine_probe(&sources, &machine, NULL) == VLT_OK) {
        vlt_machine_describe(machine, text, text_bytes);
        if (vlt_machine_caps(machine)->cpu_count < 2) {
            vlt_cli_warn(cli, "only 1 usable CPU: measuring competes with everything else that "
                              "runs here");
        }
    }
    vlt_machine_destroy(machine);
}

static json_t *rows_document(const vlt_rows *rows, const vlt_experiment_options *options)
{
    return vlt_json_make("{s:o, s:I, s:f, s:f, s:f, s:s}", "rows", vlt_rows_to_json(rows), "seed",
                         (json_int_t)options->launch.seed, "margin", options->judge.margin, "alpha",
                         options->judge.alpha, "coverage", options->judge.coverage, "cache",
                         vlt_regime_name(options->launch.regime));
}

static vlt_status write_page(const vlt_cli *cli, const char *title, const vlt_rows *rows,
                             double margin, const json_t *document, vlt_error *err)
{
    char machine[256];
    json_t *facts = NULL;
    const char *path = vlt_cli_text(cli, "page", NULL);
    vlt_comparison_line *lines = calloc((size_t)rows->count + 1, sizeof *lines);
    if (!lines) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "'%s': no memory for %d rows", path, rows->count);
    }
    for (int i = 0; i < rows->count; i++) {
        lines[i] = (vlt_comparison_line){
            .name = rows->row[i].candidate, .row = &rows->row[i], .margin = margin};
    }
    vlt_bench_describe_machine(cli, machine, sizeof machine);
    vlt_status status = vlt_comparison_trust(vlt_cli_text(cli, "trust", NULL), &facts, err);
    if (status == VLT_OK) {
        const vlt_comparison_page page = {.title = title,
                                          .machine = machine[0] ? machine : NULL,
                                          .line = lines,
                                          .line_count = rows->count,
                                          .trust = facts,
                                          .document = document};
        status = vlt_comparison_page_write(&page, path, err);
    }
    json_decref(facts);
    free(lines);
    return status;
}

vlt_status vlt_bench_write(const vlt_cli *cli, const char *title, const vlt_rows *rows,
                           const vlt_experiment_options *options, vlt_error *err)
{
    vlt_status status = VLT_OK;
    json_t *document = rows_document(rows, options);
    if (!document) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the result");
    }
    if (vlt_cli_flag(cli, "json")) {
        status = vlt_json_print(document, false, stdout, err);
    }
    if (status == VLT_OK && vlt_cli_text(cli, "page", NULL) && rows->count > 0) {
        status = write_page(cli, title, rows, options->judge.margin, document, err);
    }
    json_decref(document);
    return status;
}
