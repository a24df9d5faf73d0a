/* Bottleneck: an encoder made for the longest text has scratch that spans many pages and cache
 * lines, also for a text of one line.
 * Idea: a pool of encoders by size class; a text takes the smallest one that holds it, so that
 * short texts stay in scratch that is always hot and in few pages.
 * Loses: against one encoder when all texts are of one size; every encoder has its own word cache,
 * which learns less than a shared one.
 */
#include <stdlib.h>

#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

enum { CLASSES_MAX = 16 };

struct state {
    vlt_batch_encoders class[CLASSES_MAX];
    size_t text_max[CLASSES_MAX];
    int classes;
};

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    size_t largest = (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES];
    size_t text_max = (size_t)vlt_plan_knob(plan, 0);
    struct state *s = plan->state = calloc(1, sizeof *s);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch/pooled: out of memory");
    }
    /* Each class holds texts 16 times as long as the one before; the last one holds the batch. */
    for (vlt_status status;; text_max *= 16) {
        bool last = text_max >= largest || s->classes == CLASSES_MAX - 1;
        text_max = last ? largest : text_max;
        s->text_max[s->classes] = text_max;
        status = vlt_batch_encoders_init(&s->class[s->classes++], plan, 1, text_max, err);
        if (status != VLT_OK || last) {
            return status;
        }
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    const struct state *s = plan->state;
    const vlt_tokenize_batch_args *a = args;
    size_t bytes, used = 0;
    vlt_status status = vlt_batch_check(plan, a, &bytes, err);
    for (int64_t t = 0; t < a->text_count && status == VLT_OK; t++) {
        int class = 0;
        size_t count = 0;
        while (s->text_max[class] < a->text_bytes[t]) {
            class ++;
        }
        a->id_first[t] = used;
        status = vlt_batch_encode(s->class[class].plan[0], a, t, a->ids + used, &count, err);
        used += count;
    }
    if (status == VLT_OK) {
        a->id_first[a->text_count] = used;
    }
    return status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        for (int c = 0; c < s->classes; c++) {
            vlt_batch_encoders_release(&s->class[c]);
        }
        free(s);
    }
}

static const int64_t smallest[] = {256, 1024, 4096};
static const vlt_knob knobs[] = {
    {"smallest", "bytes of text in the smallest class", smallest, 3, 1024, NULL},
};

VLT_VARIANT(tokenize_batch, pooled, .summary = "encoders and their scratch by size class",
            .knobs = knobs, .knob_count = 1, .prepare = prepare, .run = run, .release = release);
