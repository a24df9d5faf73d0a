/* isa.h: which instruction sets this process may really use. */
#ifndef VLT_HARNESS_ISA_H
#define VLT_HARNESS_ISA_H

#include <stdbool.h>
#include <stdint.h>

#include "optimizations/core/caps.h"

/* VLT_ISA_* bits that the CPU (CPUID), the kernel (XCR0, AMX permission) and VLTUNE_ISA grant. Asks
 * the kernel for AMX once per process; thread-safe. */
uint32_t vlt_isa_detect(void);

/* What is known of the rates of a CPU, by its vendor (as CPUID names it) and family. A dot product
 * of AVX512_BF16 takes no longer than an f32 multiply-add on AMD's (measured on Zen 4: 1.9 times
 * the products), twice as long on Intel's (measured on Sapphire Rapids); of others nothing is
 * known. AVX-512 passes in halves on AMD's family 25 (Zen 4). Sets the two fields of caps. */
void vlt_isa_rates(const char *vendor, int family, vlt_caps *caps);

/* Vendor and family out of CPUID; "" and -1 where there are none. */
void vlt_isa_cpu(char vendor[16], int *family);

/* VLTUNE_ISA in the environment, which --isa sets for this process and its children, makes
 * everything behave as on a machine that has that much and no more: "base", "avx2", "avx512",
 * "avx512vnni", "avx512bf16", "amx" (each with what the vendors ship below it). It never adds what
 * is not there. *bits: what the name allows. False for any other name. */
bool vlt_isa_mask(const char *name, uint32_t *bits);

/* What stands between the CPU and the answer above: "callgrind (Valgrind)", "the mask 'avx2'", or
 * "" where nothing does. */
const char *vlt_isa_limit(void);

/* The mask's name alone: "avx2"; "" without one. */
const char *vlt_isa_mask_name(void);

#endif
