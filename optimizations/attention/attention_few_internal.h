/* attention_few_internal.h: few query rows (decoding): an item is a key/value head and one row. All
 * query heads that share the head meet each key and value while it passes, which is read where it
 * lies. Every SPAN keys are summed for themselves and then added in order, so that threads may
 * share the keys of one row where there are fewer heads than threads.
 */
#ifndef VLT_ATTENTION_FEW_INTERNAL_H
#define VLT_ATTENTION_FEW_INTERNAL_H

#include "optimizations/attention/attention_vector_job_internal.h"

#ifdef VLT_SIMD

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

/* Whether the keys of a row are shared: one row, with fewer heads than would occupy the threads. */
static bool shares_keys(const struct vector_job *job, int limit)
{
    const int threads = vlt_threads_count(job->plan->context->threads);
    const int workers = limit > 0 && limit < threads ? limit : threads;
    return workers > 1 && job->args->more == 0 && job->args->q_rows == 1 &&
           job->heads / job->group < 2 * workers &&
           vlt_attention_visible(job->args, 0, job->causal) > SPAN;
}

#endif
#endif
