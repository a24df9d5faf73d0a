#include <immintrin.h>
#include <string.h>

#include "harness/measure/roofline_kernels.h"

/* Tiles of 16 rows of 64 bytes; four accumulators from two by two inputs, as a kernel would. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static void configure(void)
{
    struct tile_config config = {.palette = 1};
    static const _Alignas(64) uint8_t ones[1024] = {1, 1, 1, 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
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
