/* Bottleneck: scores and sums of values are two f32 products of 64 multiply-adds for each pair of
 * rows, 1.65 of the 4.1 TFLOP of a picture of 1024 x 1024.
 * Idea: queries, keys and values rounded to 8 bits with a scale a row, probabilities to 8 bits of
 * the largest in their block of keys, both products by sums of four bytes; softmax stays f32.
 * Loses: accuracy; with few keys, where rounding them costs as much as meeting them.
 */
#define PACKED_INT8

#include "optimizations/attention/attention_rounded_internal.h"

VLT_VARIANT(attention, int8_avx512_vnni, .summary = "8 bits by sums of four products, softmax f32",
            .quality = VLT_QUALITY_INT8, .loss = 0.05, ROUNDED_VARIANT,
            .applicable = rounded_applicable);
