/* Bottleneck: the regex engine walks every byte through its alternatives, most words of plain text
 * are merged from bytes although they are one token in the end, and each look-up waits for memory.
 * Idea: a table-driven scanner with an ASCII path cuts a batch of words, whose places in a cache
 * of words are fetched meanwhile; what the cache does not know a hash table of every token that
 * encodes to itself answers for, words of other scripts are cut where no token reaches across, and
 * only the rest is merged, long words with a queue instead of by scanning. Loses: on texts of a
 * few words, where a batch is not worth its beginning.
 */
#include "optimizations/bpe_encode/bpe_scanner_internal.h"

VLT_VARIANT(bpe_encode, scanner, .summary = "table-driven scanner, whole words by hash, cache",
            .knobs = vlt_scanner_knobs, .knob_count = VLT_SCANNER_KNOBS,
            .prepare = vlt_scanner_prepare, .run = scanner_run, .release = vlt_scanner_release);
