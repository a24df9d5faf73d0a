#include "harness/config/tuned_key.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "harness/machine/isa.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/registry.h"

void vlt_tuned_parts_add(vlt_tuned_parts *parts, const char *name, const char *value)
{
    if (parts->count == VLT_TUNED_PART_MAX) {
        return;
    }
    int at = parts->count++;
    while (at > 0 && strcmp(parts->part[at - 1].name, name) > 0) {
        parts->part[at] = parts->part[at - 1];
        at--;
    }
    vlt_tuned_part *part = &parts->part[at];
    snprintf(part->name, sizeof part->name, "%s", name);
    snprintf(part->value, sizeof part->value, "%s", value);
    for (char *c = part->value; *c; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7F ? ' ' : *c;
    }
}

const char *vlt_tuned_parts_get(const vlt_tuned_parts *parts, const char *name)
{
    for (int i = 0; i < parts->count; i++) {
        if (!strcmp(parts->part[i].name, name)) {
            return parts->part[i].value;
        }
    }
    return NULL;
}

static bool differs(const vlt_tuned_parts *theirs, const vlt_tuned_parts *ours, int index,
                    const char **theirs_value)
{
    *theirs_value = vlt_tuned_parts_get(theirs, ours->part[index].name);
    return !*theirs_value || strcmp(*theirs_value, ours->part[index].value) != 0;
}

bool vlt_tuned_key_applies(const vlt_tuned_key *theirs, const vlt_tuned_key *ours, char *why,
                           size_t why_bytes)
{
    const char *value;
    for (int i = 0; i < ours->hard.count; i++) {
        const vlt_tuned_part *part = &ours->hard.part[i];
        if (differs(&theirs->hard, &ours->hard, i, &value)) {
            snprintf(why, why_bytes, "tuned for another machine: %s was '%s', here it is '%s'",
                     part->name, value ? value : "(not noted)", part->value);
            return false;
        }
    }
    for (int i = 0; i < theirs->hard.count; i++) {
        const vlt_tuned_part *part = &theirs->hard.part[i];
        if (!vlt_tuned_parts_get(&ours->hard, part->name)) {
            snprintf(why, why_bytes, "tuned for another machine: %s was '%s', here there is none",
                     part->name, part->value);
            return false;
        }
    }
    if (theirs->model_hash != ours->model_hash) {
        snprintf(why, why_bytes,
                 "tuned for another model: its hash was %016llx, this one's is %016llx",
                 (unsigned long long)theirs->model_hash, (unsigned long long)ours->model_hash);
        return false;
    }
    return true;
}

int vlt_tuned_key_drift(const vlt_tuned_key *theirs, const vlt_tuned_key *ours, char *why,
                        size_t why_bytes)
{
    int count = 0;
    for (int i = 0; i < ours->soft.count; i++) {
        const vlt_tuned_part *part = &ours->soft.part[i];
        const char *value;
        if (differs(&theirs->soft, &ours->soft, i, &value) && count++ == 0) {
            snprintf(why, why_bytes, "%s was '%s', now it is '%s'", part->name,
                     value ? value : "(not noted)", part->value);
        }
    }
    return count;
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return vlt_hash_bytes(text, strlen(text) + 1, seed);
}

uint64_t vlt_tuned_parts_hash(const vlt_tuned_parts *parts)
{
    uint64_t hash = 0;
    for (int i = 0; i < parts->count; i++) {
        hash = hash_text(parts->part[i].value, hash_text(parts->part[i].name, hash));
    }
    return hash;
}

static uint64_t hash_variant(const vlt_variant *variant, uint64_t hash)
{
    hash = hash_text(variant->name, hash);
    for (int k = 0; k < variant->knob_count; k++) {
        const vlt_knob *knob = &variant->knobs[k];
        hash = hash_text(knob->name, hash);
        hash = vlt_hash_bytes(knob->values, (size_t)knob->value_count * sizeof *knob->values, hash);
    }
    return hash;
}

uint64_t vlt_tuned_catalogue_hash(void)
{
    uint64_t hash = 0;
    for (int i = 0; i < vlt_registry_op_count(); i++) {
        const vlt_op *op = vlt_registry_op(i);
        hash = hash_text(op->name, hash);
        for (int d = 0; d < op->dim_count; d++) {
            hash = hash_text(op->dims[d].name, hash + (uint64_t)op->dims[d].rule);
        }
        for (int v = 0; v < vlt_registry_variant_count(op); v++) {
            hash = hash_variant(vlt_registry_variant(op, v), hash);
        }
    }
    return hash;
}

/* "model name" of the first CPU as the kernel tells it. */
static void cpu_name(char *name, size_t name_bytes)
{
    char line[512];
    snprintf(name, name_bytes, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (colon && !strncmp(line, "model name", 10)) {
            colon += 1 + strspn(colon + 1, " ");
            snprintf(name, name_bytes, "%.*s", (int)strcspn(colon, "\n"), colon);
            break;
        }
    }
    if (file) {
        fclose(file);
    }
}

static void isa_names(char *text, size_t text_bytes)
{
    uint32_t isa = vlt_isa_detect();
    size_t used = 0;
    text[0] = '\0';
#define APPEND(code, bit, name)                                                                  \
    if (isa >> (bit)&1u && used < text_bytes) {                                                  \
        used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", used ? " " : "", name); \
    }
    VLT_ISA_MAP(APPEND)
#undef APPEND
}

vlt_status vlt_tuned_key_here(uint64_t model_hash, vlt_tuned_key *key, vlt_error *err)
{
    char text[VLT_TUNED_VALUE_BYTES];
    cpu_set_t cpus;
    struct utsname system;
    *key = (vlt_tuned_key){.model_hash = model_hash};
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0 || uname(&system) != 0) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "fingerprint: the system does not tell its CPUs");
    }
    cpu_name(text, sizeof text);
    vlt_tuned_parts_add(&key->hard, "cpu", text);
    isa_names(text, sizeof text);
    vlt_tuned_parts_add(&key->hard, "isa", text);
    snprintf(text, sizeof text, "%d", CPU_COUNT(&cpus));
    vlt_tuned_parts_add(&key->hard, "cpus", text);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)vlt_tuned_catalogue_hash());
    vlt_tuned_parts_add(&key->hard, "catalogue", text);
    vlt_tuned_parts_add(&key->soft, "kernel", system.release);
    return VLT_OK;
}
