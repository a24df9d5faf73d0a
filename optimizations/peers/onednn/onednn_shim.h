/* onednn_shim.h: oneDNN's sgemm, with its own threads off. */
#ifndef VLT_PEERS_ONEDNN_SHIM_H
#define VLT_PEERS_ONEDNN_SHIM_H

#include "optimizations/peers/sgemm_rows.h"

/* The library's threads are OpenMP's: each caller is told to use one. */
vlt_sgemm vlt_onednn_sgemm;

#endif
