/* positions.h: where every token of a prompt stands.
 *
 * Text token: the counter on all three axes, which then grows by 1. A visual run (an image, or one
 * temporal group of a video) of H x W merged cells: cell (R, C) has (next, next + R, next + C);
 * afterwards next grows by max(H, W). A generated token at cache length n stands at n + delta on
 * all axes. Positions stay integers until they are multiplied in f32.
 * Source: harness/model/README.md#learned-positions, #vision-rotary, #positions and
 * #interleaved-rotary.
 */
#ifndef VLT_HARNESS_POSITIONS_H
#define VLT_HARNESS_POSITIONS_H

#include "harness/model/config.h"
#include "optimizations/vision_tower/vision_tower.h"

/* position[3 * count]: the axes time, height, width one behind the other. visual_row[count]: the
 * row among the visual tokens of all grids, in order of appearance, or -1 for text. INPUT when the
 * pads in ids are not exactly those of the grids, in their order. */
vlt_status vlt_positions_of_prompt(const vlt_model_config *config, const int32_t *ids,
                                   int64_t count, const vlt_grid *grid, int grid_count,
                                   int32_t *position, int32_t *visual_row, int64_t *delta,
                                   vlt_error *err);

#endif
