/* attention_rounded_internal.h: attention over rounded queries, keys, values and probabilities, for
 * one instruction set; softmax stays f32. The including file says what a word holds (PACKED_INT8 or
 * PACKED_BF16) and, with PACKED_TILES, that the matrix unit multiplies.
 *
 * Keys and values have their means taken off first: a constant added to all keys changes no
 * softmax, and the mean of the values is added to the outputs at the end. What is left is smaller,
 * and few bits show it better. Where a row must not know later keys the means are those of the
 * blocks before its own, and what scores and outputs of a block lack is added for each block. A
 * value's scale, where it has one, goes into its probability before that is rounded:
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
#ifndef VLT_ATTENTION_ROUNDED_INTERNAL_H
#define VLT_ATTENTION_ROUNDED_INTERNAL_H

#include "optimizations/attention/attention_amx_internal.h"
#include "optimizations/attention/attention_lanes_internal.h"
#include "optimizations/attention/attention_packed_internal.h"

#if defined(VLT_SIMD) && (defined(PACKED_INT8) || defined(PACKED_BF16))

/* PROBABILITY_TOP * 2^x for x <= 0 to 1e-4: a polynomial in what is behind the point, the rest into
 * the exponent. Nothing where the result would be below the normal numbers. */
VLT_ALWAYS_INLINE vec power_of_two(vec x)
{
#if VLT_SIMD == 512
    enum { DOWN = 0x09 };
    const vec part = _mm512_reduce_ps(x, DOWN);
#else
    const vec whole = _mm256_floor_ps(x), part = vec_sub(x, whole);
#endif
    vec p = vec_fma(vec_set(PROBABILITY_TOP * 0.078024523f), part,
                    vec_set(PROBABILITY_TOP * 0.22606716f));
    p = vec_fma(p, part, vec_set(PROBABILITY_TOP * 0.69583354f));
    p = vec_fma(p, part, vec_set(PROBABILITY_TOP * 0.99992522f));
#if VLT_SIMD == 512
    return _mm512_scalef_ps(p, x);
#else
    const vec least = vec_set(-126), kept = _mm256_cmp_ps(whole, least, _CMP_GE_OQ);
    const __m256i exponent = _mm256_cvtps_epi32(vec_max(whole, least));
    const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23);
    return _mm256_and_ps(kept, vec_mul(p, _mm256_castsi256_ps(power)));
#endif
}

/* The first n lanes of v, OUT_OF_SIGHT in the others. */
VLT_ALWAYS_INLINE vec hide_behind(vec v, int64_t n)
{
#if VLT_SIMD == 512
    return _mm512_mask_blend_ps(vec_first(n), vec_set(OUT_OF_SIGHT), v);
#else
    return _mm256_blendv_ps(vec_set(OUT_OF_SIGHT), v, _mm256_castsi256_ps(vec_first(n)));
#endif
}

/* The probabilities of one line, of which PROBABILITY_TOP is the largest; *sum of them over the
 * values' scales. Returns the score of the largest, OUT_OF_SIGHT where none of the keys is among
 * the first `seen`. */
VLT_ALWAYS_INLINE float soften(const struct head_pack *p, float *score, int64_t first,
                               int64_t count, int64_t seen, float query, uint32_t *probability,
                               float *sum)
{
    vec top = vec_set(-INFINITY), total = vec_zero();
    for (int64_t j = 0; j < count; j += VEC_LANES) {
        vec v = vec_fma(vec_load(score + j), vec_set(query), vec_load(p->v_log + first + j));
        if (j + VEC_LANES > seen) {
            v = hide_behind(v, seen > j ? seen - j : 0);
        }
        vec_store(score + j, v);
        top = vec_max(v, top);
    }
    const float largest = vec_largest(top);
    for (int64_t j = 0; j < count; j += VEC_LANES) {
        vec v = power_of_two(vec_sub(vec_load(score + j), vec_set(largest)));
        total = vec_fma(v, vec_load(p->v_over + first + j), total);
        store_probabilities(probability + j / PER_WORD, v);
    }
    *sum = vec_sum(total);
    return largest;
}

/* How many keys line `line` of the item from query row r on sees. */
static inline int64_t visible(const struct job *job, int64_t r, int64_t line)
{
    int64_t row = r + line < job->args->q_rows ? r + line : job->args->q_rows - 1;
    return vlt_attention_visible(job->args, row, job->causal);
}

/* The score of a mean with head h of query row r, which those of its keys lack. */
static inline float mean_score(const struct job *job, const float *mean, int64_t h, int64_t r)
{
    r = r < job->args->q_rows ? r : job->args->q_rows - 1;
    const float *q = job->args->q + r * job->args->q_row + h * job->args->q_head;
    vec sum = vec_zero();
    for (int64_t c = 0; c < job->head; c += VEC_LANES) {
        const int64_t n = vec_smaller(job->head - c, VEC_LANES);
        sum = vec_fma(vec_load_part(q + c, n), vec_load(mean + c), sum);
    }
    return vec_sum(sum) * job->scale;
}

/* out[TILE][columns] += mean * weight * sum: what a block's values lack. */
static inline void add_means(const struct job *job, const float *mean, const float *weight,
                             const float *sum, float *out)
{
    for (int r = 0; r < TILE; r++) {
        const vec share = vec_set(weight[r] * sum[r]);
        for (int64_t c = 0; c < job->columns; c += VEC_LANES) {
            float *to = out + r * job->columns + c;
            vec_store(to, vec_fma(vec_load(mean + c), share, vec_load(to)));
        }
    }
}

/* What was summed of TILE lines and a block with the largest scores top[] and the sums sum[]: both
 * to a common scale. shrink[] and weight[] are the factors of their outputs. */
static inline void merge_sums(const struct pieces *s, int64_t line, const float *top,
                              const float *sum, float *shrink, float *weight)
{
    const vec ln2 = vec_set(0.693147180559945f);
    for (int64_t i = 0; i < TILE; i += VEC_LANES) {
        const int64_t n = vec_smaller(TILE - i, VEC_LANES);
        float *whole = s->sum + line + i;
        vec before = vec_load_part(s->top + line + i, n), here = vec_load(top + i);
        vec now = vec_max(before, here);
        vec old = vec_exp(vec_mul(vec_sub(before, now), ln2));
        vec new = vec_exp(vec_mul(vec_sub(here, now), ln2));
        vec_store(shrink + i, old);
        vec_store(weight + i, new);
        vec_store_part(whole, n,
                       vec_fma(vec_load(sum + i), new, vec_mul(vec_load_part(whole, n), old)));
        vec_store_part(s->top + line + i, n, now);
    }
}

/* A tile of lines, of the item of head h from query row r on, meets a block of keys. */
static inline void attend_tile(const struct job *job, const struct head_pack *p,
                               const struct pieces *s, int64_t h, int64_t r, int64_t line,
                               int64_t first, int64_t count)
{
    enum { LINES = (TILE + VEC_LANES - 1) / VEC_LANES * VEC_LANES };
    VLT_ALIGNED(64) float top[LINES] = {0}, sum[LINES] = {0}, shrink[LINES], weight[LINES];
    float *out = s->out + line * job->columns;
    score_block(job, p, s, line, first, count);
    for (int i = 0; i < TILE; i++) {
        const int64_t seen = visible(job, r, line + i) - first;
        top[i] = soften(p, s->scores + (ptrdiff_t)i * KEYS_MAX, first, count, seen,
                        s->query[line + i], s->p + (ptrdiff_t)i * LINE_WORDS, &sum[i]);
        if (job->causal && first > 0 && seen > 0) {
            top[i] += mean_score(job, mean_of(job, p->k_mean, first), h, r + line + i);
        }
    }
    merge_sums(s, line, top, sum, shrink, weight);
    add_values(job, p, s, first, count, shrink, weight, out);
    if (job->causal && first > 0) {
        add_means(job, mean_of(job, p->v_mean, first), weight, sum, out);
    }
}

/* Lines [0, rows) of the item from query rows r on, filled up with zeros to whole tiles. False
 * where one cannot be rounded. */
static inline bool begin_lines(const struct job *job, const struct pieces *s, int64_t h, int64_t r,
                               int64_t rows, int64_t lines)
{
    static const float nothing[HEAD_MAX];
    uint32_t words[HEAD_MAX / PER_WORD];
    bool strange = false;
    memset(words, 0, sizeof words);
    for (int64_t i = 0; i < lines; i++) {
        const float *q = job->args->q + (r + i) * job->args->q_row + h * job->args->q_head;
        int32_t total;
        const float scale = round_query(i < rows ? q : nothing, job->head, words, &total);
        strange |= scale < 0;
        set_query(job, s, i, words);
        s->begin[i] = -KEY_OFFSET * total;
        s->query[i] = scale * job->scale;
        s->top[i] = OUT_OF_SIGHT;
        s->sum[i] = 0;
    }
    memset(s->out, 0, (size_t)(lines * job->columns) * sizeof(float));
    return !strange;
}

static inline void end_line(const struct job *job, const struct head_pack *p,
                            const struct pieces *s, int64_t line, float *to)
{
    const vec over = vec_set(1 / s->sum[line]);
    for (int64_t c = 0; c < job->head; c += VEC_LANES) {
        vec v = vec_load(s->out + line * job->columns + c);
        vec mean = job->causal ? vec_zero() : vec_load(p->v_mean + c);
        vec_store_part(to + c, vec_smaller(job->head - c, VEC_LANES), vec_fma(v, over, mean));
    }
}

static inline void attend(const struct job *job, const struct pieces *s, int64_t h, int64_t r,
                          int64_t rows)
{
    const vlt_attention_args *a = job->args;
    const struct head_pack p = pack_of(job, h / (job->heads / job->kv_heads));
    const int64_t lines = round_up(rows, TILE);
    const bool round = begin_lines(job, s, h, r, rows, lines);
    for (int64_t first = 0; round && first < job->used; first += job->keys) {
        for (int64_t line = 0; line < lines; line += TILE) {
            const int64_t seen = visible(job, r, line + TILE - 1) - first;
            if (seen > 0) {
                attend_tile(job, &p, s, h, r, line, first,
                            seen < job->keys ? round_up(seen, KEY_STEP) : job->keys);
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

static inline void attend_body(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct job *job = argument;
    const struct pieces pieces = take_pieces(job, worker);
    begin_products();
    for (int64_t item = begin; item < end; item++) {
        int64_t r = item % job->blocks * job->rows, left = job->args->q_rows - r;
        attend(job, &pieces, item / job->blocks, r, left < job->rows ? left : job->rows);
    }
    end_products();
}

static inline vlt_status rounded_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                                     vlt_error *err)
{
    (void)err;
    struct job job = job_of(plan);
    const vlt_attention_args *first = args;
    vlt_threads *threads = plan->context->threads;
    const int limit = (int)vlt_plan_knob(plan, KNOB_THREADS);
    job.packs = vlt_frames_take(&frame, (int)job.kv_heads, pack_bytes(&job));
    job.frames = vlt_frames_take(&frame, vlt_threads_count(threads), worker_bytes(&job));
    for (job.args = first; job.args <= first + first->more; job.args++) {
        job.used = round_up(job.args->kv_rows, KEY_STEP);
        job.blocks = (job.args->q_rows + job.rows - 1) / job.rows;
        vlt_threads_for(threads, job.kv_heads, 1, limit, pack_body, &job);
        vlt_threads_for(threads, job.heads * job.blocks, 1, limit, attend_body, &job);
    }
    return VLT_OK;
}

static inline bool rounded_applicable(const vlt_problem *problem, const vlt_caps *caps,
                                      char *reason)
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

static inline void rounded_cost(const vlt_problem *problem, vlt_cost *cost)
{
    (void)problem;
    cost->compute = PACKED_COMPUTE;
}

#define ROUNDED_VARIANT                                                                 \
    .knobs = rounded_knobs, .knob_count = sizeof rounded_knobs / sizeof *rounded_knobs, \
    .cost = rounded_cost, .scratch = rounded_scratch, .run = rounded_run

#endif
#endif
