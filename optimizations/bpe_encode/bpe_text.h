/* bpe_text.h: what every encoder does around its own work: added tokens are split off, the text
 * between them is made valid and normalised, the encoder gets clean pieces.
 */
#ifndef VLT_BPE_TEXT_H
#define VLT_BPE_TEXT_H

#include "optimizations/bpe_encode/bpe_encode.h"
#include "optimizations/bpe_encode/bpe_merge.h"

/* An encoder's two steps. Both get its own state. */
typedef struct vlt_bpe_steps {
    /* Valid NFC of text[bytes]: *clean points at the result, the text itself or scratch of the
     * state; gives its length. */
    size_t (*normalise)(void *state, const uint8_t *text, size_t bytes, const uint8_t **clean);
    /* Ids of clean text[bytes] >= 1 byte into ids, room for one id a byte; gives how many, or
     * SIZE_MAX when it failed (then it filled err). */
    size_t (*encode)(void *state, const uint8_t *text, size_t bytes, int32_t *ids, vlt_error *err);
} vlt_bpe_steps;

/* Encodes args->text. LIMIT when it is longer than text_max, the size that the plan was made for.
 */
vlt_status vlt_bpe_text(const vlt_vocab *vocab, const vlt_bpe_steps *steps, void *state,
                        size_t text_max, const vlt_bpe_encode_args *args, vlt_error *err);

/* Scratch that both encoders need, in one block that is touched only as far as texts reach. The
 * normaliser's code points and the queue of the merges share their place: one is done before the
 * other begins. */
typedef struct vlt_bpe_scratch {
    uint8_t *clean; /* [3 * text_max + 16] */
    uint32_t *raw;  /* [vlt_nfc_codes(text_max)] */
    uint32_t *work; /* the same */
    vlt_merge_queue queue;
    void *block;
} vlt_bpe_scratch;

vlt_status vlt_bpe_scratch_init(vlt_bpe_scratch *scratch, size_t text_max, vlt_error *err);
void vlt_bpe_scratch_release(vlt_bpe_scratch *scratch); /* may be called on {0} */

/* Ids of one word of any length into ids, which has room for one a byte: merged by scanning up to
 * scan_most bytes (at most VLT_MERGE_SCAN_MAX), else with the queue. */
size_t vlt_bpe_word(const vlt_vocab *vocab, const vlt_merge_queue *queue, size_t scan_most,
                    const uint8_t *word, size_t bytes, int32_t *ids);

#endif
