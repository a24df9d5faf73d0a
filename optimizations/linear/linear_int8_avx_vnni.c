/* Bottleneck: AVX2 needs three instructions, and the signs of the weights, for sums of four bytes.
 * Idea: as int8_avx512_vnni with 256-bit registers, for processors that have the instruction and no
 * AVX-512: 6 x 16 register tiles.
 * Loses: accuracy (8 bits an operand); against the wider registers.
 */
#include "optimizations/linear/linear_int8_internal.h"

VLT_VARIANT(linear, int8_avx_vnni, .summary = "int8 by sums of four products, 8 lanes",
            VLT_LINEAR_INT8_VARIANT);
