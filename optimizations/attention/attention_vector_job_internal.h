/* attention_vector_job_internal.h: what both ways of attention_vector_internal.h share: knobs, a
 * job and its items, where a worker writes to, the softmax of one line.
 */
#ifndef VLT_ATTENTION_VECTOR_JOB_INTERNAL_H
#define VLT_ATTENTION_VECTOR_JOB_INTERNAL_H

#include <math.h>
#include <string.h>

#include "optimizations/attention/attention.h"
#include "optimizations/core/simd_tile.h"

#ifdef VLT_SIMD

enum { FEW_ROWS_MAX = 12, FEW_HEADS = VLT_SIMD == 512 ? 4 : 2, QUAD = 4 };
/* Multiply-adds: waking a thread that sleeps costs as much. With few rows each reads a key or a
 * value of its own, and takes as long as sixteen of the others. */
enum { SERIAL_BELOW = 1 << 20, SERIAL_BELOW_FEW = 1 << 16 };
enum { SPAN = 512 /* keys, a multiple of every block */ };

enum { KNOB_THREADS, KNOB_ROWS, KNOB_KEYS };

static const int64_t rows_values[] = {12, 24, 48, 96, 192, 384};
static const int64_t key_values[] = {32, 64, 128, 256, 512};

static const vlt_knob vector_knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "q_rows >= 12: query rows of an item", rows_values, 6, 96, NULL},
    {"keys", "keys in a block", key_values, 5, 128, NULL},
};

/* What a worker writes to. `lines` is the rows of an item, or the heads that share a key. */
struct pieces {
    float *keys;    /* many: [keys / VEC_PANEL][head][VEC_PANEL] */
    float *values;  /* many: [padded / VEC_PANEL][keys][VEC_PANEL] */
    float *scores;  /* [VEC_TILE_ROWS or lines][keys] */
    float *out;     /* [lines][padded] */
    float *q;       /* [lines][padded], zeros behind the head: rows of q lie a power of two apart,
                       where a tile of them would share a few sets of the cache */
    float *largest; /* [lines] */
    float *sum;     /* [lines] */
    struct lines {  /* few, with more than a span of keys: what was summed of spans */
        float *out, *largest, *sum;
    } spans;
};

struct vector_job {
    const vlt_attention_args *args; /* the first sequence of the call, in an item its own */
    vlt_frames frames;              /* of the workers */
    const vlt_plan *plan;
    vlt_dtype dtype; /* of keys and values */
    int64_t heads, group, head, padded, causal, rows, keys;
    float scale;
    float *parts; /* few, one row whose keys are shared: [kv_heads][part_count][part_floats] */
    int64_t part_count;
};

/* Elements of the pieces. */
struct sizes {
    int64_t keys, values, scores, out, q, lines, spans;
};

static inline int64_t spans_of(int64_t keys)
{
    return (keys + SPAN - 1) / SPAN;
}

/* A part: out[group][padded], largest[group], sum[group]. */
static inline int64_t part_floats(int64_t group, int64_t padded)
{
    return group * (padded + 2);
}

static struct sizes sizes_of(const vlt_plan *plan)
{
    const int64_t *dim = plan->problem.dim;
    int64_t head = dim[VLT_ATTENTION_DIM_HEAD], keys = vlt_plan_knob(plan, KNOB_KEYS);
    int64_t padded = (head + VEC_PANEL - 1) / VEC_PANEL * VEC_PANEL;
    int64_t group = dim[VLT_ATTENTION_DIM_HEADS] / dim[VLT_ATTENTION_DIM_KV_HEADS];
    bool few = dim[VLT_ATTENTION_DIM_Q_ROWS] < FEW_ROWS_MAX;
    int64_t lines = few ? group : vlt_plan_knob(plan, KNOB_ROWS);
    return (struct sizes){.keys = few ? 0 : keys * head,
                          .values = few ? 0 : keys * padded,
                          .scores = (few ? group : VEC_TILE_ROWS) * keys,
                          .out = lines * padded,
                          .q = lines * padded,
                          .lines = lines,
                          .spans = few && spans_of(dim[VLT_ATTENTION_DIM_KV_ROWS]) > 1
                                       ? part_floats(lines, padded)
                                       : 0};
}

static size_t worker_bytes(const vlt_plan *plan)
{
    struct sizes sizes = sizes_of(plan);
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)sizes.keys, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)sizes.values, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)sizes.scores, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)sizes.out, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)sizes.q, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)sizes.lines, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)sizes.lines, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)sizes.spans, sizeof(float));
    return bytes;
}

static inline struct lines lines_at(float *part, int64_t lines, int64_t padded)
{
    return (struct lines){
        .out = part, .largest = part + lines * padded, .sum = part + lines * padded + lines};
}

static struct pieces take_pieces(const struct vector_job *job, int worker)
{
    struct sizes sizes = sizes_of(job->plan);
    vlt_frame frame = vlt_frames_of(&job->frames, worker);
    struct pieces p;
    p.keys = vlt_frame_take(&frame, (size_t)sizes.keys, sizeof(float));
    p.values = vlt_frame_take(&frame, (size_t)sizes.values, sizeof(float));
    p.scores = vlt_frame_take(&frame, (size_t)sizes.scores, sizeof(float));
    p.out = vlt_frame_take(&frame, (size_t)sizes.out, sizeof(float));
    p.q = vlt_frame_take(&frame, (size_t)sizes.q, sizeof(float));
    p.largest = vlt_frame_take(&frame, (size_t)sizes.lines, sizeof(float));
    p.sum = vlt_frame_take(&frame, (size_t)sizes.lines, sizeof(float));
    p.spans = lines_at(vlt_frame_take(&frame, (size_t)sizes.spans, sizeof(float)), sizes.lines,
                       job->padded);
    return p;
}

/* Floats of the parts of a row that threads share. */
static size_t part_room(const vlt_plan *plan)
{
    const struct sizes sizes = sizes_of(plan);
    const int64_t *dim = plan->problem.dim;
    return (size_t)(sizes.spans * spans_of(dim[VLT_ATTENTION_DIM_KV_ROWS]) *
                    dim[VLT_ATTENTION_DIM_KV_HEADS]);
}

static size_t vector_scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frames_reserve(&bytes, vlt_threads_count(plan->context->threads), worker_bytes(plan));
    vlt_frame_reserve(&bytes, part_room(plan), sizeof(float));
    return bytes;
}

/* The sequence that item *item of a region belongs to; *item becomes its number there. An item is
 * one of `heads` heads and up to `rows` query rows. */
static const vlt_attention_args *sequence_of(const struct vector_job *job, int64_t heads,
                                             int64_t rows, int64_t *item)
{
    const vlt_attention_args *a = job->args;
    for (;; a++) {
        const int64_t items = heads * ((a->q_rows + rows - 1) / rows);
        if (*item < items) {
            return a;
        }
        *item -= items;
    }
}

static int64_t items_of(const struct vector_job *job, int64_t heads, int64_t rows)
{
    int64_t items = 0;
    for (int64_t i = 0; i <= job->args->more; i++) {
        items += heads * ((job->args[i].q_rows + rows - 1) / rows);
    }
    return items;
}

/* score[keys] of one line becomes exp(scale * score - largest), 0 from `count` on. Returns the
 * factor by which what was summed before must shrink. */
VLT_ALWAYS_INLINE float soften(float *score, int64_t count, int64_t keys, float scale,
                               float *largest, float *sum)
{
    vec top = vec_set(-INFINITY), total = vec_zero(), s = vec_set(scale);
    int64_t used = (count + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
    for (int64_t j = count; j < used; j++) {
        score[j] = -INFINITY;
    }
    for (int64_t j = 0; j < used; j += VEC_LANES) {
        vec v = vec_mul(vec_load(score + j), s);
        vec_store(score + j, v);
        top = vec_max(v, top);
    }
    float larger = vec_largest(top);
    larger = larger > *largest ? larger : *largest;
    for (int64_t j = 0; j < used; j += VEC_LANES) {
        vec v = vec_exp(vec_sub(vec_load(score + j), vec_set(larger)));
        vec_store(score + j, v);
        total = vec_add(total, v);
    }
    for (int64_t j = used; j < keys; j += VEC_LANES) {
        vec_store(score + j, vec_zero());
    }
    float first[VEC_LANES];
    vec_store(first, vec_exp(vec_set(*largest - larger)));
    *sum = *sum * first[0] + vec_sum(total);
    *largest = larger;
    return first[0];
}

/* n elements from `index` on of a row of keys or values. */
VLT_ALWAYS_INLINE vec load_kv(vlt_dtype dtype, const unsigned char *row, int64_t index, int64_t n)
{
    if (dtype == VLT_DTYPE_F32) {
        return vec_load_part((const float *)(const void *)row + index, n);
    }
    return n == VEC_LANES ? vec_widen(dtype, row, index) : vec_widen_part(dtype, row, index, n);
}

static void begin_lines(const struct vector_job *job, const struct pieces *s, int64_t lines)
{
    for (int64_t i = 0; i < lines; i++) {
        s->largest[i] = -INFINITY;
        s->sum[i] = 0;
    }
    memset(s->out, 0, (size_t)(lines * job->padded) * sizeof(float));
}

static void end_line(const struct vector_job *job, const struct pieces *s, int64_t line, float *to)
{
    vec sum = vec_set(s->sum[line]);
    for (int64_t c = 0; c < job->head; c += VEC_LANES) {
        int64_t n = job->head - c < VEC_LANES ? job->head - c : VEC_LANES;
        vec_store_part(to + c, n, vec_div(vec_load(s->out + line * job->padded + c), sum));
    }
}

#endif
#endif
