#include "harness/infer/positions.h"

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
