/* sgemm_rows.h: linear through a library's product of f32 matrices, for the peers that have one.
 *
 * Weights that are not F32 are widened once into a pack. The library's own threads are off: outputs
 * are cut into pieces of a fixed size, so that bits do not depend on the threads, and our workers
 * take them.
 */
#ifndef VLT_PEERS_SGEMM_ROWS_H
#define VLT_PEERS_SGEMM_ROWS_H

#include "optimizations/linear/linear.h"

/* y[rows, outputs] = x[rows, k] W[outputs, k]^T + beta y; strides in elements. 0, or the library's
 * own code. Called by several threads at the same time. */
typedef int vlt_sgemm(int64_t rows, int64_t outputs, int64_t k, const float *x, int64_t x_stride,
                      const float *w, int64_t w_stride, float beta, float *y, int64_t y_stride);

/* What a variant's verbs come down to. */
vlt_status vlt_sgemm_prepare(vlt_plan *plan, vlt_sgemm *sgemm, const char *library, vlt_error *err);
vlt_status vlt_sgemm_run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err);
void vlt_sgemm_release(vlt_plan *plan);

#endif
