/* amx_model.h: the matrix unit in plain C, in place of its intrinsics, for machines that lack it:
 * include it behind core/simd.h and before the file whose kernel is to be proved.
 *
 * Tiles are 16 rows of 64 bytes, as every kernel here configures them. Operands as the manual has
 * them (Intel SDM, TDPBSUD, TDPBUSD and TDPBF16PS): the sums over pairs of BF16 numbers keep even
 * and odd ones apart and add them last; denormals count as zero.
 */
#ifndef VLT_TESTS_AMX_MODEL_H
#define VLT_TESTS_AMX_MODEL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { MODEL_ROWS = 16, MODEL_BYTES = 64 };

static _Thread_local uint8_t model_tile[8][MODEL_ROWS][MODEL_BYTES];
static _Thread_local int model_configured;

static inline void model_config(const void *config)
{
    const uint8_t *bytes = config;
    model_configured = bytes[0] == 1;
    for (int i = 0; i < 8; i++) {
        model_configured = model_configured && bytes[16 + 2 * i] == MODEL_BYTES &&
                           bytes[48 + i] == MODEL_ROWS;
    }
}

static inline void model_load(int tile, const void *base, int64_t stride)
{
    for (int row = 0; row < MODEL_ROWS; row++) {
        memcpy(model_tile[tile][row], (const uint8_t *)base + row * stride, MODEL_BYTES);
    }
}

static inline void model_store(int tile, void *base, int64_t stride)
{
    for (int row = 0; row < MODEL_ROWS; row++) {
        memcpy((uint8_t *)base + row * stride, model_tile[tile][row], MODEL_BYTES);
    }
}

static inline void model_zero(int tile)
{
    memset(model_tile[tile], 0, sizeof model_tile[tile]);
}

/* Bytes of a times bytes of b into int32; those of one of them are signed. */
static inline void model_dot_bytes(int c, int a, int b, int a_is_signed)
{
    for (int m = 0; m < MODEL_ROWS && model_configured; m++) {
        for (int n = 0; n < MODEL_BYTES / 4; n++) {
            uint32_t sum;
            memcpy(&sum, &model_tile[c][m][4 * n], 4);
            for (int k = 0; k < MODEL_BYTES; k++) {
                int32_t left = model_tile[a][m][k], right = model_tile[b][k / 4][4 * n + k % 4];
                left = a_is_signed ? (int8_t)left : left;
                right = a_is_signed ? right : (int8_t)right;
                sum += (uint32_t)(left * right);
            }
            memcpy(&model_tile[c][m][4 * n], &sum, 4);
        }
    }
}

static inline float model_bf16(const uint8_t *bytes)
{
    uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 24;
    float value;
    memcpy(&value, &bits, 4);
    return fpclassify(value) == FP_SUBNORMAL ? 0 : value;
}

static inline void model_dpbf16ps(int c, int a, int b)
{
    for (int m = 0; m < MODEL_ROWS && model_configured; m++) {
        for (int n = 0; n < MODEL_BYTES / 4; n++) {
            float sum, part[2] = {0, 0};
            memcpy(&sum, &model_tile[c][m][4 * n], 4);
            for (int k = 0; k < MODEL_BYTES / 2; k++) {
                part[k % 2] = fmaf(model_bf16(&model_tile[a][m][2 * k]),
                                   model_bf16(&model_tile[b][k / 2][4 * n + k % 2 * 2]),
                                   part[k % 2]);
            }
            sum += part[0] + part[1];
            memcpy(&model_tile[c][m][4 * n], &sum, 4);
        }
    }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbsud
#undef _tile_dpbusd
#undef _tile_dpbf16ps
#define _tile_loadconfig(config)         model_config(config)
#define _tile_release()                  ((void)(model_configured = 0))
#define _tile_loadd(tile, base, stride)  model_load(tile, base, (int64_t)(stride))
#define _tile_stored(tile, base, stride) model_store(tile, base, (int64_t)(stride))
#define _tile_zero(tile)                 model_zero(tile)
#define _tile_dpbsud(c, a, b)            model_dot_bytes(c, a, b, 1)
#define _tile_dpbusd(c, a, b)            model_dot_bytes(c, a, b, 0)
#define _tile_dpbf16ps(c, a, b)          model_dpbf16ps(c, a, b)

#endif
