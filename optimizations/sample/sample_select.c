/* Bottleneck: the baseline sorts the whole vocabulary to keep a few tokens.
 * Idea: select the k-th largest, then take tokens from a heap until top-p is reached.
 * Loses: when nearly every token is kept (flat distribution, no top-k, top_p near 1).
 */
#include "optimizations/sample/sample_select_internal.h"

VLT_VARIANT(sample, select, .summary = "heap selection instead of a sort",
            .scratch = select_scratch, .run = select_run);
