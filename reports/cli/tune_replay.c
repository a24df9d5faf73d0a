#include "reports/cli/tune_replay.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "reports/terminal/terminal.h"
#include "tuner/replay/replay.h"
#include "tuner/strategy/explorer.h"

enum { BAR = 20, EVALUATIONS_MAX = 1000000, SEEDS = 50 };

static const char default_evaluations[] = "25,100,220";

/* "25,100,220" in ascending order, each once. */
static vlt_status read_evaluations(const char *text, vlt_replay_options *out, vlt_error *err)
{
    const char *at = text;
    out->points = 0;
    do {
        char *end;
        long number = isdigit((unsigned char)*at) ? strtol(at, &end, 10) : 0;
        if (number < 1 || number > EVALUATIONS_MAX || (*end && *end != ',')) {
            return vlt_fail(err, VLT_STATUS_USAGE,
                            "'%s' at byte %d, expected numbers from 1 to %d with commas between "
                            "them, as %s",
                            text, (int)(at - text), EVALUATIONS_MAX, default_evaluations);
        }
        if (out->points == VLT_REPLAY_POINT_MAX) {
            return vlt_fail(err, VLT_STATUS_USAGE, "more than %d numbers", VLT_REPLAY_POINT_MAX);
        }
        int place = out->points++;
        while (place > 0 && out->evaluations[place - 1] > number) {
            out->evaluations[place] = out->evaluations[place - 1];
            place--;
        }
        out->evaluations[place] = (int)number;
        at = *end ? end + 1 : NULL;
    } while (at);
    for (int i = 1; i < out->points; i++) {
        if (out->evaluations[i] == out->evaluations[i - 1]) {
            return vlt_fail(err, VLT_STATUS_USAGE, "'%s' has %d twice", text, out->evaluations[i]);
        }
    }
    return VLT_OK;
}

vlt_status vlt_tune_check_evaluations(const vlt_cli *cli, const char *text, vlt_error *err)
{
    vlt_replay_options options;
    (void)cli;
    return read_evaluations(text, &options, err);
}

vlt_status vlt_tune_check_strategy(const vlt_cli *cli, const char *text, vlt_error *err)
{
    (void)cli;
    return vlt_strategy_check(text, err);
}

static void show_reading(void *user, const char *path)
{
    vlt_cli_progress(user, "reading   %s", path);
}

static void show_running(void *user, const char *what, double share)
{
    char bar[BAR + 3];
    vlt_terminal_bar(share, BAR, bar);
    vlt_cli_progress(user, "replay    %s  %s", bar, what);
}

/* {"25": 0.87, ...} */
static json_t *figures(const vlt_replay_options *options, const double *values, int points)
{
    json_t *object = json_object();
    for (int i = 0; i < points; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", options->evaluations[i]);
        vlt_json_set(&object, key, vlt_json_real(values[i]));
    }
    return object;
}

/* {"25": [0.86, 0.88], ...}, null where one seed is all. */
static json_t *intervals(const vlt_replay_options *options, const vlt_replay_figure *figure,
                         int points)
{
    json_t *object = json_object();
    for (int i = 0; i < points; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", options->evaluations[i]);
        vlt_json_set(&object, key,
                     isfinite(figure->low[i])
                         ? vlt_json_make("[f, f]", figure->low[i], figure->high[i])
                         : json_null());
    }
    return object;
}

static json_t *row_json(const vlt_collection *collection, const vlt_replay_options *options,
                        const vlt_replay_row *row)
{
    json_t *spaces = json_object(), *warm_spaces = json_object();
    for (int i = 0; i < collection->count; i++) {
        const char *name = vlt_domain_name(collection->space[i]->domain);
        vlt_json_set(&spaces, name, figures(options, row->space[i].mean, options->points));
        if (isfinite(row->warm_space[i].mean[0])) {
            vlt_json_set(&warm_spaces, name,
                         figures(options, row->warm_space[i].mean, options->warm_points));
        }
    }
    return vlt_json_make("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name", row->strategy, "mean",
                         figures(options, row->over_spaces.mean, options->points), "interval",
                         intervals(options, &row->over_spaces, options->points), "warm",
                         figures(options, row->warm.mean, options->warm_points), "warm_interval",
                         intervals(options, &row->warm, options->warm_points), "spaces", spaces,
                         "warm_spaces", warm_spaces);
}

static vlt_status print_json(const vlt_collection *collection, const vlt_replay_options *options,
                             const vlt_replay_result *result, vlt_error *err)
{
    json_t *spaces = json_array(), *strategies = json_array();
    for (int i = 0; i < collection->count; i++) {
        const vlt_recorded *space = collection->space[i];
        vlt_json_append(&spaces,
                        vlt_json_make("{s:s, s:I, s:I, s:f, s:s}", "name",
                                      vlt_domain_name(space->domain), "settings",
                                      (json_int_t)vlt_domain_count(space->domain), "correct",
                                      (json_int_t)space->correct, "optimum",
                                      space->record[space->best].mean, "unit", space->unit));
    }
    for (int i = 0; i < result->row_count; i++) {
        vlt_json_append(&strategies, row_json(collection, options, &result->row[i]));
    }
    json_t *document = vlt_json_make("{s:o, s:o, s:i}", "spaces", spaces, "strategies", strategies,
                                     "seeds", options->seeds);
    vlt_status status = vlt_json_print(document, false, stdout, err);
    json_decref(document);
    return status;
}

/* "0.884 ±0.006" */
static void print_figure(const vlt_replay_figure *figure, int point)
{
    double half = figure->mean[point] - figure->low[point]; /* the upper end stops at 1 */
    if (!isfinite(figure->mean[point])) {
        printf("  %12s", "-");
    } else if (isfinite(half)) {
        printf("  %.3f \xc2\xb1%.3f", figure->mean[point], half);
    } else {
        printf("  %12.3f", figure->mean[point]);
    }
}

static void print_text(const vlt_collection *collection, const vlt_replay_options *options,
                       const vlt_replay_result *result)
{
    printf("space                            settings  correct      optimum\n");
    for (int i = 0; i < collection->count; i++) {
        const vlt_recorded *space = collection->space[i];
        printf("%-32s %8llu %8lld %9.4g %s\n", vlt_quoted_word(vlt_domain_name(space->domain)).text,
               (unsigned long long)vlt_domain_count(space->domain), (long long)space->correct,
               space->record[space->best].mean, vlt_quoted_word(space->unit).text);
    }
    printf("\nFraction of the optimum after so many evaluations, mean over spaces and %d seed%s, "
           "95 %% interval\n%-12s",
           options->seeds, options->seeds == 1 ? "" : "s", "strategy");
    for (int p = 0; p < options->points; p++) {
        printf("  %12d", options->evaluations[p]);
    }
    for (int p = 0; p < options->warm_points; p++) {
        printf("  %7s %4d", "warm", options->evaluations[p]);
    }
    printf("\n");
    for (int i = 0; i < result->row_count; i++) {
        const vlt_replay_row *row = &result->row[i];
        printf("%-12s", row->strategy);
        for (int p = 0; p < options->points; p++) {
            print_figure(&row->over_spaces, p);
        }
        for (int p = 0; p < options->warm_points; p++) {
            print_figure(&row->warm, p);
        }
        printf("\n");
    }
}

static vlt_status replay(vlt_cli *cli, const vlt_collection *collection, vlt_error *err)
{
    vlt_replay_options options = {.strategy = vlt_cli_text(cli, "strategy", NULL),
                                  .seeds = (int)vlt_cli_int(cli, "seeds", SEEDS),
                                  .warm_points = 1,
                                  .stop = vlt_cli_interrupted,
                                  .progress = show_running,
                                  .user = cli};
    vlt_replay_result result = {0};
    vlt_status status = read_evaluations(vlt_cli_text(cli, "evaluations", default_evaluations),
                                         &options, err);
    if (status == VLT_OK) {
        status = vlt_replay_run(collection, &options, &result, err);
    }
    vlt_cli_progress(cli, NULL);
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        status = print_json(collection, &options, &result, err);
    } else if (status == VLT_OK) {
        print_text(collection, &options, &result);
    }
    vlt_replay_result_release(&result);
    return status;
}

vlt_status vlt_tune_replay(vlt_cli *cli, vlt_error *err)
{
    const char *text = vlt_cli_text(cli, "where", NULL);
    vlt_restriction *where = NULL;
    vlt_collection collection = {0};
    vlt_status status = text ? vlt_restriction_parse(text, "--where", &where, err) : VLT_OK;
    if (status == VLT_OK) {
        status = vlt_collection_read(vlt_cli_text(cli, "replay", NULL), where, show_reading, cli,
                                     &collection, err);
        vlt_cli_progress(cli, NULL);
    }
    for (int i = 0; i < collection.note_count && status == VLT_OK; i++) {
        vlt_cli_warn(cli, "%s", collection.note[i]);
    }
    if (status == VLT_OK) {
        status = replay(cli, &collection, err);
    }
    vlt_collection_release(&collection);
    vlt_restriction_destroy(where);
    return status;
}
