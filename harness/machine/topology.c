#include "harness/machine/topology.h"

#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/proc_file.h"

static vlt_status load(const vlt_machine_sources *sources, hwloc_topology_t *out, vlt_error *err)
{
    hwloc_topology_t topology = NULL;
    *out = NULL;
    if (hwloc_topology_init(&topology)) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "hwloc: no memory for a topology");
    }
    /* Disallowed CPUs are kept: the machine is described as it is, what may be used is a set. */
    hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    const char *what = sources->synthetic ? sources->synthetic : sources->xml_path;
    int failed = sources->synthetic  ? hwloc_topology_set_synthetic(topology, sources->synthetic)
                 : sources->xml_path ? hwloc_topology_set_xml(topology, sources->xml_path)
                                     : 0;
    /* A truncated XML file fails only here. */
    if (failed || hwloc_topology_load(topology)) {
        hwloc_topology_destroy(topology);
        return what ? vlt_fail(err, VLT_STATUS_INPUT, "topology '%s': hwloc cannot load it", what)
                    : vlt_fail(err, VLT_STATUS_UNSUPPORTED, "hwloc cannot read this machine");
    }
    *out = topology;
    return VLT_OK;
}

static void to_cpu_set(hwloc_const_bitmap_t from, vlt_cpu_set *set)
{
    *set = (vlt_cpu_set){{0}};
    for (int cpu = hwloc_bitmap_first(from); cpu >= 0 && cpu < VLT_MACHINE_CPU_WORDS * 64;
         cpu = hwloc_bitmap_next(from, cpu)) {
        vlt_cpu_set_add(set, cpu);
    }
}

static vlt_cpu_set intersection(const vlt_cpu_set *a, const vlt_cpu_set *b)
{
    vlt_cpu_set both;
    for (int i = 0; i < VLT_MACHINE_CPU_WORDS; i++) {
        both.word[i] = a->word[i] & b->word[i];
    }
    return both;
}

/* The affinity of this thread; hwloc leaves it out of the allowed set. */
static void cut_by_affinity(vlt_cpu_set *set)
{
    cpu_set_t affinity;
    if (sched_getaffinity(0, sizeof affinity, &affinity)) {
        return; /* more CPUs than the set holds: then nothing is cut */
    }
    vlt_cpu_set own = {{0}};
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &affinity)) {
            vlt_cpu_set_add(&own, cpu);
        }
    }
    vlt_cpu_set both = intersection(set, &own);
    if (vlt_cpu_set_count(&both) > 0) {
        *set = both;
    }
}

static int info_int(hwloc_obj_t object, const char *name)
{
    const char *text = hwloc_obj_get_info_by_name(object, name);
    char *end;
    long value = text ? strtol(text, &end, 10) : -1;
    return text && end != text && value >= 0 && value <= 0xFFFF ? (int)value : -1;
}

static void read_identity(hwloc_topology_t topology, vlt_machine *machine)
{
    hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0);
    hwloc_obj_t object = package ? package : hwloc_get_root_obj(topology);
    const char *vendor = hwloc_obj_get_info_by_name(object, "CPUVendor");
    const char *model = hwloc_obj_get_info_by_name(object, "CPUModel");
    vlt_proc_copy(machine->cpu_vendor, sizeof machine->cpu_vendor, vendor ? vendor : "");
    vlt_proc_copy(machine->cpu_model, sizeof machine->cpu_model, model ? model : "");
    machine->cpu_family = info_int(object, "CPUFamilyNumber");
    machine->cpu_model_number = info_int(object, "CPUModelNumber");
    machine->cpu_stepping = info_int(object, "CPUStepping");
}

static int count_inside(hwloc_topology_t topology, hwloc_const_bitmap_t set, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_inside_cpuset_by_type(topology, set, type);
    return count > 0 ? count : 0;
}

/* Machines whose system reports no core level count each logical CPU as a core. */
static int count_cores(hwloc_topology_t topology, hwloc_const_bitmap_t set)
{
    int cores = count_inside(topology, set, HWLOC_OBJ_CORE);
    return cores > 0 ? cores : count_inside(topology, set, HWLOC_OBJ_PU);
}

static void read_kind(hwloc_topology_t topology, hwloc_const_bitmap_t set, vlt_machine *machine,
                      vlt_machine_kind *kind)
{
    vlt_cpu_set all;
    kind->core_count = count_cores(topology, set);
    kind->pu_count = count_inside(topology, set, HWLOC_OBJ_PU);
    to_cpu_set(set, &all);
    kind->usable = intersection(&all, &machine->usable);
}

/* hwloc ranks kinds from slow to fast; the table begins with the fastest. */
static void read_kinds(hwloc_topology_t topology, vlt_machine *machine)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    int count = set ? hwloc_cpukinds_get_nr(topology, 0) : 0;
    for (int i = count - 1; i >= 0 && machine->kind_count < VLT_MACHINE_KINDS; i--) {
        vlt_machine_kind *kind = &machine->kind[machine->kind_count];
        unsigned info_count = 0;
        struct hwloc_info_s *infos = NULL;
        int efficiency = -1;
        if (hwloc_cpukinds_get_info(topology, (unsigned)i, set, &efficiency, &info_count, &infos,
                                    0)) {
            continue;
        }
        /* The set of a kind is not cut by what the topology holds. */
        hwloc_bitmap_and(set, set, hwloc_topology_get_topology_cpuset(topology));
        *kind = (vlt_machine_kind){.efficiency = efficiency};
        for (unsigned k = 0; k < info_count; k++) {
            if (!strcmp(infos[k].name, "CoreType")) {
                vlt_proc_copy(kind->name, sizeof kind->name, infos[k].value);
            }
        }
        read_kind(topology, set, machine, kind);
        machine->kind_count += kind->pu_count > 0;
    }
    hwloc_bitmap_free(set);
    if (machine->kind_count == 0) {
        machine->kind[0] = (vlt_machine_kind){.efficiency = -1};
        read_kind(topology, hwloc_topology_get_topology_cpuset(topology), machine,
                  &machine->kind[0]);
        machine->kind_count = 1;
    }
}

static void add_cache(vlt_machine *machine, const vlt_machine_cache *cache)
{
    for (int i = 0; i < machine->cache_count; i++) {
        vlt_machine_cache *known = &machine->cache[i];
        if (known->level == cache->level && known->type == cache->type &&
            known->bytes == cache->bytes && known->ways == cache->ways &&
            known->line_bytes == cache->line_bytes && known->shared_by == cache->shared_by) {
            known->count++;
            return;
        }
    }
    if (machine->cache_count < VLT_MACHINE_CACHES) {
        machine->cache[machine->cache_count++] = *cache;
    }
}

static void read_caches(hwloc_topology_t topology, vlt_machine *machine)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L1ICACHE,
                                             HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L2ICACHE,
                                             HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        hwloc_obj_t object = NULL;
        while ((object = hwloc_get_next_obj_by_type(topology, types[t], object)) != NULL) {
            const struct hwloc_cache_attr_s *attributes = &object->attr->cache;
            vlt_machine_cache cache = {
                .level = (int)attributes->depth,
                .type = attributes->type == HWLOC_OBJ_CACHE_INSTRUCTION ? 'i'
                        : attributes->type == HWLOC_OBJ_CACHE_DATA      ? 'd'
                                                                        : 'u',
                .bytes = attributes->size,
                .ways = attributes->associativity,
                .line_bytes = (int)attributes->linesize,
                .shared_by = hwloc_bitmap_weight(object->cpuset),
                .count = 1,
            };
            add_cache(machine, &cache);
        }
    }
}

/* Cache sizes as the first usable CPU of the fastest kind sees them. */
static void read_cache_sizes(hwloc_topology_t topology, vlt_machine *machine)
{
    hwloc_obj_t object = NULL;
    for (int k = 0; k < machine->kind_count && !object; k++) {
        for (int cpu = 0; cpu < VLT_MACHINE_CPU_WORDS * 64 && !object; cpu++) {
            if (vlt_cpu_set_has(&machine->kind[k].usable, cpu)) {
                object = hwloc_get_pu_obj_by_os_index(topology, (unsigned)cpu);
            }
        }
    }
    for (; object; object = object->parent) {
        size_t bytes = hwloc_obj_type_is_dcache(object->type) ? object->attr->cache.size : 0;
        machine->caps.l1d_bytes += object->type == HWLOC_OBJ_L1CACHE ? bytes : 0;
        machine->caps.l2_bytes += object->type == HWLOC_OBJ_L2CACHE ? bytes : 0;
        machine->caps.l3_bytes += object->type == HWLOC_OBJ_L3CACHE ? bytes : 0;
    }
}

/* One usable logical CPU of every core that has one. */
static void read_first_pus(hwloc_topology_t topology, vlt_machine *machine)
{
    hwloc_obj_t core = NULL;
    bool any = false;
    while ((core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core)) != NULL) {
        any = true;
        for (int cpu = hwloc_bitmap_first(core->cpuset); cpu >= 0;
             cpu = hwloc_bitmap_next(core->cpuset, cpu)) {
            if (vlt_cpu_set_has(&machine->usable, cpu)) {
                vlt_cpu_set_add(&machine->first_pus, cpu);
                break;
            }
        }
    }
    if (!any) {
        machine->first_pus = machine->usable;
    }
}

/* Nodes that the cpuset allows, without those that are empty; where no node says how much memory it
 * has, all of them. */
static void read_nodes(hwloc_topology_t topology, vlt_machine *machine)
{
    hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_nodeset(topology);
    const bool known = hwloc_get_root_obj(topology)->total_memory > 0;
    hwloc_obj_t node = NULL;
    while ((node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != NULL &&
           machine->node_count < VLT_MACHINE_NODES) {
        if (hwloc_bitmap_isset(allowed, node->os_index) &&
            (node->attr->numanode.local_memory > 0 || !known)) {
            vlt_machine_node *out = &machine->node[machine->node_count++];
            out->number = (int)node->os_index;
            to_cpu_set(node->cpuset, &out->cpus);
        }
    }
}

/* A replayed machine carries its GPUs as "GPU" = "name;capability;multiprocessors;bytes". */
static void read_replayed_gpus(hwloc_topology_t topology, vlt_machine *machine)
{
    hwloc_obj_t root = hwloc_get_root_obj(topology);
    for (unsigned i = 0; i < root->infos_count && machine->gpu_count < VLT_MACHINE_GPUS; i++) {
        vlt_machine_gpu gpu = {.numa_node = -1};
        unsigned long long bytes;
        if (!strcmp(root->infos[i].name, "GPU") &&
            sscanf(root->infos[i].value, "%63[^;];%d;%d;%llu", gpu.name, &gpu.capability,
                   &gpu.multiprocessors, &bytes) == 4) {
            gpu.memory_bytes = bytes;
            machine->gpu[machine->gpu_count++] = gpu;
        }
    }
}

vlt_status vlt_topology_read(const vlt_machine_sources *sources, vlt_machine *machine,
                             vlt_error *err)
{
    hwloc_topology_t topology;
    vlt_status status = load(sources, &topology, err);
    if (status != VLT_OK) {
        return status;
    }
    const struct hwloc_topology_support *support = hwloc_topology_get_support(topology);
    machine->emulated = !hwloc_topology_is_thissystem(topology);
    machine->can_bind = !machine->emulated && support->cpubind->set_thisthread_cpubind;
    machine->can_place = !machine->emulated && support->membind->set_area_membind &&
                         support->membind->set_thisthread_membind;
    to_cpu_set(hwloc_topology_get_allowed_cpuset(topology), &machine->usable);
    if (!machine->emulated) {
        cut_by_affinity(&machine->usable);
    }
    machine->package_count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE);
    machine->numa_count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    machine->core_count = count_cores(topology, hwloc_topology_get_topology_cpuset(topology));
    machine->pu_count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    read_identity(topology, machine);
    read_kinds(topology, machine);
    read_nodes(topology, machine);
    read_caches(topology, machine);
    read_cache_sizes(topology, machine);
    read_first_pus(topology, machine);
    if (machine->emulated) {
        read_replayed_gpus(topology, machine);
    }
    hwloc_topology_destroy(topology);
    return VLT_OK;
}
