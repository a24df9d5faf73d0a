/* Bottleneck: a third of the scanner's time goes into finding where words begin, and text of other
 * scripts is walked through byte by byte, once for its normal form and once for its words.
 * Idea: the scanner with 64 bytes a step, whose masks know the characters of the most common
 * scripts too; where words begin is written down without a branch a word.
 * Loses: nowhere against the scanner, but for texts of rare scripts, by what a look costs.
 */
#include "optimizations/bpe_encode/bpe_scanner_internal.h"

VLT_VARIANT(bpe_encode, avx512, .summary = "the scanner, 64 bytes of most scripts a step",
            .knobs = vlt_scanner_knobs, .knob_count = VLT_SCANNER_KNOBS,
            .prepare = vlt_scanner_prepare, .run = scanner_run, .release = vlt_scanner_release);
