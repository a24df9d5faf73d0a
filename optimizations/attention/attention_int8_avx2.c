/* Bottleneck: scores and sums of values are two f32 products of 8 multiply-adds an instruction.
 * Idea: bytes as in int8_avx512_vnni, but sums of two products in 16 bits: the unsigned byte, of a
 * query or of a probability, has 7 bits, so that no pair overflows and three instructions multiply
 * 32 pairs. Queries have steps of a 63rd of their largest, probabilities of a 127th.
 * Loses: a bit of accuracy more than those that sum four; to avx512, whose f32 multiplies as many
 * pairs a cycle; where fewer than 128 rows of queries meet a key, since packing it costs as much.
 */
#define PACKED_INT8

#include "optimizations/attention/attention_rounded_internal.h"

enum { MEETINGS_MIN = 128 };

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    const int64_t *dim = problem->dim;
    const int64_t group = dim[VLT_ATTENTION_DIM_HEADS] / dim[VLT_ATTENTION_DIM_KV_HEADS];
    const int64_t meetings = dim[VLT_ATTENTION_DIM_Q_ROWS] * group;
    if (meetings < MEETINGS_MIN) {
        snprintf(reason, VLT_REASON_BYTES,
                 "%lld rows of queries meet a key, at least %d: fewer do not pay for packing it",
                 (long long)meetings, MEETINGS_MIN);
        return false;
    }
    return rounded_applicable(problem, caps, reason);
}

VLT_VARIANT(attention, int8_avx2, .summary = "8 bits by sums of two products, 7 of them unsigned",
            .quality = VLT_QUALITY_INT8, .loss = 0.05, ROUNDED_VARIANT, .applicable = applicable);
