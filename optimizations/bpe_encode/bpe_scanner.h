/* bpe_scanner.h: the scanner's state. What it does is in bpe_scanner_internal.h.
 */
#ifndef VLT_BPE_SCANNER_H
#define VLT_BPE_SCANNER_H

#include "optimizations/bpe_encode/bpe_text.h"
#include "optimizations/bpe_encode/shared_words.h"
#include "optimizations/core/plan.h"

enum { VLT_SCANNER_CACHE, VLT_SCANNER_SCAN, VLT_SCANNER_KNOBS };
extern const vlt_knob vlt_scanner_knobs[VLT_SCANNER_KNOBS];

typedef struct vlt_scanner {
    const vlt_vocab *vocab;
    size_t text_max;
    vlt_bpe_scratch scratch;
    vlt_words own;          /* a few, where words are shared */
    vlt_words_share share;  /* of those that are shared, or none */
    const vlt_words *words; /* that are looked at first: shared, or its own */
    size_t scan_most;       /* bytes of words that are merged by scanning */
    uint32_t new_words;     /* that it met, and no other before */
    bool expects;           /* more of these */
    /* Of a stretch of the text, until the cuts are on the way: */
    bool has_cuts;
    const uint8_t *large_first; /* where its first new word of a large script lies */
    size_t large_bytes;         /* of all of these */
} vlt_scanner;

/* plan->state is a vlt_scanner. */
vlt_status vlt_scanner_prepare(vlt_plan *plan, vlt_error *err);
void vlt_scanner_release(vlt_plan *plan);

/* A new word of a script with thousands of characters. A long text that is full of them asks for
 * nearly all of the cuts, which are then on the way. `end`: of the text. */
void vlt_scanner_meet_large(vlt_scanner *s, const uint8_t *word, size_t bytes, const uint8_t *end);

#endif
