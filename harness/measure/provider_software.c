/* The system's own books of this thread: always there, no counter hardware needed. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fcntl.h>

#include "optimizations/core/clock.h"
#include "harness/measure/counters.h"

enum { MINOR, MAJOR, VOLUNTARY, INVOLUNTARY, MIGRATIONS, CPU_NS, WALL_NS, METRICS };

static const char *const names[METRICS] = {
    "page_faults_minor",
    "page_faults_major",
    "switches_voluntary",
    "switches_involuntary",
    "migrations",
    "thread_cpu_ns",
    "wall_ns",
};

struct software {
    double begin[METRICS];
    double counted[METRICS];
    bool known[METRICS]; /* both readings of the last stretch were good */
    bool done;           /* a stretch was counted */
    int sched_fd;        /* /proc/thread-self/sched, or -1 */
};

/* The scheduler counts migrations; the file exists only in kernels that keep statistics. */
static bool read_migrations(int fd, double *out)
{
    char text[4096];
    ssize_t got = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
    text[got > 0 ? got : 0] = '\0';
    const char *at = strstr(text, "se.nr_migrations");
    at = at ? strchr(at, ':') : NULL;
    if (!at) {
        return false;
    }
    *out = strtod(at + 1, NULL);
    return true;
}

static void take(const struct software *software, double value[METRICS], bool known[METRICS])
{
    struct rusage usage;
    known[MIGRATIONS] = read_migrations(software->sched_fd, &value[MIGRATIONS]);
    known[MINOR] = known[MAJOR] = known[VOLUNTARY] = known[INVOLUNTARY] = getrusage(RUSAGE_THREAD,
                                                                                    &usage) == 0;
    if (known[MINOR]) {
        value[MINOR] = (double)usage.ru_minflt;
        value[MAJOR] = (double)usage.ru_majflt;
        value[VOLUNTARY] = (double)usage.ru_nvcsw;
        value[INVOLUNTARY] = (double)usage.ru_nivcsw;
    }
    value[CPU_NS] = (double)vlt_clock_thread(vlt_clock_system());
    value[WALL_NS] = (double)vlt_clock_wall(vlt_clock_system());
    known[CPU_NS] = known[WALL_NS] = true;
}

static vlt_status open_software(const vlt_counter_provider *provider, void **state, vlt_error *err)
{
    (void)provider;
    struct software *software = calloc(1, sizeof *software);
    *state = software;
    if (!software) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "software counters: out of memory");
    }
    software->sched_fd = open("/proc/thread-self/sched", O_RDONLY | O_CLOEXEC);
    return VLT_OK;
}

static int metric_count(const void *state)
{
    (void)state;
    return METRICS;
}

static int pass_count(const void *state)
{
    (void)state;
    return 1;
}

static vlt_status start(void *state, int pass, vlt_error *err)
{
    (void)pass, (void)err;
    struct software *software = state;
    take(software, software->begin, software->known);
    software->done = false;
    return VLT_OK;
}

static vlt_status stop(void *state, int pass, vlt_error *err)
{
    (void)pass, (void)err;
    struct software *software = state;
    double end[METRICS];
    bool known[METRICS];
    take(software, end, known);
    for (int i = 0; i < METRICS; i++) {
        software->known[i] = software->known[i] && known[i];
        software->counted[i] = software->known[i] ? end[i] - software->begin[i] : 0;
    }
    software->done = true;
    return VLT_OK;
}

static void read_metrics(const void *state, vlt_metric *metric)
{
    const struct software *software = state;
    for (int i = 0; i < METRICS; i++) {
        bool usable = software->done && software->known[i];
        vlt_metric_missing(&metric[i], "software", names[i],
                           software->done ? VLT_METRIC_UNSUPPORTED : VLT_METRIC_ERROR, 0, "%s",
                           !software->done   ? "not measured yet"
                           : i == MIGRATIONS ? "the kernel keeps no scheduler statistics"
                                             : "getrusage failed");
        if (usable) {
            vlt_metric_set(&metric[i], software->counted[i]);
        }
    }
}

static void close_software(void *state)
{
    struct software *software = state;
    if (software && software->sched_fd >= 0) {
        close(software->sched_fd);
    }
    free(software);
}

const vlt_counter_provider vlt_provider_software = {
    .name = "software",
    .open = open_software,
    .metric_count = metric_count,
    .pass_count = pass_count,
    .start = start,
    .stop = stop,
    .read = read_metrics,
    .close = close_software,
};
