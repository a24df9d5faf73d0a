#include "harness/machine/memory_room.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/machine/cgroup.h"
#include "harness/machine/proc_file.h"
#include "optimizations/core/utf8_text.h"

/* Version 1 writes "no limit" as the largest multiple of a page below 2^63. */
#define NO_LIMIT_V1 (UINT64_C(1) << 62)

struct reading {
    const char *root;
    uint64_t swap_bytes; /* free, of the machine */
    vlt_memory_room *room;
};

static void narrow(vlt_memory_room *room, uint64_t left, uint64_t limit, const char *what,
                   const char *where)
{
    if (left < room->left_bytes) {
        room->left_bytes = left;
        room->limit_bytes = limit;
        vlt_utf8_format(room->limit, sizeof room->limit, "%s%s", what, where);
    }
}

static bool read_number(const struct reading *reading, const char *folder, const char *file,
                        uint64_t *out)
{
    char path[2 * VLT_CGROUP_PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/%s", folder, file);
    return length < (int)sizeof path && vlt_proc_read_u64(reading->root, path, out);
}

static uint64_t file_pages(const struct reading *reading, const char *folder, int version)
{
    char path[2 * VLT_CGROUP_PATH_BYTES], stat[8192];
    uint64_t inactive = 0, active = 0;
    int length = snprintf(path, sizeof path, "%s/memory.stat", folder);
    if (length < (int)sizeof path && vlt_proc_read(reading->root, path, stat, sizeof stat)) {
        vlt_proc_find_u64(stat, version == 1 ? "total_inactive_file" : "inactive_file", &inactive);
        vlt_proc_find_u64(stat, version == 1 ? "total_active_file" : "active_file", &active);
    }
    return inactive + active;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* What a cgroup may still put into swap; version 1 limits memory and swap together. */
static uint64_t swap_left(const struct reading *reading, const char *folder, int version,
                          uint64_t limit, uint64_t usage)
{
    uint64_t most = UINT64_MAX, used = 0, left;
    if (version == 2) {
        read_number(reading, folder, "memory.swap.max", &most);
        read_number(reading, folder, "memory.swap.current", &used);
        left = minus(most, used);
    } else if (read_number(reading, folder, "memory.memsw.limit_in_bytes", &most) &&
               most < NO_LIMIT_V1) {
        read_number(reading, folder, "memory.memsw.usage_in_bytes", &used);
        left = minus(minus(most, used), minus(limit, usage));
    } else {
        left = reading->swap_bytes;
    }
    return left < reading->swap_bytes ? left : reading->swap_bytes;
}

static void visit_cgroup(void *user, const char *folder, int version)
{
    const struct reading *reading = user;
    uint64_t limit, usage = 0;
    if (!read_number(reading, folder, version == 1 ? "memory.limit_in_bytes" : "memory.max",
                     &limit) ||
        limit >= NO_LIMIT_V1) {
        return;
    }
    read_number(reading, folder, version == 1 ? "memory.usage_in_bytes" : "memory.current", &usage);
    uint64_t kept = minus(usage, file_pages(reading, folder, version));
    narrow(reading->room, minus(limit, kept) + swap_left(reading, folder, version, limit, usage),
           limit, "the memory limit of cgroup ", folder);
}

static void read_machine(struct reading *reading)
{
    char meminfo[8192];
    uint64_t total = 0, available, swap = 0;
    if (!vlt_proc_read(reading->root, "/proc/meminfo", meminfo, sizeof meminfo)) {
        return;
    }
    vlt_proc_find_u64(meminfo, "MemTotal", &total);
    vlt_proc_find_u64(meminfo, "SwapFree", &swap);
    reading->swap_bytes = swap * 1024;
    if (vlt_proc_find_u64(meminfo, "MemAvailable", &available)) {
        narrow(reading->room, (available + swap) * 1024, total * 1024, "the machine's memory", "");
    }
}

/* ulimit -v counts what is mapped, ulimit -d what of it is writable and private; not looked at are
 * `apart` bytes of that. */
static void read_resource_limits(uint64_t apart, vlt_memory_room *room)
{
    static const struct {
        int resource, field;
        const char *name;
    } limits[] = {{RLIMIT_AS, 0, "RLIMIT_AS (ulimit -v)"},
                  {RLIMIT_DATA, 5, "RLIMIT_DATA (ulimit -d)"}};
    unsigned long long page[6];
    char statm[256];
    const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    if (!vlt_proc_read(NULL, "/proc/self/statm", statm, sizeof statm) ||
        sscanf(statm, "%llu %llu %llu %llu %llu %llu", &page[0], &page[1], &page[2], &page[3],
               &page[4], &page[5]) != 6) {
        return;
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit limit;
        if (getrlimit(limits[i].resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
            const uint64_t counted = minus(page[limits[i].field] * page_bytes, apart);
            narrow(room, minus(limit.rlim_cur, counted), limit.rlim_cur, limits[i].name, "");
        }
    }
}

static void read_room(const char *root, uint64_t apart, vlt_memory_room *out)
{
    struct reading reading = {.root = root, .room = out};
    *out = (vlt_memory_room){.left_bytes = UINT64_MAX};
    read_machine(&reading);
    vlt_cgroup_walk(root, "memory", visit_cgroup, &reading);
    if (!root) {
        read_resource_limits(apart, out);
    }
}

void vlt_memory_room_read(const char *root, vlt_memory_room *out)
{
    read_room(root, 0, out);
}

void vlt_memory_room_read_apart(uint64_t mapped_bytes, vlt_memory_room *out)
{
    read_room(NULL, mapped_bytes, out);
}

uint64_t vlt_memory_own_bytes(const char *root)
{
    unsigned long long resident, shared;
    char statm[256];
    if (!vlt_proc_read(root, "/proc/self/statm", statm, sizeof statm) ||
        sscanf(statm, "%*u %llu %llu", &resident, &shared) != 2 || resident < shared) {
        return 0;
    }
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t vlt_memory_own_bytes_exactly(const char *root)
{
    char rollup[4096];
    uint64_t anonymous_kb;
    return vlt_proc_read(root, "/proc/self/smaps_rollup", rollup, sizeof rollup) &&
                   vlt_proc_find_u64(rollup, "Anonymous", &anonymous_kb)
               ? anonymous_kb * 1024
               : vlt_memory_own_bytes(root);
}

void vlt_memory_room_narrow(uint64_t limit_bytes, uint64_t own_bytes, vlt_memory_room *out)
{
    if (limit_bytes) {
        narrow(out, minus(limit_bytes, own_bytes), limit_bytes, "the memory limit of this process",
               "");
    }
}

void vlt_memory_room_read_within(const char *root, uint64_t limit_bytes, vlt_memory_room *out)
{
    read_room(root, 0, out);
    vlt_memory_room_narrow(limit_bytes, vlt_memory_own_bytes(root), out);
}

bool vlt_memory_is_scarce(uint64_t limit_bytes)
{
    vlt_memory_room room;
    vlt_memory_room_read(NULL, &room);
    return limit_bytes || room.limit_bytes - 1 < VLT_MEMORY_SCARCE_BYTES;
}

uint64_t vlt_memory_with_margin(uint64_t bytes)
{
    return bytes < UINT64_MAX / 2 ? bytes + bytes / 64 + 2 * VLT_MEMORY_SMALL_BYTES : bytes;
}

vlt_status vlt_memory_room_judge(const vlt_memory_room *room, uint64_t bytes, uint64_t promised,
                                 const char *what, vlt_error *err)
{
    const uint64_t wanted = vlt_memory_with_margin(bytes);
    char others[64] = "";
    if (room->left_bytes == UINT64_MAX || wanted <= minus(room->left_bytes, promised)) {
        return VLT_OK;
    }
    if (promised) {
        vlt_utf8_format(others, sizeof others, ", %.1f MB of them promised already",
                        (double)promised / 1e6);
    }
    return vlt_fail(err, VLT_STATUS_LIMIT,
                    "%s: needs %.1f MB, %s leaves %.1f of %.1f MB%s; %.1f MB must stay free", what,
                    (double)bytes / 1e6, room->limit, (double)room->left_bytes / 1e6,
                    (double)room->limit_bytes / 1e6, others, (double)(wanted - bytes) / 1e6);
}

vlt_status vlt_memory_admit(const char *root, uint64_t bytes, uint64_t promised, const char *what,
                            vlt_error *err)
{
    vlt_memory_room room;
    if (bytes < VLT_MEMORY_SMALL_BYTES) {
        return VLT_OK;
    }
    vlt_memory_room_read(root, &room);
    return vlt_memory_room_judge(&room, bytes, promised, what, err);
}
