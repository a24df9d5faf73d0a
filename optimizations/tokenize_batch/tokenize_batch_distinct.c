/* Bottleneck: a batch of chat turns holds the same texts again and again, and every one is encoded.
 * Idea: texts that are equal, byte by byte, are found by their hashes and encoded once, the
 * distinct ones on all threads; the others are copies of the lists.
 * Loses: where nothing comes twice it costs a hash of every text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/hash.h"
#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

enum { NONE = -1, REPEATS_LEAST = 10 };

struct state {
    vlt_batch_spread spread;
    int64_t *index;   /* [texts] */
    int64_t *same_as; /* [texts] */
    uint64_t *hash;   /* [texts] */
    int64_t *bucket;  /* [bucket_mask + 1]: the newest distinct text of a bucket */
    int64_t *next;    /* [texts]: the one before it there */
    uint64_t bucket_mask;
};

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    long long repeats = (long long)problem->dim[VLT_TOKENIZE_BATCH_DIM_REPEATS];
    if (repeats < REPEATS_LEAST) {
        snprintf(reason, VLT_REASON_BYTES, "%lld %% of the texts repeat, less than %d %%", repeats,
                 REPEATS_LEAST);
        return false;
    }
    return true;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    size_t texts = (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS], buckets = 2;
    struct state *s = plan->state = calloc(1, sizeof *s);
    while (buckets < 2 * texts) {
        buckets *= 2;
    }
    if (!s || !(s->index = calloc(texts, sizeof *s->index)) ||
        !(s->same_as = calloc(texts, sizeof *s->same_as)) ||
        !(s->hash = calloc(texts, sizeof *s->hash)) ||
        !(s->next = calloc(texts, sizeof *s->next)) ||
        !(s->bucket = calloc(buckets, sizeof *s->bucket))) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch/distinct: out of memory");
    }
    s->bucket_mask = buckets - 1;
    return vlt_batch_spread_init(&s->spread, plan, err);
}

static bool equal(const vlt_tokenize_batch_args *args, int64_t t, int64_t earlier)
{
    return args->text_bytes[t] == args->text_bytes[earlier] &&
           !memcmp(args->text[t], args->text[earlier], args->text_bytes[t]) &&
           (!args->plain || (!args->plain[t].count && !args->plain[earlier].count));
}

/* The earlier text that is equal, or t itself, which then stands in its bucket. */
static int64_t find(const struct state *s, const vlt_tokenize_batch_args *args, int64_t t)
{
    s->hash[t] = vlt_hash_bytes(args->text[t], args->text_bytes[t], 0);
    int64_t *bucket = &s->bucket[s->hash[t] & s->bucket_mask];
    for (int64_t earlier = *bucket; earlier != NONE; earlier = s->next[earlier]) {
        if (s->hash[earlier] == s->hash[t] && equal(args, t, earlier)) {
            return earlier;
        }
    }
    s->next[t] = *bucket;
    *bucket = t;
    return t;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    const struct state *s = plan->state;
    const vlt_tokenize_batch_args *a = args;
    vlt_batch_distinct distinct = {.index = s->index, .same_as = s->same_as};
    size_t bytes;
    vlt_status status = vlt_batch_check(plan, a, &bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    memset(s->bucket, 0xFF, (s->bucket_mask + 1) * sizeof *s->bucket);
    for (int64_t t = 0; t < a->text_count; t++) {
        s->same_as[t] = find(s, a, t);
        if (s->same_as[t] == t) {
            s->index[distinct.count++] = t;
        }
    }
    return vlt_batch_spread_run(&s->spread, plan, a, &distinct, err);
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_batch_spread_release(&s->spread);
        free(s->index);
        free(s->same_as);
        free(s->hash);
        free(s->next);
        free(s->bucket);
        free(s);
    }
}

VLT_VARIANT(tokenize_batch, distinct, .summary = "equal texts once, on the thread pool",
            .knobs = vlt_batch_spread_knobs, .knob_count = VLT_BATCH_SPREAD_KNOBS,
            .applicable = applicable, .prepare = prepare, .run = run, .release = release);
