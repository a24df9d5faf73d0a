/* memory_monitor.h: notices that memory runs short, so that caches are given back in time.
 *
 * A thread wakes a few times a second (and at once when the kernel's PSI trigger fires), compares
 * what is left below every limit and the stalls of the last 10 s with thresholds, and keeps a
 * level. A level is left only when its threshold is cleared by a quarter, so that it does not
 * flutter. Owners of caches ask for the level between pieces of work and trim; nobody's cache is
 * touched from the monitor's thread.
 */
#ifndef VLT_HARNESS_MEMORY_MONITOR_H
#define VLT_HARNESS_MEMORY_MONITOR_H

#include "harness/machine/limits.h"
#include "harness/machine/pressure.h"
#include "optimizations/core/status.h"
#include "optimizations/tensor_pool/tensor_pool.h"

typedef enum vlt_memory_level {
    VLT_MEMORY_EASY,
    VLT_MEMORY_TIGHT,   /* start no more than is under way; keep no more cached than is in use */
    VLT_MEMORY_CRITICAL /* give back everything that can be made again */
} vlt_memory_level;

const char *vlt_memory_level_name(vlt_memory_level level); /* "easy" ... */

/* A level is reached when less than its share of the memory we may use is left, or when tasks
 * waited for memory for more than its share of the last 10 s. */
typedef struct vlt_memory_thresholds {
    double tight_left;     /* 0.10 */
    double critical_left;  /* 0.04 */
    double tight_stall;    /* percent of time, PSI some avg10 of system or own cgroup: 5 */
    double critical_stall; /* 25 */
} vlt_memory_thresholds;

vlt_memory_thresholds vlt_memory_thresholds_default(void);

/* Pure: the level that the readings give, coming from `now`. */
vlt_memory_level vlt_memory_level_of(const vlt_limits *limits, const vlt_pressure *pressure,
                                     const vlt_memory_thresholds *thresholds, vlt_memory_level now);

typedef struct vlt_memory_monitor vlt_memory_monitor;

/* Called from the monitor's thread when the level changes. */
typedef void vlt_memory_notice(void *user, vlt_memory_level level);

typedef struct vlt_memory_monitor_options {
    const char *root; /* before /proc and /sys; NULL */
    vlt_memory_thresholds thresholds;
    int period_ms;             /* 10..60000; default 100 */
    vlt_memory_notice *notice; /* NULL: none */
    void *user;
} vlt_memory_monitor_options;

vlt_memory_monitor_options vlt_memory_monitor_defaults(void);

vlt_status vlt_memory_monitor_create(const vlt_memory_monitor_options *options,
                                     vlt_memory_monitor **out, vlt_error *err);
void vlt_memory_monitor_destroy(vlt_memory_monitor *monitor); /* NULL is fine */

/* One load; any thread. EASY for NULL. */
vlt_memory_level vlt_memory_monitor_level(const vlt_memory_monitor *monitor);

/* Called by the pool's own thread between pieces of work: trims what the level asks for. Returns
 * the level. */
vlt_memory_level vlt_memory_monitor_relieve(const vlt_memory_monitor *monitor,
                                            const vlt_tensor_pool *pool);

#endif
