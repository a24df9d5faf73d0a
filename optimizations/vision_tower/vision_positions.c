#include "optimizations/vision_tower/vision_positions.h"

#include <math.h>

/* Row and column in the patch grid of patch `index` (inside one t), in the order of the patches. */
static void patch_cell(const vlt_grid *grid, int64_t merge, int64_t index, int64_t *row,
                       int64_t *column)
{
    int64_t inner = index % (merge * merge), outer = index / (merge * merge);
    int64_t blocks = grid->w / merge;
    *row = outer / blocks * merge + inner / merge;
    *column = outer % blocks * merge + inner % merge;
}

void vlt_vision_rope(const vlt_grid *grid, int64_t merge, int64_t head, double theta,
                     float *cos_table, float *sin_table)
{
    const int64_t half = head / 2, quarter = half / 2;
    const int64_t frame = grid->h * grid->w;
    for (int64_t j = 0; j < quarter; j++) {
        float frequency = (float)pow(theta, -2.0 * (double)j / (double)half);
        for (int64_t patch = 0; patch < grid->t * frame; patch++) {
            int64_t row, column;
            patch_cell(grid, merge, patch % frame, &row, &column);
            float *c = cos_table + patch * half + j, *s = sin_table + patch * half + j;
            c[0] = cosf((float)row * frequency);
            s[0] = sinf((float)row * frequency);
            c[quarter] = cosf((float)column * frequency);
            s[quarter] = sinf((float)column * frequency);
        }
    }
}

/* Two neighbours on the learned grid and the weight of the second one. */
struct neighbours {
    int64_t low, high;
    float share;
};

static struct neighbours neighbours_of(int64_t index, int64_t count, int64_t grid)
{
    float u = count > 1 ? (float)((grid - 1) * index) / (float)(count - 1) : 0;
    int64_t low = (int64_t)floorf(u);
    low = low < grid - 1 ? low : grid - 1;
    return (struct neighbours){
        .low = low, .high = low + 1 < grid ? low + 1 : grid - 1, .share = u - (float)low};
}

void vlt_vision_position_add(const vlt_matrix *embedding, int64_t side, const vlt_grid *grid,
                             int64_t merge, int64_t first, int64_t end, float *x)
{
    enum { CHUNK = 256 };
    const int64_t frame = grid->h * grid->w, width = embedding->columns;
    float corner[4][CHUNK];
    for (int64_t patch = first; patch < end; patch++) {
        int64_t row, column;
        patch_cell(grid, merge, patch % frame, &row, &column);
        struct neighbours r = neighbours_of(row, grid->h, side);
        struct neighbours c = neighbours_of(column, grid->w, side);
        const int64_t source[4] = {r.low * side + c.low, r.low * side + c.high,
                                   r.high * side + c.low, r.high * side + c.high};
        const float weight[4] = {(1 - r.share) * (1 - c.share), (1 - r.share) * c.share,
                                 r.share * (1 - c.share), r.share * c.share};
        for (int64_t at = 0; at < width; at += CHUNK) {
            int64_t size = width - at < CHUNK ? width - at : CHUNK;
            for (int k = 0; k < 4; k++) {
                vlt_matrix_values(embedding, source[k], at, size, corner[k]);
            }
            float *out = x + patch * width + at;
            for (int64_t i = 0; i < size; i++) {
                float sum = weight[0] * corner[0][i];
                sum += weight[1] * corner[1][i];
                sum += weight[2] * corner[2][i];
                sum += weight[3] * corner[3][i];
                out[i] += sum;
            }
        }
    }
}
