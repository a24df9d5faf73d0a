#include "harness/machine/fingerprint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <hwloc.h>

#include "harness/machine/proc_file.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"

static void VLT_PRINTF(2, 3) line(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text + used, VLT_FINGERPRINT_BYTES - used, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= VLT_FINGERPRINT_BYTES - used) {
        text[used] = '\0'; /* whole or not at all: the text is hashed and read again */
    }
}

static const char *or_unknown(const char *text)
{
    return *text ? text : "unknown";
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return vlt_hash_bytes(text, strlen(text) + 1, seed);
}

static uint64_t hash_knob(const vlt_knob *knob, uint64_t hash)
{
    hash = hash_text(knob->name, hash);
    return knob->values ? vlt_hash_bytes(knob->values,
                                         (size_t)knob->value_count * sizeof *knob->values, hash)
                        : hash;
}

uint64_t vlt_fingerprint_catalogue(void)
{
    uint64_t hash = hash_text(VLT_VERSION, 0);
    for (int i = 0; i < vlt_registry_op_count(); i++) {
        const vlt_op *op = vlt_registry_op(i);
        hash = hash_text(op->name, hash);
        for (int d = 0; d < op->dim_count; d++) {
            hash = hash_text(op->dims[d].name, hash);
        }
        for (int v = 0; v < vlt_registry_variant_count(op); v++) {
            const vlt_variant *variant = vlt_registry_variant(op, v);
            hash = hash_text(variant->name, hash);
            for (int k = 0; k < variant->knob_count; k++) {
                hash = hash_knob(&variant->knobs[k], hash);
            }
        }
    }
    return hash;
}

static void write_cpu(const vlt_machine *machine, char *text)
{
    line(text, "cpu vendor %s family %d model %d stepping %d\n", or_unknown(machine->cpu_vendor),
         machine->cpu_family, machine->cpu_model_number, machine->cpu_stepping);
    line(text, "isa");
#define VLT_ISA_LINE(code, bit, name)         \
    if (machine->caps.isa & VLT_ISA_##code) { \
        line(text, " %s", name);              \
    }
    VLT_ISA_MAP(VLT_ISA_LINE)
#undef VLT_ISA_LINE
    line(text, "\npackages %d\n", machine->package_count);
    line(text, "numa %d\n", machine->numa_count);
    for (int i = 0; i < machine->kind_count; i++) {
        const vlt_machine_kind *kind = &machine->kind[i];
        line(text, "kind%d %s cores %d threads %d\n", i, or_unknown(kind->name), kind->core_count,
             kind->pu_count);
    }
    for (int i = 0; i < machine->cache_count; i++) {
        const vlt_machine_cache *cache = &machine->cache[i];
        line(text, "cache%d L%d%c bytes %llu ways %d line %d shared %d count %d\n", i, cache->level,
             cache->type, (unsigned long long)cache->bytes, cache->ways, cache->line_bytes,
             cache->shared_by, cache->count);
    }
}

static void write_hard(const vlt_machine *machine, char *text)
{
    write_cpu(machine, text);
    for (int i = 0; i < machine->gpu_count; i++) {
        const vlt_machine_gpu *gpu = &machine->gpu[i];
        line(text, "gpu%d %s capability %d sm %d bytes %llu link gen%d x%d\n", i,
             or_unknown(gpu->name), gpu->capability, gpu->multiprocessors,
             (unsigned long long)gpu->memory_bytes, gpu->link_generation, gpu->link_width);
    }
    if (machine->gpu_count == 0) {
        line(text, "gpu none\n");
    }
    line(text, "catalogue %016llx\n", (unsigned long long)vlt_fingerprint_catalogue());
}

static void write_soft(const vlt_machine *machine, char *text)
{
    const vlt_machine_system *system = &machine->system;
    char cpus[512], limit[32] = "none";
    unsigned hwloc_version = hwloc_get_api_version();
    vlt_cpu_set_format(&machine->usable, cpus, sizeof cpus);
    if (machine->limits.memory_limit_bytes != VLT_LIMIT_NONE) {
        snprintf(limit, sizeof limit, "%llu",
                 (unsigned long long)machine->limits.memory_limit_bytes);
    }
    line(text, "kernel %s\n", or_unknown(system->kernel));
    line(text, "hypervisor %s\n", *system->hypervisor ? system->hypervisor : "none");
    line(text, "microcode %s\n", or_unknown(system->microcode));
    line(text, "governor %s\n", or_unknown(system->governor));
    line(text, "smt %s\n",
         system->smt_active < 0 ? "unknown"
         : system->smt_active   ? "active"
                                : "inactive");
    line(text, "cpus %s\n", cpus);
    line(text, "cpu_quota %.2f\n", machine->limits.cpu_quota);
    line(text, "memory_limit %s\n", limit);
    line(text, "huge_pages %s\n", or_unknown(system->huge_pages));
    line(text, "libc %s\n", system->libc);
    line(text, "hwloc %u.%u.%u\n", hwloc_version >> 16, hwloc_version >> 8 & 0xFF,
         hwloc_version & 0xFF);
    line(text, "cuda_driver %d.%d\n", machine->gpu_driver / 1000, machine->gpu_driver % 1000 / 10);
    line(text, "compiler %s\n", __VERSION__);
}

static void write_key(const char *text, char *key)
{
    snprintf(key, VLT_FINGERPRINT_KEY_BYTES, "%016llx",
             (unsigned long long)vlt_hash_bytes(text, strlen(text), 0));
}

void vlt_fingerprint_make(const vlt_machine *machine, vlt_fingerprint *out)
{
    memset(out, 0, sizeof *out);
    write_hard(machine, out->hard_text);
    write_soft(machine, out->soft_text);
    write_key(out->hard_text, out->hard);
    write_key(out->soft_text, out->soft);
}
