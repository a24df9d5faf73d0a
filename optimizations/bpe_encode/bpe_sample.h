/* bpe_sample.h: text and vocabulary of a workload, made from a seed, with no file.
 *
 * A lexicon of invented words with a falling frequency; the frequent ones become tokens of their
 * own, merged left to right from what the earlier ones already merge, as in a trained vocabulary.
 */
#ifndef VLT_BPE_SAMPLE_H
#define VLT_BPE_SAMPLE_H

#include "optimizations/bpe_encode/bpe_encode.h"

typedef struct vlt_bpe_sample {
    vlt_vocab *vocab;
    char *lexicon;   /* words one behind the other */
    uint32_t *first; /* [words + 1] */
    int words;
} vlt_bpe_sample;

vlt_status vlt_bpe_sample_init(uint64_t seed, vlt_bpe_sample *sample, vlt_error *err);
void vlt_bpe_sample_release(vlt_bpe_sample *sample); /* may be called on {0} */

/* Fills text[bytes] with text of the kind (VLT_TEXT_*); the last character may be cut. */
void vlt_bpe_sample_text(const vlt_bpe_sample *sample, int kind, uint64_t seed, char *text,
                         size_t bytes);

#endif
