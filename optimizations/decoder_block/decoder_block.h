/* decoder_block.h: one layer of the text decoder, composite.
 *
 *   x = rms(h); q, k, v = x Wq^T, x Wk^T, x Wv^T; q, k = rope(rms_head(q)), rope(rms_head(k))
 *   append k, v to the cache; h = h + Wo attention(q, cache)
 *   z = rms(h); h = h + Wdown(silu(Wgate z) * (Wup z))
 * The baseline prepares child plans (norm, linear, rope, attention); a fused variant replaces the
 * whole. Source: harness/model/README.md#interleaved-rotary, #decoder-attention and #decoder-layer.
 * Tolerance: 1e-4.
 */
#ifndef VLT_DECODER_BLOCK_H
#define VLT_DECODER_BLOCK_H

#include <string.h>

#include "optimizations/attention/attention.h"

#define VLT_DECODER_BLOCK_TOLERANCE 1e-4

enum {
    VLT_DECODER_BLOCK_DIM_ROWS,    /* rows of one run, at most (1: decoding) */
    VLT_DECODER_BLOCK_DIM_CONTEXT, /* rows of the cache */
    VLT_DECODER_BLOCK_DIM_WIDTH,
    VLT_DECODER_BLOCK_DIM_HEADS,
    VLT_DECODER_BLOCK_DIM_KV_HEADS,
    VLT_DECODER_BLOCK_DIM_HEAD,
    VLT_DECODER_BLOCK_DIM_INNER,
    VLT_DECODER_BLOCK_DIM_WEIGHTS /* vlt_format of most of the weights; any matrix may differ */
};

/* Matrices [out, in], vectors f32. */
typedef struct vlt_decoder_block_constants {
    const float *input_norm, *post_norm; /* [width] */
    const float *q_norm, *k_norm;        /* [head] */
    vlt_matrix q_weight;                 /* [heads * head, width] */
    vlt_matrix k_weight, v_weight;       /* [kv_heads * head, width] */
    vlt_matrix o_weight;                 /* [width, heads * head] */
    vlt_matrix gate_weight, up_weight;   /* [inner, width] */
    vlt_matrix down_weight;              /* [width, inner] */
    float epsilon;
} vlt_decoder_block_constants;

/* Rows `first` .. `first + rows - 1` of the sequence are computed; the cache holds the rows before
 * and receives these. Cache layout: [kv_heads][cache_rows][head], f32, for k and v; cache_rows may
 * be smaller than the problem's context. */
typedef struct vlt_decoder_block_args {
    float *hidden;          /* [rows, width], in place */
    const float *cos, *sin; /* [rows, head / 2] */
    float *k_cache, *v_cache;
    int64_t rows, first, cache_rows;
} vlt_decoder_block_args;

extern const vlt_op vlt_op_decoder_block;

/* The `applicable` of every variant: heads must be a multiple of kv_heads, rows fit the context. */
bool vlt_decoder_block_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason);

/* Puts rows [row, row + rows) of the run, x[rows, kv_heads * head], into one of its caches. */
static inline void vlt_decoder_block_append(const vlt_decoder_block_args *args, const float *x,
                                            int64_t row, int64_t rows, int64_t kv_heads,
                                            int64_t head, float *cache)
{
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t h = 0; h < kv_heads; h++) {
            memcpy(cache + (h * args->cache_rows + args->first + row + r) * head,
                   x + (r * kv_heads + h) * head, (size_t)head * sizeof *x);
        }
    }
}

/* Attention of the run's rows, q[rows, heads * head], over the cache into out of the same shape. */
static inline vlt_attention_args vlt_decoder_block_attention(const vlt_decoder_block_args *args,
                                                             const float *q, float *out,
                                                             int64_t heads, int64_t head)
{
    return (vlt_attention_args){.q = q,
                                .k = args->k_cache,
                                .v = args->v_cache,
                                .out = out,
                                .q_rows = args->rows,
                                .kv_rows = args->first + args->rows,
                                .q_first = args->first,
                                .q_row = heads * head,
                                .q_head = head,
                                .k_row = head,
                                .k_head = args->cache_rows * head,
                                .v_row = head,
                                .v_head = args->cache_rows * head,
                                .out_row = heads * head,
                                .out_head = head};
}

#endif
