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

#include "optimizations/attention/attention.h"
#include "optimizations/kv_cache/kv_cache.h"

#define VLT_DECODER_BLOCK_TOLERANCE 1e-4

enum {
    VLT_DECODER_BLOCK_DIM_ROWS,    /* rows of one run, at most (1: decoding) */
    VLT_DECODER_BLOCK_DIM_CONTEXT, /* rows of a cache, at most */
    VLT_DECODER_BLOCK_DIM_WIDTH,
    VLT_DECODER_BLOCK_DIM_HEADS,
    VLT_DECODER_BLOCK_DIM_KV_HEADS,
    VLT_DECODER_BLOCK_DIM_HEAD,
    VLT_DECODER_BLOCK_DIM_INNER,
    VLT_DECODER_BLOCK_DIM_WEIGHTS, /* vlt_format of most of the weights; any matrix may differ */
    VLT_DECODER_BLOCK_DIM_CACHE    /* vlt_format of the cache */
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

/* The rows of one sequence: `rows` of them go to row `first` of the cache, which holds the ones
 * before. */
typedef struct vlt_kv_slot {
    const vlt_kv_cache *cache; /* with room for first + rows */
    int64_t first, rows;
} vlt_kv_slot;

/* The rows of all slots, one slot behind the other. k and v of this layer are appended; no row
 * becomes valid by that (vlt_kv_cache_commit). */
typedef struct vlt_decoder_block_args {
    float *hidden;          /* [rows, width], in place */
    const float *cos, *sin; /* [rows, head / 2] */
    const vlt_kv_slot *slot;
    int slots;
    int64_t rows;  /* their sum */
    int64_t layer; /* of the caches */
} vlt_decoder_block_args;

extern const vlt_op vlt_op_decoder_block;

/* For workloads: random constants of a block of the problem's size whose sums keep their size;
 * buffers of the workload. */
vlt_status vlt_decoder_block_random(vlt_workload *workload, const vlt_problem *problem,
                                    struct vlt_random *random, vlt_decoder_block_constants *out,
                                    vlt_error *err);

/* The `applicable` of every variant: heads must be a multiple of kv_heads, rows fit the context. */
bool vlt_decoder_block_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason);

#endif
