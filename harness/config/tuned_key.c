#include "harness/config/tuned_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/machine_cache.h"
#include "harness/machine/fingerprint.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/utf8_text.h"

static vlt_tuned_part *find_part(const vlt_tuned_parts *parts, const char *name)
{
    for (int i = 0; i < parts->count; i++) {
        if (!strcmp(parts->part[i].name, name)) {
            return (vlt_tuned_part *)&parts->part[i];
        }
    }
    return NULL;
}

/* Cut between characters and without a mark: both sides of a comparison are cut alike. */
static void copy_cut(char *out, size_t room, const char *text, size_t length)
{
    length = vlt_utf8_cut(text, length, room - 1);
    memcpy(out, text, length);
    out[length] = '\0';
}

void vlt_tuned_parts_add(vlt_tuned_parts *parts, const char *name, const char *value)
{
    vlt_tuned_part *part = find_part(parts, name);
    if (!part && parts->count == VLT_TUNED_PART_MAX) {
        return;
    }
    if (!part) {
        int at = parts->count++;
        while (at > 0 && strcmp(parts->part[at - 1].name, name) > 0) {
            parts->part[at] = parts->part[at - 1];
            at--;
        }
        part = &parts->part[at];
    }
    copy_cut(part->name, sizeof part->name, name, strlen(name));
    copy_cut(part->value, sizeof part->value, value, strlen(value));
    for (char *c = part->value; *c; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7F ? ' ' : *c;
    }
}

const char *vlt_tuned_parts_get(const vlt_tuned_parts *parts, const char *name)
{
    const vlt_tuned_part *part = find_part(parts, name);
    return part ? part->value : NULL;
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
            vlt_utf8_format(why, why_bytes,
                            "tuned for another machine: %s was '%s', here it is '%s'", part->name,
                            value ? value : "(not noted)", part->value);
            return false;
        }
    }
    for (int i = 0; i < theirs->hard.count; i++) {
        const vlt_tuned_part *part = &theirs->hard.part[i];
        if (!vlt_tuned_parts_get(&ours->hard, part->name)) {
            vlt_utf8_format(why, why_bytes,
                            "tuned for another machine: %s was '%s', here there is none",
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
            vlt_utf8_format(why, why_bytes, "%s was '%s', now it is '%s'", part->name,
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

uint64_t vlt_tuned_hardware_hash(const vlt_tuned_key *key)
{
    uint64_t hash = 0;
    for (int i = 0; i < key->hard.count; i++) {
        const vlt_tuned_part *part = &key->hard.part[i];
        if (strcmp(part->name, "catalogue") != 0) {
            hash = hash_text(part->value, hash_text(part->name, hash));
        }
    }
    return hash;
}

/* "name value" lines into parts. */
static void add_lines(vlt_tuned_parts *parts, const char *lines)
{
    char name[VLT_TUNED_NAME_BYTES], value[VLT_TUNED_VALUE_BYTES];
    while (*lines) {
        size_t length = strcspn(lines, "\n"), split = strcspn(lines, " \n");
        copy_cut(name, sizeof name, lines, split);
        copy_cut(value, sizeof value, lines + split + (split < length),
                 split < length ? length - split - 1 : 0);
        vlt_tuned_parts_add(parts, name, value);
        lines += length + (lines[length] == '\n');
    }
}

vlt_status vlt_tuned_key_here(uint64_t model_hash, vlt_tuned_key *key, vlt_error *err)
{
    vlt_machine *machine;
    *key = (vlt_tuned_key){.model_hash = model_hash};
    vlt_fingerprint *fingerprint = malloc(sizeof *fingerprint);
    if (!fingerprint) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "fingerprint: out of memory");
    }
    vlt_status status = VLT_OK;
    if (!vlt_machine_cache_read(fingerprint)) {
        status = vlt_machine_probe(NULL, &machine, err);
        if (status == VLT_OK) {
            vlt_fingerprint_make(machine, fingerprint);
            vlt_machine_destroy(machine);
            vlt_machine_cache_write(fingerprint);
        }
    }
    if (status == VLT_OK) {
        add_lines(&key->hard, fingerprint->hard_text);
        add_lines(&key->soft, fingerprint->soft_text);
    }
    free(fingerprint);
    return status;
}
