/* openblas_shim.h: OpenBLAS, with its own threads off and with kernels for this CPU.
 *
 * A CPU that came after the library has an unknown model number: 0.3.21 then takes kernels of 2004
 * (SSE3), a twentieth of what it can do. It is told which of its kernels go with the instruction
 * sets that are there, unless OPENBLAS_CORETYPE already says so.
 */
#ifndef VLT_PEERS_OPENBLAS_SHIM_H
#define VLT_PEERS_OPENBLAS_SHIM_H

#include "optimizations/peers/sgemm_rows.h"

/* Before the first product: the whole process computes with one thread a call, with the kernels
 * that go with `isa` (VLT_ISA_*). */
void vlt_openblas_quiet(uint32_t isa);

vlt_sgemm vlt_openblas_sgemm; /* always 0 */

#endif
