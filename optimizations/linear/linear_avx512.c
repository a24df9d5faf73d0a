/* Bottleneck: the baseline does one multiply-add at a time and waits for each sum.
 * Idea: as avx2, with 16 lanes and 12 x 32 register tiles.
 * Loses: against avx2 on processors that lower their clock under 512-bit arithmetic, and on a
 * handful of outputs.
 */
#include "optimizations/linear/linear_vector_internal.h"

VLT_VARIANT(linear, avx512, .summary = "16 lanes, register tiles, threads over outputs",
            .knobs = vector_knobs, .knob_count = sizeof vector_knobs / sizeof *vector_knobs,
            .takes = VLT_LINEAR_TAKES_OTHERS | VLT_LINEAR_TAKES_ACTIVATION,
            .applicable = vlt_linear_plain, .scratch = vector_scratch, .run = vector_run);
