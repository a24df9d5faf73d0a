#include "optimizations/peers/openblas/openblas_shim.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char choice[] = "OPENBLAS_CORETYPE";

/* What the library's constructor and destructor do; it exports them, cblas.h does not name them. */
void gotoblas_init(void);
void gotoblas_quit(void);

/* Kernels from before AVX2, on a CPU that has it. */
static bool is_old(const char *core)
{
    static const char *const old[] = {
        "Katmai",      "Coppermine", "Northwood",    "Prescott", "Banias",      "Atom",
        "Core2",       "Penryn",     "Dunnington",   "Nehalem",  "Sandybridge", "Athlon",
        "Opteron",     "Barcelona",  "Opteron_SSE3", "Bobcat",   "Bulldozer",   "Piledriver",
        "Steamroller", "Nano",       "Unknown"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        if (!strcasecmp(old[i], core)) {
            return true;
        }
    }
    return false;
}

static const char *core_of(uint32_t isa)
{
    return isa & VLT_ISA_AVX512 ? "SkylakeX" : isa & VLT_ISA_AVX2 ? "Haswell" : NULL;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool done;

void vlt_openblas_quiet(uint32_t isa)
{
    const char *core = core_of(isa);
    pthread_mutex_lock(&lock);
    if (!done && core && is_old(openblas_get_corename()) && !getenv(choice)) {
        gotoblas_quit();
        setenv(choice, core, 1);
        gotoblas_init();
        unsetenv(choice); /* is for this process alone */
    }
    if (!done) {
        openblas_set_num_threads(1);
    }
    done = true;
    pthread_mutex_unlock(&lock);
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
