/* Bottleneck: scores and sums of values are two f32 products of 64 multiply-adds for each pair of
 * rows, 1.65 of the 4.1 TFLOP of a picture of 1024 x 1024.
 * Idea: queries, keys and values rounded to 8 bits with a scale a row, probabilities to 8 bits of
 * the largest in their block of keys, both products by sums of four bytes; softmax stays f32.
 * Loses: accuracy; with few keys, where rounding them costs as much as meeting them.
 *
 * Keys and values have their means taken off first: a constant added to all keys changes no
 * softmax, and the mean of the values is added to the outputs at the end. What is left is smaller,
 * and 8 bits show it better. Where a row must not know later keys the means are those of the blocks
 * before its own, and what scores and outputs of a block lack is added for each block. A value's
 * scale goes into its probability before that is rounded:
 *
 *     score[j]  = sq sk[j] sum_i qq[i] qk[j, i]           in units of log 2
 *     p[j]      = 2^(score[j] + log2 sv[j] - top)         top: the block's largest
 *     out[i]    = mean[i] + sum_j p[j] qv[j, i] / sum_j p[j] / sv[j]
 *
 * Blocks of keys are scaled to each other as they come (online softmax). Their rounding is their
 * own: one key that takes nearly all leaves the others of other blocks as they are.
 *
 * Each head's keys and values are packed once a run. A row that sees an infinity, or what is no
 * number, is computed as the baseline does it.
 */
#include <math.h>
#include <stdio.h>

#include "optimizations/attention/attention.h"
#include "optimizations/linear/int8_panel_internal.h"

enum { KEYS_MAX = 256, HEAD_MAX = 256, Q_ROWS_MIN = 12, VALUE_VECTOR = 64 /* bytes */ };
enum { KNOB_THREADS, KNOB_ROWS, KNOB_KEYS };

#define OUT_OF_SIGHT (-1e30f) /* the score of what fills up a panel */

static const int64_t rows_values[] = {24, 48, 96}, key_values[] = {64, 128, 256};
static const vlt_knob knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "query rows that meet a block of keys before the next one", rows_values, 3, 48, NULL},
    {"keys", "keys in a block", key_values, 3, 128, NULL},
};

/* One key/value head. padded: keys rounded up to I8_PANEL; vectors: of VEC_LANES columns. */
struct head_pack {
    unsigned char *k;                /* [padded / I8_PANEL][steps][I8_PANEL][4], 128 added */
    int8_t *v;                       /* [vectors][padded / 4][VEC_LANES][4 keys] */
    float *k_scale, *v_log, *v_over; /* [padded]: sk, log2 sv, 1 / sv */
    float *k_mean, *v_mean;          /* [means][vectors * VEC_LANES] */
    int64_t *strange;                /* the first key or value that cannot be rounded */
};

struct job {
    const vlt_attention_args *args;
    const vlt_plan *plan;
    vlt_frames packs, frames; /* of the kv_heads, of the workers */
    int64_t heads, kv_heads, head, causal, rows, keys, blocks;
    int64_t steps, vectors;
    int64_t padded, used; /* keys of whole panels: of the plan, of the run */
    int64_t means;        /* one, or of each block of keys that of the blocks before it */
    float scale;          /* of scores, in units of log 2 */
};

/* What a worker writes to; of I8_TILE rows but out and the three behind it, of an item's. */
struct pieces {
    struct i8_rows q;
    float *scores;    /* [I8_TILE][keys] */
    uint8_t *p;       /* [I8_TILE][keys] */
    float *out;       /* [rows][vectors * VEC_LANES] */
    float *top, *sum; /* [rows] */
    float *query;     /* [rows]: scale * sq */
};

static int64_t round_up(int64_t count, int64_t to)
{
    return (count + to - 1) / to * to;
}

static struct job job_of(const vlt_plan *plan)
{
    const int64_t *dim = plan->problem.dim;
    struct job job = {.plan = plan,
                      .heads = dim[VLT_ATTENTION_DIM_HEADS],
                      .kv_heads = dim[VLT_ATTENTION_DIM_KV_HEADS],
                      .head = dim[VLT_ATTENTION_DIM_HEAD],
                      .causal = dim[VLT_ATTENTION_DIM_CAUSAL],
                      .rows = vlt_plan_knob(plan, KNOB_ROWS),
                      .keys = vlt_plan_knob(plan, KNOB_KEYS)};
    job.steps = i8_steps(job.head);
    job.vectors = (job.head + VEC_LANES - 1) / VEC_LANES;
    job.padded = round_up(dim[VLT_ATTENTION_DIM_KV_ROWS], I8_PANEL);
    job.means = job.causal ? (job.padded + job.keys - 1) / job.keys : 1;
    job.scale = 1.44269504f / sqrtf((float)job.head);
    return job;
}

static size_t pack_bytes(const struct job *job)
{
    size_t bytes = 0, columns = (size_t)(job->vectors * VEC_LANES);
    vlt_frame_reserve(&bytes, (size_t)(job->padded * job->steps), I8_STEP);
    vlt_frame_reserve(&bytes, (size_t)job->padded * columns, 1);
    for (int i = 0; i < 3; i++) {
        vlt_frame_reserve(&bytes, (size_t)job->padded, sizeof(float));
    }
    vlt_frame_reserve(&bytes, (size_t)job->means * columns, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)job->means * columns, sizeof(float));
    vlt_frame_reserve(&bytes, 1, sizeof(int64_t));
    return bytes;
}

static struct head_pack pack_of(const struct job *job, int64_t kv_head)
{
    vlt_frame frame = vlt_frames_of(&job->packs, (int)kv_head);
    const size_t columns = (size_t)(job->vectors * VEC_LANES);
    struct head_pack p;
    p.k = vlt_frame_take(&frame, (size_t)(job->padded * job->steps), I8_STEP);
    p.v = vlt_frame_take(&frame, (size_t)job->padded * columns, 1);
    p.k_scale = vlt_frame_take(&frame, (size_t)job->padded, sizeof(float));
    p.v_log = vlt_frame_take(&frame, (size_t)job->padded, sizeof(float));
    p.v_over = vlt_frame_take(&frame, (size_t)job->padded, sizeof(float));
    p.k_mean = vlt_frame_take(&frame, (size_t)job->means * columns, sizeof(float));
    p.v_mean = vlt_frame_take(&frame, (size_t)job->means * columns, sizeof(float));
    p.strange = vlt_frame_take(&frame, 1, sizeof(int64_t));
    return p;
}

static size_t worker_bytes(const struct job *job)
{
    size_t bytes = 0;
    i8_rows_reserve(&bytes, job->rows, job->head);
    vlt_frame_reserve(&bytes, (size_t)(I8_TILE * job->keys), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(I8_TILE * job->keys), 1);
    vlt_frame_reserve(&bytes, (size_t)(job->rows * job->vectors), VEC_LANES * sizeof(float));
    for (int i = 0; i < 3; i++) {
        vlt_frame_reserve(&bytes, (size_t)job->rows, sizeof(float));
    }
    return bytes;
}

static struct pieces take_pieces(const struct job *job, int worker)
{
    vlt_frame frame = vlt_frames_of(&job->frames, worker);
    struct pieces s = {.q = i8_rows_take(&frame, job->rows, job->head)};
    s.scores = vlt_frame_take(&frame, (size_t)(I8_TILE * job->keys), sizeof(float));
    s.p = vlt_frame_take(&frame, (size_t)(I8_TILE * job->keys), 1);
    s.out = vlt_frame_take(&frame, (size_t)(job->rows * job->vectors), VEC_LANES * sizeof(float));
    s.top = vlt_frame_take(&frame, (size_t)job->rows, sizeof(float));
    s.sum = vlt_frame_take(&frame, (size_t)job->rows, sizeof(float));
    s.query = vlt_frame_take(&frame, (size_t)job->rows, sizeof(float));
    return s;
}

static size_t scratch(const vlt_plan *plan)
{
    const struct job job = job_of(plan);
    size_t bytes = 0;
    vlt_frames_reserve(&bytes, (int)job.kv_heads, pack_bytes(&job));
    vlt_frames_reserve(&bytes, vlt_threads_count(plan->context->threads), worker_bytes(&job));
    return bytes;
}

/* VEC_LANES values from column c of a row of keys or values, zeros behind the head. */
VLT_ALWAYS_INLINE vec load_values(const struct job *job, const vlt_kv_view *view, int64_t row,
                                  int64_t kv_head, int64_t c)
{
    const void *from = vlt_kv_row(view, row, kv_head);
    const int64_t left = job->head - c, n = left < VEC_LANES ? left : VEC_LANES;
    if (view->format == VLT_FORMAT_F32) {
        return vec_load_part((const float *)from + c, n);
    }
    return n == VEC_LANES ? vec_widen(VLT_DTYPE_BF16, from, c)
                          : vec_widen_part(VLT_DTYPE_BF16, from, c, n);
}

/* mean[means][columns] of the rows of a view, zeros behind the head. Finite where all values are
 * and their sum is. */
static void means_of(const struct job *job, const vlt_kv_view *view, int64_t kv_head, float *mean)
{
    const int64_t rows = job->args->kv_rows, columns = job->vectors * VEC_LANES;
    for (int64_t c = 0; c < columns; c += VEC_LANES) {
        vec sum = vec_zero();
        for (int64_t j = 0; j < rows; j++) {
            if (job->causal && j % job->keys == 0) {
                vec_store(mean + j / job->keys * columns + c,
                          vec_div(sum, vec_set((float)(j ? j : 1))));
            }
            sum = vec_add(sum, load_values(job, view, j, kv_head, c));
        }
        if (!job->causal) {
            vec_store(mean + c, vec_div(sum, vec_set((float)rows)));
        }
    }
}

/* The one of a key or value. */
static const float *mean_of(const struct job *job, const float *mean, int64_t row)
{
    return job->causal ? mean + row / job->keys * job->vectors * VEC_LANES : mean;
}

static void note_strange(const struct head_pack *p, float scale, int64_t row)
{
    *p->strange = scale < 0 && row < *p->strange ? row : *p->strange;
}

/* to[columns] = row - mean. */
static void centre(const struct job *job, const vlt_kv_view *view, int64_t row, int64_t kv_head,
                   const float *mean, float *to)
{
    for (int64_t c = 0; c < job->vectors * VEC_LANES; c += VEC_LANES) {
        vec_store(to + c, vec_sub(load_values(job, view, row, kv_head, c), vec_load(mean + c)));
    }
}

static void pack_keys(const struct job *job, const struct head_pack *p, int64_t kv_head)
{
    VLT_ALIGNED(64) float row[HEAD_MAX];
    int8_t bytes[HEAD_MAX];
    int32_t unused;
    for (int64_t j = 0; j < job->used; j++) {
        unsigned char *to = p->k + j / I8_PANEL * I8_STEP_BYTES * job->steps +
                            j % I8_PANEL * I8_STEP;
        memset(bytes, 0, sizeof bytes);
        p->k_scale[j] = 0;
        if (j < job->args->kv_rows) {
            centre(job, &job->args->k, j, kv_head, mean_of(job, p->k_mean, j), row);
            p->k_scale[j] = i8_round_row(row, job->head, 0, bytes, I8_STEP, &unused);
            note_strange(p, p->k_scale[j], j);
        }
        for (int64_t step = 0; step < job->steps; step++) {
            uint32_t four;
            memcpy(&four, bytes + step * I8_STEP, sizeof four);
            four ^= 0x80808080u;
            memcpy(to + step * I8_STEP_BYTES, &four, sizeof four);
        }
    }
}

/* Four keys from `first` on. */
static void pack_four_values(const struct job *job, const struct head_pack *p, int64_t kv_head,
                             int64_t first)
{
    VLT_ALIGNED(64) float row[HEAD_MAX];
    VLT_ALIGNED(64) int8_t bytes[4][HEAD_MAX];
    int32_t unused;
    memset(bytes, 0, sizeof bytes);
    for (int i = 0; i < 4; i++) {
        int64_t j = first + i;
        p->v_log[j] = OUT_OF_SIGHT;
        p->v_over[j] = 0;
        if (j < job->args->kv_rows) {
            centre(job, &job->args->v, j, kv_head, mean_of(job, p->v_mean, j), row);
            float scale = i8_round_row(row, job->head, 0, bytes[i], I8_STEP, &unused);
            note_strange(p, scale, j);
            scale = scale > 0 ? scale : 1; /* of zeros */
            p->v_log[j] = log2f(scale);
            p->v_over[j] = 1 / scale;
        }
    }
    for (int64_t c = 0; c < job->vectors; c++) {
        int8_t *to = p->v + (c * job->padded + first) * VEC_LANES;
        __m128i a = _mm_load_si128((const void *)(bytes[0] + c * VEC_LANES));
        __m128i b = _mm_load_si128((const void *)(bytes[1] + c * VEC_LANES));
        __m128i e = _mm_load_si128((const void *)(bytes[2] + c * VEC_LANES));
        __m128i f = _mm_load_si128((const void *)(bytes[3] + c * VEC_LANES));
        __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
        __m128i low2 = _mm_unpacklo_epi8(e, f), high2 = _mm_unpackhi_epi8(e, f);
        _mm_storeu_si128((void *)to, _mm_unpacklo_epi16(low, low2));
        _mm_storeu_si128((void *)(to + 16), _mm_unpackhi_epi16(low, low2));
        _mm_storeu_si128((void *)(to + 32), _mm_unpacklo_epi16(high, high2));
        _mm_storeu_si128((void *)(to + 48), _mm_unpackhi_epi16(high, high2));
    }
}

static void pack_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    for (int64_t kv_head = begin; kv_head < end; kv_head++) {
        struct head_pack p = pack_of(job, kv_head);
        *p.strange = INT64_MAX;
        means_of(job, &job->args->k, kv_head, p.k_mean);
        means_of(job, &job->args->v, kv_head, p.v_mean);
        pack_keys(job, &p, kv_head);
        for (int64_t j = 0; j < job->used; j += 4) {
            pack_four_values(job, &p, kv_head, j);
        }
    }
}

/* scores[I8_TILE][keys] = q k of a block, with the scales of the keys. */
static void score_block(const struct job *job, const struct head_pack *p, const struct pieces *s,
                        int64_t line, int64_t first, int64_t count)
{
    for (int64_t j = 0; j < count; j += I8_PANEL) {
        vec_int sum[I8_TILE][2];
        i8_multiply(&s->q, i8_row(&s->q, line), s->q.total + line,
                    p->k + (first + j) / I8_PANEL * I8_STEP_BYTES * job->steps, I8_TILE, 1, sum);
        vec left = vec_load(p->k_scale + first + j);
        vec right = vec_load(p->k_scale + first + j + VEC_LANES);
        VLT_UNROLL
        for (int r = 0; r < I8_TILE; r++) {
            float *to = s->scores + r * job->keys + j;
            vec_store(to, vec_mul(VEC_OP(cvtepi32_ps)(sum[r][0]), left));
            vec_store(to + VEC_LANES, vec_mul(VEC_OP(cvtepi32_ps)(sum[r][1]), right));
        }
    }
}

/* 255 * 2^x for x <= 0 to 1e-4: a polynomial in what is behind the point, the rest into the
 * exponent. */
VLT_ALWAYS_INLINE vec power_of_two(vec x)
{
    enum { DOWN = 0x09 };
    vec part = _mm512_reduce_ps(x, DOWN);
    vec p = vec_fma(vec_set(255 * 0.078024523f), part, vec_set(255 * 0.22606716f));
    p = vec_fma(p, part, vec_set(255 * 0.69583354f));
    p = vec_fma(p, part, vec_set(255 * 0.99992522f));
    return _mm512_scalef_ps(p, x);
}

/* The probabilities of one line, of which 255 is the largest; *sum of them over the values' scales.
 * Returns the score of the largest, OUT_OF_SIGHT where none of the keys is among the first `seen`.
 */
VLT_ALWAYS_INLINE float soften(const struct head_pack *p, float *score, int64_t first,
                               int64_t count, int64_t seen, float query, uint8_t *probability,
                               float *sum)
{
    vec top = vec_set(-INFINITY), total = vec_zero();
    for (int64_t j = 0; j < count; j += VEC_LANES) {
        vec v = vec_fma(vec_load(score + j), vec_set(query), vec_load(p->v_log + first + j));
        if (j + VEC_LANES > seen) {
            const __mmask16 sees = vec_first(seen > j ? seen - j : 0);
            v = _mm512_mask_blend_ps(sees, vec_set(OUT_OF_SIGHT), v);
        }
        vec_store(score + j, v);
        top = vec_max(v, top);
    }
    const float largest = _mm512_reduce_max_ps(top);
    for (int64_t j = 0; j < count; j += VEC_LANES) {
        vec v = power_of_two(vec_sub(vec_load(score + j), vec_set(largest)));
        total = vec_fma(v, vec_load(p->v_over + first + j), total);
        _mm_storeu_si128((void *)(probability + j), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(v)));
    }
    *sum = _mm512_reduce_add_ps(total);
    return largest;
}

/* out[I8_TILE][vectors] = out * shrink + P V * weight; `vectors` columns from c on, a constant. */
VLT_ALWAYS_INLINE void add_values(const struct job *job, const struct head_pack *p,
                                  const struct pieces *s, int64_t c, int64_t first, int64_t count,
                                  const float *shrink, const float *weight, float *out, int vectors)
{
    vec_int sum[I8_TILE][2];
    const int8_t *v = p->v + (c * job->padded + first) * VEC_LANES;
    const int64_t next = job->padded * VEC_LANES;
    VLT_UNROLL
    for (int r = 0; r < I8_TILE; r++) {
        sum[r][0] = sum[r][1] = _mm512_setzero_si512();
    }
    for (int64_t j = 0; j < count; j += 4) {
        vec_int left = i8_load(v + j * VEC_LANES), right = left;
        if (vectors > 1) {
            right = i8_load(v + next + j * VEC_LANES);
        }
        VLT_UNROLL
        for (int r = 0; r < I8_TILE; r++) {
            vec_int four = i8_four((const int8_t *)s->p + r * job->keys + j);
            VLT_DOT4(sum[r][0], four, left);
            if (vectors > 1) {
                VLT_DOT4(sum[r][1], four, right);
            }
        }
    }
    VLT_UNROLL
    for (int r = 0; r < I8_TILE; r++) {
        VLT_UNROLL
        for (int i = 0; i < vectors; i++) {
            float *to = out + (r * job->vectors + c + i) * VEC_LANES;
            vec old = vec_mul(vec_load(to), vec_set(shrink[r]));
            vec_store(to, vec_fma(VEC_OP(cvtepi32_ps)(sum[r][i]), vec_set(weight[r]), old));
        }
    }
}

/* How many keys line `line` of the item from query row r on sees. */
static int64_t visible(const struct job *job, int64_t r, int64_t line)
{
    int64_t row = r + line < job->args->q_rows ? r + line : job->args->q_rows - 1;
    return vlt_attention_visible(job->args, row, job->causal);
}

/* The score of a mean with head h of query row r, which those of its keys lack. */
static float mean_score(const struct job *job, const float *mean, int64_t h, int64_t r)
{
    r = r < job->args->q_rows ? r : job->args->q_rows - 1;
    const float *q = job->args->q + r * job->args->q_row + h * job->args->q_head;
    vec sum = vec_zero();
    for (int64_t c = 0; c < job->head; c += VEC_LANES) {
        const int64_t left = job->head - c, n = left < VEC_LANES ? left : VEC_LANES;
        sum = vec_fma(vec_load_part(q + c, n), vec_load(mean + c), sum);
    }
    return vec_sum(sum) * job->scale;
}

/* out[I8_TILE][vectors] += mean * weight * sum: what a block's values lack. */
static void add_means(const struct job *job, const float *mean, const float *weight,
                      const float *sum, float *out)
{
    const int64_t columns = job->vectors * VEC_LANES;
    for (int r = 0; r < I8_TILE; r++) {
        const vec share = vec_set(weight[r] * sum[r]);
        for (int64_t c = 0; c < columns; c += VEC_LANES) {
            float *to = out + r * columns + c;
            vec_store(to, vec_fma(vec_load(mean + c), share, vec_load(to)));
        }
    }
}

/* A tile of lines, of the item of head h from query row r on, meets a block of keys. */
static void attend_tile(const struct job *job, const struct head_pack *p, const struct pieces *s,
                        int64_t h, int64_t r, int64_t line, int64_t first, int64_t count)
{
    VLT_ALIGNED(64) float top[VEC_LANES] = {0}, sum[VEC_LANES] = {0};
    VLT_ALIGNED(64) float shrink[VEC_LANES], weight[VEC_LANES];
    const vec ln2 = vec_set(0.693147180559945f);
    score_block(job, p, s, line, first, count);
    for (int i = 0; i < I8_TILE; i++) {
        const int64_t seen = visible(job, r, line + i) - first;
        top[i] = soften(p, s->scores + i * job->keys, first, count, seen, s->query[line + i],
                        s->p + i * job->keys, &sum[i]);
        if (job->causal && first > 0 && seen > 0) {
            top[i] += mean_score(job, mean_of(job, p->k_mean, first), h, r + line + i);
        }
    }
    vec before = vec_load_part(s->top + line, I8_TILE), here = vec_load(top);
    vec now = vec_max(before, here);
    vec old = vec_exp(vec_mul(vec_sub(before, now), ln2));
    vec new = vec_exp(vec_mul(vec_sub(here, now), ln2));
    vec_store(shrink, old);
    vec_store(weight, new);
    vec total = vec_fma(vec_load(sum), new, vec_mul(vec_load_part(s->sum + line, I8_TILE), old));
    vec_store_part(s->sum + line, I8_TILE, total);
    vec_store_part(s->top + line, I8_TILE, now);
    float *out = s->out + line * job->vectors * VEC_LANES;
    int64_t c = 0;
    for (; c + 2 <= job->vectors; c += 2) {
        add_values(job, p, s, c, first, count, shrink, weight, out, 2);
    }
    if (c < job->vectors) {
        add_values(job, p, s, c, first, count, shrink, weight, out, 1);
    }
    if (job->causal && first > 0) {
        add_means(job, mean_of(job, p->v_mean, first), weight, sum, out);
    }
}

/* Lines [0, rows) of the item from query rows r on, filled up with zeros to whole tiles. False
 * where one cannot be rounded. */
static bool begin_lines(const struct job *job, const struct pieces *s, int64_t h, int64_t r,
                        int64_t rows, int64_t lines)
{
    static const float nothing[HEAD_MAX];
    bool strange = false;
    for (int64_t i = 0; i < lines; i++) {
        const float *q = job->args->q + (r + i) * job->args->q_row + h * job->args->q_head;
        i8_set_row(&s->q, i, i < rows ? q : nothing, job->head);
        strange |= s->q.scale[i] < 0;
        s->query[i] = s->q.scale[i] * job->scale;
        s->top[i] = OUT_OF_SIGHT;
        s->sum[i] = 0;
    }
    memset(s->out, 0, (size_t)(lines * job->vectors * VEC_LANES) * sizeof(float));
    return !strange;
}

static void end_line(const struct job *job, const struct head_pack *p, const struct pieces *s,
                     int64_t line, float *to)
{
    vec over = vec_set(1 / s->sum[line]);
    for (int64_t c = 0; c < job->vectors; c++) {
        int64_t left = job->head - c * VEC_LANES, n = left < VEC_LANES ? left : VEC_LANES;
        vec v = vec_load(s->out + (line * job->vectors + c) * VEC_LANES);
        vec mean = job->causal ? vec_zero() : vec_load(p->v_mean + c * VEC_LANES);
        vec_store_part(to + c * VEC_LANES, n, vec_fma(v, over, mean));
    }
}

static void attend(const struct job *job, const struct pieces *s, int64_t h, int64_t r,
                   int64_t rows)
{
    const vlt_attention_args *a = job->args;
    const struct head_pack p = pack_of(job, h / (job->heads / job->kv_heads));
    const int64_t lines = round_up(rows, I8_TILE);
    const bool round = begin_lines(job, s, h, r, rows, lines);
    for (int64_t first = 0; round && first < job->used; first += job->keys) {
        for (int64_t line = 0; line < lines; line += I8_TILE) {
            const int64_t seen = visible(job, r, line + I8_TILE - 1) - first;
            if (seen > 0) {
                attend_tile(job, &p, s, h, r, line, first,
                            seen < job->keys ? round_up(seen, I8_PANEL) : job->keys);
            }
        }
    }
    for (int64_t i = 0; i < rows; i++) {
        if (round && visible(job, r, i) <= *p.strange) {
            end_line(job, &p, s, i, a->out + (r + i) * a->out_row + h * a->out_head);
        } else {
            vlt_attention_plain_row(a, &job->plan->problem, h, r + i);
        }
    }
}

static void attend_body(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct job *job = argument;
    const struct pieces pieces = take_pieces(job, worker);
    for (int64_t item = begin; item < end; item++) {
        int64_t r = item % job->blocks * job->rows, left = job->args->q_rows - r;
        attend(job, &pieces, item / job->blocks, r, left < job->rows ? left : job->rows);
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    struct job job = job_of(plan);
    vlt_threads *threads = plan->context->threads;
    const int limit = (int)vlt_plan_knob(plan, KNOB_THREADS);
    job.args = args;
    job.used = round_up(job.args->kv_rows, I8_PANEL);
    job.packs = vlt_frames_take(&frame, (int)job.kv_heads, pack_bytes(&job));
    job.frames = vlt_frames_take(&frame, vlt_threads_count(threads), worker_bytes(&job));
    job.blocks = (job.args->q_rows + job.rows - 1) / job.rows;
    vlt_threads_for(threads, job.kv_heads, 1, limit, pack_body, &job);
    vlt_threads_for(threads, job.heads * job.blocks, 1, limit, attend_body, &job);
    return VLT_OK;
}

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    const int64_t *dim = problem->dim;
    if (dim[VLT_ATTENTION_DIM_HEAD] > HEAD_MAX || dim[VLT_ATTENTION_DIM_Q_ROWS] < Q_ROWS_MIN) {
        snprintf(reason, VLT_REASON_BYTES,
                 "heads of %lld, at most %d; %lld query rows, at least %d",
                 (long long)dim[VLT_ATTENTION_DIM_HEAD], HEAD_MAX,
                 (long long)dim[VLT_ATTENTION_DIM_Q_ROWS], Q_ROWS_MIN);
        return false;
    }
    return vlt_attention_applicable(problem, caps, reason);
}

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    (void)problem;
    cost->compute = VLT_COMPUTE_INT8;
}

VLT_VARIANT(attention, int8_avx512_vnni, .summary = "8 bits by sums of four products, softmax f32",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .quality = VLT_QUALITY_INT8,
            .loss = 0.05, .cost = cost, .applicable = applicable, .scratch = scratch, .run = run);
