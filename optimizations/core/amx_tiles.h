/* amx_tiles.h: the tiles of the matrix unit as every kernel here has them. */
#ifndef VLT_CORE_AMX_TILES_H
#define VLT_CORE_AMX_TILES_H

#include <stdint.h>

#include "optimizations/core/compiler.h"

enum { VLT_AMX_TILE_ROWS = 16, VLT_AMX_TILE_ROW_BYTES = 64 };

/* As LDTILECFG reads it (Intel SDM). */
typedef struct vlt_amx_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} vlt_amx_config;

/* All eight tiles: 16 rows of 64 bytes. */
static inline vlt_amx_config vlt_amx_whole_tiles(void)
{
    vlt_amx_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = VLT_AMX_TILE_ROW_BYTES;
        config.rows[i] = VLT_AMX_TILE_ROWS;
    }
    return config;
}

/* Sets the calling thread's tiles so. GCC 12 tells the optimiser of 8 of the configuration's 64
 * bytes only, hence the barrier: without it the other stores may be dropped. A macro, because tests
 * put a model in the intrinsic's place. */
#define VLT_AMX_CONFIGURE()                                   \
    do {                                                      \
        const vlt_amx_config config_ = vlt_amx_whole_tiles(); \
        VLT_USED(&config_);                                   \
        _tile_loadconfig(&config_);                           \
    } while (0)

#endif
