#include "optimizations/peers/onednn/onednn_shim.h"

#include <oneapi/dnnl/dnnl.h>
#include <omp.h>

int vlt_onednn_sgemm(int64_t rows, int64_t outputs, int64_t k, const float *x, int64_t x_stride,
                     const float *w, int64_t w_stride, float beta, float *y, int64_t y_stride)
{
    omp_set_num_threads(1); /* of this thread's regions alone */
    return (int)dnnl_sgemm('N', 'T', rows, outputs, k, 1, x, x_stride, w, w_stride, beta, y,
                           y_stride);
}
