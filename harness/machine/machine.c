#include "harness/machine/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/gpu.h"
#include "harness/machine/isa.h"
#include "harness/machine/proc_file.h"
#include "harness/machine/system_facts.h"
#include "harness/machine/topology.h"
#include "optimizations/core/utf8_text.h"

static void fill_caps(const vlt_machine_sources *sources, vlt_machine *machine)
{
    vlt_caps *caps = &machine->caps;
    int cpus = vlt_cpu_set_count(&machine->usable);
    int cores = vlt_cpu_set_count(&machine->first_pus);
    caps->isa = sources->isa ? *sources->isa : vlt_isa_detect();
    vlt_utf8_format(caps->isa_of, sizeof caps->isa_of, "%s", sources->isa ? "" : vlt_isa_limit());
    vlt_isa_rates(machine->cpu_vendor, machine->cpu_family, caps);
    caps->cpu_count = cpus > 0 ? cpus : 1;
    caps->core_count = cores > 0 ? cores : 1;
    caps->node_count = machine->node_count;
    caps->large_pages = vlt_system_gives_large_pages(machine->system.huge_pages);
    caps->memory_bytes = vlt_limits_memory(&machine->limits);
    caps->gpu_count = machine->gpu_count;
    vlt_proc_copy(caps->cpu_name, sizeof caps->cpu_name,
                  *machine->cpu_model ? machine->cpu_model : "unknown CPU");
    if (machine->gpu_count > 0) {
        vlt_proc_copy(caps->gpu_name, sizeof caps->gpu_name, machine->gpu[0].name);
    } else if (!*caps->gpu_reason) {
        vlt_proc_copy(caps->gpu_reason, sizeof caps->gpu_reason,
                      machine->emulated ? "the replayed machine has none" : "not looked for");
    }
}

vlt_status vlt_machine_probe(const vlt_machine_sources *sources, vlt_machine **out, vlt_error *err)
{
    static const vlt_machine_sources here;
    sources = sources ? sources : &here;
    *out = NULL;
    vlt_machine *machine = calloc(1, sizeof *machine);
    if (!machine) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "machine: no memory for its description");
    }
    vlt_status status = vlt_topology_read(sources, machine, err);
    if (status != VLT_OK) {
        vlt_machine_destroy(machine);
        return status;
    }
    vlt_limits_read(sources->root, &machine->limits);
    vlt_system_facts_read(sources->root, &machine->system);
    if (!sources->no_gpu && !machine->emulated) {
        vlt_gpu_read(sources->root, machine);
    }
    fill_caps(sources, machine);
    *out = machine;
    return VLT_OK;
}

void vlt_machine_destroy(vlt_machine *machine)
{
    free(machine);
}

const vlt_caps *vlt_machine_caps(const vlt_machine *machine)
{
    return &machine->caps;
}

int vlt_machine_thread_count(const vlt_machine *machine)
{
    return vlt_limits_threads(&machine->limits, machine->caps.core_count);
}

vlt_cpu_set vlt_machine_worker_cpus(const vlt_machine *machine, int count)
{
    vlt_cpu_set set = {{0}};
    for (int siblings = 0; siblings < 2; siblings++) {
        for (int k = 0; k < machine->kind_count; k++) {
            const vlt_cpu_set *usable = &machine->kind[k].usable;
            for (int cpu = 0; cpu < VLT_MACHINE_CPU_WORDS * 64 && count > 0; cpu++) {
                if (vlt_cpu_set_has(usable, cpu) && !vlt_cpu_set_has(&set, cpu) &&
                    (siblings || vlt_cpu_set_has(&machine->first_pus, cpu))) {
                    vlt_cpu_set_add(&set, cpu);
                    count--;
                }
            }
        }
    }
    return set;
}

static void VLT_PRINTF(3, 4) append(char *text, size_t text_bytes, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vlt_utf8_vformat(text + used, text_bytes - used, format, args);
    va_end(args);
}

void vlt_machine_describe(const vlt_machine *machine, char *text, size_t text_bytes)
{
    const vlt_caps *caps = &machine->caps;
    text[0] = '\0';
    append(text, text_bytes, "%s, %d core%s", caps->cpu_name, caps->core_count,
           caps->core_count == 1 ? "" : "s");
    if (caps->memory_bytes) {
        append(text, text_bytes, ", %.0f GB", (double)caps->memory_bytes / 1073741824.0);
    }
    if (caps->l3_bytes) {
        append(text, text_bytes, ", %.0f MB L3", (double)caps->l3_bytes / 1048576.0);
    }
    append(text, text_bytes, " ·");
#define VLT_ISA_APPEND(code, bit, name)                                                    \
    if (caps->isa & VLT_ISA_##code) {                                                      \
        append(text, text_bytes, " %s", strchr(name, '_') ? strchr(name, '_') + 1 : name); \
    }
    VLT_ISA_MAP(VLT_ISA_APPEND)
#undef VLT_ISA_APPEND
    append(text, text_bytes, "%s · %s", caps->isa ? "" : " base ISA",
           caps->gpu_count ? caps->gpu_name : "no GPU");
    if (*machine->system.hypervisor) {
        append(text, text_bytes, " · virtual machine");
    }
}
