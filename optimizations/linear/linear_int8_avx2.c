/* Bottleneck: f32 multiplies 16 pairs a cycle and reads two bytes a weight.
 * Idea: as int8_avx512_vnni with what AVX2 has: bytes multiply in pairs into 16 bits, pairs add up
 * to 32; the sign of an input goes over to the weight, so that no pair overflows.
 * Loses: accuracy (8 bits an operand); against sums of four products where a processor has them.
 */
#include "optimizations/linear/linear_int8_internal.h"

VLT_VARIANT(linear, int8_avx2, .summary = "int8 by sums of pairs without overflow, 8 lanes",
            VLT_LINEAR_INT8_VARIANT);
