/* Bottleneck: f32 multiplies 32 pairs a cycle and reads two bytes a weight.
 * Idea: weights and activations of 8 bits with a scale a row: four products and their sum in every
 * lane of one instruction, 12 x 32 register tiles, half the bytes a weight.
 * Loses: accuracy (8 bits an operand); on a handful of outputs, where rounding x costs as much as
 * multiplying it.
 */
#include "optimizations/linear/linear_int8_internal.h"

VLT_VARIANT(linear, int8_avx512_vnni, .summary = "int8 by sums of four products, 16 lanes",
            VLT_LINEAR_INT8_VARIANT);
