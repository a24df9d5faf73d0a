/* Bottleneck: AVX-512 multiplies 32 f32 pairs a cycle; the matrix unit multiplies 1024 BF16 pairs.
 * Idea: an f32 is the sum of three BF16 numbers, so x is split into high, middle and low parts, and
 * each meets the BF16 weights in the matrix unit, which sums in f32: f32 accuracy at a third of the
 * unit's rate.
 * Loses: for few rows, where 16 columns of a tile are mostly empty and W must stream anyway, and on
 * small n, where splitting x costs as much as multiplying.
 */
#define PARTS 3 /* BF16 numbers of an f32 */

#include "optimizations/linear/linear_amx_internal.h"

VLT_VARIANT(linear, amx, .summary = "x in three BF16 parts through the matrix unit, f32 accuracy",
            VLT_LINEAR_AMX_VARIANT);
