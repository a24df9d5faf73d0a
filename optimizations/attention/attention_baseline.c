/* One query after the other: all its scores, their softmax, the weighted sum of the values. */
#include <math.h>

#include "optimizations/attention/attention.h"

/* Fills score[visible] with exp(score - largest) and returns their sum. */
static float softmax(float *score, const float *q, const float *k, int64_t k_row, int64_t head,
                     int64_t visible)
{
    float scale = 1.0f / sqrtf((float)head), largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < visible; j++) {
        float dot = 0;
        for (int64_t i = 0; i < head; i++) {
            dot += q[i] * k[j * k_row + i];
        }
        score[j] = dot * scale;
        largest = score[j] > largest ? score[j] : largest;
    }
    for (int64_t j = 0; j < visible; j++) {
        score[j] = expf(score[j] - largest);
        sum += score[j];
    }
    return sum;
}

static void weighted_sum(float *out, const float *score, float sum, const float *v, int64_t v_row,
                         int64_t head, int64_t visible)
{
    for (int64_t i = 0; i < head; i++) {
        out[i] = 0;
    }
    for (int64_t j = 0; j < visible; j++) {
        for (int64_t i = 0; i < head; i++) {
            out[i] += score[j] * v[j * v_row + i];
        }
    }
    for (int64_t i = 0; i < head; i++) {
        out[i] /= sum;
    }
}

static size_t scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)plan->problem.dim[VLT_ATTENTION_DIM_KV_ROWS], sizeof(float));
    return bytes;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_attention_args *a = args;
    const int64_t *dim = plan->problem.dim;
    int64_t heads = dim[VLT_ATTENTION_DIM_HEADS], head = dim[VLT_ATTENTION_DIM_HEAD];
    int64_t group = heads / dim[VLT_ATTENTION_DIM_KV_HEADS];
    float *score = vlt_frame_take(&frame, (size_t)a->kv_rows, sizeof *score);
    for (int64_t h = 0; h < heads; h++) {
        const float *k = a->k + h / group * a->k_head, *v = a->v + h / group * a->v_head;
        for (int64_t r = 0; r < a->q_rows; r++) {
            int64_t visible = vlt_attention_visible(a, r, dim[VLT_ATTENTION_DIM_CAUSAL]);
            float sum = softmax(score, a->q + r * a->q_row + h * a->q_head, k, a->k_row, head,
                                visible);
            weighted_sum(a->out + r * a->out_row + h * a->out_head, score, sum, v, a->v_row, head,
                         visible);
        }
    }
    return VLT_OK;
}

VLT_VARIANT(attention, baseline, .summary = "one query row after the other",
            .applicable = vlt_attention_applicable, .scratch = scratch, .run = run);
