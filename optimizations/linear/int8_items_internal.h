/* int8_items_internal.h: the work of a run of linear with int8 weights and activations, cut into
 * items; for the variants whose weights are panels (int8_panel_internal.h), which say how the sums
 * of an item are made.
 *
 * Rows of x are rounded once per run, for all of its products, a few behind their norm. Then items
 * of rows and panels are shared among the threads. An activation passes over what an item has made;
 * where it has two arguments, the item makes both and the second never leaves the caches.
 */
#ifndef VLT_INT8_ITEMS_INTERNAL_H
#define VLT_INT8_ITEMS_INTERNAL_H

#include "optimizations/linear/int8_panel_internal.h"
#include "optimizations/linear/linear_around.h"

#ifdef VLT_SIMD

enum { ROUND_CHUNK = 4 };
enum { KNOB_THREADS, KNOB_ROWS };

/* One of the products of a run. */
struct int8_product {
    const vlt_plan *plan;
    const float *bias;
    struct i8_weights w;
    float *y;
    int64_t y_stride;
    int64_t groups; /* items beside each other */
};

struct int8_item;

/* Stores y of an item; `frame` is what the variant asked for beyond int8_own_bytes. */
typedef void int8_sums_function(const struct int8_item *item, vlt_frame frame);

struct int8_job {
    const vlt_linear_args *args;
    int8_sums_function *sums;
    struct int8_product product[1 + VLT_LINEAR_OTHERS_MAX];
    struct i8_rows x;
    int64_t k;
    int64_t block;  /* rows of an item, as the knob says */
    int64_t group;  /* panels of an item; with more than one, rows * group <= block */
    int64_t groups; /* of all products; of the first where two are made for one y */
    bool gated, strange;
    vlt_frames frames; /* of the workers */
};

/* What an item makes of one product: rows times panels. */
struct int8_item {
    const struct int8_job *job;
    const struct int8_product *product;
    int64_t row, rows, panel, panels;
    float *y; /* [rows, panels * I8_PANEL] */
    int64_t y_stride;
};

/* A worker's frame. */
struct int8_own {
    float *x;       /* [ROUND_CHUNK, k], normalised */
    float *made[2]; /* [rows, width] of an item, before the activation */
    vlt_frame rest; /* the variant's */
};

static vlt_status int8_prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_linear_constants *constants = plan->problem.constants;
    const vlt_pack *pack = NULL;
    vlt_status status = i8_weights_take(plan->context, &constants->weight, &pack, err);
    return status == VLT_OK ? vlt_int8_state_set(plan, pack, err) : status;
}

static size_t int8_own_bytes(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)(ROUND_CHUNK * plan->problem.dim[VLT_LINEAR_DIM_K]),
                      sizeof(float));
    for (int i = 0; i < 2; i++) {
        vlt_frame_reserve(&bytes, (size_t)(vlt_plan_knob(plan, KNOB_ROWS) * I8_PANEL),
                          sizeof(float));
    }
    return bytes;
}

static struct int8_own int8_own_of(const struct int8_job *job, int worker)
{
    struct int8_own own = {.rest = vlt_frames_of(&job->frames, worker)};
    own.x = vlt_frame_take(&own.rest, (size_t)(ROUND_CHUNK * job->k), sizeof(float));
    for (int i = 0; i < 2; i++) {
        own.made[i] = vlt_frame_take(&own.rest, (size_t)(job->block * I8_PANEL), sizeof(float));
    }
    return own;
}

static void round_rows(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct int8_job *job = argument;
    const struct int8_own own = int8_own_of(job, worker);
    for (int64_t row = begin; row < end; row += ROUND_CHUNK) {
        int64_t rows = end - row < ROUND_CHUNK ? end - row : ROUND_CHUNK;
        const vlt_linear_view view = vlt_linear_view_of(job->args, job->k, row, rows, own.x);
        i8_set_rows(&job->x, row, rows, view.x, view.stride, job->k);
    }
}

/* r and o count from the item's first row and output. */
VLT_ALWAYS_INLINE void store_sums(const struct int8_item *item, vec_int sum, int64_t r, int64_t o)
{
    const struct int8_product *p = item->product;
    const int64_t first = item->panel * I8_PANEL + o;
    int64_t width = p->w.n - first;
    if (width <= 0) {
        return;
    }
    width = width < VEC_LANES ? width : VEC_LANES;
    float *y = item->y + r * item->y_stride + o;
    vec scale = vec_mul(vec_set(item->job->x.scale[item->row + r]), vec_load(p->w.scale + first));
    vec value = vec_mul(VEC_OP(cvtepi32_ps)(sum), scale);
    value = p->bias ? vec_add(value, vec_load_part(p->bias + first, width)) : value;
    value = item->job->args->accumulate ? vec_add(vec_load_part(y, width), value) : value;
    vec_store_part(y, width, value);
}

/* Outputs of an item. */
static int64_t item_width(const struct int8_item *item)
{
    return vec_smaller(item->panels * I8_PANEL, item->product->w.n - item->panel * I8_PANEL);
}

/* y of an item, with what could not be rounded. */
static void make_item(const struct int8_item *item, const struct int8_own *own)
{
    const struct int8_job *job = item->job;
    job->sums(item, own->rest);
    if (job->strange) {
        const vlt_int8_piece piece = {.row = item->row,
                                      .rows = item->rows,
                                      .o = item->panel * I8_PANEL,
                                      .width = item_width(item),
                                      .y = item->y,
                                      .y_stride = item->y_stride};
        vlt_linear_int8_add_strange(item->product->plan, job->args, job->x.scale, &piece, own->x);
    }
}

/* Item i is group i % groups, of all products, of the rows that start at i / groups * block. */
static struct int8_item item_of(const struct int8_job *job, int64_t i)
{
    const struct int8_product *p = job->product;
    int64_t row = i / job->groups * job->block, group = i % job->groups;
    for (; group >= p->groups; p++) {
        group -= p->groups;
    }
    const int64_t panel = group * job->group;
    return (struct int8_item){.job = job,
                              .product = p,
                              .row = row,
                              .rows = vec_smaller(job->args->rows - row, job->block),
                              .panel = panel,
                              .panels = vec_smaller(p->w.panels - panel, job->group),
                              .y = p->y + row * p->y_stride + panel * I8_PANEL,
                              .y_stride = p->y_stride};
}

/* The products of an item into the worker's pieces, then y. */
static void make_activated(const struct int8_item *item, const struct int8_own *own)
{
    const struct int8_job *job = item->job;
    const int64_t width = item_width(item);
    for (int i = 0; i <= job->gated; i++) {
        struct int8_item part = *item;
        part.product = &job->product[i];
        part.y = own->made[i];
        part.y_stride = width;
        make_item(&part, own);
    }
    vlt_linear_activate(job->args, own->made, item->rows, width, item->y, item->y_stride);
}

static void make_items(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct int8_job *job = argument;
    const struct int8_own own = int8_own_of(job, worker);
    for (int64_t i = begin; i < end; i++) {
        const struct int8_item item = item_of(job, i);
        if (job->args->activation) {
            make_activated(&item, &own);
        } else {
            make_item(&item, &own);
        }
    }
}

/* Returns the outputs of all products. */
static int64_t set_products(struct int8_job *job, const vlt_plan *plan)
{
    const vlt_linear_args *a = job->args;
    int64_t outputs = 0;
    for (int i = 0; i <= a->others; i++) {
        const vlt_plan *own = i ? a->other[i - 1].plan : plan;
        const vlt_linear_constants *constants = own->problem.constants;
        const int64_t n = own->problem.dim[VLT_LINEAR_DIM_N];
        struct int8_product *p = &job->product[i];
        *p = (struct int8_product){.plan = own,
                                   .bias = constants->bias,
                                   .w = i8_weights_of(vlt_int8_state_of(own)->pack, n, job->k),
                                   .y = i ? a->other[i - 1].y : a->y,
                                   .y_stride = i ? a->other[i - 1].y_stride : a->y_stride};
        p->groups = (p->w.panels + job->group - 1) / job->group;
        job->groups += job->gated && i ? 0 : p->groups;
        outputs += n;
    }
    return outputs;
}

static bool is_job_strange(const struct int8_job *job)
{
    bool strange = false;
    for (int i = 0; i <= job->args->others; i++) {
        strange = strange ||
                  vlt_linear_int8_is_strange(job->product[i].plan, job->x.scale, job->args->rows);
    }
    return strange;
}

/* The job's args, sums, x, k, block and group are set. more: bytes of a worker's frame for `sums`;
 * serial_below: multiply-adds, waking a thread that sleeps costs as much. */
static void int8_run_job(const vlt_plan *plan, vlt_frame frame, struct int8_job *job, size_t more,
                         int64_t serial_below)
{
    vlt_threads *threads = plan->context->threads;
    const int64_t rows = job->args->rows;
    size_t each = int8_own_bytes(plan);
    vlt_frame_add(&each, more);
    job->frames = vlt_frames_take(&frame, vlt_threads_count(threads), each);
    job->gated = vlt_activation_is_gated(job->args->activation);
    const bool small = rows * set_products(job, plan) < serial_below / job->k;
    const int limit = small ? 1 : (int)vlt_plan_knob(plan, KNOB_THREADS);
    vlt_threads_for(threads, rows, ROUND_CHUNK, limit, round_rows, job);
    job->strange = is_job_strange(job);
    vlt_threads_for(threads, (rows + job->block - 1) / job->block * job->groups, 1, limit,
                    make_items, job);
}

static void int8_frames_reserve(const vlt_plan *plan, size_t more, size_t *bytes)
{
    size_t each = int8_own_bytes(plan);
    vlt_frame_add(&each, more);
    vlt_frames_reserve(bytes, vlt_threads_count(plan->context->threads), each);
}

#define VLT_LINEAR_INT8_ITEMS                                                               \
    .quality = VLT_QUALITY_INT8, .loss = VLT_INT8_LOSS, .cost = vlt_linear_int8_cost,       \
    .takes = VLT_LINEAR_TAKES_NORM | VLT_LINEAR_TAKES_OTHERS | VLT_LINEAR_TAKES_ACTIVATION, \
    .prepare = int8_prepare, .release = vlt_int8_state_release

#endif
#endif
