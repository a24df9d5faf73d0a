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
 * the next are on their way from memory. An activation passes over what an item has made; where it
 * has two arguments, the item makes both.
 */
#ifndef VLT_LINEAR_PANEL_INTERNAL_H
#define VLT_LINEAR_PANEL_INTERNAL_H

#include "optimizations/core/simd_tile.h"

#ifdef VLT_SIMD
#include "optimizations/linear/linear_around.h"

enum { BLOCK_MAX = 512, GROUP_PANELS = 4, GROUPS_MIN = 16, ARRANGED_MIN = 1024, LINE_BYTES = 64 };

/* One of the products of a run. */
struct panel_product {
    const unsigned char *weight;
    const float *bias;
    vlt_dtype dtype;
    int64_t n, k, row_bytes; /* of W */
    float *y;
    int64_t y_stride;
    int64_t group, groups; /* panels of an item; items beside each other */
};

struct panel_job {
    const vlt_linear_args *args;
    struct panel_product product[1 + VLT_LINEAR_OTHERS_MAX];
    float *arranged;     /* the rows of this pass, as above; NULL: x is read where it lies */
    int64_t first, rows; /* of the pass */
    int64_t k;
    int64_t block;  /* inputs */
    int64_t width;  /* rows of a tile; the last has what is left */
    int64_t tiles;  /* of an item */
    int64_t groups; /* of all products; of the first where two are made for one y */
    bool gated;
    vlt_frames made; /* of the workers: an item before the activation */
};

/* What an item makes of one product: tiles of rows times outputs. */
struct panel_item {
    const struct panel_job *job;
    const struct panel_product *product;
    int64_t tile, last, from, to;
    float *y; /* of the first row and output */
    int64_t y_stride;
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
VLT_ALWAYS_INLINE void pack_panel_as(const struct panel_product *p, vlt_dtype dtype, int64_t o,
                                     int64_t width, int64_t k0, int64_t depth, float *panel)
{
    int64_t row_bytes = p->row_bytes;
    const unsigned char *w = p->weight + o * row_bytes;
    vec_pack_transposed(dtype, w, row_bytes, width, k0, depth, panel, VEC_PANEL);
    vec_pack_transposed(dtype, w + VEC_LANES * row_bytes, row_bytes, width - VEC_LANES, k0, depth,
                        panel + VEC_LANES, VEC_PANEL);
}

static void pack_panel(const struct panel_product *p, int64_t o, int64_t width, int64_t k0,
                       int64_t depth, float *panel)
{
    switch (p->dtype) {
    case VLT_DTYPE_BF16:
        pack_panel_as(p, VLT_DTYPE_BF16, o, width, k0, depth, panel);
        break;
    case VLT_DTYPE_F16:
        pack_panel_as(p, VLT_DTYPE_F16, o, width, k0, depth, panel);
        break;
    default:
        pack_panel_as(p, VLT_DTYPE_F32, o, width, k0, depth, panel);
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

/* The tiles of an item meet one block of a panel. */
static void multiply_block(const struct panel_item *item, const struct panel *panel, int64_t k0,
                           int64_t o, struct ahead ahead)
{
    const struct panel_job *job = item->job;
    const vlt_linear_args *a = job->args;
    int64_t lines = (ahead.bytes + LINE_BYTES - 1) / LINE_BYTES * ahead.rows;
    int64_t tiles = item->last - item->tile, each = (lines + tiles - 1) / tiles;
    for (int64_t tile = item->tile; tile < item->last; tile++) {
        int64_t row = tile * job->width, rows = tile_rows(job, tile);
        float *y = item->y + (tile - item->tile) * job->width * item->y_stride + (o - item->from);
        fetch_lines(&ahead, each);
        if (job->arranged) {
            multiply_arranged(panel, job->arranged + row * job->k + k0 * rows, y, item->y_stride,
                              rows);
        } else {
            multiply_in_place(panel, a->x + (job->first + row) * a->x_stride + k0, a->x_stride, y,
                              item->y_stride, rows);
        }
    }
}

static struct ahead ahead_of(const struct panel_product *p, int64_t block, int64_t o, int64_t k0)
{
    int64_t bytes = p->row_bytes / p->k, left = p->k - k0, rows = p->n - o;
    return (struct ahead){.row = p->weight + o * p->row_bytes + k0 * bytes,
                          .row_bytes = p->row_bytes,
                          .rows = rows < 0           ? 0
                                  : rows < VEC_PANEL ? rows
                                                     : VEC_PANEL,
                          .bytes = (left < block ? left : block) * bytes};
}

static void make_panels(const struct panel_item *item, float *weights)
{
    const struct panel_job *job = item->job;
    const struct panel_product *p = item->product;
    for (int64_t k0 = 0; k0 < job->k; k0 += job->block) {
        for (int64_t o = item->from; o < item->to; o += VEC_PANEL) {
            bool more = o + VEC_PANEL < item->to, deeper = k0 + job->block < job->k;
            struct panel panel = {.weights = weights,
                                  .depth = job->k - k0 < job->block ? job->k - k0 : job->block,
                                  .width = p->n - o < VEC_PANEL ? p->n - o : VEC_PANEL,
                                  .bias = k0 == 0 && p->bias ? p->bias + o : NULL,
                                  .add = k0 > 0 || job->args->accumulate};
            pack_panel(p, o, panel.width, k0, panel.depth, weights);
            multiply_block(item, &panel, k0, o,
                           ahead_of(p, job->block,
                                    more     ? o + VEC_PANEL
                                    : deeper ? item->from
                                             : item->to,
                                    more     ? k0
                                    : deeper ? k0 + job->block
                                             : 0));
        }
    }
}

/* Item i is group i % groups, of all products, of the tiles that start at i / groups * tiles. */
static struct panel_item panel_item_of(const struct panel_job *job, int64_t i)
{
    const struct panel_product *p = job->product;
    int64_t tile = i / job->groups * job->tiles, group = i % job->groups;
    int64_t tiles = (job->rows + job->width - 1) / job->width;
    for (; group >= p->groups; p++) {
        group -= p->groups;
    }
    const int64_t wide = p->group * VEC_PANEL, from = group * wide;
    return (struct panel_item){.job = job,
                               .product = p,
                               .tile = tile,
                               .last = vec_smaller(tile + job->tiles, tiles),
                               .from = from,
                               .to = vec_smaller(from + wide, p->n),
                               .y = p->y + (job->first + tile * job->width) * p->y_stride + from,
                               .y_stride = p->y_stride};
}

/* The products of an item into the worker's pieces, then y. */
static void make_activated_panels(const struct panel_item *item, vlt_frame frame, float *weights)
{
    const struct panel_job *job = item->job;
    const int64_t row = item->tile * job->width, width = item->to - item->from;
    const int64_t rows = vec_smaller(item->last * job->width, job->rows) - row;
    float *made[2] = {NULL, NULL};
    for (int i = 0; i <= job->gated; i++) {
        struct panel_item part = *item;
        part.product = &job->product[i];
        part.y = made[i] = vlt_frame_take(&frame, (size_t)(rows * width), sizeof(float));
        part.y_stride = width;
        make_panels(&part, weights);
    }
    vlt_linear_activate(job->args, made, rows, width, item->y, item->y_stride);
}

static void panel_body(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct panel_job *job = argument;
    VLT_ALIGNED(64) float weights[BLOCK_MAX * VEC_PANEL];
    for (int64_t i = begin; i < end; i++) {
        const struct panel_item item = panel_item_of(job, i);
        if (job->args->activation) {
            make_activated_panels(&item, vlt_frames_of(&job->made, worker), weights);
        } else {
            make_panels(&item, weights);
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

/* Groups of panels save reading rows again, as long as there are enough of them for the threads. */
static void set_panel_product(const vlt_plan *plan, struct panel_product *p)
{
    const vlt_linear_constants *constants = plan->problem.constants;
    const int64_t panels = panel_count(plan);
    const int64_t group = panels / (GROUPS_MIN * vlt_threads_count(plan->context->threads));
    p->weight = constants->weight.data;
    p->bias = constants->bias;
    p->dtype = (vlt_dtype)constants->weight.format;
    p->n = plan->problem.dim[VLT_LINEAR_DIM_N];
    p->k = plan->problem.dim[VLT_LINEAR_DIM_K];
    p->row_bytes = (int64_t)constants->weight.row_bytes;
    p->group = group < 1 ? 1 : group < GROUP_PANELS ? group : GROUP_PANELS;
    p->groups = (panels + p->group - 1) / p->group;
}

static void set_panel_products(struct panel_job *job, const vlt_plan *plan)
{
    const vlt_linear_args *a = job->args;
    for (int i = 0; i <= a->others; i++) {
        struct panel_product *p = &job->product[i];
        set_panel_product(i ? a->other[i - 1].plan : plan, p);
        p->y = i ? a->other[i - 1].y : a->y;
        p->y_stride = i ? a->other[i - 1].y_stride : a->y_stride;
        job->groups += job->gated && i ? 0 : p->groups;
    }
}

/* Bytes of a worker's pieces before the activation. */
static size_t made_bytes(int64_t block)
{
    size_t bytes = 0;
    for (int i = 0; i < 2; i++) {
        vlt_frame_reserve(&bytes, (size_t)(block * GROUP_PANELS * VEC_PANEL), sizeof(float));
    }
    return bytes;
}

static void panel_scratch(const vlt_plan *plan, int64_t block, size_t *bytes)
{
    vlt_frame_reserve(bytes, arranged_count(plan, block), sizeof(float));
    vlt_frames_reserve(bytes, vlt_threads_count(plan->context->threads), made_bytes(block));
}

/* rows: that meet a panel before the next one; block: inputs. */
static void run_panels(const vlt_plan *plan, vlt_frame frame, const vlt_linear_args *a,
                       int64_t rows, int64_t block, int limit)
{
    vlt_threads *threads = plan->context->threads;
    const int64_t pass = pass_rows(plan, rows);
    const size_t count = arranged_count(plan, rows);
    struct panel_job job = {.args = a,
                            .k = plan->problem.dim[VLT_LINEAR_DIM_K],
                            .block = block,
                            .tiles = rows / VEC_TILE_ROWS,
                            .gated = vlt_activation_is_gated(a->activation)};
    set_panel_products(&job, plan);
    job.arranged = count ? vlt_frame_take(&frame, count, sizeof(float)) : NULL;
    job.made = vlt_frames_take(&frame, vlt_threads_count(threads), made_bytes(rows));
    for (job.first = 0; job.first < a->rows; job.first += pass) {
        job.rows = vec_smaller(a->rows - job.first, pass);
        job.width = job.arranged ? tile_width(job.rows) : VEC_TILE_ROWS;
        int64_t tiles = (job.rows + job.width - 1) / job.width;
        if (job.arranged) {
            vlt_threads_for(threads, tiles, 1, limit, arrange_tiles, &job);
        }
        vlt_threads_for(threads, (tiles + job.tiles - 1) / job.tiles * job.groups, 1, limit,
                        panel_body, &job);
    }
}

#endif
#endif
