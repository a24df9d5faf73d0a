/* Bottleneck: dot products and weighted sums one element at a time, expf for every score.
 * Idea: 6-row register tiles on 8 lanes over packed blocks of keys and values, online softmax
 * with a vector exponential, heads and query blocks shared among threads.
 * Loses: on a few short heads, where packing a block costs more than it saves.
 */
#include "optimizations/attention/attention_vector_internal.h"

VLT_VARIANT(attention, avx2, .summary = "8 lanes, blocks, online softmax, threads over heads",
            .knobs = vector_knobs, .knob_count = sizeof vector_knobs / sizeof *vector_knobs,
            .applicable = vlt_attention_applicable, .scratch = vector_scratch, .run = vector_run);
