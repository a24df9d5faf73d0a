/* limits.h: how much memory and CPU time this process may have.
 *
 * A process is bound by its own cgroup and every ancestor of it, in both generations of the
 * interface at once (hybrid systems mount v1 controllers beside v2). A limit that is not set or
 * not readable is VLT_LIMIT_NONE, never 0.
 */
#ifndef VLT_HARNESS_LIMITS_H
#define VLT_HARNESS_LIMITS_H

#include <stdint.h>

#define VLT_LIMIT_NONE UINT64_MAX

typedef struct vlt_limits {
    uint64_t ram_bytes;           /* MemTotal; 0 unknown */
    uint64_t available_bytes;     /* MemAvailable when probed; 0 unknown */
    uint64_t memory_limit_bytes;  /* smallest limit of the cgroups, or VLT_LIMIT_NONE */
    uint64_t memory_budget_bytes; /* min(available, limit - usage of every ancestor) when probed */
    char memory_limited_by[2048]; /* folder of the cgroup that sets it; empty: none does */
    double cpu_quota;             /* CPUs' worth of time, smallest over the cgroups; 0: no quota */
    char cpu_limited_by[2048];
    int cgroup_version; /* of the memory controller: 1, 2, or 0 where there is none */
} vlt_limits;

/* Reads them. `root` stands before /proc and /sys (NULL: nothing). Never fails. */
void vlt_limits_read(const char *root, vlt_limits *limits);

/* What this process may use in all: RAM cut by every cgroup; 0 unknown. */
uint64_t vlt_limits_memory(const vlt_limits *limits);

/* Worker threads for that many usable cores: fewer where the CPU quota allows less; at least 1. */
int vlt_limits_threads(const vlt_limits *limits, int core_count);

#endif
