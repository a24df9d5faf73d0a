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
} vlt_scanner;

/* plan->state is a vlt_scanner. */
vlt_status vlt_scanner_prepare(vlt_plan *plan, vlt_error *err);
void vlt_scanner_release(vlt_plan *plan);

#endif
