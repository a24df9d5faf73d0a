/* Bottleneck: the baseline does one multiply-add at a time and waits for each sum.
 * Idea: 8 lanes; weights stream through dot products for few rows, through transposed panels and
 * 6 x 16 register tiles for many, outputs shared among threads.
 * Loses: on a handful of outputs, where packing and threads cost more than the product.
 */
#include "optimizations/linear/linear_vector_internal.h"

VLT_VARIANT(linear, avx2, .summary = "8 lanes, register tiles, threads over outputs",
            .knobs = vector_knobs, .knob_count = sizeof vector_knobs / sizeof *vector_knobs,
            .takes = VLT_LINEAR_TAKES_OTHERS | VLT_LINEAR_TAKES_ACTIVATION,
            .applicable = vlt_linear_plain, .scratch = vector_scratch, .run = vector_run);
