/* linear_panel_internal.h: the exact f32 product for many rows and one vector width; see
 * core/simd_tile.h.
 *
 * Rows of x are arranged for the tiles that meet W side by side,
 *
 *     x[tile][input][row of the tile]
 *
 * because they often lie a multiple of 4 KiB apart, where a tile of them would share the few places
 * of one set of the cache; but with few outputs arranging costs more than it saves. An item of the
 * threads is a group of panels of VEC_PANEL outputs and a block of rows. Blocks of a panel, `block`
 * inputs deep, are widened and transposed on the stack; while the tiles meet one, the weights of
 * the next are on their way from memory.
 */
#ifndef VLT_LINEAR_PANEL_INTERNAL_H
#define VLT_LINEAR_PANEL_INTERNAL_H

#include "optimizations/core/simd_tile.h"

#ifdef VLT_SIMD
#include "optimizations/linear/linear.h"

enum { BLOCK_MAX = 512, GROUP_PANELS = 4, GROUPS_MIN = 16, ARRANGED_MIN = 1024, LINE_BYTES = 64 };

struct panel_job {
    const vlt_linear_args *args;
    const unsigned char *weight;
    const float *bias;
    float *arranged;     /* the rows of this pass, as above; NULL: x is read where it lies */
    int64_t first, rows; /* of the pass */
    vlt_dtype dtype;
    int64_t n, k, row_bytes; /* of W */
    int64_t block;           /* inputs */
    int64_t width;           /* rows of a tile; the last has what is left */
    int64_t tiles;           /* of an item */
    int64_t group, groups;   /* panels of an item; items beside each other */
};

/* As even as it goes: a tile of fewer than four rows takes as long as one of four. */
static int64_t tile_width(int64_t rows)
{
    int64_t tiles = (rows + VEC_TILE_ROWS - 1) / VEC_TILE_ROWS;
    return (rows + tiles - 1) / tiles;
}

static int64_t tile_rows(const struct panel_job *job, int64_t tile)
{
    int64_t left = job->rows - tile * job->width;
    return left < job->width ? left : job->width;
}

static void arrange_tiles(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct panel_job *job = argument;
    const vlt_linear_args *a = job->args;
    for (int64_t tile = begin; tile < end; tile++) {
        int64_t row = tile * job->width;
        vec_arrange_rows(a->x + (job->first + row) * a->x_stride, a->x_stride, tile_rows(job, tile),
                         job->k, job->arranged + row * job->k);
    }
}

/* panel[depth, VEC_PANEL] = W[o .. o + width, k0 .. k0 + depth] transposed, zeros where width
 * ends. */
VLT_ALWAYS_INLINE void pack_panel_as(const struct panel_job *job, vlt_dtype dtype, int64_t o,
                                     int64_t width, int64_t k0, int64_t depth, float *panel)
{
    int64_t row_bytes = job->row_bytes;
    const unsigned char *w = job->weight + o * row_bytes;
    vec_pack_transposed(dtype, w, row_bytes, width, k0, depth, panel, VEC_PANEL);
    vec_pack_transposed(dtype, w + VEC_LANES * row_bytes, row_bytes, width - VEC_LANES, k0, depth,
                        panel + VEC_LANES, VEC_PANEL);
}

static void pack_panel(const struct panel_job *job, int64_t o, int64_t width, int64_t k0,
                       int64_t depth, float *panel)
{
    switch (job->dtype) {
    case VLT_DTYPE_BF16:
        pack_panel_as(job, VLT_DTYPE_BF16, o, width, k0, depth, panel);
        break;
    case VLT_DTYPE_F16:
        pack_panel_as(job, VLT_DTYPE_F16, o, width, k0, depth, panel);
        break;
    default:
        pack_panel_as(job, VLT_DTYPE_F32, o, width, k0, depth, panel);
        break;
    }
}

/* Weights to be fetched, line by line. */
struct ahead {
    const unsigned char *row; /* the next one's */
    int64_t row_bytes, rows;  /* left */
    int64_t bytes, at;        /* of a row, done of it */
};

static void fetch_lines(struct ahead *ahead, int64_t lines)
{
    for (; lines > 0 && ahead->rows > 0; lines--) {
        _mm_prefetch((const void *)(ahead->row + ahead->at), _MM_HINT_T1);
        ahead->at += LINE_BYTES;
        if (ahead->at >= ahead->bytes) {
            ahead->at = 0;
            ahead->row += ahead->row_bytes;
            ahead->rows--;
        }
    }
}

/* The part of y that one panel of weights makes. */
struct panel {
    const float *weights; /* [depth, VEC_PANEL] */
    int64_t depth, width;
    const float *bias; /* [width] to be added here, or NULL */
    bool add;          /* to what stands in y */
};

VLT_ALWAYS_INLINE void store_tile(vec value, const float *bias, bool add, float *y, int64_t width)
{
    value = bias ? vec_add(value, vec_load_part(bias, width)) : value;
    value = add ? vec_add(vec_load_part(y, width), value) : value;
    vec_store_part(y, width, value);
}

/* x_stride 0: rows are arranged. */
VLT_ALWAYS_INLINE void multiply_tile(const struct panel *panel, const float *x, int64_t x_stride,
                                     float *y, int64_t y_stride, int rows)
{
    vec acc[VEC_TILE_ROWS][2];
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        acc[r][0] = acc[r][1] = vec_zero();
    }
    if (x_stride == 0) {
        vec_tile_arranged(x, panel->weights, VEC_PANEL, panel->depth, rows, acc);
    } else {
        vec_tile(x, x_stride, panel->weights, VEC_PANEL, panel->depth, rows, acc);
    }
    int64_t first = panel->width < VEC_LANES ? panel->width : VEC_LANES;
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        const float *bias = panel->bias;
        store_tile(acc[r][0], bias, panel->add, y + r * y_stride, first);
        if (panel->width > VEC_LANES) {
            store_tile(acc[r][1], bias ? bias + VEC_LANES : NULL, panel->add,
                       y + r * y_stride + VEC_LANES, panel->width - VEC_LANES);
        }
    }
}

#define PANEL_CASE(count)                                 \
    case count:                                           \
        multiply_tile(panel, x, 0, y, y_stride, (count)); \
        break;

static void multiply_arranged(const struct panel *panel, const float *x, float *y, int64_t y_stride,
                              int64_t rows)
{
    switch (rows) {
        PANEL_CASE(1)
        PANEL_CASE(2)
        PANEL_CASE(3)
        PANEL_CASE(4)
        PANEL_CASE(5)
#if VLT_SIMD == 512
        PANEL_CASE(6)
        PANEL_CASE(7)
        PANEL_CASE(8)
        PANEL_CASE(9)
        PANEL_CASE(10)
        PANEL_CASE(11)
#endif
    default:
        multiply_tile(panel, x, 0, y, y_stride, VEC_TILE_ROWS);
        break;
    }
}

static void multiply_in_place(const struct panel *panel, const float *x, int64_t x_stride, float *y,
                              int64_t y_stride, int64_t rows)
{
    if (rows == VEC_TILE_ROWS) {
        multiply_tile(panel, x, x_stride, y, y_stride, VEC_TILE_ROWS);
        return;
    }
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        multiply_tile(panel, x + r * x_stride, x_stride, y + r * y_stride, y_stride, 4);
    }
    for (; r < rows; r++) {
        multiply_tile(panel, x + r * x_stride, x_stride, y + r * y_stride, y_stride, 1);
    }
}

/* Tiles from `tile` to `last` of the rows meet one block of a panel. */
static void multiply_block(const struct panel_job *job, const struct panel *panel, int64_t k0,
                           int64_t o, int64_t tile, int64_t last, struct ahead ahead)
{
    const vlt_linear_args *a = job->args;
    int64_t lines = (ahead.bytes + LINE_BYTES - 1) / LINE_BYTES * ahead.rows;
    int64_t each = (lines + last - tile - 1) / (last - tile);
    for (; tile < last; tile++) {
        int64_t row = tile * job->width, rows = tile_rows(job, tile);
        float *y = a->y + (job->first + row) * a->y_stride + o;
        fetch_lines(&ahead, each);
        if (job->arranged) {
            multiply_arranged(panel, job->arranged + row * job->k + k0 * rows, y, a->y_stride,
                              rows);
        } else {
            multiply_in_place(panel, a->x + (job->first + row) * a->x_stride + k0, a->x_stride, y,
                              a->y_stride, rows);
        }
    }
}

static struct ahead ahead_of(const struct panel_job *job, int64_t o, int64_t k0)
{
    int64_t bytes = job->row_bytes / job->k, left = job->k - k0, rows = job->n - o;
    return (struct ahead){.row = job->weight + o * job->row_bytes + k0 * bytes,
                          .row_bytes = job->row_bytes,
                          .rows = rows < 0           ? 0
                                  : rows < VEC_PANEL ? rows
                                                     : VEC_PANEL,
                          .bytes = (left < job->block ? left : job->block) * bytes};
}

/* Item i is group i % groups of the tiles that start at i / groups * job->tiles. */
static void panel_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct panel_job *job = argument;
    VLT_ALIGNED(64) float weights[BLOCK_MAX * VEC_PANEL];
    int64_t tiles = (job->rows + job->width - 1) / job->width;
    for (int64_t item = begin; item < end; item++) {
        int64_t tile = item / job->groups * job->tiles, last = tile + job->tiles;
        int64_t from = item % job->groups * job->group * VEC_PANEL;
        int64_t to = from + job->group * VEC_PANEL < job->n ? from + job->group * VEC_PANEL
                                                            : job->n;
        last = last < tiles ? last : tiles;
        for (int64_t k0 = 0; k0 < job->k; k0 += job->block) {
            for (int64_t o = from; o < to; o += VEC_PANEL) {
                bool more = o + VEC_PANEL < to, deeper = k0 + job->block < job->k;
                struct panel panel = {.weights = weights,
                                      .depth = job->k - k0 < job->block ? job->k - k0 : job->block,
                                      .width = job->n - o < VEC_PANEL ? job->n - o : VEC_PANEL,
                                      .bias = k0 == 0 && job->bias ? job->bias + o : NULL,
                                      .add = k0 > 0 || job->args->accumulate};
                pack_panel(job, o, panel.width, k0, panel.depth, weights);
                multiply_block(job, &panel, k0, o, tile, last,
                               ahead_of(job,
                                        more     ? o + VEC_PANEL
                                        : deeper ? from
                                                 : to,
                                        more     ? k0
                                        : deeper ? k0 + job->block
                                                 : 0));
            }
        }
    }
}

static int64_t panel_count(const vlt_plan *plan)
{
    return (plan->problem.dim[VLT_LINEAR_DIM_N] + VEC_PANEL - 1) / VEC_PANEL;
}

/* Rows of a pass: a block for each thread, so that what is arranged stays in the caches. */
static int64_t pass_rows(const vlt_plan *plan, int64_t block)
{
    return block * vlt_threads_count(plan->context->threads);
}

/* Elements of arranged rows. */
static size_t arranged_count(const vlt_plan *plan, int64_t block)
{
    const int64_t *dim = plan->problem.dim;
    int64_t rows = pass_rows(plan, block);
    rows = dim[VLT_LINEAR_DIM_M] < rows ? dim[VLT_LINEAR_DIM_M] : rows;
    return dim[VLT_LINEAR_DIM_N] < ARRANGED_MIN ? 0 : (size_t)(rows * dim[VLT_LINEAR_DIM_K]);
}

/* block: rows that meet a panel before the next one. Groups of panels save reading these again, as
 * long as there are enough of them for the threads. */
static void run_panels(const vlt_plan *plan, vlt_frame frame, struct panel_job *job, int64_t block,
                       int limit)
{
    vlt_threads *threads = plan->context->threads;
    const int64_t panels = panel_count(plan), all = job->args->rows;
    const int64_t pass = pass_rows(plan, block);
    const size_t count = arranged_count(plan, block);
    int64_t group = panels / (GROUPS_MIN * vlt_threads_count(threads));
    job->arranged = count ? vlt_frame_take(&frame, count, sizeof(float)) : NULL;
    job->group = group < 1 ? 1 : group < GROUP_PANELS ? group : GROUP_PANELS;
    job->groups = (panels + job->group - 1) / job->group;
    job->tiles = block / VEC_TILE_ROWS;
    for (job->first = 0; job->first < all; job->first += pass) {
        job->rows = all - job->first < pass ? all - job->first : pass;
        job->width = job->arranged ? tile_width(job->rows) : VEC_TILE_ROWS;
        int64_t tiles = (job->rows + job->width - 1) / job->width;
        if (job->arranged) {
            vlt_threads_for(threads, tiles, 1, limit, arrange_tiles, job);
        }
        vlt_threads_for(threads, (tiles + job->tiles - 1) / job->tiles * job->groups, 1, limit,
                        panel_body, job);
    }
}

#endif
#endif
