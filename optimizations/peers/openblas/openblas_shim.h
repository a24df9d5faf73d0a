/* openblas_shim.h: OpenBLAS, with its own threads off. */
#ifndef VLT_PEERS_OPENBLAS_SHIM_H
#define VLT_PEERS_OPENBLAS_SHIM_H

#include "optimizations/peers/sgemm_rows.h"

/* Before the first product: the whole process computes with one thread a call. */
void vlt_openblas_quiet(void);

vlt_sgemm vlt_openblas_sgemm; /* always 0 */

#endif
