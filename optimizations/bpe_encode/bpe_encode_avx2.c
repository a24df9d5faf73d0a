/* Bottleneck: a third of the scanner's time goes into finding where words begin, 16 bytes a step.
 * Idea: the scanner with 32 bytes a step.
 * Loses: nowhere against the scanner.
 */
#include "optimizations/bpe_encode/bpe_scanner_internal.h"

VLT_VARIANT(bpe_encode, avx2, .summary = "the scanner, 32 bytes a step", .knobs = vlt_scanner_knobs,
            .knob_count = VLT_SCANNER_KNOBS, .prepare = vlt_scanner_prepare, .run = scanner_run,
            .release = vlt_scanner_release);
