/* Bottleneck: scores and sums of values are two f32 products of 8 multiply-adds an instruction.
 * Idea: int8_avx512_vnni in 256 bits, for client CPUs: 32 products an instruction.
 * Loses: as int8_avx512_vnni.
 */
#define PACKED_INT8

#include "optimizations/attention/attention_rounded_internal.h"

VLT_VARIANT(attention, int8_avx_vnni, .summary = "8 bits by sums of four products in 256 bits",
            .quality = VLT_QUALITY_INT8, .loss = 0.05, ROUNDED_VARIANT,
            .applicable = rounded_applicable);
