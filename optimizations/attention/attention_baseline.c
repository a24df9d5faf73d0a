/* One query after the other: all its scores, their softmax, the weighted sum of the values. */
#include <math.h>

#include "optimizations/attention/attention.h"

/* A row as f32: where it lies, or widened into room[head]. */
static const float *row_of(const vlt_kv_view *view, int64_t row, int64_t kv_head, int64_t head,
                           float *room)
{
    const void *data = vlt_kv_row(view, row, kv_head);
    if (view->format == VLT_FORMAT_F32) {
        return data;
    }
    vlt_f32_from((vlt_dtype)view->format, data, (size_t)head, room);
    return room;
}

/* Fills score[visible] with exp(score - largest) and returns their sum; room[head] is scratch. */
static float softmax(float *score, const float *q, const vlt_kv_view *k, int64_t kv_head,
                     int64_t head, int64_t visible, float *room)
{
    float scale = 1.0f / sqrtf((float)head), largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < visible; j++) {
        float dot = 0;
        const float *key = row_of(k, j, kv_head, head, room);
        for (int64_t i = 0; i < head; i++) {
            dot += q[i] * key[i];
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

/* room[head] is scratch. */
static void weighted_sum(float *out, const float *score, float sum, const vlt_kv_view *v,
                         int64_t kv_head, int64_t head, int64_t visible, float *room)
{
    for (int64_t i = 0; i < head; i++) {
        out[i] = 0;
    }
    for (int64_t j = 0; j < visible; j++) {
        const float *value = row_of(v, j, kv_head, head, room);
        for (int64_t i = 0; i < head; i++) {
            out[i] += score[j] * value[i];
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
    vlt_frame_reserve(&bytes, (size_t)plan->problem.dim[VLT_ATTENTION_DIM_HEAD], sizeof(float));
    return bytes;
}

static void run_sequence(const vlt_plan *plan, vlt_frame frame, const vlt_attention_args *a)
{
    const int64_t *dim = plan->problem.dim;
    int64_t heads = dim[VLT_ATTENTION_DIM_HEADS], head = dim[VLT_ATTENTION_DIM_HEAD];
    int64_t group = heads / dim[VLT_ATTENTION_DIM_KV_HEADS];
    float *score = vlt_frame_take(&frame, (size_t)a->kv_rows, sizeof *score);
    float *row = vlt_frame_take(&frame, (size_t)head, sizeof *row);
    for (int64_t h = 0; h < heads; h++) {
        for (int64_t r = 0; r < a->q_rows; r++) {
            int64_t visible = vlt_attention_visible(a, r, dim[VLT_ATTENTION_DIM_CAUSAL]);
            float sum = softmax(score, a->q + r * a->q_row + h * a->q_head, &a->k, h / group, head,
                                visible, row);
            weighted_sum(a->out + r * a->out_row + h * a->out_head, score, sum, &a->v, h / group,
                         head, visible, row);
        }
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_attention_args *a = args;
    for (int64_t i = 0; i <= a->more; i++) {
        run_sequence(plan, frame, a + i);
    }
    return VLT_OK;
}

VLT_VARIANT(attention, baseline, .summary = "one query row after the other",
            .applicable = vlt_attention_applicable, .scratch = scratch, .run = run);
