/* Bottleneck: behind selection what remains is scanning the vocabulary one score at a time.
 * Idea: as select, with penalties' copy, temperature and largest scores on 8 lanes.
 * Loses: never by much; a tiny vocabulary is all tail.
 */
#include "optimizations/sample/sample_select_internal.h"

VLT_VARIANT(sample, avx2, .summary = "heap selection, scans on 8 lanes", .scratch = select_scratch,
            .run = select_run);
