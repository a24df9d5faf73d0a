/* vltune probe: what this machine is, and the fingerprint under which results are filed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/cli/facts.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/machine/fingerprint.h"
#include "harness/machine/pressure.h"
#include "optimizations/core/utf8_text.h"

/* null for a number below `unknown_below`, for limits that are not set, for texts that are empty */
static json_t *number_or_null(int value, int unknown_below)
{
    return value < unknown_below ? json_null() : json_integer(value);
}

static json_t *bytes_or_null(uint64_t bytes)
{
    return bytes == 0 || bytes == VLT_LIMIT_NONE ? json_null() : json_integer((json_int_t)bytes);
}

static json_t *text_or_null(const char *text)
{
    return *text ? vlt_json_name(text) : json_null();
}

static json_t *cpus_to_json(const vlt_cpu_set *set)
{
    char text[1024];
    vlt_cpu_set_format(set, text, sizeof text);
    return vlt_json_name(text);
}

static json_t *isa_to_json(const vlt_caps *caps)
{
    json_t *isa = json_array();
#define VLT_ISA_JSON(code, bit, name)               \
    if (caps->isa & VLT_ISA_##code) {               \
        vlt_json_append(&isa, vlt_json_name(name)); \
    }
    VLT_ISA_MAP(VLT_ISA_JSON)
#undef VLT_ISA_JSON
    return isa;
}

static json_t *topology_to_json(const vlt_machine *machine)
{
    json_t *kinds = json_array(), *caches = json_array();
    for (int i = 0; i < machine->kind_count; i++) {
        const vlt_machine_kind *kind = &machine->kind[i];
        vlt_json_append(&kinds,
                        vlt_json_make("{s:o, s:o, s:i, s:i, s:o}", "name", text_or_null(kind->name),
                                      "efficiency", number_or_null(kind->efficiency, 0), "cores",
                                      kind->core_count, "cpus", kind->pu_count, "usable",
                                      cpus_to_json(&kind->usable)));
    }
    for (int i = 0; i < machine->cache_count; i++) {
        const vlt_machine_cache *cache = &machine->cache[i];
        const char type[2] = {cache->type, '\0'};
        vlt_json_append(&caches,
                        vlt_json_make("{s:i, s:s, s:I, s:o, s:o, s:i, s:i}", "level", cache->level,
                                      "type",
                                      *type == 'd'   ? "data"
                                      : *type == 'i' ? "instructions"
                                                     : "unified",
                                      "bytes", (json_int_t)cache->bytes, "ways",
                                      cache->ways ? json_integer(cache->ways) : json_null(),
                                      "line_bytes", number_or_null(cache->line_bytes, 1),
                                      "shared_by_cpus", cache->shared_by, "count", cache->count));
    }
    return vlt_json_make("{s:b, s:i, s:i, s:i, s:i, s:o, s:o}", "replayed", machine->emulated,
                         "packages", machine->package_count, "numa_nodes", machine->numa_count,
                         "cores", machine->core_count, "cpus", machine->pu_count, "kinds", kinds,
                         "caches", caches);
}

static json_t *limits_to_json(const vlt_machine *machine)
{
    const vlt_limits *limits = &machine->limits;
    return vlt_json_make("{s:i, s:i, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "cpus",
                         machine->caps.cpu_count, "cores", machine->caps.core_count, "usable_cpus",
                         cpus_to_json(&machine->usable), "threads",
                         vlt_machine_thread_count(machine), "cpu_quota",
                         limits->cpu_quota > 0 ? json_real(limits->cpu_quota) : json_null(),
                         "cpu_limited_by", text_or_null(limits->cpu_limited_by),
                         "memory_limit_bytes", bytes_or_null(limits->memory_limit_bytes),
                         "memory_limited_by", text_or_null(limits->memory_limited_by),
                         "cgroup_version", number_or_null(limits->cgroup_version, 1));
}

static json_t *gpus_to_json(const vlt_machine *machine)
{
    json_t *gpus = json_array();
    for (int i = 0; i < machine->gpu_count; i++) {
        const vlt_machine_gpu *gpu = &machine->gpu[i];
        vlt_json_append(&gpus,
                        vlt_json_make("{s:s, s:o, s:i, s:i, s:I, s:o, s:o}", "name", gpu->name,
                                      "bus_id", text_or_null(gpu->bus_id), "compute_capability",
                                      gpu->capability, "multiprocessors", gpu->multiprocessors,
                                      "memory_bytes", (json_int_t)gpu->memory_bytes,
                                      "link_generation", number_or_null(gpu->link_generation, 1),
                                      "link_width", number_or_null(gpu->link_width, 1)));
    }
    return gpus;
}

static json_t *lines_to_json(const char *text)
{
    json_t *lines = json_array();
    while (*text) {
        size_t length = strcspn(text, "\n");
        vlt_json_append(&lines, vlt_json_name_part(text, length));
        text += length + (text[length] == '\n');
    }
    return lines;
}

static json_t *system_to_json(const vlt_machine *machine)
{
    const vlt_machine_system *system = &machine->system;
    return vlt_json_make(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kernel", text_or_null(system->kernel), "hypervisor",
        text_or_null(system->hypervisor), "microcode", text_or_null(system->microcode), "governor",
        text_or_null(system->governor), "huge_pages", text_or_null(system->huge_pages), "libc",
        text_or_null(system->libc), "smt_active",
        system->smt_active < 0 ? json_null() : json_boolean(system->smt_active));
}

static json_t *pressure_to_json(void)
{
    vlt_pressure now;
    vlt_pressure_read(NULL, &now);
    return vlt_json_make("{s:o, s:o, s:o, s:o}", "cpu_some_avg10",
                         vlt_json_real(now.cpu.some_avg10), "memory_some_avg10",
                         vlt_json_real(now.memory.some_avg10), "load_1m",
                         vlt_json_real(now.load_1m), "steal_s", vlt_json_real(now.steal_s));
}

static vlt_status print_json(const vlt_machine *machine, const vlt_fingerprint *fingerprint,
                             vlt_error *err)
{
    const vlt_caps *caps = &machine->caps;
    json_t *all = vlt_json_make(
        "{s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o, "
        "s:{s:s, s:s, s:o, s:o}}",
        "cpu", "name", text_or_null(caps->cpu_name), "vendor", text_or_null(machine->cpu_vendor),
        "family", number_or_null(machine->cpu_family, 0), "model",
        number_or_null(machine->cpu_model_number, 0), "stepping",
        number_or_null(machine->cpu_stepping, 0), "isa", isa_to_json(caps), "topology",
        topology_to_json(machine), "memory", "ram_bytes", bytes_or_null(machine->limits.ram_bytes),
        "available_bytes", bytes_or_null(machine->limits.available_bytes), "budget_bytes",
        bytes_or_null(machine->limits.memory_budget_bytes), "limits", limits_to_json(machine),
        "gpus", gpus_to_json(machine), "gpu_reason", text_or_null(caps->gpu_reason), "system",
        system_to_json(machine), "pressure", pressure_to_json(), "fingerprint", "hard",
        fingerprint->hard, "soft", fingerprint->soft, "hard_facts",
        lines_to_json(fingerprint->hard_text), "soft_facts", lines_to_json(fingerprint->soft_text));
    if (!all) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "probe: no memory for the answer");
    }
    vlt_status status = vlt_json_print(all, false, stdout, err);
    json_decref(all);
    return status;
}

static void print_cpu(const vlt_machine *machine)
{
    char usable[256], isa[128] = "";
    size_t used = 0;
    vlt_cpu_set_format(&machine->usable, usable, sizeof usable);
#define VLT_ISA_TEXT(code, bit, name)                                        \
    if (machine->caps.isa & VLT_ISA_##code) {                                \
        used += vlt_utf8_format(isa + used, sizeof isa - used, " %s", name); \
    }
    VLT_ISA_MAP(VLT_ISA_TEXT)
#undef VLT_ISA_TEXT
    vlt_facts_print("cpu", "%s (%s family %d model %d stepping %d)", machine->caps.cpu_name,
                    *machine->cpu_vendor ? machine->cpu_vendor : "unknown vendor",
                    machine->cpu_family, machine->cpu_model_number, machine->cpu_stepping);
    vlt_facts_print("instructions", "%s", *isa ? isa + 1 : "those of every x86-64 CPU");
    vlt_facts_print("cores", "%d, logical CPUs %d, packages %d, NUMA nodes %d", machine->core_count,
                    machine->pu_count, machine->package_count, machine->numa_count);
    for (int i = 0; i < machine->kind_count && machine->kind_count > 1; i++) {
        const vlt_machine_kind *kind = &machine->kind[i];
        vlt_facts_print("", "%s: %d cores, %d logical CPUs", *kind->name ? kind->name : "unnamed",
                        kind->core_count, kind->pu_count);
    }
    vlt_facts_print("usable", "%d logical CPUs (%s), %d threads", machine->caps.cpu_count, usable,
                    vlt_machine_thread_count(machine));
}

static void print_caches(const vlt_machine *machine)
{
    for (int i = 0; i < machine->cache_count; i++) {
        const vlt_machine_cache *cache = &machine->cache[i];
        char size[32], ways[32] = "";
        vlt_facts_size(cache->bytes, size, sizeof size);
        if (cache->ways > 0) {
            snprintf(ways, sizeof ways, ", %d ways", cache->ways);
        }
        vlt_facts_print(i ? "" : "caches", "L%d%c %s x %d%s, shared by %d", cache->level,
                        cache->type == 'u' ? ' ' : cache->type, size, cache->count, ways,
                        cache->shared_by);
    }
}

static void print_memory(const vlt_machine *machine)
{
    const vlt_limits *limits = &machine->limits;
    char ram[32], available[32], budget[32];
    vlt_facts_size(limits->ram_bytes, ram, sizeof ram);
    vlt_facts_size(limits->available_bytes, available, sizeof available);
    vlt_facts_size(limits->memory_budget_bytes, budget, sizeof budget);
    vlt_facts_print("memory", "%s, available %s", ram, available);
    if (limits->memory_limit_bytes != VLT_LIMIT_NONE) {
        char limit[32];
        vlt_facts_size(limits->memory_limit_bytes, limit, sizeof limit);
        vlt_facts_print("memory limit", "%s by %s, left %s", limit, limits->memory_limited_by,
                        budget);
    } else {
        vlt_facts_print("memory limit", "none by cgroups");
    }
    if (limits->cpu_quota > 0) {
        vlt_facts_print("CPU limit", "%.2f CPUs by %s", limits->cpu_quota, limits->cpu_limited_by);
    } else {
        vlt_facts_print("CPU limit", "none by cgroups");
    }
}

static void print_text(const vlt_machine *machine, const vlt_fingerprint *fingerprint)
{
    const vlt_machine_system *system = &machine->system;
    print_cpu(machine);
    print_caches(machine);
    print_memory(machine);
    for (int i = 0; i < machine->gpu_count; i++) {
        const vlt_machine_gpu *gpu = &machine->gpu[i];
        char size[32];
        vlt_facts_size(gpu->memory_bytes, size, sizeof size);
        vlt_facts_print("gpu", "%s, compute capability %d.%d, %d multiprocessors, %s", gpu->name,
                        gpu->capability / 10, gpu->capability % 10, gpu->multiprocessors, size);
    }
    if (machine->gpu_count == 0) {
        vlt_facts_print("gpu", "none: %s", machine->caps.gpu_reason);
    }
    vlt_facts_print("system", "%s, libc %s%s%s", system->kernel, system->libc,
                    *system->hypervisor ? ", virtual machine on " : "", system->hypervisor);
    vlt_facts_print("fingerprint", "hard %s, soft %s", fingerprint->hard, fingerprint->soft);
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    vlt_machine *machine;
    vlt_status status = vlt_machine_probe(NULL, &machine, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_fingerprint *fingerprint = calloc(1, sizeof *fingerprint);
    if (!fingerprint) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "probe: out of memory");
        goto done;
    }
    vlt_fingerprint_make(machine, fingerprint);
    if (vlt_cli_flag(cli, "json")) {
        status = print_json(machine, fingerprint, err);
    } else {
        print_text(machine, fingerprint);
    }
done:
    free(fingerprint);
    vlt_machine_destroy(machine);
    return status;
}

VLT_COMMAND(probe, .operands = "",
            .summary = "topology, instruction sets, caches, memory, GPU, limits, fingerprint",
            .details = "The hard key of the fingerprint names what decides which code is possible "
                       "and how it behaves;\na tuned config belongs to one hard key. The soft key "
                       "names what shifts times. --json lists\nthe facts behind both.",
            .examples = "probe\n"
                        "probe --json",
            .with = VLT_WITH_JSON | VLT_WITH_ISA, .run = run);
