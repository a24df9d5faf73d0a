/* Bottleneck: libm is called for every element.
 * Idea: one exponential on 8 lanes from a polynomial, rows shared among threads.
 * Loses: never by much; rows shorter than a vector pay for a whole one.
 */
#include "optimizations/activation/activation_vector_internal.h"

VLT_VARIANT(activation, avx2, .summary = "8 lanes, own exponential", .knobs = vector_knobs,
            .knob_count = sizeof vector_knobs / sizeof *vector_knobs, .run = vector_run);
