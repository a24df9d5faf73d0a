#include "harness/machine/quick_caps.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/machine/isa.h"
#include "harness/machine/limits.h"
#include "harness/machine/machine.h"
#include "harness/machine/proc_file.h"
#include "harness/machine/system_facts.h"
#include "optimizations/core/utf8_text.h"

/* Is this the first usable CPU of its core? The kernel lists siblings as "0,4" or "0-1". */
static bool begins_core(int cpu, const cpu_set_t *usable)
{
    char path[96], text[256];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    if (!vlt_proc_read(NULL, path, text, sizeof text)) {
        return true; /* not said: every CPU counts as a core */
    }
    for (char *at = text; *at;) {
        long first = strtol(at, &at, 10), last = first;
        if (*at == '-') {
            last = strtol(at + 1, &at, 10);
        }
        for (long sibling = first; sibling <= last && sibling < cpu; sibling++) {
            if (CPU_ISSET((size_t)sibling, usable)) {
                return false;
            }
        }
        if (*at != ',') {
            break;
        }
        at++;
    }
    return true;
}

/* "0-1,4" of the kernel as a set. */
static vlt_cpu_set read_list(const char *text)
{
    vlt_cpu_set set = {{0}};
    for (char *at = (char *)text; *at >= '0' && *at <= '9'; at += *at == ',') {
        long first = strtol(at, &at, 10), last = *at == '-' ? strtol(at + 1, &at, 10) : first;
        for (long i = first; i <= last && i < VLT_MACHINE_CPU_WORDS * 64; i++) {
            vlt_cpu_set_add(&set, (int)i);
        }
    }
    return set;
}

/* Nodes that have memory and that this process may have it from. */
static int count_nodes(void)
{
    char text[4096];
    vlt_cpu_set with = {{0}}, may = {{0}};
    if (vlt_proc_read(NULL, "/sys/devices/system/node/has_memory", text, sizeof text)) {
        with = read_list(text);
    }
    if (vlt_proc_read(NULL, "/proc/self/status", text, sizeof text)) {
        const char *key = "Mems_allowed_list:", *at = strstr(text, key);
        may = at ? read_list(at + strlen(key) + strspn(at + strlen(key), " \t")) : with;
    }
    for (int i = 0; i < VLT_MACHINE_CPU_WORDS; i++) {
        with.word[i] &= may.word[i];
    }
    const int count = vlt_cpu_set_count(&with);
    return count > 0 ? count : 1; /* a kernel without nodes */
}

static size_t cache_bytes(int name)
{
    long bytes = sysconf(name);
    return bytes > 0 ? (size_t)bytes : 0;
}

/* Of the first CPU, as the kernel says ("32768K"); the C library reckons one of AMD's virtual CPUs
 * ten times that. */
static size_t l3_bytes(void)
{
    uint64_t kib;
    const char *path = "/sys/devices/system/cpu/cpu0/cache/index3/size";
    return vlt_proc_read_u64(NULL, path, &kib) ? (size_t)kib << 10
                                               : cache_bytes(_SC_LEVEL3_CACHE_SIZE);
}

void vlt_quick_caps(vlt_caps *caps, int *thread_count)
{
    cpu_set_t usable;
    vlt_limits limits;
    char huge_pages[16], vendor[16];
    int family;
    *caps = (vlt_caps){.isa = vlt_isa_detect(),
                       .l1d_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE),
                       .l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE),
                       .l3_bytes = l3_bytes()};
    vlt_isa_cpu(vendor, &family);
    vlt_isa_rates(vendor, family, caps);
    vlt_utf8_format(caps->isa_of, sizeof caps->isa_of, "%s", vlt_isa_limit());
    if (sched_getaffinity(0, sizeof usable, &usable) == 0) {
        caps->cpu_count = CPU_COUNT(&usable);
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            caps->core_count += CPU_ISSET((size_t)cpu, &usable) && begins_core(cpu, &usable);
        }
    }
    caps->cpu_count = caps->cpu_count > 0 ? caps->cpu_count : 1;
    caps->core_count = caps->core_count > 0 ? caps->core_count : 1;
    vlt_limits_read(NULL, &limits);
    vlt_system_huge_pages(NULL, huge_pages, sizeof huge_pages);
    caps->large_pages = vlt_system_gives_large_pages(huge_pages);
    caps->node_count = count_nodes();
    caps->memory_bytes = vlt_limits_memory(&limits);
    *thread_count = vlt_limits_threads(&limits, caps->core_count);
}
