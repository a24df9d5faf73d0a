/* tokenize_batch.h: many texts -> many id lists, in order; every list equal to bpe_encode's.
 *
 * The baseline encodes one text after the other. Tolerance: none. Work in bytes of text.
 */
#ifndef VLT_TOKENIZE_BATCH_H
#define VLT_TOKENIZE_BATCH_H

#include "optimizations/bpe_encode/bpe_encode.h"

/* texts and bytes (of all texts) are the most that a run may ask for. repeats says what the
 * workload is like: the share of texts, in percent, that came before. */
enum { VLT_TOKENIZE_BATCH_DIM_TEXTS, VLT_TOKENIZE_BATCH_DIM_BYTES, VLT_TOKENIZE_BATCH_DIM_REPEATS };

/* constants of the problem: vlt_bpe_encode_constants */

typedef struct vlt_tokenize_batch_args {
    const char *const *text;
    const size_t *text_bytes;
    int64_t text_count;
    bool no_special;
    int32_t *ids; /* all lists one behind the other; room for vlt_tokenize_batch_bound; untouched
                     behind the last one */
    size_t *id_first; /* [text_count + 1]: list t is ids[id_first[t] .. id_first[t+1]) */
    const vlt_text_ranges *plain; /* [text_count] as bpe_encode's, or NULL: none in any text */
} vlt_tokenize_batch_args;

extern const vlt_op vlt_op_tokenize_batch;

/* The sum of the bounds of `texts` texts with `bytes` bytes together. */
static inline size_t vlt_tokenize_batch_bound(int64_t texts, size_t bytes)
{
    return vlt_bpe_encode_bound(bytes) + (size_t)texts * vlt_bpe_encode_bound(0);
}

static inline vlt_problem vlt_tokenize_batch_problem(int64_t texts, size_t bytes,
                                                     const vlt_bpe_encode_constants *constants)
{
    return (vlt_problem){.op = &vlt_op_tokenize_batch,
                         .dim = {texts ? texts : 1, bytes ? (int64_t)bytes : 1, 0},
                         .constants = constants};
}

#endif
