#include "reports/trust.h"

#include <math.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static bool is_any(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text && !strcmp(text, "any");
}

/* Identical code: how often a gate failed, and the bound on how often it would. */
static void add_false_alarms(json_t **facts, const json_t *gates)
{
    size_t i;
    json_t *row;
    json_array_foreach(gates, i, row)
    {
        const char *machine = json_string_value(json_object_get(row, "machine"));
        if (machine && strcmp(machine, "any")) {
            char name[128];
            vlt_utf8_format(name, sizeof name, "false failures on identical code, machine %s",
                            machine);
            vlt_json_set(facts, name,
                         vlt_json_format("%.0f of %.0f gates (surely below %.1f %%)",
                                         number(row, "false_failures"), number(row, "gates"),
                                         number(row, "upper_bound") * 100));
        }
    }
}

static void add_power(json_t **facts, const json_t *row)
{
    char name[96];
    snprintf(name, sizeof name, "slowdowns of %.0f %% found", number(row, "injected") * 100);
    vlt_json_set(facts, name,
                 vlt_json_format("%.0f of %.0f (surely above %.1f %%), median %.1f s",
                                 number(row, "slower"), number(row, "series"),
                                 number(row, "share_low") * 100, number(row, "seconds_median")));
}

static void add_rivals(json_t **facts, const json_t *row)
{
    vlt_json_set(facts, "false alarms of other rules on the same samples",
                 vlt_json_format("Google Benchmark's U test %.1f %%, Criterion.rs %.1f %%, "
                                 "fixed 5 %% threshold %.1f %%",
                                 number(row, "google_benchmark") * 100,
                                 number(row, "criterion") * 100,
                                 number(row, "threshold_5_percent") * 100));
    vlt_json_set(facts, "scatter between launches",
                 vlt_json_format("%.2f %%", number(row, "launch_sigma") * 100));
}

static void add_costs(json_t **facts, const char *name, const json_t *clock)
{
    if (json_is_number(json_object_get(clock, "overhead_ns"))) {
        vlt_json_set(facts, name,
                     vlt_json_format("%.0f ns inside an interval, %.1f us of book-keeping a "
                                     "pair, an empty kernel reads %.1f ns",
                                     number(clock, "overhead_ns"),
                                     number(clock, "pair_book_keeping_ns") / 1e3,
                                     number(clock, "empty_kernel_ns")));
    }
}

vlt_status vlt_trust_facts(const json_t *selfcheck, json_t **out, vlt_error *err)
{
    const json_t *clock = json_object_get(selfcheck, "clock");
    const json_t *gates = json_object_get(selfcheck, "a_a_gates");
    const json_t *rows = json_object_get(selfcheck, "rows");
    size_t i;
    json_t *row, *facts;
    *out = NULL;
    if (!json_is_object(clock) || !json_is_array(gates) || !json_is_array(rows)) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "self-check: keys 'clock', 'a_a_gates' and 'rows' expected, as vltune "
                        "bench --self-check --json prints them");
    }
    facts = json_object();
    add_false_alarms(&facts, gates);
    json_array_foreach(rows, i, row)
    {
        if (is_any(row, "machine") && is_any(row, "kernel")) {
            if (number(row, "injected") > 0) {
                add_power(&facts, row);
            } else {
                add_rivals(&facts, row);
            }
        }
    }
    add_costs(&facts, "clock", clock);
    add_costs(&facts, "clock beside a busy neighbour",
              json_object_get(selfcheck, "clock_busy_neighbour"));
    *out = facts;
    return facts ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "self-check: no memory for its facts");
}
