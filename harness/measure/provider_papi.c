/* Hardware counters through PAPI.
 *
 * That PAPI lists an event proves nothing: on a virtual machine without a counter unit it names 20
 * counters and 153 events, all of which fail when they are added. So every event is probed by
 * adding it, starting it, doing work and looking whether it counted. Events are then packed into
 * groups that the hardware takes at once; each group is a pass over the work, and every group
 * carries the cycle counter, because a group that the kernel never scheduled reads as zeros.
 */
#include <papi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/counters.h"
#include "harness/measure/papi_library.h"
#include "optimizations/core/utf8_text.h"

enum {
    EVENTS = 12,
    NAMES = 4,
    /* Starting and stopping by system call disturbs shorter stretches more than they count: about
     * 100,000 instructions on AMD, more on Intel (Muehlig 2026). */
    FLOOR_CYCLES = 200000
};

/* A metric and the events that may give it, best first; presets, then perf's generic ones. */
static const struct {
    const char *metric;
    const char *event[NAMES];
} wanted[EVENTS] = {
    {"cycles", {"PAPI_TOT_CYC", "perf::CYCLES"}},
    {"instructions", {"PAPI_TOT_INS", "perf::INSTRUCTIONS"}},
    {"reference_cycles", {"PAPI_REF_CYC", "perf::REF-CYCLES"}},
    {"l1d_misses", {"PAPI_L1_DCM", "perf::L1-DCACHE-LOAD-MISSES"}},
    {"l2_misses", {"PAPI_L2_TCM", "PAPI_L2_DCM"}},
    {"l3_misses", {"PAPI_L3_TCM", "perf::LLC-LOAD-MISSES", "perf::CACHE-MISSES"}},
    {"branches", {"PAPI_BR_INS", "perf::BRANCH-INSTRUCTIONS"}},
    {"branch_misses", {"PAPI_BR_MSP", "perf::BRANCH-MISSES"}},
    {"dtlb_misses", {"PAPI_TLB_DM", "perf::DTLB-LOAD-MISSES"}},
    {"stalled_cycles", {"PAPI_RES_STL", "perf::STALLED-CYCLES-BACKEND"}},
    {"f32_vector_ops", {"PAPI_VEC_SP", "PAPI_SP_OPS"}},
    {"f32_ops", {"PAPI_SP_OPS", "PAPI_FP_OPS"}},
};

struct event {
    const char *name; /* that counts here, or NULL */
    vlt_metric_status status;
    int code;
    int group;
    int slot; /* in the group's values */
    long long count;
    bool counted;
    char reason[96];
};

struct group {
    int set;
    int size; /* with the cycle counter in front */
    bool running;
};

struct papi {
    struct event event[EVENTS];
    struct group group[EVENTS];
    int group_count;
    char unavailable[96]; /* why the library as a whole does not count */
    int code;
};

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static const vlt_papi_library *lib; /* written once, under the lock */

/* Once per process; threads register on their own. NULL is no library: PAPI_ENOCMP. */
static int start_library(void)
{
    pthread_mutex_lock(&start_lock);
    int code = PAPI_OK;
    if (!lib) {
        lib = vlt_papi_library_open();
    }
    if (!lib) {
        code = PAPI_ENOCMP;
    } else if (lib->is_initialized() == PAPI_NOT_INITED) {
        code = lib->library_init(PAPI_VER_CURRENT);
        code = code == PAPI_VER_CURRENT ? PAPI_OK : code > 0 ? PAPI_EINVAL : code;
        if (code == PAPI_OK) {
            code = lib->thread_init((unsigned long (*)(void))pthread_self);
        }
    }
    pthread_mutex_unlock(&start_lock);
    return code == PAPI_OK ? lib->register_thread() : code;
}

static vlt_metric_status status_of(int code)
{
    switch (code) {
    case PAPI_EPERM:
    case PAPI_ECMP_DISABLED: /* paranoid setting: PAPI switches the component off */
        return VLT_METRIC_NOT_PERMITTED;
    case PAPI_ENOEVNT:
    case PAPI_ENOTPRESET:
    case PAPI_ENOSUPP:
    case PAPI_ENOCMP:
    case PAPI_ECMP:
    case PAPI_ENOIMPL:
        return VLT_METRIC_UNSUPPORTED;
    default:
        return VLT_METRIC_ERROR;
    }
}

static void destroy_set(int *set)
{
    if (*set != PAPI_NULL) {
        lib->cleanup_eventset(*set);
        lib->destroy_eventset(set);
        *set = PAPI_NULL;
    }
}

static double busy_work(void)
{
    double volatile x = 1;
    for (int i = 0; i < 20000; i++) {
        x = x * 1.0000001 + 1e-9;
    }
    return x;
}

/* Adds and starts one event alone. A count of 0 is right for faults and misses, but cycles and
 * instructions cannot be 0 after work: then the source only pretends. */
static int try_event(const char *name, bool must_count)
{
    int set = PAPI_NULL;
    long long count = 0;
    int code = lib->create_eventset(&set);
    if (code != PAPI_OK) {
        return code;
    }
    code = lib->add_named_event(set, name);
    if (code == PAPI_OK) {
        code = lib->start(set);
    }
    if (code == PAPI_OK) {
        busy_work();
        code = lib->stop(set, &count);
    }
    destroy_set(&set);
    return code == PAPI_OK && must_count && count == 0 ? PAPI_ENOEVNT : code;
}

static void probe_event(struct event *event, int index)
{
    for (int i = 0; i < NAMES && wanted[index].event[i]; i++) {
        int code = try_event(wanted[index].event[i], index < 2);
        if (code == PAPI_OK) {
            event->name = wanted[index].event[i];
            event->status = VLT_METRIC_OK;
            return;
        }
        if (!event->code || status_of(code) == VLT_METRIC_NOT_PERMITTED) {
            event->code = code;
            event->status = status_of(code);
            vlt_utf8_format(event->reason, sizeof event->reason, "%s: %s", wanted[index].event[i],
                            lib->strerror(code));
        }
    }
}

/* Does the set still start with what it holds now? */
static bool starts(int set)
{
    long long ignored[EVENTS + 1];
    return lib->start(set) == PAPI_OK && lib->stop(set, ignored) == PAPI_OK;
}

static bool open_group(struct papi *papi)
{
    struct group *group = &papi->group[papi->group_count];
    *group = (struct group){.set = PAPI_NULL};
    if (lib->create_eventset(&group->set) != PAPI_OK) {
        return false;
    }
    if (lib->add_named_event(group->set, papi->event[0].name) != PAPI_OK) {
        destroy_set(&group->set);
        return false;
    }
    group->size = 1;
    papi->group_count++;
    return true;
}

/* Puts the event into the last group, or into a new one when it does not fit. */
static void pack_event(struct papi *papi, struct event *event)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (papi->group_count == 0 || attempt == 1) {
            if (!open_group(papi)) {
                break;
            }
        }
        struct group *group = &papi->group[papi->group_count - 1];
        if (lib->add_named_event(group->set, event->name) == PAPI_OK) {
            if (starts(group->set)) {
                event->group = papi->group_count - 1;
                event->slot = group->size++;
                return;
            }
            int code;
            if (lib->event_name_to_code(event->name, &code) == PAPI_OK) {
                lib->remove_event(group->set, code);
            }
        }
    }
    event->name = NULL;
    event->status = VLT_METRIC_UNSUPPORTED;
    event->code = PAPI_ECNFLCT;
    snprintf(event->reason, sizeof event->reason, "does not fit beside the cycle counter");
}

static void close_papi(void *state)
{
    struct papi *papi = state;
    long long ignored[EVENTS + 1];
    for (int i = 0; papi && i < papi->group_count; i++) {
        if (papi->group[i].running) {
            lib->stop(papi->group[i].set, ignored);
        }
        destroy_set(&papi->group[i].set);
    }
    free(papi);
}

static vlt_status open_papi(const vlt_counter_provider *provider, void **state, vlt_error *err)
{
    (void)provider;
    struct papi *papi = calloc(1, sizeof *papi);
    *state = papi;
    if (!papi) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "papi: out of memory");
    }
    papi->code = start_library();
    if (!lib) {
        vlt_utf8_format(papi->unavailable, sizeof papi->unavailable, "%s is not installed",
                        vlt_papi_library_name());
        return VLT_OK;
    }
    if (papi->code != PAPI_OK) {
        vlt_utf8_format(papi->unavailable, sizeof papi->unavailable, "PAPI does not start: %s",
                        lib->strerror(papi->code));
        return VLT_OK;
    }
    for (int i = 0; i < EVENTS; i++) {
        probe_event(&papi->event[i], i);
    }
    if (!papi->event[0].name) {
        papi->code = papi->event[0].code;
        vlt_utf8_format(papi->unavailable, sizeof papi->unavailable, "no cycle counter (%s)",
                        papi->event[0].reason);
        return VLT_OK;
    }
    for (int i = 1; i < EVENTS; i++) {
        if (papi->event[i].name) {
            pack_event(papi, &papi->event[i]);
        }
    }
    if (papi->group_count == 0) {
        open_group(papi);
    }
    return VLT_OK;
}

static int metric_count(const void *state)
{
    (void)state;
    return EVENTS;
}

static int pass_count(const void *state)
{
    return ((const struct papi *)state)->group_count;
}

static void lose_group(struct papi *papi, int group, int code, const char *what)
{
    for (int i = 0; i < EVENTS; i++) {
        struct event *event = &papi->event[i];
        if (event->name && event->group == group && (i > 0 || group == 0)) {
            event->counted = false;
            event->code = code;
            vlt_utf8_format(event->reason, sizeof event->reason, "%s: %s", what,
                            lib->strerror(code));
        }
    }
}

static vlt_status start(void *state, int pass, vlt_error *err)
{
    struct papi *papi = state;
    int code = lib->start(papi->group[pass].set);
    papi->group[pass].running = code == PAPI_OK;
    if (code != PAPI_OK) {
        lose_group(papi, pass, code, "not started");
        return vlt_fail(err, VLT_STATUS_INTERNAL, "papi: %s", lib->strerror(code));
    }
    return VLT_OK;
}

static vlt_status stop(void *state, int pass, vlt_error *err)
{
    struct papi *papi = state;
    long long count[EVENTS + 1] = {0};
    int code = lib->stop(papi->group[pass].set, count);
    papi->group[pass].running = false;
    if (code != PAPI_OK) {
        lose_group(papi, pass, code, "not stopped");
        return vlt_fail(err, VLT_STATUS_INTERNAL, "papi: %s", lib->strerror(code));
    }
    for (int i = 0; i < EVENTS; i++) {
        struct event *event = &papi->event[i];
        if (!event->name || event->group != pass || (i == 0 && pass > 0)) {
            continue;
        }
        event->count = count[event->slot];
        event->counted = count[0] >= FLOOR_CYCLES;
        event->code = 0;
        vlt_utf8_format(event->reason, sizeof event->reason, "%s",
                        count[0] == 0 ? "the kernel did not schedule the group"
                        : event->counted
                            ? ""
                            : "the stretch is too short to count; repeat the work more often");
        event->status = event->counted  ? VLT_METRIC_OK
                        : count[0] == 0 ? VLT_METRIC_ERROR
                                        : VLT_METRIC_BELOW_FLOOR;
    }
    return VLT_OK;
}

static void read_metrics(const void *state, vlt_metric *metric)
{
    const struct papi *papi = state;
    for (int i = 0; i < EVENTS; i++) {
        const struct event *event = &papi->event[i];
        if (*papi->unavailable) {
            vlt_metric_status status = event->status != VLT_METRIC_OK ? event->status
                                                                      : status_of(papi->code);
            vlt_metric_missing(&metric[i], "papi", wanted[i].metric, status,
                               event->code ? event->code : papi->code, "%s", papi->unavailable);
        } else if (!event->counted) {
            bool never = event->status == VLT_METRIC_OK && !*event->reason;
            vlt_metric_missing(&metric[i], "papi", wanted[i].metric,
                               event->status == VLT_METRIC_OK ? VLT_METRIC_ERROR : event->status,
                               event->code, "%s", never ? "not measured yet" : event->reason);
        } else {
            vlt_metric_missing(&metric[i], "papi", wanted[i].metric, VLT_METRIC_ERROR, 0, "%s", "");
            vlt_metric_set(&metric[i], (double)event->count);
        }
    }
}

const vlt_counter_provider vlt_provider_papi = {
    .name = "papi",
    .open = open_papi,
    .metric_count = metric_count,
    .pass_count = pass_count,
    .start = start,
    .stop = stop,
    .read = read_metrics,
    .close = close_papi,
};
