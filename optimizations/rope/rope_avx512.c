/* Bottleneck: one pair at a time, though all pairs of a head are alike.
 * Idea: 16 pairs at a time, the tail of a head with masked loads.
 * Loses: never by much; a head of a few elements is all tail.
 */
#include "optimizations/rope/rope_vector_internal.h"

VLT_VARIANT(rope, avx512, .summary = "16 pairs at a time", .knobs = vector_knobs,
            .knob_count = sizeof vector_knobs / sizeof *vector_knobs, .run = vector_run);
