/* decoder.h: tokens of one or several sequences -> logits of what comes next, composite.
 *
 *   x = embedding of the ids, rows of the vision tower in the place of image and video tokens;
 *   for each layer l: x = decoder_block(x); rows of a picture += deepstack[l] (first `taps` layers)
 *   logits = head(rms(x)) of the last row of each sequence
 *
 * The baseline prepares child plans (decoder_block, norm, linear); another variant may replace the
 * whole, on another device too.
 * Source: harness/model/README.md#text-decoder. Tolerance: 2e-3.
 */
#ifndef VLT_DECODER_H
#define VLT_DECODER_H

#include "optimizations/core/tap.h"
#include "optimizations/decoder_block/decoder_block.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"
#include "optimizations/rope/mrope.h"

#define VLT_DECODER_TOLERANCE 2e-3

enum {
    VLT_DECODER_DIM_ROWS,      /* of all sequences in one run, at most */
    VLT_DECODER_DIM_SEQUENCES, /* in one run, at most */
    VLT_DECODER_DIM_CONTEXT,   /* rows of a cache, at most */
    VLT_DECODER_DIM_WIDTH,
    VLT_DECODER_DIM_HEADS,
    VLT_DECODER_DIM_KV_HEADS,
    VLT_DECODER_DIM_HEAD,
    VLT_DECODER_DIM_INNER,
    VLT_DECODER_DIM_LAYERS,
    VLT_DECODER_DIM_VOCAB,
    VLT_DECODER_DIM_TAPS,    /* layers behind which deepstack rows are added */
    VLT_DECODER_DIM_WEIGHTS, /* vlt_format of most of the weights */
    VLT_DECODER_DIM_CACHE    /* vlt_format of the caches */
};

typedef struct vlt_decoder_constants {
    vlt_matrix embed;                         /* [vocab, width] */
    const vlt_decoder_block_constants *layer; /* [layers] */
    vlt_norm_constants final_norm;            /* [width] */
    vlt_linear_constants head;                /* [vocab, width] */
    const vlt_mrope *rope;
} vlt_decoder_constants;

/* Rows of one sequence: `rows` tokens that go to row `first` of its cache, which has room for them.
 */
typedef struct vlt_decoder_slot {
    const vlt_kv_cache *cache;
    int64_t first, rows;
    const int32_t *ids;      /* [rows] */
    const int32_t *position; /* axis a of row r at [a * position_stride + r]; NULL: the row's number
                                in the cache plus delta, on all axes */
    int64_t position_stride, delta;
    const int32_t *visual_row;     /* [rows]: visual row, or -1; NULL: text alone */
    int64_t visual_first;          /* the visual row that the two below begin with */
    const float *embedding;        /* [.., width] */
    const float *const *deepstack; /* [taps] of [.., width] */
    float *logits;                 /* [vocab] of the last row; NULL: not wanted */
} vlt_decoder_slot;

/* The tap sees "text.inputs_embeds", "text.layer.%d.in" i and "text.final_norm", each over all
 * rows. */
typedef struct vlt_decoder_args {
    const vlt_decoder_slot *slot;
    int slots;
    const vlt_tap *tap; /* NULL: nobody looks on */
} vlt_decoder_args;

extern const vlt_op vlt_op_decoder;

/* What one step of a decoder may meet. */
typedef struct vlt_decoder_size {
    int64_t rows, sequences, context;
    int64_t heads, kv_heads, head;
    int64_t layers, taps;
    vlt_format cache;
} vlt_decoder_size;

vlt_problem vlt_decoder_problem(const vlt_decoder_size *size,
                                const vlt_decoder_constants *constants);

#endif
