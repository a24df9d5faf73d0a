/* fingerprint.h: which machine a measurement or a tuned config belongs to.
 *
 * The hard key names what decides which code is possible and how it behaves: CPU, usable ISA,
 * cores of each kind, caches, NUMA, GPU, and the catalogue of variants. When it differs, a tuned
 * config is not used. The soft key names what shifts times: kernel, hypervisor, microcode,
 * governor, SMT, cpuset, limits, huge pages, libraries. When it differs, one is told.
 * RAM takes part in neither: virtual machines grow and shrink it while they run.
 */
#ifndef VLT_HARNESS_FINGERPRINT_H
#define VLT_HARNESS_FINGERPRINT_H

#include "harness/machine/machine.h"

enum { VLT_FINGERPRINT_BYTES = 4096, VLT_FINGERPRINT_KEY_BYTES = 17 };

typedef struct vlt_fingerprint {
    char hard[VLT_FINGERPRINT_KEY_BYTES];  /* XXH3 of hard_text, 16 hex digits */
    char soft[VLT_FINGERPRINT_KEY_BYTES];  /* of soft_text */
    char hard_text[VLT_FINGERPRINT_BYTES]; /* lines "name value" in a fixed order */
    char soft_text[VLT_FINGERPRINT_BYTES];
} vlt_fingerprint;

void vlt_fingerprint_make(const vlt_machine *machine, vlt_fingerprint *out);

/* Hash of the catalogue: operators, dimensions, variants, knobs and the program's version. */
uint64_t vlt_fingerprint_catalogue(void);

#endif
