/* Bottleneck: f32 multiply-adds take one product a lane, and half of the bits of queries, keys,
 * values and probabilities are not needed where rounding to BF16 is permitted.
 * Idea: `vdpbf16ps`, two products a lane, 12 lines by 32 keys or columns in registers; softmax f32.
 * Loses: accuracy (8 bits an operand); to avx512 where the instruction has half the rate of a
 * multiply-add (Sapphire and Emerald Rapids): there it stands back.
 */
#define PACKED_BF16

#include "optimizations/attention/attention_rounded_internal.h"

VLT_VARIANT(attention, bf16_avx512, .summary = "BF16, sums of two products a lane, softmax f32",
            .quality = VLT_QUALITY_BF16, .loss = 0.02, ROUNDED_VARIANT,
            .applicable = rounded_applicable, .stands_back = vlt_slow_bf16_dot);
