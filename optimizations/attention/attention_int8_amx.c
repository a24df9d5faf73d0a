/* Bottleneck: sums of four byte products do 128 multiply-adds a cycle; the matrix unit does 2048.
 * Idea: what int8_avx512_vnni packs is what tiles of the unit hold: 32 lines by 32 keys or columns
 * in four tiles of sums; the same bits.
 * Loses: for few rows and heads that make no whole tile of 64 inputs, where most of a tile is
 * empty.
 */
#define PACKED_INT8
#define PACKED_TILES

#include "optimizations/attention/attention_rounded_internal.h"

VLT_VARIANT(attention, int8_amx, .summary = "8 bits through the matrix unit, softmax f32",
            .quality = VLT_QUALITY_INT8, .loss = 0.05, ROUNDED_VARIANT,
            .applicable = rounded_applicable);
