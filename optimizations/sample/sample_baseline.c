/* The order of the reference, step by step, over a full sort of the vocabulary. */
#include <math.h>

#include "optimizations/sample/sample_internal.h"

struct entry {
    float score;
    int32_t id;
};

struct state {
    unsigned char *mark;  /* [vocab] */
    float *scores;        /* [vocab] */
    struct entry *sorted; /* [vocab] */
    struct entry *other;  /* [vocab] half sorted */
    float *kept_scores;   /* [vocab] */
    int32_t *kept;        /* [vocab] */
};

static size_t scratch(const vlt_plan *plan)
{
    size_t vocab = (size_t)plan->problem.dim[VLT_SAMPLE_DIM_VOCAB], bytes = 0;
    vlt_frame_reserve(&bytes, vocab, 1);
    vlt_frame_reserve(&bytes, vocab, sizeof(float));
    vlt_frame_reserve(&bytes, vocab, sizeof(struct entry));
    vlt_frame_reserve(&bytes, vocab, sizeof(struct entry));
    vlt_frame_reserve(&bytes, vocab, sizeof(float));
    vlt_frame_reserve(&bytes, vocab, sizeof(int32_t));
    return bytes;
}

static struct state take(vlt_frame frame, size_t vocab)
{
    struct state s;
    s.mark = vlt_frame_take(&frame, vocab, 1);
    s.scores = vlt_frame_take(&frame, vocab, sizeof(float));
    s.sorted = vlt_frame_take(&frame, vocab, sizeof(struct entry));
    s.other = vlt_frame_take(&frame, vocab, sizeof(struct entry));
    s.kept_scores = vlt_frame_take(&frame, vocab, sizeof(float));
    s.kept = vlt_frame_take(&frame, vocab, sizeof(int32_t));
    return s;
}

static void merge(const struct entry *from, struct entry *to, int64_t begin, int64_t middle,
                  int64_t end)
{
    int64_t left = begin, right = middle;
    for (int64_t i = begin; i < end; i++) {
        bool take_left = left < middle && (right >= end || from[left].score <= from[right].score);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

/* Ascending, equal scores by id. qsort is no choice: glibc's may allocate. */
static void sort(struct state *s, int64_t vocab)
{
    for (int64_t i = 0; i < vocab; i++) {
        s->sorted[i] = (struct entry){.score = s->scores[i], .id = (int32_t)i};
    }
    for (int64_t run = 1; run < vocab; run *= 2) {
        for (int64_t i = 0; i < vocab; i += 2 * run) {
            int64_t middle = i + run < vocab ? i + run : vocab;
            int64_t end = i + 2 * run < vocab ? i + 2 * run : vocab;
            merge(s->sorted, s->other, i, middle, end);
        }
        struct entry *swap = s->sorted;
        s->sorted = s->other;
        s->other = swap;
    }
}

/* First of the sorted tokens that top-k keeps; ties with the k-th stay. */
static int64_t after_top_k(const struct entry *sorted, int64_t vocab, int64_t top_k)
{
    if (top_k == 0 || top_k >= vocab) {
        return 0;
    }
    int64_t first = vocab - top_k;
    while (first > 0 && sorted[first - 1].score == sorted[first].score) {
        first--;
    }
    return first;
}

/* Copies the tokens that stand at `first` or later in the sorted order, by id. */
static int64_t keep(struct state *s, int64_t vocab, int64_t first)
{
    int64_t count = 0;
    for (int64_t i = 0; i < vocab; i++) {
        s->mark[i] = 0;
    }
    for (int64_t i = first; i < vocab; i++) {
        s->mark[s->sorted[i].id] = 1;
    }
    for (int64_t i = 0; i < vocab; i++) {
        if (s->mark[i]) {
            s->kept[count] = (int32_t)i;
            s->kept_scores[count++] = s->scores[i];
        }
    }
    return count;
}

static int64_t after_top_p(struct state *s, int64_t vocab, int64_t first, double top_p)
{
    if (top_p >= 1) {
        return first;
    }
    float largest = s->sorted[vocab - 1].score;
    double sum = vlt_sample_sum(s->kept_scores, keep(s, vocab, first), largest);
    uint64_t units = 0;
    for (; first < vocab - 1; first++) {
        units += vlt_sample_units(vlt_sample_probability(s->sorted[first].score, largest, sum));
        if (!vlt_sample_below_top_p(units, top_p)) {
            break;
        }
    }
    return first;
}

static int64_t after_min_p(struct state *s, int64_t vocab, int64_t first, double min_p)
{
    if (min_p <= 0) {
        return first;
    }
    float largest = s->sorted[vocab - 1].score;
    double sum = vlt_sample_sum(s->kept_scores, keep(s, vocab, first), largest);
    float limit = (float)min_p * vlt_sample_probability(largest, largest, sum);
    while (first < vocab - 1 &&
           vlt_sample_probability(s->sorted[first].score, largest, sum) < limit) {
        first++;
    }
    return first;
}

static int32_t argmax(const float *scores, int64_t vocab)
{
    int64_t best = 0;
    for (int64_t i = 1; i < vocab; i++) {
        best = scores[i] > scores[best] ? i : best;
    }
    return (int32_t)best;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const vlt_sample_args *a = args;
    const vlt_sample_params *params = a->params;
    int64_t vocab = plan->problem.dim[VLT_SAMPLE_DIM_VOCAB];
    struct state state = take(frame, (size_t)vocab), *s = &state;
    vlt_status status = vlt_sample_check(a, err);
    if (status != VLT_OK) {
        return status;
    }
    for (int64_t i = 0; i < vocab; i++) {
        s->scores[i] = vlt_sample_bounded(a->logits[i]);
    }
    vlt_sample_penalise(a, vocab, s->mark, s->scores);
    if (params->greedy) {
        int32_t best = argmax(s->scores, vocab);
        if (s->scores[best] == -INFINITY) {
            return vlt_sample_nothing(vocab, err);
        }
        vlt_sample_choose(a, vocab, best);
        return VLT_OK;
    }
    for (int64_t i = 0; i < vocab; i++) {
        s->scores[i] = vlt_sample_bounded(s->scores[i] / (float)params->temperature);
    }
    sort(s, vocab);
    if (s->sorted[vocab - 1].score == -INFINITY) {
        return vlt_sample_nothing(vocab, err);
    }
    int64_t first = after_top_k(s->sorted, vocab, params->top_k);
    first = after_top_p(s, vocab, first, params->top_p);
    first = after_min_p(s, vocab, first, params->min_p);
    int64_t count = keep(s, vocab, first);
    vlt_sample_finish(a, vocab, s->kept_scores, s->kept, count, s->sorted[vocab - 1].score);
    return VLT_OK;
}

VLT_VARIANT(sample, baseline, .summary = "full sort, then the reference's steps in order",
            .scratch = scratch, .run = run);
