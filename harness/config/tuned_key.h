/* tuned_key.h: what a tuned config is for: one machine, one catalogue, one model.
 *
 * Hard parts decide what is fastest: where one differs, the config does not apply. Soft parts may
 * shift it: where one differs the config is used and the difference is said. Parts are kept as
 * texts with names, so that a message can name the part and both values.
 */
#ifndef VLT_HARNESS_TUNED_KEY_H
#define VLT_HARNESS_TUNED_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

enum { VLT_TUNED_PART_MAX = 48, VLT_TUNED_NAME_BYTES = 40, VLT_TUNED_VALUE_BYTES = 200 };

typedef struct vlt_tuned_part {
    char name[VLT_TUNED_NAME_BYTES]; /* [a-z0-9_]+ */
    char value[VLT_TUNED_VALUE_BYTES];
} vlt_tuned_part;

typedef struct vlt_tuned_parts {
    vlt_tuned_part part[VLT_TUNED_PART_MAX];
    int count;
} vlt_tuned_parts;

typedef struct vlt_tuned_key {
    vlt_tuned_parts hard; /* cpu, isa, cores, caches, gpu, catalogue: see fingerprint.h */
    vlt_tuned_parts soft; /* kernel, governor ... */
    uint64_t model_hash;
} vlt_tuned_key;

/* The key of this machine, this build's catalogue and the model with that hash. The machine's part
 * is kept in $XDG_CACHE_HOME/vltune/machine for as long as the system is up and may use the same
 * CPUs and memory: looking at the whole machine takes tens of milliseconds. */
vlt_status vlt_tuned_key_here(uint64_t model_hash, vlt_tuned_key *key, vlt_error *err);

/* Adds a part at its place (parts are sorted by name), or gives it another value; control
 * characters in the value become spaces, what is too long is cut. */
void vlt_tuned_parts_add(vlt_tuned_parts *parts, const char *name, const char *value);

/* NULL when there is no such part. */
const char *vlt_tuned_parts_get(const vlt_tuned_parts *parts, const char *name);

/* Does a config for `theirs` apply to `ours`? On false, `why` names the part and both values. */
bool vlt_tuned_key_applies(const vlt_tuned_key *theirs, const vlt_tuned_key *ours, char *why,
                           size_t why_bytes);

/* Number of soft parts that differ; `why` names the first with both values. */
int vlt_tuned_key_drift(const vlt_tuned_key *theirs, const vlt_tuned_key *ours, char *why,
                        size_t why_bytes);

/* Hash of the hardware among the hard parts: of all but the catalogue, which is the program's. */
uint64_t vlt_tuned_hardware_hash(const vlt_tuned_key *key);

/* Hash of the hard parts, the machine's identity in the store. */
uint64_t vlt_tuned_parts_hash(const vlt_tuned_parts *parts);

#endif
