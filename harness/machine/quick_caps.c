#include "harness/machine/quick_caps.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/machine/isa.h"
#include "harness/machine/limits.h"
#include "harness/machine/proc_file.h"
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

static size_t cache_bytes(int name)
{
    long bytes = sysconf(name);
    return bytes > 0 ? (size_t)bytes : 0;
}

void vlt_quick_caps(vlt_caps *caps, int *thread_count)
{
    cpu_set_t usable;
    vlt_limits limits;
    *caps = (vlt_caps){.isa = vlt_isa_detect(),
                       .l1d_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE),
                       .l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE),
                       .l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE)};
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
    caps->memory_bytes = vlt_limits_memory(&limits);
    *thread_count = vlt_limits_threads(&limits, caps->core_count);
}
