/* Bottleneck: AVX-512 multiplies 32 f32 pairs a cycle; the matrix unit multiplies 1024 BF16 pairs.
 * Idea: what bf16_avx512 packs is what tiles of the unit hold: 32 lines by 32 keys or columns in
 * four tiles of sums; softmax stays f32.
 * Loses: accuracy (8 bits an operand); for few rows and heads that make no whole tile of 32 inputs.
 */
#define PACKED_BF16
#define PACKED_TILES

#include "optimizations/attention/attention_rounded_internal.h"

VLT_VARIANT(attention, bf16_amx, .summary = "BF16 through the matrix unit, softmax f32",
            .quality = VLT_QUALITY_BF16, .loss = 0.02, ROUNDED_VARIANT,
            .applicable = rounded_applicable);
