/* Bottleneck: the baseline streams all keys, then all values, through the caches for every query.
 * Idea: blocks of keys stay in the first-level cache while a block of queries meets them; maxima
 * and sums are corrected as blocks come (online softmax; Milakov and Gimelshein, arXiv
 * 1805.02867), so that no row of scores is ever whole.
 * Loses: with one query, or with keys that fit into the cache anyway.
 */
#include <math.h>
#include <stdio.h>

#include "optimizations/attention/attention.h"
#include "optimizations/core/utf8_text.h"

enum { QUERIES = 32, KEYS_MAX = 256 };

static const int64_t key_values[] = {32, 64, 128, 256};
static const vlt_knob knobs[] = {{"keys", "keys in a block", key_values, 4, 64, NULL}};

/* One query while its blocks come. */
struct row {
    float largest, sum;
};

/* Scores of a block and its largest, as the baseline computes them. */
static float score_block(const float *q, const float *k, int64_t k_row, int64_t head, int64_t count,
                         float *score)
{
    float scale = 1.0f / sqrtf((float)head), largest = -INFINITY;
    for (int64_t j = 0; j < count; j++) {
        float dot = 0;
        for (int64_t i = 0; i < head; i++) {
            dot += q[i] * k[j * k_row + i];
        }
        score[j] = dot * scale;
        largest = score[j] > largest ? score[j] : largest;
    }
    return largest;
}

static void add_block(struct row *row, float *out, float *score, float largest, const float *v,
                      int64_t v_row, int64_t head, int64_t count)
{
    float larger = largest > row->largest ? largest : row->largest;
    float factor = expf(row->largest - larger);
    row->largest = larger;
    row->sum *= factor;
    for (int64_t i = 0; i < head; i++) {
        out[i] *= factor;
    }
    for (int64_t j = 0; j < count; j++) {
        float weight = expf(score[j] - larger);
        row->sum += weight;
        for (int64_t i = 0; i < head; i++) {
            out[i] += weight * v[j * v_row + i];
        }
    }
}

static void attend(const vlt_plan *plan, const vlt_attention_args *a, int64_t h, int64_t begin,
                   int64_t end)
{
    const int64_t *dim = plan->problem.dim;
    int64_t head = dim[VLT_ATTENTION_DIM_HEAD], causal = dim[VLT_ATTENTION_DIM_CAUSAL];
    int64_t kv_head = h / (dim[VLT_ATTENTION_DIM_HEADS] / dim[VLT_ATTENTION_DIM_KV_HEADS]);
    int64_t keys = vlt_plan_knob(plan, 0), seen = vlt_attention_visible(a, end - 1, causal);
    struct row row[QUERIES];
    float score[KEYS_MAX];

    for (int64_t r = begin; r < end; r++) {
        row[r - begin] = (struct row){.largest = -INFINITY, .sum = 0};
        for (int64_t i = 0; i < head; i++) {
            a->out[r * a->out_row + h * a->out_head + i] = 0;
        }
    }
    for (int64_t first = 0; first < seen; first += keys) {
        const float *k = (const float *)(const void *)vlt_kv_row(&a->k, first, kv_head);
        const float *v = (const float *)(const void *)vlt_kv_row(&a->v, first, kv_head);
        for (int64_t r = begin; r < end; r++) {
            const float *q = a->q + r * a->q_row + h * a->q_head;
            int64_t count = vlt_attention_visible(a, r, causal) - first;
            if (count > 0) {
                count = count < keys ? count : keys;
                float largest = score_block(q, k, a->k.row_bytes / (int64_t)sizeof *k, head, count,
                                            score);
                add_block(&row[r - begin], a->out + r * a->out_row + h * a->out_head, score,
                          largest, v, a->v.row_bytes / (int64_t)sizeof *v, head, count);
            }
        }
    }
    for (int64_t r = begin; r < end; r++) {
        for (int64_t i = 0; i < head; i++) {
            a->out[r * a->out_row + h * a->out_head + i] /= row[r - begin].sum;
        }
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_attention_args *first = args;
    for (const vlt_attention_args *a = first; a <= first + first->more; a++) {
        for (int64_t h = 0; h < plan->problem.dim[VLT_ATTENTION_DIM_HEADS]; h++) {
            for (int64_t r = 0; r < a->q_rows; r += QUERIES) {
                attend(plan, a, h, r, r + QUERIES < a->q_rows ? r + QUERIES : a->q_rows);
            }
        }
    }
    return VLT_OK;
}

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    if (problem->dim[VLT_ATTENTION_DIM_KV] != VLT_FORMAT_F32) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "keys and values in %s, expected F32",
                        vlt_format_name((vlt_format)problem->dim[VLT_ATTENTION_DIM_KV]));
        return false;
    }
    return vlt_attention_applicable(problem, caps, reason);
}

VLT_VARIANT(attention, blocked, .summary = "plain C, blocks of keys, online softmax",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .applicable = applicable,
            .run = run);
