/* isa.h: which instruction sets this process may really use. */
#ifndef VLT_HARNESS_ISA_H
#define VLT_HARNESS_ISA_H

#include <stdbool.h>
#include <stdint.h>

/* VLT_ISA_* bits that the CPU (CPUID), the kernel (XCR0, AMX permission) and VLTUNE_ISA grant. Asks
 * the kernel for AMX once per process; thread-safe. */
uint32_t vlt_isa_detect(void);

/* Does a CPU of this vendor (as CPUID names it) take no longer for a dot product of AVX512_BF16
 * than for an f32 multiply-add? AMD's do (measured on Zen 4: 1.9 times the products), Intel's take
 * twice as long (measured on Sapphire Rapids); of others nothing is known. */
bool vlt_isa_bf16_dot_doubles(const char *vendor);

/* The vendor's name out of CPUID, "" where there is none. */
void vlt_isa_vendor(char name[16]);

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
