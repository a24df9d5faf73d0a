/* sample_select_internal.h: sampling without a sort, for the base ISA or one vector width.
 *
 *   1  the largest score of every block of BLOCK tokens, once
 *   2  top-k: the k-th largest from a heap of k, which most blocks cannot enter by their largest;
 *      then the tokens that reach it, in order of id
 *   3  top-p: tokens leave a heap of those kept, most likely first, until the mass is reached
 *   4  min-p, sum, draw: over the few tokens left
 * Tokens more than FAR below the largest are left out even without top-k: their f32 probability is
 * 0, so neither a sum nor a draw could tell. Decisions are those of the baseline (see
 * sample_internal.h): same ids, probabilities and bits.
 */
#ifndef VLT_SAMPLE_SELECT_INTERNAL_H
#define VLT_SAMPLE_SELECT_INTERNAL_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "optimizations/core/simd.h"
#include "optimizations/sample/sample_internal.h"

enum { BLOCK = 512 };
#define FAR 110.0f /* exp(-110) is below half the smallest f32 */

struct candidate {
    float score;
    int32_t id;
};

struct select_state {
    int64_t vocab, blocks;
    unsigned char *mark;     /* [vocab] */
    float *scores;           /* [vocab] */
    float *block_largest;    /* [blocks] */
    float *top;              /* [vocab] heap of the k largest, smallest first */
    float *kept_scores;      /* [vocab] in order of id */
    int32_t *kept;           /* [vocab] */
    struct candidate *order; /* [vocab] heap of the kept, most likely first */
};

static size_t select_scratch(const vlt_plan *plan)
{
    size_t vocab = (size_t)plan->problem.dim[VLT_SAMPLE_DIM_VOCAB], bytes = 0;
    vlt_frame_reserve(&bytes, vocab, 1);
    vlt_frame_reserve(&bytes, vocab, sizeof(float));
    vlt_frame_reserve(&bytes, (vocab + BLOCK - 1) / BLOCK, sizeof(float));
    vlt_frame_reserve(&bytes, vocab, sizeof(float));
    vlt_frame_reserve(&bytes, vocab, sizeof(float));
    vlt_frame_reserve(&bytes, vocab, sizeof(int32_t));
    vlt_frame_reserve(&bytes, vocab, sizeof(struct candidate));
    return bytes;
}

static struct select_state select_take(vlt_frame frame, size_t vocab)
{
    size_t blocks = (vocab + BLOCK - 1) / BLOCK;
    struct select_state s = {.vocab = (int64_t)vocab, .blocks = (int64_t)blocks};
    s.mark = vlt_frame_take(&frame, vocab, 1);
    s.scores = vlt_frame_take(&frame, vocab, sizeof(float));
    s.block_largest = vlt_frame_take(&frame, blocks, sizeof(float));
    s.top = vlt_frame_take(&frame, vocab, sizeof(float));
    s.kept_scores = vlt_frame_take(&frame, vocab, sizeof(float));
    s.kept = vlt_frame_take(&frame, vocab, sizeof(int32_t));
    s.order = vlt_frame_take(&frame, vocab, sizeof(struct candidate));
    return s;
}

/* out[count] = in[count] / divisor, bounded; may be in place. Dividing by 1 changes nothing. */
static void divide_bounded(const float *in, float *out, int64_t count, float divisor)
{
    int64_t i = 0;
#ifdef VLT_SIMD
    vec by = vec_set(divisor), most = vec_set(FLT_MAX), none = vec_set(-INFINITY);
    for (; i + VEC_LANES <= count; i += VEC_LANES) {
        vec v = vec_max(vec_div(vec_load(in + i), by), none); /* a NaN becomes `none` */
        vec_store(out + i, vec_min(v, most));
    }
#endif
    for (; i < count; i++) {
        out[i] = vlt_sample_bounded(in[i] / divisor);
    }
}

/* Largest of count >= 1 scores without NaN. */
static float largest_of(const float *scores, int64_t count)
{
    float largest = scores[0];
    int64_t i = 0;
#ifdef VLT_SIMD
    vec a = vec_set(largest), b = a;
    for (; i + 2 * VEC_LANES <= count; i += 2 * VEC_LANES) {
        a = vec_max(a, vec_load(scores + i));
        b = vec_max(b, vec_load(scores + i + VEC_LANES));
    }
    largest = vec_largest(vec_max(a, b));
#else
    enum { CHAINS = 8 }; /* one after the other would wait for each comparison */
    float part[CHAINS];
    for (int c = 0; c < CHAINS; c++) {
        part[c] = largest;
    }
    for (; i + CHAINS <= count; i += CHAINS) {
        for (int c = 0; c < CHAINS; c++) {
            part[c] = scores[i + c] > part[c] ? scores[i + c] : part[c];
        }
    }
    for (int c = 0; c < CHAINS; c++) {
        largest = part[c] > largest ? part[c] : largest;
    }
#endif
    for (; i < count; i++) {
        largest = scores[i] > largest ? scores[i] : largest;
    }
    return largest;
}

static int64_t block_count(const struct select_state *s, int64_t block)
{
    int64_t left = s->vocab - block * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

static float find_largest(struct select_state *s)
{
    for (int64_t b = 0; b < s->blocks; b++) {
        s->block_largest[b] = largest_of(s->scores + b * BLOCK, block_count(s, b));
    }
    return largest_of(s->block_largest, s->blocks);
}

/* The next id from `id` on, below end, whose score is at least `least`; end: none. */
static int64_t next_from(const float *scores, int64_t id, int64_t end, float least)
{
#ifdef VLT_SIMD
    const vec bound = vec_set(least);
    for (; id + VEC_LANES <= end; id += VEC_LANES) {
        const unsigned found = vec_at_least(vec_load(scores + id), bound);
        if (found) {
            return id + __builtin_ctz(found);
        }
    }
#endif
    while (id < end && scores[id] < least) {
        id++;
    }
    return id;
}

/* Lowest id with this score, which one has. */
static int32_t first_with(const struct select_state *s, float score)
{
    int64_t id = 0;
    while (s->block_largest[id / BLOCK] < score) {
        id += BLOCK;
    }
    return (int32_t)next_from(s->scores, id, s->vocab, score);
}

/* Puts `score` into the place of the root and lets it sink: smallest first. */
static void sink_score(float *heap, int64_t count, int64_t at, float score)
{
    for (int64_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && heap[child + 1] < heap[child];
        if (heap[child] >= score) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = score;
}

/* The k-th largest score, 1 <= k < vocab. */
static float kth_largest(struct select_state *s, int64_t k)
{
    memcpy(s->top, s->scores, (size_t)k * sizeof *s->top);
    for (int64_t i = k / 2 - 1; i >= 0; i--) {
        sink_score(s->top, k, i, s->top[i]);
    }
    for (int64_t id = k; id < s->vocab;) {
        int64_t end = (id / BLOCK + 1) * BLOCK;
        end = end < s->vocab ? end : s->vocab;
        if (s->block_largest[id / BLOCK] <= s->top[0]) {
            id = end;
            continue;
        }
        while ((id = next_from(s->scores, id, end, s->top[0])) < end) {
            sink_score(s->top, k, 0, s->scores[id++]); /* an equal one changes nothing */
        }
    }
    return s->top[0];
}

/* Adds the tokens of [id, end) that are at least `least` behind the first `count` kept ones;
 * without a branch, because where one is, many may be. */
static int64_t keep_range(struct select_state *s, int64_t id, int64_t end, float least,
                          int64_t count)
{
    for (; id < end; id++) {
        s->kept[count] = (int32_t)id;
        s->kept_scores[count] = s->scores[id];
        count += s->scores[id] >= least;
    }
    return count;
}

/* Tokens of at least `least`, in order of id. */
static int64_t gather(struct select_state *s, float least)
{
    int64_t count = 0;
    for (int64_t b = 0; b < s->blocks; b++) {
        int64_t id = b * BLOCK, end = id + block_count(s, b);
        if (s->block_largest[b] < least) {
            continue;
        }
#ifdef VLT_SIMD
        for (const vec bound = vec_set(least); id + VEC_LANES <= end; id += VEC_LANES) {
            if (vec_at_least(vec_load(s->scores + id), bound)) {
                count = keep_range(s, id, id + VEC_LANES, least, count);
            }
        }
#endif
        count = keep_range(s, id, end, least, count);
    }
    return count;
}

/* Most likely first; the higher id on ties, because the baseline drops the lower ones first. */
static bool comes_before(struct candidate a, struct candidate b)
{
    return a.score > b.score || (a.score == b.score && a.id > b.id);
}

static void sink(struct candidate *heap, int64_t count, int64_t at)
{
    struct candidate sinking = heap[at];
    for (int64_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && comes_before(heap[child + 1], heap[child]);
        if (comes_before(sinking, heap[child])) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = sinking;
}

/* Keeps the marked ones of the first `count` kept tokens. */
static int64_t keep_marked(struct select_state *s, int64_t count)
{
    int64_t left = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t id = s->kept[i];
        if (s->mark[id]) {
            s->kept[left] = id;
            s->kept_scores[left++] = s->kept_scores[i];
        }
    }
    return left;
}

static int64_t cut_top_p(struct select_state *s, int64_t count, float largest, double top_p)
{
    double sum = vlt_sample_sum(s->kept_scores, count, largest);
    uint64_t units = 0; /* of the token at the root and all behind it */
    int64_t left = count;
    for (int64_t i = 0; i < count; i++) {
        units += vlt_sample_units(vlt_sample_probability(s->kept_scores[i], largest, sum));
        s->mark[s->kept[i]] = 0;
        s->order[i] = (struct candidate){.score = s->kept_scores[i], .id = s->kept[i]};
    }
    for (int64_t i = count / 2 - 1; i >= 0; i--) {
        sink(s->order, count, i);
    }
    while (left > 0 && (left == count || !vlt_sample_below_top_p(units, top_p))) {
        float score = s->order[0].score;
        s->mark[s->order[0].id] = 1;
        units -= vlt_sample_units(vlt_sample_probability(score, largest, sum));
        s->order[0] = s->order[--left];
        if (left > 0) {
            sink(s->order, left, 0);
        }
    }
    return keep_marked(s, count);
}

static int64_t cut_min_p(struct select_state *s, int64_t count, float largest, double min_p)
{
    double sum = vlt_sample_sum(s->kept_scores, count, largest);
    float limit = (float)min_p * vlt_sample_probability(largest, largest, sum);
    for (int64_t i = 0; i < count; i++) {
        s->mark[s->kept[i]] = !(vlt_sample_probability(s->kept_scores[i], largest, sum) < limit);
    }
    return keep_marked(s, count);
}

static vlt_status select_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    const vlt_sample_args *a = args;
    const vlt_sample_params *params = a->params;
    vlt_status status = vlt_sample_check(a, err);
    if (status != VLT_OK) {
        return status;
    }
    struct select_state state = select_take(frame, (size_t)plan->problem.dim[VLT_SAMPLE_DIM_VOCAB]);
    struct select_state *s = &state;
    divide_bounded(a->logits, s->scores, s->vocab, 1);
    vlt_sample_penalise(a, s->vocab, s->mark, s->scores);
    if (!params->greedy && params->temperature != 1) {
        divide_bounded(s->scores, s->scores, s->vocab, (float)params->temperature);
    }
    float largest = find_largest(s);
    if (largest == -INFINITY) {
        return vlt_sample_nothing(s->vocab, err);
    }
    if (params->greedy) {
        vlt_sample_choose(a, s->vocab, first_with(s, largest));
        return VLT_OK;
    }
    float least = largest - FAR;
    if (params->top_k > 0 && params->top_k < s->vocab) {
        float kth = kth_largest(s, params->top_k);
        least = kth > least ? kth : least;
    }
    int64_t count = gather(s, least);
    count = params->top_p < 1 ? cut_top_p(s, count, largest, params->top_p) : count;
    count = params->min_p > 0 ? cut_min_p(s, count, largest, params->min_p) : count;
    vlt_sample_finish(a, s->vocab, s->kept_scores, s->kept, count, largest);
    return VLT_OK;
}

#endif
