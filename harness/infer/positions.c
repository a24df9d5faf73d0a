#include "harness/infer/positions.h"

#include <math.h>
#include <stdlib.h>

int64_t vlt_grid_patches(const vlt_grid *grid)
{
    return grid->t * grid->h * grid->w;
}

int64_t vlt_grid_tokens(const vlt_grid *grid, int64_t merge)
{
    return vlt_grid_patches(grid) / (merge * merge);
}

/* The walk over the prompt. */
struct walk {
    const vlt_grid *grid;
    int grid_count;
    int next_grid[2];    /* of images, of videos */
    int64_t groups_left; /* of the video that is under way */
    int64_t next;        /* position */
};

/* Index of the next grid of this kind, or -1. */
static int find_grid(struct walk *walk, bool video)
{
    int index = walk->next_grid[video];
    while (index < walk->grid_count && walk->grid[index].video != video) {
        index++;
    }
    walk->next_grid[video] = index;
    return index < walk->grid_count ? index : -1;
}

/* Which grid a run of pads belongs to: images and every temporal group of a video in turn. */
static int begin_run(struct walk *walk, bool video)
{
    int index = find_grid(walk, video);
    if (index < 0) {
        return -1;
    }
    if (!video) {
        walk->next_grid[0] = index + 1;
        return index;
    }
    walk->groups_left = walk->groups_left ? walk->groups_left : walk->grid[index].t;
    if (--walk->groups_left == 0) {
        walk->next_grid[1] = index + 1;
    }
    return index;
}

vlt_status vlt_positions_of_prompt(const vlt_model_config *config, const int32_t *ids,
                                   int64_t count, const vlt_grid *grid, int grid_count,
                                   int32_t *position, int32_t *visual_row, int64_t *delta,
                                   vlt_error *err)
{
    const int64_t merge = config->vision.merge;
    struct walk walk = {.grid = grid, .grid_count = grid_count};
    int32_t *t = position, *h = position + count, *w = position + 2 * count;
    int64_t group = 0; /* of the video under way */
    for (int64_t i = 0; i < count;) {
        bool video = ids[i] == config->video_token;
        if (!video && ids[i] != config->image_token) {
            t[i] = h[i] = w[i] = (int32_t)walk.next++;
            visual_row[i++] = -1;
            continue;
        }
        int index = begin_run(&walk, video);
        if (index < 0) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "prompt: a %s placeholder at token %lld, but all %d items have theirs",
                            video ? "video" : "image", (long long)i, grid_count);
        }
        int64_t rows = grid[index].h / merge, columns = grid[index].w / merge;
        int64_t frames = video ? 1 : grid[index].t;
        int64_t run = 0, cells = frames * rows * columns, row_first = 0;
        for (int g = 0; g < index; g++) {
            row_first += vlt_grid_tokens(&grid[g], merge);
        }
        group = video ? grid[index].t - 1 - walk.groups_left : 0;
        row_first += group * rows * columns;
        for (; run < cells && i + run < count && ids[i + run] == ids[i]; run++) {
            int64_t cell = run % (rows * columns);
            t[i + run] = (int32_t)walk.next;
            h[i + run] = (int32_t)(walk.next + cell / columns);
            w[i + run] = (int32_t)(walk.next + cell % columns);
            visual_row[i + run] = (int32_t)(row_first + run);
        }
        if (run != cells) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "prompt: %lld %s tokens at token %lld, expected %lld", (long long)run,
                            video ? "video" : "image", (long long)i, (long long)cells);
        }
        i += run;
        walk.next += rows > columns ? rows : columns;
    }
    if (find_grid(&walk, false) >= 0 || find_grid(&walk, true) >= 0) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "prompt: %d images and videos, more than its placeholders", grid_count);
    }
    *delta = walk.next - count;
    return VLT_OK;
}

void vlt_text_rope_init(vlt_text_rope *rope, const vlt_text_config *text)
{
    rope->slots = text->head / 2;
    for (int64_t i = 0; i < rope->slots; i++) {
        int64_t axis = i % 3;
        bool inside = axis && i < 3 * text->mrope_section[axis];
        rope->axis[i] = (unsigned char)(inside ? axis : 0);
        rope->frequency[i] = (float)pow(text->rope_theta, -2.0 * (double)i / (double)text->head);
    }
}

void vlt_text_rope_rows(const vlt_text_rope *rope, const int32_t *position, int64_t count,
                        int64_t first, int64_t rows, float *cos_table, float *sin_table)
{
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < rope->slots; i++) {
            float angle = (float)position[rope->axis[i] * count + first + row] * rope->frequency[i];
            cos_table[row * rope->slots + i] = cosf(angle);
            sin_table[row * rope->slots + i] = sinf(angle);
        }
    }
}

void vlt_text_rope_row(const vlt_text_rope *rope, int64_t position, float *cos_row, float *sin_row)
{
    for (int64_t i = 0; i < rope->slots; i++) {
        float angle = (float)position * rope->frequency[i];
        cos_row[i] = cosf(angle);
        sin_row[i] = sinf(angle);
    }
}

/* Row and column in the patch grid of patch `index` (inside one t), in the order of the patches. */
static void patch_cell(const vlt_grid *grid, int64_t merge, int64_t index, int64_t *row,
                       int64_t *column)
{
    int64_t inner = index % (merge * merge), outer = index / (merge * merge);
    int64_t blocks = grid->w / merge;
    *row = outer / blocks * merge + inner / merge;
    *column = outer % blocks * merge + inner % merge;
}

void vlt_vision_rope(const vlt_vision_config *vision, const vlt_grid *grid, float *cos_table,
                     float *sin_table)
{
    const int64_t half = vision->width / vision->heads / 2, quarter = half / 2;
    const int64_t frame = grid->h * grid->w;
    for (int64_t j = 0; j < quarter; j++) {
        float frequency = (float)pow(vision->rope_theta, -2.0 * (double)j / (double)half);
        for (int64_t patch = 0; patch < grid->t * frame; patch++) {
            int64_t row, column;
            patch_cell(grid, vision->merge, patch % frame, &row, &column);
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

void vlt_vision_position_add(const vlt_vision_config *vision, const vlt_matrix *embedding,
                             const vlt_grid *grid, int64_t first, int64_t end, float *x)
{
    enum { CHUNK = 256 };
    const int64_t frame = grid->h * grid->w, width = vision->width;
    float corner[4][CHUNK];
    for (int64_t patch = first; patch < end; patch++) {
        int64_t row, column;
        patch_cell(grid, vision->merge, patch % frame, &row, &column);
        struct neighbours r = neighbours_of(row, grid->h, vision->grid);
        struct neighbours c = neighbours_of(column, grid->w, vision->grid);
        const int64_t source[4] = {r.low * vision->grid + c.low, r.low * vision->grid + c.high,
                                   r.high * vision->grid + c.low, r.high * vision->grid + c.high};
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
