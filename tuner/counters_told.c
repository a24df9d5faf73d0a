#include "tuner/counters_told.h"

#include <math.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

/* So much more than a roof is no error of measuring it. */
static const double beyond = 1.15;

int vlt_counters_stored(const vlt_counted *counted, vlt_store_counter counter[VLT_COUNTED_MAX])
{
    for (int i = 0; i < counted->count; i++) {
        const vlt_metric *metric = &counted->metric[i];
        counter[i] = (vlt_store_counter){.name = metric->name,
                                         .value = metric->value,
                                         .status = vlt_metric_status_name(metric->status),
                                         .source = metric->source,
                                         .reason = metric->reason};
    }
    return counted->count;
}

static double value_of(const vlt_store_counter *counter, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(counter[i].name, name)) {
            return counter[i].value;
        }
    }
    return NAN;
}

struct telling {
    char *text;
    size_t bytes;
};

static VLT_PRINTF(2, 3) void say(const struct telling *out, const char *format, ...)
{
    va_list args;
    size_t used = strlen(out->text);
    if (used) {
        vlt_utf8_format(out->text + used, out->bytes - used, "; ");
        used = strlen(out->text);
    }
    va_start(args, format);
    vlt_utf8_vformat(out->text + used, out->bytes - used, format, args);
    va_end(args);
}

static void tell_hardware(const struct telling *out, const vlt_store_counter *counter, int count,
                          double bytes)
{
    static const char *const misses[] = {"l1d_misses", "l2_misses", "l3_misses", "dtlb_misses"};
    double cycles = value_of(counter, count, "cycles");
    double instructions = value_of(counter, count, "instructions");
    if (cycles > 0 && isfinite(instructions)) {
        say(out, "%.2f instructions a cycle", instructions / cycles);
    }
    for (size_t i = 0; i < sizeof misses / sizeof *misses; i++) {
        double value = value_of(counter, count, misses[i]);
        if (isfinite(value) && bytes > 0) {
            say(out, "%.2g %s a byte", value / bytes, misses[i]);
        }
    }
}

static void tell_software(const struct telling *out, const vlt_store_counter *counter, int count)
{
    double faults = value_of(counter, count, "page_faults_minor") +
                    value_of(counter, count, "page_faults_major");
    double switches = value_of(counter, count, "switches_involuntary");
    double cpu = value_of(counter, count, "thread_cpu_ns");
    double wall = value_of(counter, count, "wall_ns");
    if (isfinite(faults)) {
        say(out, "%.2g page faults a call", faults);
    }
    if (isfinite(switches)) {
        say(out, "%.2g involuntary switches a call", switches);
    }
    if (isfinite(cpu) && wall > 0) {
        say(out, "on the CPU %.0f %% of the time", fmin(100, 100 * cpu / wall));
    }
}

static bool is_hardware(const vlt_store_counter *counter)
{
    return !strcmp(counter->source, "papi") || !strcmp(counter->source, "harness");
}

/* Names without a value, a reason each, the hardware's alone: a missing GPU is no news. Where none
 * has a value the names are none either. */
static void tell_missing(const struct telling *out, const vlt_store_counter *counter, int count)
{
    char names[128] = "";
    const char *reason = NULL, *status = "";
    int more = 0, known = 0;
    for (int i = 0; i < count; i++) {
        const vlt_store_counter *c = &counter[i];
        known += isfinite(c->value) && is_hardware(c);
        if (isfinite(c->value) || !is_hardware(c)) {
            continue;
        }
        size_t used = strlen(names);
        if (used + strlen(c->name) + 3 < sizeof names) {
            vlt_utf8_format(names + used, sizeof names - used, "%s%s", used ? ", " : "", c->name);
        } else {
            more++;
        }
        reason = reason ? reason : c->reason;
        status = c->status;
    }
    if (names[0]) {
        say(out, "no %s%s: %s", known ? names : "hardware counters",
            known && more ? " and others" : "", reason && reason[0] ? reason : status);
    }
}

void vlt_counters_tell(const vlt_store_counter *counter, int count, double bytes, char *text,
                       size_t text_bytes)
{
    const struct telling out = {text, text_bytes};
    double share = value_of(counter, count, "roofline_share");
    text[0] = '\0';
    if (share > beyond) {
        say(&out, "beyond the machine's roof, which was measured while others computed");
    } else if (isfinite(share)) {
        say(&out, "%.0f %% of the machine's roof", 100 * share);
    }
    tell_hardware(&out, counter, count, bytes);
    tell_software(&out, counter, count);
    tell_missing(&out, counter, count);
}
