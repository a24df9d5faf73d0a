/* isa.h: which instruction sets this process may really use. */
#ifndef VLT_HARNESS_ISA_H
#define VLT_HARNESS_ISA_H

#include <stdint.h>

/* VLT_ISA_* bits that both the CPU (CPUID) and the kernel (XCR0, AMX permission) grant. Asks the
 * kernel for AMX once per process; thread-safe. */
uint32_t vlt_isa_detect(void);

/* The emulator that we run in and whose instruction sets are the answer, "callgrind (Valgrind)", or
 * "" on the CPU itself. */
const char *vlt_isa_emulator(void);

#endif
