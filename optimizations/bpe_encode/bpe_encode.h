/* bpe_encode.h: text -> token ids, equal to Hugging Face tokenizers on every input.
 *
 * Added tokens are split off first (unless `no_special`), the rest is normalised (NFC, Unicode
 * 9.0), cut by the pre-tokenisation pattern (Unicode 16.0 classes) and merged. Invalid UTF-8 is
 * read as U+FFFD per maximal subpart. Source: harness/model/README.md#pipeline.
 * Tolerance: none. Cost: 0 flops; work in bytes of text.
 */
#ifndef VLT_BPE_ENCODE_H
#define VLT_BPE_ENCODE_H

#include "optimizations/bpe_encode/vocab.h"
#include "optimizations/core/plan.h"

/* bytes is the longest text of a run; it sizes the scratch. text says only what the workload's text
 * is like. */
enum { VLT_BPE_ENCODE_DIM_BYTES, VLT_BPE_ENCODE_DIM_TEXT };
enum { VLT_TEXT_PROSE, VLT_TEXT_CODE, VLT_TEXT_SCRIPTS, VLT_TEXT_RUN, VLT_TEXT_KINDS };

typedef struct vlt_bpe_encode_constants {
    const vlt_vocab *vocab;
    struct vlt_shared_words *shared; /* learnt together with other encoders of this vocabulary, on
                                        any threads (shared_words.h); or NULL. Borrowed. */
} vlt_bpe_encode_constants;

/* Stretches [first, end) of a text, in order and apart from each other. */
typedef struct vlt_text_range {
    size_t first, end;
} vlt_text_range;

typedef struct vlt_text_ranges {
    const vlt_text_range *range; /* [count] */
    size_t count;
} vlt_text_ranges;

typedef struct vlt_bpe_encode_args {
    const char *text; /* any bytes, NUL included */
    size_t text_bytes;
    bool no_special;       /* added tokens are plain text */
    int32_t *ids;          /* room for vlt_bpe_encode_bound(text_bytes); untouched behind the ids */
    size_t *id_count;      /* out */
    vlt_text_ranges plain; /* no added token begins, ends or lies in these; the words of the text
                              go across their borders */
} vlt_bpe_encode_args;

extern const vlt_op vlt_op_bpe_encode;

/* The most ids that a text can give: NFC may grow a code point to three times its bytes, and an
 * invalid byte becomes the three bytes of U+FFFD. */
static inline size_t vlt_bpe_encode_bound(size_t text_bytes)
{
    return text_bytes * 3 + 8;
}

static inline vlt_problem vlt_bpe_encode_problem(size_t bytes,
                                                 const vlt_bpe_encode_constants *constants)
{
    return (vlt_problem){.op = &vlt_op_bpe_encode,
                         .dim = {bytes ? (int64_t)bytes : 1, VLT_TEXT_PROSE},
                         .constants = constants};
}

#endif
