/* vltune explain: why a choice was made, by how much, how sure, and what would change it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/cli/db_cli.h"
#include "harness/cli/format.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/counters_told.h"
#include "tuner/store/store_admin.h"
#include "tuner/tune.h"

enum { RUNNERS_UP = 5 };

struct explain {
    vlt_store *store;
    bool json;
    json_t *list;
    int64_t decisions;
    const vlt_store_view *view; /* the decision at hand */
    int shown;                  /* settings of it */
    json_t *settings;
    vlt_status status;
    vlt_error *err;
};

static json_t *text_or_null(const char *text)
{
    return text ? vlt_json_name(text) : json_null();
}

static bool setting_to_json(void *user, const vlt_store_setting *setting)
{
    struct explain *explain = user;
    vlt_json_append(&explain->settings,
                    vlt_json_make("{s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:o}", "variant",
                                  setting->variant, "knobs", setting->knobs, "outcome",
                                  vlt_outcome_name(setting->outcome), "message",
                                  text_or_null(setting->message), "launches", setting->launches,
                                  "ratio", vlt_json_real(setting->ratio), "baseline_ns",
                                  vlt_json_real(setting->call_ns[0]), "ns",
                                  vlt_json_real(setting->call_ns[1])));
    return true;
}

/* Where the default stays: the trial of the default against itself shows how much chance there is,
 * and no gain. */
static bool is_default(const struct explain *explain, const vlt_store_setting *setting)
{
    const vlt_store_view *view = explain->view;
    return view->default_verdict && !strcmp(view->default_verdict, "same") &&
           !strcmp(view->variant, setting->variant) && !strcmp(view->knobs, setting->knobs);
}

static bool print_setting(void *user, const vlt_store_setting *setting)
{
    struct explain *explain = user;
    char ns[32], gain[32] = "";
    if (setting->outcome == VLT_OUTCOME_OK && explain->shown >= RUNNERS_UP) {
        return true;
    }
    explain->shown += setting->outcome == VLT_OUTCOME_OK;
    vlt_format_ns(setting->call_ns[1], ns, sizeof ns);
    if (is_default(explain, setting)) {
        snprintf(gain, sizeof gain, "default");
    } else if (isfinite(setting->ratio) && setting->ratio > 0) {
        snprintf(gain, sizeof gain, "%.2fx", 1 / setting->ratio);
    }
    if (setting->outcome == VLT_OUTCOME_OK) {
        printf("    %8s  %10s  %3d launches  %s%s%s\n", gain, ns, setting->launches,
               vlt_quoted_word(setting->variant).text, setting->knobs[0] ? " " : "",
               vlt_quoted_path(setting->knobs).text);
    } else {
        printf("    %8s  %s%s%s: %s\n", vlt_outcome_name(setting->outcome),
               vlt_quoted_word(setting->variant).text, setting->knobs[0] ? " " : "",
               vlt_quoted_path(setting->knobs).text,
               setting->message ? vlt_quoted_path(setting->message).text : "no reason known");
    }
    return true;
}

/* What the choice is worth over what would run without any config. */
static json_t *over_default(const vlt_store_view *view)
{
    return vlt_json_make(
        "{s:o, s:o, s:o, s:o, s:o}", "ratio", vlt_json_real(view->default_ratio), "low",
        vlt_json_real(view->default_low), "high", vlt_json_real(view->default_high), "verdict",
        text_or_null(view->default_verdict), "default_ns", vlt_json_real(view->default_ns));
}

static void print_worth(const vlt_store_view *view)
{
    char ns[32];
    if (!view->default_verdict) {
        return; /* of a database from before */
    }
    vlt_format_ns(view->default_ns, ns, sizeof ns);
    printf("  default       %s: %s", ns, vlt_quoted_word(view->default_verdict).text);
    if (isfinite(view->default_ratio) && view->default_ratio > 0) {
        printf(", %.3fx over it", 1 / view->default_ratio);
    }
    if (view->default_low > 0 && isfinite(view->default_high)) {
        printf(" [%.3f, %.3f]", 1 / view->default_high, 1 / view->default_low);
    }
    printf(", %lld settings measured\n", (long long)view->setting_count);
}

/* Counters of the choice, copied: their texts last as long as the list. */
struct counted {
    json_t *list;
    vlt_store_counter counter[VLT_COUNTERS_STORED_MAX];
    int count;
};

static bool keep_counter(void *user, const vlt_store_counter *counter)
{
    struct counted *counted = user;
    json_t *object = vlt_json_make("{s:s, s:o, s:s, s:s, s:o}", "name", counter->name, "value",
                                   vlt_json_real(counter->value), "status", counter->status,
                                   "source", counter->source, "reason",
                                   text_or_null(counter->reason));
    if (object && counted->count < VLT_COUNTERS_STORED_MAX) {
        counted->counter[counted->count++] = (vlt_store_counter){
            .name = json_string_value(json_object_get(object, "name")),
            .value = counter->value,
            .status = json_string_value(json_object_get(object, "status")),
            .source = json_string_value(json_object_get(object, "source")),
            .reason = json_string_value(json_object_get(object, "reason"))};
    }
    vlt_json_append(&counted->list, object);
    return true;
}

static struct counted read_counters(struct explain *explain, const vlt_store_view *view)
{
    struct counted counted = {.list = json_array()};
    vlt_status status = vlt_store_each_counter(explain->store, view, keep_counter, &counted,
                                               explain->err);
    explain->status = explain->status == VLT_OK ? status : explain->status;
    return counted;
}

/* Bytes that a call moves at least, as its plan said; of older stores as the variant says; 0 where
 * this program does not know the problem. */
static double bytes_of(const vlt_store_view *view, const struct counted *counted)
{
    for (int i = 0; i < counted->count; i++) {
        if (!strcmp(counted->counter[i].name, "bytes")) {
            return counted->counter[i].value;
        }
    }
    vlt_problem problem = {.op = vlt_registry_find_op(view->op)};
    const vlt_variant *variant = problem.op ? vlt_registry_find_variant(problem.op, view->variant)
                                            : NULL;
    vlt_cost cost = {0};
    if (variant && vlt_problem_parse(&problem, view->problem, NULL) == VLT_OK) {
        vlt_variant_cost(variant, &problem, &cost);
    }
    return cost.bytes;
}

static void print_counters(struct explain *explain, const vlt_store_view *view)
{
    char text[VLT_TUNE_COUNTED_BYTES];
    struct counted counted = read_counters(explain, view);
    vlt_counters_tell(counted.counter, counted.count, bytes_of(view, &counted), text, sizeof text);
    if (text[0]) {
        printf("  counters      %s\n", vlt_quoted_path(text).text);
    }
    json_decref(counted.list);
}

static bool decision_to_json(struct explain *explain, const vlt_store_view *view)
{
    explain->settings = json_array();
    explain->status = vlt_store_each_setting(explain->store, view, setting_to_json, explain,
                                             explain->err);
    vlt_json_append(
        &explain->list,
        vlt_json_make("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:s, s:b, "
                      "s:s, s:s, s:o, s:o}",
                      "op", view->op, "bucket", view->bucket, "problem", view->problem, "variant",
                      view->variant, "knobs", view->knobs, "verdict", text_or_null(view->verdict),
                      "ratio", vlt_json_real(view->ratio), "ratio_low", vlt_json_real(view->low),
                      "ratio_high", vlt_json_real(view->high), "over_default", over_default(view),
                      "baseline_ns", vlt_json_real(view->baseline_ns), "tuned_ns",
                      vlt_json_real(view->tuned_ns), "launches", view->launches, "reason",
                      view->reason, "reverted", view->reverted, "evidence", view->decision_id,
                      "session", view->session_id, "settings", explain->settings, "counters",
                      read_counters(explain, view).list));
    return explain->status == VLT_OK;
}

/* The interval's near end is what a new measurement would have to pass. */
static void print_change(const vlt_store_view *view)
{
    const char *verdict = view->default_verdict ? view->default_verdict
                          : view->verdict       ? view->verdict
                                                : "";
    double high = view->default_verdict ? view->default_high : view->high;
    if (view->reverted) {
        printf("  would change: a config in which the whole is right and not slower with it\n");
    } else if (!strcmp(verdict, "faster")) {
        printf("  would change: a setting that beats %s, or a gain that falls below 1.01x "
               "(surely above %.2fx now)\n",
               vlt_quoted_word(view->variant).text, isfinite(high) ? 1 / high : NAN);
    } else {
        printf("  would change: a setting that is surely more than 1.01x as fast as the "
               "%s\n",
               vlt_quoted_word(view->against).text);
    }
}

static bool print_decision(struct explain *explain, const vlt_store_view *view)
{
    char baseline[32], tuned[32];
    vlt_format_ns(view->baseline_ns, baseline, sizeof baseline);
    vlt_format_ns(view->tuned_ns, tuned, sizeof tuned);
    printf("%s  %s\n", vlt_quoted_word(view->op).text, vlt_quoted_path(view->problem).text);
    printf("  choice        %s%s%s\n", vlt_quoted_word(view->variant).text,
           view->knobs[0] ? " " : "", vlt_quoted_path(view->knobs).text);
    printf("  why           %s\n", vlt_quoted_path(view->reason).text);
    printf("  time          %s, baseline %s\n", tuned, baseline);
    print_worth(view);
    print_counters(explain, view);
    print_change(view);
    printf("  tried, best first\n");
    explain->shown = 0;
    explain->view = view;
    explain->status = vlt_store_each_setting(explain->store, view, print_setting, explain,
                                             explain->err);
    printf("  evidence      %s in %s\n\n", vlt_quoted_word(view->decision_id).text,
           vlt_quoted_path(vlt_store_path(explain->store)).text);
    return explain->status == VLT_OK;
}

static bool each_decision(void *user, const vlt_store_view *view)
{
    struct explain *explain = user;
    explain->decisions++;
    return explain->json ? decision_to_json(explain, view) : print_decision(explain, view);
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    const char *op = vlt_cli_operand(cli, 0);
    char path[VLT_DB_PATH_BYTES];
    struct explain explain = {.json = vlt_cli_flag(cli, "json"), .err = err};
    vlt_status status = !op || vlt_cli_require_op(cli, op, err) ? VLT_OK : VLT_STATUS_USAGE;
    if (status == VLT_OK) {
        status = vlt_db_cli_path(cli, NULL, false, path, err);
    }
    if (status == VLT_OK) {
        status = vlt_store_open(path, VLT_STORE_READ, &explain.store, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    explain.list = json_array();
    status = vlt_store_each_decision(explain.store, op, each_decision, &explain, err);
    status = status == VLT_OK ? explain.status : status;
    if (status == VLT_OK && explain.decisions == 0) {
        status = vlt_fail(err, VLT_STATUS_UNMEASURED, "%s: no decision%s%s; run: vltune tune DIR",
                          path, op ? " for " : "", op ? op : "");
    } else if (status == VLT_OK && explain.json) {
        status = vlt_json_print(explain.list, false, stdout, err);
    }
    json_decref(explain.list);
    vlt_store_close(explain.store);
    return status;
}

VLT_COMMAND(explain, .operands = "[OP]",
            .summary = "why a choice was made, by how much, how sure, what would change it",
            .details = "Reads the database that `vltune tune` wrote (--db): the "
                       "decisions of the\nlast run, each with the settings that were tried for it.",
            .examples = "explain\n"
                        "explain attention --json",
            .with = VLT_WITH_JSON | VLT_WITH_DB_READ, .operand_max = 1, .run = run);
