#include "optimizations/peers/openblas/openblas_shim.h"

#include <cblas.h>
#include <pthread.h>

static void quiet(void)
{
    openblas_set_num_threads(1);
}

void vlt_openblas_quiet(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, quiet);
}

int vlt_openblas_sgemm(int64_t rows, int64_t outputs, int64_t k, const float *x, int64_t x_stride,
                       const float *w, int64_t w_stride, float beta, float *y, int64_t y_stride)
{
    if (rows == 1) {
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (blasint)outputs, (blasint)k, 1, w,
                    (blasint)w_stride, x, 1, beta, y, 1);
    } else {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)outputs,
                    (blasint)k, 1, x, (blasint)x_stride, w, (blasint)w_stride, beta, y,
                    (blasint)y_stride);
    }
    return 0;
}
