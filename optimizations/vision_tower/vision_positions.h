/* vision_positions.h: where every patch stands: rotary angles and the learned grid.
 *
 * Source: harness/model/README.md#learned-positions and #vision-rotary. Positions stay integers
 * until they are multiplied in f32.
 */
#ifndef VLT_VISION_POSITIONS_H
#define VLT_VISION_POSITIONS_H

#include "optimizations/vision_tower/vision_tower.h"

/* cos, sin [patches, head / 2] of one grid in patch order (merge x merge cells), equal for every t.
 */
void vlt_vision_rope(const vlt_grid *grid, int64_t merge, int64_t head, double theta,
                     float *cos_table, float *sin_table);

/* x[patches, width] += the learned position embedding [side * side, width], bilinear with aligned
 * corners: f32 weights, products and sum in the order of the reference (5.x). Rows [first, end). */
void vlt_vision_position_add(const vlt_matrix *embedding, int64_t side, const vlt_grid *grid,
                             int64_t merge, int64_t first, int64_t end, float *x);

#endif
