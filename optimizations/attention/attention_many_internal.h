/* attention_many_internal.h: many query rows: an item is a head and up to `rows` of them. Blocks of
 * `keys` keys and values are packed as panels once per item and meet tiles of query rows: scores =
 * Q K^T, online softmax, out = out * factor + P V. Sums and outputs wait in the worker's scratch.
 */
#ifndef VLT_ATTENTION_MANY_INTERNAL_H
#define VLT_ATTENTION_MANY_INTERNAL_H

#include "optimizations/attention/attention_vector_job_internal.h"

#ifdef VLT_SIMD

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

#endif
#endif
