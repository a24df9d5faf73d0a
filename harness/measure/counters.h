/* counters.h: what happened inside a stretch of work, beside its time.
 *
 * A provider is one source of counters: hardware through PAPI, the system's own books, callgrind's
 * instruction count, CUPTI. Whatever a provider cannot say is a metric all the same: with a status,
 * the source's raw code and a reason, and a value of NAN. No missing number ever becomes 0: a
 * metric is made as missing and only vlt_metric_set makes it a number.
 */
#ifndef VLT_HARNESS_COUNTERS_H
#define VLT_HARNESS_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/measure/subject.h"
#include "optimizations/core/status.h"

/* X(code, name in JSON and database) */
#define VLT_METRIC_STATUS_MAP(X)                                                              \
    X(OK, "ok")                                                                               \
    X(UNSUPPORTED, "unsupported")     /* this machine or build has no such counter */         \
    X(NOT_PERMITTED, "not_permitted") /* it has, but not for this user */                     \
    X(MULTIPLEXED, "multiplexed")     /* an estimate: counted during a part of the time */    \
    X(BELOW_FLOOR, "below_floor")     /* the work is too short against the cost of reading */ \
    X(ERROR, "error")

typedef enum vlt_metric_status {
#define VLT_METRIC_STATUS_ENUM(code, name) VLT_METRIC_##code,
    VLT_METRIC_STATUS_MAP(VLT_METRIC_STATUS_ENUM)
#undef VLT_METRIC_STATUS_ENUM
        VLT_METRIC_STATUS_COUNT
} vlt_metric_status;

const char *vlt_metric_status_name(vlt_metric_status status);

typedef struct vlt_metric {
    char name[48];
    double value; /* per iteration; NAN unless the status is OK or MULTIPLEXED */
    vlt_metric_status status;
    int code;           /* raw code of the source behind a missing value; 0 none */
    char source[16];    /* name of the provider */
    double overhead_ns; /* what start, stop and read cost once; NAN unknown */
    double share;       /* of the time in which it was counted; 1 unless multiplexed */
    char reason[120];   /* in words; empty when OK */
} vlt_metric;

/* A metric without a value. */
void vlt_metric_missing(vlt_metric *metric, const char *source, const char *name,
                        vlt_metric_status status, int code, const char *format, ...)
    VLT_PRINTF(6, 7);

/* Gives it one. A value that is not finite or negative makes it an ERROR instead. */
void vlt_metric_set(vlt_metric *metric, double value);

/* Does it carry a number? */
static inline bool vlt_metric_has_value(const vlt_metric *metric)
{
    return metric->status == VLT_METRIC_OK || metric->status == VLT_METRIC_MULTIPLEXED;
}

/* One source of counters. A provider that cannot count here still opens and lists its metrics as
 * missing; open fails only for want of memory. Events that do not fit the hardware at once are
 * spread over passes: the work is repeated, never multiplexed behind one's back. */
typedef struct vlt_counter_provider {
    const char *name;
    vlt_status (*open)(const struct vlt_counter_provider *provider, void **state, vlt_error *err);
    int (*metric_count)(const void *state);
    int (*pass_count)(const void *state); /* 0: nothing can be counted */
    /* On the thread that does the work. A failure makes this pass's metrics ERROR. */
    vlt_status (*start)(void *state, int pass, vlt_error *err);
    vlt_status (*stop)(void *state, int pass, vlt_error *err);
    /* Every metric with what the passes so far counted, for the whole stretch. */
    void (*read)(const void *state, vlt_metric *metric);
    void (*close)(void *state); /* NULL is fine */
    void *user;                 /* of a provider made by a test */
} vlt_counter_provider;

extern const vlt_counter_provider vlt_provider_papi; /* hardware: presets and natives */
extern const vlt_counter_provider
    vlt_provider_software;                            /* faults, switches, migrations, CPU time */
extern const vlt_counter_provider vlt_provider_cupti; /* GPU activity */

typedef struct vlt_counters vlt_counters;

/* Opens providers; `provider` NULL means all that count in this process. A provider that fails to
 * open becomes one metric with the reason. Counts the calling thread. */
vlt_status vlt_counters_open(const vlt_counter_provider *const *provider, int count,
                             vlt_counters **out, vlt_error *err);
void vlt_counters_close(vlt_counters *counters); /* NULL is fine */

/* All metrics of all providers, as they stand; borrowed, valid until the next measure or close. */
const vlt_metric *vlt_counters_metrics(const vlt_counters *counters, int *count);
const vlt_metric *vlt_counters_find(const vlt_counters *counters, const char *name); /* or NULL */

/* Runs the subject `iterations` times in every pass that any provider needs; values are per
 * iteration. Fails with the subject's own status. */
vlt_status vlt_counters_measure(vlt_counters *counters, const vlt_subject *subject,
                                int64_t iterations, vlt_error *err);

#endif
