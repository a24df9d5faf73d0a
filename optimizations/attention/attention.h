/* attention.h: softmax(q k^T / sqrt(head)) v with grouped key/value heads.
 *
 * Query row r of q_rows is at sequence index q_first + r; with causal != 0 it sees the keys
 * 0 .. q_first + r, else all kv_rows. Query head j uses key/value head j / (heads / kv_heads).
 * Softmax in f32 with the maximum subtracted. The same operator serves the vision tower (causal 0,
 * one call per image and frame) and the decoder (causal 1, keys and values in the cache,
 * in its format).
 * Source: harness/model/README.md#vision-attention and #decoder-attention.
 *
 * Tolerance: 2e-5 of the largest baseline value.
 * Cost: 4 * heads * head * pairs flops, pairs = visible (query, key) pairs; bytes: q, k, v, out
 * once.
 */
#ifndef VLT_ATTENTION_H
#define VLT_ATTENTION_H

#include "optimizations/core/plan.h"
#include "optimizations/kv_cache/kv_view.h"

#define VLT_ATTENTION_TOLERANCE 2e-5

/* q_rows and kv_rows are the most a run may ask for. */
enum {
    VLT_ATTENTION_DIM_Q_ROWS,
    VLT_ATTENTION_DIM_KV_ROWS,
    VLT_ATTENTION_DIM_HEADS,
    VLT_ATTENTION_DIM_KV_HEADS,
    VLT_ATTENTION_DIM_HEAD, /* elements of a head */
    VLT_ATTENTION_DIM_CAUSAL,
    VLT_ATTENTION_DIM_KV /* vlt_format of keys and values: F32 or BF16 */
};

/* One sequence: strides of q and out in elements, element (row, head, i) of q is q[row * q_row +
 * head * q_head + i]. Several sequences are an array of these, of which the first says how many
 * `more` there are: they are independent of each other, and threads share them in one go. */
typedef struct vlt_attention_args {
    const float *q;
    vlt_kv_view k, v;
    float *out;
    int64_t q_rows, kv_rows, q_first;
    int64_t q_row, q_head;
    int64_t out_row, out_head;
    int64_t more;
} vlt_attention_args;

extern const vlt_op vlt_op_attention;

/* The `applicable` of every variant: heads must be a multiple of kv_heads, keys and values F32 or
 * BF16. */
bool vlt_attention_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason);

static inline vlt_problem vlt_attention_problem(int64_t q_rows, int64_t kv_rows, int64_t heads,
                                                int64_t kv_heads, int64_t head, bool causal,
                                                vlt_format kv)
{
    return (vlt_problem){.op = &vlt_op_attention,
                         .dim = {q_rows, kv_rows, heads, kv_heads, head, causal, kv}};
}

/* How many keys query row r sees, >= 1 since kv_rows >= 1 and q_first >= 0. */
static inline int64_t vlt_attention_visible(const vlt_attention_args *args, int64_t r,
                                            int64_t causal)
{
    int64_t last = args->q_first + r + 1;
    return causal && last < args->kv_rows ? last : args->kv_rows;
}

/* out of head h of query row r as the baseline computes it, without scratch: for variants that meet
 * numbers that they cannot round. */
void vlt_attention_plain_row(const vlt_attention_args *args, const vlt_problem *problem, int64_t h,
                             int64_t r);

#endif
