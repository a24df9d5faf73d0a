/* A still image in strips of rows, as they are decoded (preprocess.h).
 *
 *   source rows   strip k + 1 (being read)
 *                 strip k --first pass--> window of each slab --second pass--> its band --> patches
 *
 * The first pass is the horizontal one, except where the arithmetic wants the vertical one first:
 * then the window has rows as they came, and each row of the result is resized horizontally on its
 * own. */
#include <string.h>

#include "optimizations/core/children.h"
#include "optimizations/preprocess/preprocess_internal.h"
#include "optimizations/resize/resize_internal.h"

enum {
    STRIP_BYTES = 512 << 10, /* of source rows, two of which are held */
    STRIP_ROWS_MIN = 16,     /* a row of MCUs of most JPEGs */
    STRIP_ROWS_MAX = 64,
    SLABS_A_THREAD = 4, /* so that nobody waits long for the last one */
    SLAB_TOKENS_MIN = 4
};

enum child { CHILD_SLAB, CHILD_TAIL, CHILDREN };

struct vlt_preprocess_strips {
    vlt_threads *threads;
    int limit;                       /* of threads; 0: all */
    const vlt_resize_tables *tables; /* NULL where the size stays */
    vlt_resize_horizontal *horizontal;
    vlt_resize_vertical *vertical;
    vlt_plan *child[CHILDREN]; /* patchify: one row of tokens of a slab, and of the last one */
    int64_t src_h, src_w, dst_h, dst_w;
    int64_t tile;          /* pixels of a token, each way */
    int64_t rows;          /* of a strip */
    int64_t slabs, slab_w; /* pixels of the result; the last one may be narrower */
    int64_t window_rows, window_w;
    int64_t row_bytes; /* of the patches of a row of tokens */
    bool windows;      /* else rows go straight into the band */
    bool lines;        /* the vertical pass is first, by way of a line */
};

/* Pixels of the result, [begin, end), and of the source, [from, to), of a slab. */
struct columns {
    int64_t begin, end, from, to;
};

static struct columns columns_of(const vlt_preprocess_strips *s, int64_t slab)
{
    struct columns c = {.begin = slab * s->slab_w, .end = (slab + 1) * s->slab_w};
    c.end = c.end < s->dst_w ? c.end : s->dst_w;
    c.from = c.begin;
    c.to = c.end;
    if (s->tables && !s->tables->skip_x) {
        const vlt_resize_axis *x = &s->tables->x;
        c.from = x->first[c.begin];
        c.to = x->first[c.end - 1] + x->count[c.end - 1];
    }
    return c;
}

static bool is_first_pass_horizontal(const vlt_preprocess_strips *s)
{
    return s->tables && !s->tables->skip_x && !s->tables->vertical_first;
}

static void set_windows(vlt_preprocess_strips *s)
{
    s->windows = s->tables && !s->tables->skip_y;
    s->lines = s->windows && !s->tables->skip_x && s->tables->vertical_first;
    for (int64_t i = 0; i < s->dst_h && s->windows; i++) {
        int64_t rows = s->tables->y.count[i] + s->rows;
        s->window_rows = rows > s->window_rows ? rows : s->window_rows;
    }
    for (int64_t i = 0; i < s->slabs && s->windows; i++) {
        const struct columns c = columns_of(s, i);
        int64_t w = is_first_pass_horizontal(s) ? c.end - c.begin : c.to - c.from;
        s->window_w = w > s->window_w ? w : s->window_w;
    }
}

static void set_sizes(vlt_preprocess_strips *s, const vlt_problem *problem)
{
    const int64_t *dim = problem->dim;
    int workers = vlt_threads_count(s->threads);
    workers = s->limit && s->limit < workers ? s->limit : workers;
    s->src_h = dim[VLT_PREPROCESS_DIM_SRC_H];
    s->src_w = dim[VLT_PREPROCESS_DIM_SRC_W];
    s->dst_h = dim[VLT_PREPROCESS_DIM_DST_H];
    s->dst_w = dim[VLT_PREPROCESS_DIM_DST_W];
    s->tile = dim[VLT_PREPROCESS_DIM_PATCH] * dim[VLT_PREPROCESS_DIM_MERGE];
    s->row_bytes = s->tile * s->dst_w * vlt_preprocess_pixel_bytes(problem);
    int64_t rows = STRIP_BYTES / (s->src_w * 3) / STRIP_ROWS_MIN * STRIP_ROWS_MIN;
    s->rows = rows < STRIP_ROWS_MIN   ? STRIP_ROWS_MIN
              : rows > STRIP_ROWS_MAX ? STRIP_ROWS_MAX
                                      : rows;
    s->rows = s->rows < s->src_h ? s->rows : s->src_h;
    int64_t tokens = s->dst_w / s->tile;
    int64_t wanted = workers == 1 ? tokens : tokens / ((int64_t)workers * SLABS_A_THREAD);
    wanted = wanted < SLAB_TOKENS_MIN ? SLAB_TOKENS_MIN : wanted;
    s->slab_w = (wanted < tokens ? wanted : tokens) * s->tile;
    s->slabs = (s->dst_w + s->slab_w - 1) / s->slab_w;
}

vlt_status vlt_preprocess_strips_create(const vlt_plan *plan, const vlt_plan *resize,
                                        vlt_context *single, int threads,
                                        vlt_preprocess_strips **out, vlt_error *err)
{
    void *block;
    vlt_status status = vlt_alloc(sizeof(vlt_preprocess_strips), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_preprocess_strips *s = *out = block;
    s->threads = plan->context->threads;
    s->limit = threads;
    if (resize) {
        const vlt_resize_strips *state = resize->state;
        s->tables = &state->tables;
        s->horizontal = state->horizontal;
        s->vertical = state->vertical;
    }
    set_sizes(s, &plan->problem);
    set_windows(s);
    vlt_problem slab = vlt_preprocess_patchify_problem(&plan->problem), tail = slab;
    slab.dim[VLT_PATCHIFY_DIM_H] = tail.dim[VLT_PATCHIFY_DIM_H] = s->tile;
    slab.dim[VLT_PATCHIFY_DIM_W] = s->slab_w;
    tail.dim[VLT_PATCHIFY_DIM_W] = s->dst_w % s->slab_w;
    tail.op = tail.dim[VLT_PATCHIFY_DIM_W] ? slab.op : NULL;
    return vlt_children_create(single, (vlt_problem[]){slab, tail}, CHILDREN, s->child, err);
}

void vlt_preprocess_strips_destroy(vlt_preprocess_strips *strips)
{
    if (strips) {
        vlt_children_destroy(strips->child, CHILDREN);
        vlt_free(strips);
    }
}

/* A slab on its way down. */
struct slab {
    uint8_t *window, *band, *line;
    int64_t window_from, window_to; /* source rows in the window */
    int64_t next;                   /* row of the result */
};

static size_t window_bytes(const vlt_preprocess_strips *s)
{
    return (size_t)(s->window_rows * s->window_w * 3);
}

static size_t worker_bytes(const vlt_preprocess_strips *s)
{
    return vlt_children_scratch(s->child, CHILDREN);
}

size_t vlt_preprocess_strips_scratch(const vlt_preprocess_strips *s)
{
    size_t bytes = 0, slabs = (size_t)s->slabs;
    vlt_frame_reserve(&bytes, 2, (size_t)(s->rows * s->src_w * 3));
    vlt_frame_reserve(&bytes, slabs, sizeof(struct slab));
    vlt_frame_reserve(&bytes, slabs, window_bytes(s));
    vlt_frame_reserve(&bytes, slabs, (size_t)(s->tile * s->slab_w * 3));
    vlt_frame_reserve(&bytes, slabs, s->lines ? (size_t)(s->window_w * 3) : 0);
    vlt_frames_reserve(&bytes, vlt_threads_count(s->threads), worker_bytes(s));
    return bytes;
}

struct job {
    const vlt_preprocess_strips *strips;
    const vlt_preprocess_rows *source;
    uint8_t *raw[2];
    struct slab *slab;
    vlt_frames frames;         /* of the workers */
    int64_t begin, end, ahead; /* rows of the strip that is cut, and of the one that is read */
    int number;                /* of the strip that is cut */
    vlt_status status;         /* of reading */
    vlt_error *err;
};

/* dst[columns of the slab] from a row that begins at the slab's first source pixel. */
static void across(const vlt_preprocess_strips *s, const struct columns *c, const uint8_t *src,
                   uint8_t *dst)
{
    vlt_resize_axis x;
    if (!s->tables || s->tables->skip_x) {
        memcpy(dst, src, (size_t)(c->end - c->begin) * 3);
        return;
    }
    x = s->tables->x;
    src -= c->from * 3;
    x.out = c->end - c->begin;
    x.in = c->to;
    x.first += c->begin;
    x.count += c->begin;
    x.weight += c->begin * x.taps;
    s->horizontal(&x, src, dst);
}

static void cut(const struct job *job, int64_t number, const struct columns *c, const uint8_t *rows,
                int64_t stride, int64_t bottom, vlt_frame frame)
{
    const vlt_preprocess_strips *s = job->strips;
    const int64_t above = (bottom / s->tile - 1) * s->row_bytes;
    vlt_patchify_args args = {.stride = stride,
                              .out = (char *)job->source->out + above +
                                     c->begin * (s->row_bytes / s->dst_w)};
    for (int t = 0; t < VLT_PATCHIFY_TEMPORAL_MAX; t++) {
        args.frame[t] = rows;
    }
    bool tail = s->child[CHILD_TAIL] && number == s->slabs - 1;
    vlt_plan_run(s->child[tail ? CHILD_TAIL : CHILD_SLAB], frame, &args,
                 NULL); /* fails only in prepare */
}

/* The place of the next row in the band. */
static uint8_t *band_row(const vlt_preprocess_strips *s, const struct slab *slab,
                         const struct columns *c)
{
    return slab->band + slab->next % s->tile * (c->end - c->begin) * 3;
}

static void row_done(const struct job *job, int64_t number, const struct columns *c,
                     vlt_frame frame)
{
    struct slab *slab = &job->slab[number];
    if (++slab->next % job->strips->tile == 0) {
        cut(job, number, c, slab->band, (c->end - c->begin) * 3, slab->next, frame);
    }
}

/* The rows of the strip behind those that are still needed. */
static void fill_window(const struct job *job, struct slab *slab, const struct columns *c,
                        const uint8_t *raw, int64_t row_bytes)
{
    const vlt_preprocess_strips *s = job->strips;
    const int64_t needed = s->tables->y.first[slab->next];
    if (needed > slab->window_from) {
        int64_t from = needed < slab->window_to ? needed : slab->window_to;
        memmove(slab->window, slab->window + (from - slab->window_from) * row_bytes,
                (size_t)((slab->window_to - from) * row_bytes));
        slab->window_from = from;
    }
    for (int64_t row = job->begin; row < job->end; row++) {
        uint8_t *to = slab->window + (row - slab->window_from) * row_bytes;
        const uint8_t *src = raw + ((row - job->begin) * s->src_w + c->from) * 3;
        if (is_first_pass_horizontal(s)) {
            across(s, c, src, to);
        } else {
            memcpy(to, src, (size_t)row_bytes);
        }
    }
    slab->window_to = job->end;
}

static void through_window(const struct job *job, int64_t number, const struct columns *c,
                           const uint8_t *raw, vlt_frame frame)
{
    const vlt_preprocess_strips *s = job->strips;
    const vlt_resize_axis *y = &s->tables->y;
    struct slab *slab = &job->slab[number];
    const int64_t row_bytes = (is_first_pass_horizontal(s) ? c->end - c->begin : c->to - c->from) *
                              3;
    if (slab->next < s->dst_h) {
        fill_window(job, slab, c, raw, row_bytes);
    }
    const uint8_t *row0 = slab->window - slab->window_from * row_bytes;
    while (slab->next < s->dst_h && y->first[slab->next] + y->count[slab->next] <= job->end) {
        uint8_t *dst = band_row(s, slab, c);
        s->vertical(y, slab->next, row0, row_bytes, s->lines ? slab->line : dst, row_bytes);
        if (s->lines) {
            across(s, c, slab->line, dst);
        }
        row_done(job, number, c, frame);
    }
}

static void one_slab(const struct job *job, int64_t number, vlt_frame frame)
{
    const vlt_preprocess_strips *s = job->strips;
    const struct columns c = columns_of(s, number);
    const uint8_t *raw = job->raw[job->number % 2];
    struct slab *slab = &job->slab[number];
    const int64_t stride = s->src_w * 3;
    if (s->windows) {
        through_window(job, number, &c, raw, frame);
        return;
    }
    for (int64_t row = job->begin; row < job->end; row++) {
        const uint8_t *src = raw + (row - job->begin) * stride + c.from * 3;
        if (!s->tables && row % s->tile == 0 && row + s->tile <= job->end) {
            slab->next = row + s->tile; /* a whole band lies there as it is wanted */
            cut(job, number, &c, src, stride, slab->next, frame);
            row += s->tile - 1;
        } else {
            across(s, &c, src, band_row(s, slab, &c));
            row_done(job, number, &c, frame);
        }
    }
}

/* Item 0 reads the next strip, where there is one; the others are slabs. */
static void items(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    const bool reads = job->ahead > job->end;
    for (int64_t i = begin; i < end; i++) {
        if (reads && i == 0) {
            job->status = job->source->read(job->source->user, job->ahead - job->end,
                                            job->raw[(job->number + 1) % 2], job->strips->src_w * 3,
                                            job->err);
        } else {
            one_slab(job, i - reads, vlt_frames_of(&job->frames, worker));
        }
    }
}

static struct slab *take_slabs(const vlt_preprocess_strips *s, vlt_frame *frame)
{
    struct slab *slab = vlt_frame_take(frame, (size_t)s->slabs, sizeof *slab);
    const size_t band_bytes = (size_t)(s->tile * s->slab_w * 3);
    const size_t line_bytes = s->lines ? (size_t)(s->window_w * 3) : 0;
    uint8_t *window = vlt_frame_take(frame, (size_t)s->slabs, window_bytes(s));
    uint8_t *band = vlt_frame_take(frame, (size_t)s->slabs, band_bytes);
    uint8_t *line = vlt_frame_take(frame, (size_t)s->slabs, line_bytes);
    for (int64_t i = 0; i < s->slabs; i++) {
        slab[i] = (struct slab){.window = window + (size_t)i * window_bytes(s),
                                .band = band + (size_t)i * band_bytes,
                                .line = line + (size_t)i * line_bytes};
    }
    return slab;
}

vlt_status vlt_preprocess_strips_run(const vlt_preprocess_strips *s, vlt_frame frame,
                                     const vlt_preprocess_rows *rows, vlt_error *err)
{
    const size_t raw_bytes = (size_t)(s->rows * s->src_w * 3);
    struct job job = {.strips = s, .source = rows, .number = -1, .err = err};
    job.raw[0] = vlt_frame_take(&frame, 2, raw_bytes);
    job.raw[1] = job.raw[0] + raw_bytes;
    job.slab = take_slabs(s, &frame);
    job.frames = vlt_frames_take(&frame, vlt_threads_count(s->threads), worker_bytes(s));
    while (job.end < s->src_h) {
        job.begin = job.end;
        job.end = job.ahead;
        job.ahead = job.end + s->rows < s->src_h ? job.end + s->rows : s->src_h;
        vlt_threads_for(s->threads, (job.ahead > job.end) + (job.end > job.begin) * s->slabs, 1,
                        s->limit, items, &job);
        if (job.status != VLT_OK) {
            return job.status;
        }
        job.number++;
    }
    return VLT_OK;
}

bool vlt_preprocess_has_rows(const vlt_plan *plan)
{
    return vlt_preprocess_fused_strips(plan) != NULL;
}

size_t vlt_preprocess_rows_scratch(const vlt_plan *plan)
{
    return vlt_preprocess_strips_scratch(vlt_preprocess_fused_strips(plan));
}

vlt_status vlt_preprocess_run_rows(const vlt_plan *plan, vlt_frame frame,
                                   const vlt_preprocess_rows *rows, vlt_error *err)
{
    return vlt_preprocess_strips_run(vlt_preprocess_fused_strips(plan), frame, rows, err);
}
