#include "harness/machine/memory_nodes.h"

#include <errno.h>
#include <hwloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "optimizations/core/threads.h"

struct vlt_memory_nodes {
    hwloc_topology_t topology;
    hwloc_bitmap_t set;
    hwloc_membind_policy_t policy;
    atomic_int refused; /* errno */
};

vlt_cpu_set vlt_machine_all_nodes(const vlt_machine *machine)
{
    vlt_cpu_set all = {{0}};
    for (int i = 0; i < machine->node_count; i++) {
        vlt_cpu_set_add(&all, machine->node[i].number);
    }
    return all;
}

static int shared_count(const vlt_cpu_set *a, const vlt_cpu_set *b)
{
    vlt_cpu_set both;
    for (int i = 0; i < VLT_MACHINE_CPU_WORDS; i++) {
        both.word[i] = a->word[i] & b->word[i];
    }
    return vlt_cpu_set_count(&both);
}

vlt_cpu_set vlt_machine_near_node(const vlt_machine *machine, const vlt_cpu_set *cpus)
{
    vlt_cpu_set near = {{0}};
    int best = -1, most = 0;
    for (int i = 0; i < machine->node_count; i++) {
        const int shared = shared_count(&machine->node[i].cpus, cpus);
        if (shared > most) {
            most = shared;
            best = i;
        }
    }
    if (best >= 0) {
        vlt_cpu_set_add(&near, machine->node[best].number);
    }
    return near;
}

vlt_status vlt_memory_nodes_create(const vlt_machine *machine, const vlt_cpu_set *nodes,
                                   bool interleave, vlt_memory_nodes **out, vlt_error *err)
{
    *out = NULL;
    if (!machine->can_place) {
        return vlt_fail(
            err, VLT_STATUS_UNSUPPORTED, "memory cannot be bound to NUMA nodes here: %s",
            machine->emulated ? "the topology is replayed" : "this system has no calls for it");
    }
    vlt_memory_nodes *made = calloc(1, sizeof *made);
    if (!made || !(made->set = hwloc_bitmap_alloc()) || hwloc_topology_init(&made->topology) ||
        hwloc_topology_load(made->topology)) {
        vlt_memory_nodes_destroy(made);
        return vlt_fail(err, VLT_STATUS_NOMEM, "hwloc: no memory for a topology");
    }
    for (int node = 0; node < VLT_MACHINE_CPU_WORDS * 64; node++) {
        if (vlt_cpu_set_has(nodes, node)) {
            hwloc_bitmap_set(made->set, (unsigned)node);
        }
    }
    made->policy = interleave ? HWLOC_MEMBIND_INTERLEAVE : HWLOC_MEMBIND_BIND;
    *out = made;
    return VLT_OK;
}

void vlt_memory_nodes_destroy(vlt_memory_nodes *nodes)
{
    if (nodes) {
        if (nodes->topology) {
            hwloc_topology_destroy(nodes->topology);
        }
        hwloc_bitmap_free(nodes->set);
        free(nodes);
    }
}

/* Without HWLOC_MEMBIND_STRICT a node that is full is no failure. */
void vlt_memory_nodes_bind(vlt_memory_nodes *nodes, void *pages, size_t bytes)
{
    if (hwloc_set_area_membind(nodes->topology, pages, bytes, nodes->set, nodes->policy,
                               HWLOC_MEMBIND_BYNODESET)) {
        atomic_store(&nodes->refused, errno);
    }
}

struct reading {
    vlt_memory_nodes *nodes;
    const unsigned char *mapped;
    size_t bytes;
};

static void *read_pages(void *argument)
{
    enum { POPULATE_READ = 22 }; /* of Linux 5.14, newer than its header */
    const struct reading *r = argument;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = (uintptr_t)r->mapped / page * page;
    const size_t bytes = (uintptr_t)r->mapped + r->bytes - begin;
    if (hwloc_set_membind(r->nodes->topology, r->nodes->set, r->nodes->policy,
                          HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET)) {
        atomic_store(&r->nodes->refused, errno);
        return NULL;
    }
    if (madvise((void *)begin, bytes, POPULATE_READ) && errno == EINVAL) {
        for (size_t at = 0; at < r->bytes; at += page) {
            (void)*(const volatile unsigned char *)(r->mapped + at);
        }
    }
    return NULL;
}

void vlt_memory_nodes_read(vlt_memory_nodes *nodes, const void *mapped, size_t bytes)
{
    struct reading reading = {.nodes = nodes, .mapped = mapped, .bytes = bytes};
    pthread_t reader;
    int failed = vlt_thread_start(&reader, read_pages, &reading);
    if (failed) {
        atomic_store(&nodes->refused, failed);
    } else {
        pthread_join(reader, NULL);
    }
}

int vlt_memory_nodes_refused(vlt_memory_nodes *nodes)
{
    return atomic_exchange(&nodes->refused, 0);
}
