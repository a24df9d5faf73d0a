#include <immintrin.h>
#include <string.h>

#include "harness/measure/roofline_kernels.h"
#include "optimizations/core/amx_tiles.h"

/* Four accumulators from two by two inputs, as a kernel would. */
static void configure(void)
{
    static const _Alignas(64) uint8_t ones[1024] = {1, 1, 1, 1};
    VLT_AMX_CONFIGURE();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, ones, 64);
    _tile_loadd(5, ones, 64);
    _tile_loadd(6, ones, 64);
    _tile_loadd(7, ones, 64);
}

static double finish(void)
{
    _Alignas(64) uint32_t out[256];
    _tile_stored(0, out, 64);
    _tile_release();
    return (double)out[0];
}

double vlt_peak_bf16_amx(int64_t rounds, double *ops)
{
    configure();
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    *ops = (double)rounds * 4 * 16 * 16 * 32 * 2;
    return finish();
}

double vlt_peak_int8_amx(int64_t rounds, double *ops)
{
    configure();
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    *ops = (double)rounds * 4 * 16 * 16 * 64 * 2;
    return finish();
}
