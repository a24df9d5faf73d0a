/* machine.h: what this machine is and how much of it this process may use, probed once.
 *
 * Everything is plain data after the probe, so that any thread may read it. Topology comes from
 * hwloc, instruction sets from CPUID and XCR0, limits from /proc and every ancestor cgroup (v1 and
 * v2), the GPU from libcuda opened at run time. What could not be found out is 0 or an empty text
 * with a reason beside it; none of it makes the probe fail. No hwloc or CUDA type leaves the
 * folder.
 */
#ifndef VLT_HARNESS_MACHINE_H
#define VLT_HARNESS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/machine/limits.h"
#include "optimizations/core/caps.h"
#include "optimizations/core/status.h"

enum {
    VLT_MACHINE_KINDS = 8,      /* kinds of cores told apart: performance, efficiency ... */
    VLT_MACHINE_CACHES = 16,    /* groups of equal caches */
    VLT_MACHINE_CPU_WORDS = 16, /* 64-bit words of a CPU set: 1024 logical CPUs */
    VLT_MACHINE_GPUS = 8,
    VLT_MACHINE_NODES = 64 /* NUMA nodes told apart */
};

/* A set of logical CPUs by the kernel's numbers, as vlt_threads_options takes it. */
typedef struct vlt_cpu_set {
    uint64_t word[VLT_MACHINE_CPU_WORDS];
} vlt_cpu_set;

static inline bool vlt_cpu_set_has(const vlt_cpu_set *set, int cpu)
{
    return cpu >= 0 && cpu < VLT_MACHINE_CPU_WORDS * 64 &&
           (set->word[cpu / 64] >> (cpu % 64) & 1u) != 0;
}

int vlt_cpu_set_count(const vlt_cpu_set *set);
void vlt_cpu_set_add(vlt_cpu_set *set, int cpu); /* a number beyond the set is left out */
/* "0-3,8" into text, cut where it does not fit. */
void vlt_cpu_set_format(const vlt_cpu_set *set, char *text, size_t text_bytes);

/* Cores that are alike. */
typedef struct vlt_machine_kind {
    char name[32];      /* "IntelCore", "IntelAtom"; empty where the system does not say */
    int efficiency;     /* rank by hwloc, higher is faster; -1 unknown */
    int core_count;     /* physical cores of the machine, usable or not */
    int pu_count;       /* their logical CPUs */
    vlt_cpu_set usable; /* those of them that this process may use */
} vlt_machine_kind;

/* A NUMA node with memory. */
typedef struct vlt_machine_node {
    int number;       /* the kernel's */
    vlt_cpu_set cpus; /* logical CPUs near it, usable or not; none: memory alone */
} vlt_machine_node;

/* Caches that are alike. */
typedef struct vlt_machine_cache {
    int level; /* 1.. */
    char type; /* 'd' data, 'i' instructions, 'u' both */
    uint64_t bytes;
    int ways;       /* 0 unknown, -1 fully associative */
    int line_bytes; /* 0 unknown */
    int shared_by;  /* logical CPUs on one of them */
    int count;
} vlt_machine_cache;

typedef struct vlt_machine_gpu {
    char name[64];
    char bus_id[32];       /* "0000:01:00.0" */
    int capability;        /* compute capability: 61 is 6.1 */
    int multiprocessors;   /* SMs */
    uint64_t memory_bytes; /* of the device */
    int link_generation;   /* fastest PCIe generation that card and slot agree on; 0 unknown */
    int link_width;        /* most lanes; 0 unknown */
    int numa_node;         /* of the host; -1 unknown */
} vlt_machine_gpu;

/* Things of the system that change times but not what code is possible; they make the soft key. */
typedef struct vlt_machine_system {
    char kernel[96];
    char hypervisor[16]; /* CPUID's signature ("KVMKVMKVM"); empty: none seen */
    char microcode[24];
    char governor[24];   /* of CPU 0; empty: not readable */
    char huge_pages[16]; /* transparent huge pages: "always", "madvise", "never"; empty: unknown */
    char libc[24];
    int smt_active; /* 1, 0, or -1 unknown */
} vlt_machine_system;

typedef struct vlt_machine {
    vlt_caps caps;       /* the digest that the layers below read */
    char cpu_vendor[16]; /* "GenuineIntel"; empty: unknown */
    char cpu_model[64];
    int cpu_family, cpu_model_number, cpu_stepping; /* -1 unknown */

    bool emulated;  /* the topology is replayed, not this machine's: nothing can be bound */
    bool can_bind;  /* threads can be bound to CPUs here */
    bool can_place; /* memory can be bound to NUMA nodes here */
    int package_count;
    int numa_count;
    int core_count; /* of the machine, usable or not */
    int pu_count;
    vlt_machine_kind kind[VLT_MACHINE_KINDS]; /* fastest first */
    int kind_count;                           /* >= 1 */
    vlt_machine_cache cache[VLT_MACHINE_CACHES];
    int cache_count;
    vlt_cpu_set usable;    /* logical CPUs after cpuset and affinity */
    vlt_cpu_set first_pus; /* one of each usable core */

    vlt_machine_node node[VLT_MACHINE_NODES]; /* that memory may come from, by number */
    int node_count;

    vlt_limits limits;

    vlt_machine_gpu gpu[VLT_MACHINE_GPUS];
    int gpu_count;
    int gpu_driver; /* CUDA version of the driver, 12040 is 12.4; 0: none */

    vlt_machine_system system;
} vlt_machine;

/* Where the probe looks; {0} (or NULL) is this machine. Tests replace parts of it. */
typedef struct vlt_machine_sources {
    const char *root;      /* stands before /proc and /sys, for limits and system facts */
    const char *synthetic; /* hwloc's description of a topology ("pack:1 l2:4 pu:2") */
    const char *xml_path;  /* or a recorded topology */
    const uint32_t *isa;   /* instead of vlt_isa_detect */
    bool no_gpu;           /* do not open libcuda (saves some milliseconds) */
} vlt_machine_sources;

/* Probes. INPUT when a topology given in sources cannot be loaded, NOMEM; the machine itself never
 * makes it fail. *out is owned: vlt_machine_destroy. Takes a few milliseconds; call it once. */
vlt_status vlt_machine_probe(const vlt_machine_sources *sources, vlt_machine **out, vlt_error *err);
void vlt_machine_destroy(vlt_machine *machine); /* NULL is fine */

/* Borrowed from the machine. */
const vlt_caps *vlt_machine_caps(const vlt_machine *machine);

/* Threads worth starting: usable cores, cut by the CPU quota of the cgroups; >= 1. */
int vlt_machine_thread_count(const vlt_machine *machine);

/* CPUs for `count` workers: one of each core first, fastest kind first, then their siblings; fewer
 * than count when there are no more. Give it to vlt_threads_options. */
vlt_cpu_set vlt_machine_worker_cpus(const vlt_machine *machine, int count);

/* "Intel(R) Xeon(R), 2 cores, 23.5 GB, 480 MB L3 · AVX512 VNNI BF16 AMX · no GPU" */
void vlt_machine_describe(const vlt_machine *machine, char *text, size_t text_bytes);

#endif
