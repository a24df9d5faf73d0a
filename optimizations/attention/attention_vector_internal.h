/* attention_vector_internal.h: attention for one vector width; see core/simd_tile.h.
 *
 * Two ways, by the plan's number of query rows:
 *   many  an item is a head and up to `rows` query rows. Blocks of `keys` keys and values are
 *         packed as panels once per item and meet tiles of query rows: scores = Q K^T, online
 *         softmax, out = out * factor + P V. Sums and outputs wait in the worker's scratch.
 *   few   (q_rows < FEW_ROWS_MAX: decoding) an item is a key/value head and one query row. All
 *         query heads that share the head meet each key and value while it passes, which is read
 *         where it lies. Every SPAN keys are summed for themselves and then added in order, so
 *         that threads may share the keys of one row where there are fewer heads than threads.
 * The items of all sequences of a call are one region of threads. An item's arithmetic does not
 * depend on which thread does it, nor on who shares it: 1 and N threads give the same bits. Against
 * the baseline: order of summation, fused multiply-adds, own exponential (1.2e-7).
 */
#ifndef VLT_ATTENTION_VECTOR_INTERNAL_H
#define VLT_ATTENTION_VECTOR_INTERNAL_H

#include "optimizations/core/simd_tile.h"

#ifdef VLT_SIMD
#include <math.h>

#include "optimizations/attention/attention.h"

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

/* The block's keys, transposed, and values, both as panels with zeros around. */
VLT_ALWAYS_INLINE void pack_block_as(const struct vector_job *job, vlt_dtype dtype,
                                     const struct pieces *s, int64_t kv_head, int64_t first,
                                     int64_t count)
{
    const vlt_kv_view *k = &job->args->k, *v = &job->args->v;
    for (int64_t j = 0; j < count; j += VEC_LANES) {
        vec_pack_transposed(
            dtype, vlt_kv_row(k, first + j, kv_head), k->row_bytes, count - j, 0, job->head,
            s->keys + j / VEC_PANEL * VEC_PANEL * job->head + j % VEC_PANEL, VEC_PANEL);
    }
    if (count % VEC_PANEL && count % VEC_PANEL <= VEC_LANES) { /* the last panel's other half */
        float *half = s->keys + count / VEC_PANEL * VEC_PANEL * job->head + VEC_LANES;
        for (int64_t i = 0; i < job->head; i++) {
            vec_store(half + i * VEC_PANEL, vec_zero());
        }
    }
    for (int64_t c = 0; c < job->padded; c += VEC_LANES) {
        float *to = s->values + c / VEC_PANEL * VEC_PANEL * job->keys + c % VEC_PANEL;
        int64_t n = job->head - c < 0 ? 0 : job->head - c < VEC_LANES ? job->head - c : VEC_LANES;
        for (int64_t j = 0; j < count; j++) {
            vec_store(to + j * VEC_PANEL, load_kv(dtype, vlt_kv_row(v, first + j, kv_head), c, n));
        }
    }
}

static void pack_block(const struct vector_job *job, const struct pieces *s, int64_t kv_head,
                       int64_t first, int64_t count)
{
    if (job->dtype == VLT_DTYPE_F32) {
        pack_block_as(job, VLT_DTYPE_F32, s, kv_head, first, count);
    } else {
        pack_block_as(job, VLT_DTYPE_BF16, s, kv_head, first, count);
    }
}

/* `rows` query rows, a constant, meet the packed block. `line` is the first one's place in the
 * item, r its query row. */
VLT_ALWAYS_INLINE void attend_tile(const struct vector_job *job, const struct pieces *s, int64_t r,
                                   int64_t line, int64_t first, int64_t count, int rows)
{
    const vlt_attention_args *a = job->args;
    const float *q = s->q + line * job->padded;
    float factor[VEC_TILE_ROWS];
    vec acc[VEC_TILE_ROWS][2];
    for (int64_t j = 0; j < count; j += VEC_PANEL) {
        VLT_UNROLL
        for (int i = 0; i < rows; i++) {
            acc[i][0] = acc[i][1] = vec_zero();
        }
        vec_tile(q, job->padded, s->keys + j * job->head, VEC_PANEL, job->head, rows, acc);
        VLT_UNROLL
        for (int i = 0; i < rows; i++) {
            vec_store(s->scores + i * job->keys + j, acc[i][0]);
            vec_store(s->scores + i * job->keys + j + VEC_LANES, acc[i][1]);
        }
    }
    for (int i = 0; i < rows; i++) {
        int64_t seen = vlt_attention_visible(a, r + i, job->causal) - first;
        seen = seen < 0 ? 0 : seen < count ? seen : count;
        factor[i] = soften(s->scores + i * job->keys, seen, job->keys, job->scale,
                           &s->largest[line + i], &s->sum[line + i]);
    }
    for (int64_t c = 0; c < job->padded; c += VEC_PANEL) {
        float *out = s->out + line * job->padded + c;
        VLT_UNROLL
        for (int i = 0; i < rows; i++) {
            vec shrink = vec_set(factor[i]);
            acc[i][0] = vec_mul(vec_load(out + i * job->padded), shrink);
            acc[i][1] = vec_mul(vec_load(out + i * job->padded + VEC_LANES), shrink);
        }
        vec_tile(s->scores, job->keys, s->values + c * job->keys, VEC_PANEL, count, rows, acc);
        VLT_UNROLL
        for (int i = 0; i < rows; i++) {
            vec_store(out + i * job->padded, acc[i][0]);
            vec_store(out + i * job->padded + VEC_LANES, acc[i][1]);
        }
    }
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

static void attend_many(const struct vector_job *job, const struct pieces *s, int64_t h,
                        int64_t begin, int64_t end)
{
    const vlt_attention_args *a = job->args;
    int64_t seen = vlt_attention_visible(a, end - 1, job->causal);
    begin_lines(job, s, end - begin);
    for (int64_t r = begin; r < end; r++) {
        memcpy(s->q + (r - begin) * job->padded, a->q + r * a->q_row + h * a->q_head,
               (size_t)job->head * sizeof(float));
    }
    for (int64_t first = 0; first < seen; first += job->keys) {
        int64_t count = seen - first < job->keys ? seen - first : job->keys, r = begin;
        pack_block(job, s, h / job->group, first, count);
        for (; r + VEC_TILE_ROWS <= end; r += VEC_TILE_ROWS) {
            if (vlt_attention_visible(a, r + VEC_TILE_ROWS - 1, job->causal) > first) {
                attend_tile(job, s, r, r - begin, first, count, VEC_TILE_ROWS);
            }
        }
        for (; r + 4 <= end; r += 4) {
            if (vlt_attention_visible(a, r + 3, job->causal) > first) {
                attend_tile(job, s, r, r - begin, first, count, 4);
            }
        }
        for (; r < end; r++) {
            if (vlt_attention_visible(a, r, job->causal) > first) {
                attend_tile(job, s, r, r - begin, first, count, 1);
            }
        }
    }
    for (int64_t r = begin; r < end; r++) {
        end_line(job, s, r - begin, a->out + r * a->out_row + h * a->out_head);
    }
}

static void many_body(void *argument, int64_t begin, int64_t end, int worker)
{
    struct vector_job job = *(const struct vector_job *)argument;
    const struct pieces pieces = take_pieces(&job, worker);
    for (int64_t i = begin; i < end; i++) {
        int64_t item = i;
        job.args = sequence_of(argument, job.heads, job.rows, &item);
        const int64_t blocks = (job.args->q_rows + job.rows - 1) / job.rows;
        const int64_t r = item % blocks * job.rows, last = r + job.rows;
        attend_many(&job, &pieces, item / blocks, r,
                    last < job.args->q_rows ? last : job.args->q_rows);
    }
}

/* Scores of `lines` packed queries, a constant, with QUAD keys; the last keys are clamped. */
VLT_ALWAYS_INLINE void score_quad(const struct vector_job *job, vlt_dtype dtype, const float *q,
                                  const unsigned char *k, int64_t left, float *score, int lines)
{
    vec acc[FEW_HEADS][QUAD];
    const unsigned char *key[QUAD];
    for (int j = 0; j < QUAD; j++) {
        key[j] = k + (j < left ? j : left - 1) * job->args->k.row_bytes;
    }
    VLT_UNROLL
    for (int l = 0; l < lines; l++) {
        VLT_UNROLL
        for (int j = 0; j < QUAD; j++) {
            acc[l][j] = vec_zero();
        }
    }
    for (int64_t i = 0; i < job->head; i += VEC_LANES) {
        int64_t n = job->head - i < VEC_LANES ? job->head - i : VEC_LANES;
        VLT_UNROLL
        for (int j = 0; j < QUAD; j++) {
            vec v = load_kv(dtype, key[j], i, n);
            VLT_UNROLL
            for (int l = 0; l < lines; l++) {
                acc[l][j] = vec_fma(v, vec_load(q + l * job->padded + i), acc[l][j]);
            }
        }
    }
    VLT_UNROLL
    for (int l = 0; l < lines; l++) {
        _mm_storeu_ps(score + l * job->keys, vec_sum4(acc[l][0], acc[l][1], acc[l][2], acc[l][3]));
    }
}

/* out = out * factor + P V for `lines` heads, a constant, one vector of columns at a time. */
VLT_ALWAYS_INLINE void add_values(const struct vector_job *job, vlt_dtype dtype,
                                  const unsigned char *v, int64_t count, const float *score,
                                  const float *factor, float *out, int lines)
{
    const int64_t row_bytes = job->args->v.row_bytes;
    for (int64_t c = 0; c < job->head; c += VEC_LANES) {
        int64_t n = job->head - c < VEC_LANES ? job->head - c : VEC_LANES;
        vec even[FEW_HEADS], odd[FEW_HEADS];
        VLT_UNROLL
        for (int l = 0; l < lines; l++) {
            even[l] = vec_mul(vec_load(out + l * job->padded + c), vec_set(factor[l]));
            odd[l] = vec_zero();
        }
        for (int64_t j = 0; j < count; j += 2) {
            bool pair = j + 1 < count;
            vec a = load_kv(dtype, v + j * row_bytes, c, n);
            vec b = load_kv(dtype, v + (j + pair) * row_bytes, c, n);
            VLT_UNROLL
            for (int l = 0; l < lines; l++) {
                const float *p = score + l * job->keys + j;
                even[l] = vec_fma(a, vec_set(p[0]), even[l]);
                odd[l] = vec_fma(b, vec_set(pair ? p[1] : 0), odd[l]);
            }
        }
        VLT_UNROLL
        for (int l = 0; l < lines; l++) {
            vec_store(out + l * job->padded + c, vec_add(even[l], odd[l]));
        }
    }
}

VLT_ALWAYS_INLINE void attend_lines(const struct vector_job *job, vlt_dtype dtype,
                                    const struct pieces *s, const unsigned char *k,
                                    const unsigned char *v, int64_t line, int64_t count, int lines)
{
    float factor[FEW_HEADS], *score = s->scores + line * job->keys;
    for (int64_t j = 0; j < count; j += QUAD) {
        score_quad(job, dtype, s->q + line * job->padded, k + j * job->args->k.row_bytes, count - j,
                   score + j, lines);
    }
    for (int l = 0; l < lines; l++) {
        factor[l] = soften(score + l * job->keys, count, job->keys, job->scale,
                           &s->largest[line + l], &s->sum[line + l]);
    }
    add_values(job, dtype, v, count, score, factor, s->out + line * job->padded, lines);
}

/* One query row and the keys [first, last), all heads that use kv_head, into out, largest and sum
 * of s. */
VLT_ALWAYS_INLINE void attend_keys(const struct vector_job *job, vlt_dtype dtype,
                                   const struct pieces *s, int64_t kv_head, int64_t r,
                                   int64_t first, int64_t last)
{
    const vlt_attention_args *a = job->args;
    const int64_t h0 = kv_head * job->group;
    begin_lines(job, s, job->group);
    memset(s->q, 0, (size_t)(job->group * job->padded) * sizeof(float));
    for (int64_t g = 0; g < job->group; g++) {
        memcpy(s->q + g * job->padded, a->q + r * a->q_row + (h0 + g) * a->q_head,
               (size_t)job->head * sizeof(float));
    }
    for (; first < last; first += job->keys) {
        int64_t count = last - first < job->keys ? last - first : job->keys, g = 0;
        const unsigned char *k = vlt_kv_row(&a->k, first, kv_head);
        const unsigned char *v = vlt_kv_row(&a->v, first, kv_head);
        for (; g + FEW_HEADS <= job->group; g += FEW_HEADS) {
            attend_lines(job, dtype, s, k, v, g, count, FEW_HEADS);
        }
        for (; g + 2 <= job->group; g += 2) {
            attend_lines(job, dtype, s, k, v, g, count, 2);
        }
        for (; g < job->group; g++) {
            attend_lines(job, dtype, s, k, v, g, count, 1);
        }
    }
}

/* Span `span` of the `seen` keys of a row. */
static void attend_span(const struct vector_job *job, const struct pieces *s, int64_t kv_head,
                        int64_t r, int64_t span, int64_t seen)
{
    const int64_t first = span * SPAN, last = seen < first + SPAN ? seen : first + SPAN;
    if (job->dtype == VLT_DTYPE_F32) {
        attend_keys(job, VLT_DTYPE_F32, s, kv_head, r, first, last);
    } else {
        attend_keys(job, VLT_DTYPE_BF16, s, kv_head, r, first, last);
    }
}

/* What one more span of a row has is added to what those before it have. */
static void add_span(const struct vector_job *job, const struct lines *all,
                     const struct lines *span)
{
    for (int64_t g = 0; g < job->group; g++) {
        const float larger = all->largest[g] > span->largest[g] ? all->largest[g]
                                                                : span->largest[g];
        const vec old = vec_exp(vec_set(all->largest[g] - larger));
        const vec new = vec_exp(vec_set(span->largest[g] - larger));
        float factor[2][VEC_LANES];
        for (int64_t c = g * job->padded; c < (g + 1) * job->padded; c += VEC_LANES) {
            vec_store(all->out + c,
                      vec_fma(vec_load(span->out + c), new, vec_mul(vec_load(all->out + c), old)));
        }
        vec_store(factor[0], old);
        vec_store(factor[1], new);
        all->sum[g] = all->sum[g] * factor[0][0] + span->sum[g] * factor[1][0];
        all->largest[g] = larger;
    }
}

static void end_row(const struct vector_job *job, const struct pieces *s, int64_t kv_head,
                    int64_t r)
{
    const vlt_attention_args *a = job->args;
    for (int64_t g = 0; g < job->group; g++) {
        end_line(job, s, g, a->out + r * a->out_row + (kv_head * job->group + g) * a->out_head);
    }
}

static struct pieces pieces_on(const struct pieces *s, const struct lines *lines)
{
    struct pieces other = *s;
    other.out = lines->out;
    other.largest = lines->largest;
    other.sum = lines->sum;
    return other;
}

static void few_body(void *argument, int64_t begin, int64_t end, int worker)
{
    struct vector_job job = *(const struct vector_job *)argument;
    const struct pieces one = take_pieces(&job, worker), all = pieces_on(&one, &one.spans);
    const struct lines last = {.out = one.out, .largest = one.largest, .sum = one.sum};
    for (int64_t i = begin; i < end; i++) {
        int64_t item = i;
        job.args = sequence_of(argument, job.heads / job.group, 1, &item);
        const int64_t kv_head = item / job.args->q_rows, r = item % job.args->q_rows;
        const int64_t seen = vlt_attention_visible(job.args, r, job.causal);
        const int64_t spans = spans_of(seen);
        attend_span(&job, spans > 1 ? &all : &one, kv_head, r, 0, seen);
        for (int64_t span = 1; span < spans; span++) {
            attend_span(&job, &one, kv_head, r, span, seen);
            add_span(&job, &all.spans, &last);
        }
        end_row(&job, spans > 1 ? &all : &one, kv_head, r);
    }
}

/* Items are the spans of the heads of one row. */
static void part_body(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct vector_job *job = argument;
    const struct pieces pieces = take_pieces(job, worker);
    const int64_t seen = vlt_attention_visible(job->args, 0, job->causal);
    for (int64_t item = begin; item < end; item++) {
        float *part = job->parts + item * part_floats(job->group, job->padded);
        const struct lines lines = lines_at(part, job->group, job->padded);
        const struct pieces s = pieces_on(&pieces, &lines);
        attend_span(job, &s, item / job->part_count, 0, item % job->part_count, seen);
    }
}

/* One row, of whose keys each thread takes spans. */
static void share_keys(struct vector_job *job, int limit)
{
    const int64_t kv_heads = job->heads / job->group, each = part_floats(job->group, job->padded);
    const struct pieces any = take_pieces(job, 0);
    job->part_count = spans_of(vlt_attention_visible(job->args, 0, job->causal));
    vlt_threads_for(job->plan->context->threads, kv_heads * job->part_count, 1, limit, part_body,
                    job);
    for (int64_t kv_head = 0; kv_head < kv_heads; kv_head++) {
        float *part = job->parts + kv_head * job->part_count * each;
        const struct lines all = lines_at(part, job->group, job->padded);
        const struct pieces row = pieces_on(&any, &all);
        for (int64_t i = 1; i < job->part_count; i++) {
            const struct lines span = lines_at(part + i * each, job->group, job->padded);
            add_span(job, &all, &span);
        }
        end_row(job, &row, kv_head, 0);
    }
}

/* How many threads a call may use: one where there is too little to do. */
static int limit_of(const struct vector_job *job, bool few)
{
    const int64_t serial = (few ? SERIAL_BELOW_FEW : SERIAL_BELOW) / (job->heads * job->head);
    int64_t pairs = 0;
    for (int64_t i = 0; i <= job->args->more; i++) {
        pairs += job->args[i].q_rows * job->args[i].kv_rows;
    }
    return pairs < serial ? 1 : (int)vlt_plan_knob(job->plan, KNOB_THREADS);
}

/* Whether the keys of a row are shared: one row, with fewer heads than would occupy the threads. */
static bool shares_keys(const struct vector_job *job, int limit)
{
    const int threads = vlt_threads_count(job->plan->context->threads);
    const int workers = limit > 0 && limit < threads ? limit : threads;
    return workers > 1 && job->args->more == 0 && job->args->q_rows == 1 &&
           job->heads / job->group < 2 * workers &&
           vlt_attention_visible(job->args, 0, job->causal) > SPAN;
}

static vlt_status vector_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    (void)err;
    const int64_t *dim = plan->problem.dim;
    int workers = vlt_threads_count(plan->context->threads);
    struct vector_job job = {.args = args,
                             .frames = vlt_frames_take(&frame, workers, worker_bytes(plan)),
                             .plan = plan,
                             .heads = dim[VLT_ATTENTION_DIM_HEADS],
                             .head = dim[VLT_ATTENTION_DIM_HEAD],
                             .dtype = (vlt_dtype)dim[VLT_ATTENTION_DIM_KV],
                             .causal = dim[VLT_ATTENTION_DIM_CAUSAL],
                             .rows = vlt_plan_knob(plan, KNOB_ROWS),
                             .keys = vlt_plan_knob(plan, KNOB_KEYS)};
    job.group = job.heads / dim[VLT_ATTENTION_DIM_KV_HEADS];
    job.padded = (job.head + VEC_PANEL - 1) / VEC_PANEL * VEC_PANEL;
    job.scale = 1.0f / sqrtf((float)job.head);
    job.parts = vlt_frame_take(&frame, part_room(plan), sizeof(float));
    const bool few = dim[VLT_ATTENTION_DIM_Q_ROWS] < FEW_ROWS_MAX;
    const int limit = limit_of(&job, few);
    if (few && shares_keys(&job, limit)) {
        share_keys(&job, limit);
    } else if (few) {
        vlt_threads_for(plan->context->threads, items_of(&job, job.heads / job.group, 1), 1, limit,
                        few_body, &job);
    } else {
        vlt_threads_for(plan->context->threads, items_of(&job, job.heads, job.rows), 1, limit,
                        many_body, &job);
    }
    return VLT_OK;
}

#endif
#endif
