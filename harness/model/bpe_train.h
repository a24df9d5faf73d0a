/* bpe_train.h: trains a byte-level BPE, for the tokenizers of random checkpoints.
 *
 * The text is cut by the pre-tokenisation pattern of Qwen (bpe_encode), words never merge across a
 * cut. Each step merges the pair of neighbouring tokens that occurs most often in the text; of
 * equally frequent pairs the one with the lowest left id, then the lowest right id. In a word
 * pairs are merged from left to right. A merge that spells a token which is already there gives
 * that token's id again. These are the rules of Hugging Face's BpeTrainer, so that equal text gives
 * the same vocabulary and the same merges there.
 */
#ifndef VLT_HARNESS_BPE_TRAIN_H
#define VLT_HARNESS_BPE_TRAIN_H

#include "optimizations/bpe_encode/vocab.h"

/* Ids 0..255 are the single bytes in the order of the published byte alphabet. */
typedef struct vlt_bpe_trained {
    vlt_token_text *token; /* [token_count]; bytes lie in `text` */
    int32_t token_count;
    vlt_merge *merge; /* [merge_count], by rank */
    int32_t merge_count;
    uint8_t *text; /* owned bytes of all tokens */
} vlt_bpe_trained;

/* text: valid UTF-8 in NFC (INPUT when it is not UTF-8), at most 64 MiB. Ends at token_max tokens
 * (at least 256), or when no pair occurs min_count times (at least 1). Deterministic. */
vlt_status vlt_bpe_train(const char *text, size_t text_bytes, int32_t token_max, int64_t min_count,
                         vlt_bpe_trained *out, vlt_error *err);
void vlt_bpe_trained_release(vlt_bpe_trained *trained); /* {0} is fine, twice too */

#endif
