#include "harness/machine/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/cgroup.h"
#include "harness/machine/proc_file.h"

/* Version 1 writes "no limit" as the largest multiple of a page below 2^63. */
#define NO_LIMIT_V1 (UINT64_C(1) << 62)

struct reading {
    const char *root;
    vlt_limits *limits;
};

static bool read_in(const struct reading *reading, const char *folder, const char *file, char *text,
                    size_t text_bytes)
{
    char path[3 * VLT_CGROUP_PATH_BYTES];
    return snprintf(path, sizeof path, "%s/%s", folder, file) < (int)sizeof path &&
           vlt_proc_read(reading->root, path, text, text_bytes);
}

static bool read_number_in(const struct reading *reading, const char *folder, const char *file,
                           uint64_t *out)
{
    char path[3 * VLT_CGROUP_PATH_BYTES];
    return snprintf(path, sizeof path, "%s/%s", folder, file) < (int)sizeof path &&
           vlt_proc_read_u64(reading->root, path, out);
}

/* Bytes that the cgroup cannot give back at once: its usage without cold page cache (the kernel
 * drops that before it kills anyone; mapped weights are such pages). */
static uint64_t working_set(const struct reading *reading, const char *folder, int version)
{
    char stat[8192];
    uint64_t usage = 0, inactive = 0;
    read_number_in(reading, folder, version == 1 ? "memory.usage_in_bytes" : "memory.current",
                   &usage);
    if (read_in(reading, folder, "memory.stat", stat, sizeof stat)) {
        vlt_proc_find_u64(stat, version == 1 ? "total_inactive_file" : "inactive_file", &inactive);
    }
    return usage > inactive ? usage - inactive : 0;
}

static void visit_memory(void *user, const char *folder, int version)
{
    struct reading *reading = user;
    vlt_limits *limits = reading->limits;
    const char *file = version == 1 ? "memory.limit_in_bytes" : "memory.max";
    char text[64];
    uint64_t bytes;
    if (!read_in(reading, folder, file, text, sizeof text)) {
        return;
    }
    limits->cgroup_version = limits->cgroup_version ? limits->cgroup_version : version;
    if (!read_number_in(reading, folder, file, &bytes) || bytes >= NO_LIMIT_V1) {
        return;
    }
    uint64_t used = working_set(reading, folder, version);
    uint64_t left = bytes > used ? bytes - used : 0;
    if (left < limits->memory_budget_bytes) {
        limits->memory_budget_bytes = left;
    }
    if (bytes < limits->memory_limit_bytes) {
        limits->memory_limit_bytes = bytes;
        vlt_proc_copy(limits->memory_limited_by, sizeof limits->memory_limited_by, folder);
    }
}

/* "150000 100000" or "max 100000" (v2); -1 or microseconds in a file each (v1) */
static double read_quota(const struct reading *reading, const char *folder, int version)
{
    char text[64];
    double quota = 0;
    uint64_t quota_us, period_us;
    if (version == 2) {
        double period = 0;
        if (read_in(reading, folder, "cpu.max", text, sizeof text) &&
            sscanf(text, "%lf %lf", &quota, &period) == 2 && period > 0) {
            return quota / period;
        }
        return 0;
    }
    return read_number_in(reading, folder, "cpu.cfs_quota_us", &quota_us) &&
                   read_number_in(reading, folder, "cpu.cfs_period_us", &period_us) && period_us
               ? (double)quota_us / (double)period_us
               : 0;
}

static void visit_cpu(void *user, const char *folder, int version)
{
    struct reading *reading = user;
    vlt_limits *limits = reading->limits;
    double quota = read_quota(reading, folder, version);
    if (quota > 0 && quota < 1e6 && (limits->cpu_quota == 0 || quota < limits->cpu_quota)) {
        limits->cpu_quota = quota;
        vlt_proc_copy(limits->cpu_limited_by, sizeof limits->cpu_limited_by, folder);
    }
}

void vlt_limits_read(const char *root, vlt_limits *limits)
{
    char meminfo[8192];
    uint64_t kib;
    *limits = (vlt_limits){.memory_limit_bytes = VLT_LIMIT_NONE,
                           .memory_budget_bytes = VLT_LIMIT_NONE};
    struct reading reading = {root, limits};
    if (vlt_proc_read(root, "/proc/meminfo", meminfo, sizeof meminfo)) {
        if (vlt_proc_find_u64(meminfo, "MemTotal", &kib)) {
            limits->ram_bytes = kib * 1024;
        }
        if (vlt_proc_find_u64(meminfo, "MemAvailable", &kib)) {
            limits->available_bytes = kib * 1024;
            limits->memory_budget_bytes = kib * 1024;
        }
    }
    vlt_cgroup_walk(root, "memory", visit_memory, &reading);
    vlt_cgroup_walk(root, "cpu", visit_cpu, &reading);
}

uint64_t vlt_limits_memory(const vlt_limits *limits)
{
    uint64_t bytes = limits->memory_limit_bytes < limits->ram_bytes || !limits->ram_bytes
                         ? limits->memory_limit_bytes
                         : limits->ram_bytes;
    return bytes == VLT_LIMIT_NONE ? 0 : bytes;
}

int vlt_limits_threads(const vlt_limits *limits, int core_count)
{
    double quota = limits->cpu_quota;
    int count = quota > 0 && quota < core_count ? (int)ceil(quota) : core_count;
    return count < 1 ? 1 : count;
}
