/* Bottleneck: amx multiplies three parts of x to keep f32 accuracy.
 * Idea: where rounding to BF16 is permitted, one part is enough: the unit's whole rate.
 * Loses: accuracy (8 bits of x); as amx for few rows and small n.
 */
#define PARTS 1 /* BF16 numbers of an f32 */

#include "optimizations/linear/linear_amx_internal.h"

VLT_VARIANT(linear, bf16_amx, .summary = "x rounded to BF16 through the matrix unit",
            .quality = VLT_QUALITY_BF16, .loss = 0.01, VLT_LINEAR_AMX_VARIANT);
