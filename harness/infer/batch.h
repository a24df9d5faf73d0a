/* batch.h: many independent requests, one JSON object a line, through overlapping stages.
 *
 * While request k computes, the images of k + 1 are decoded and its text tokenised (how far ahead
 * is the choice of the operator `pipeline`). Several requests may compute side by side, one token
 * each for every time that the weights are read (lanes.h). Answers come in the order of the lines;
 * a line that cannot be answered gets an error and the others go on. A line that begins as an
 * earlier one did (a system prompt, a picture) takes the rows of the cache from there; every answer
 * is what vlt_session_run alone would give.
 *
 * Keys of a line: id (any value), messages or prompt (with images, system), tools, max_tokens,
 * greedy, temperature, top_k, top_p, min_p, repetition_penalty, presence_penalty, seed, stop (text
 * or list), logprobs, ignore_eos, add_vision_id, no_special. Absent ones are those of `defaults`.
 * An unknown key gives a warning.
 */
#ifndef VLT_HARNESS_BATCH_H
#define VLT_HARNESS_BATCH_H

#include <stdio.h>

#include "harness/infer/engine.h"
#include "harness/json/line_reader.h"

typedef struct vlt_batch {
    vlt_line_reader *input;      /* from where it stands; read by another thread during the run */
    const vlt_request *defaults; /* its messages, prompt and callbacks are not used */
    int64_t context;             /* of each request; 0: what it needs */
    int parallel;                /* requests that compute side by side, at most VLT_LANES_MAX; 0: as
                                    the operator `pipeline` is tuned, else one */
    /* Called in order from the caller's thread; id is JSON text; response is NULL where error tells
     * why. Failing ends the batch. */
    vlt_status (*answer)(void *user, const char *id, const vlt_response *response,
                         const vlt_error *error, vlt_error *err);
    /* Before each answer: the members of what it answers (batch_asked.h), "" where there was no
     * memory for them. NULL: nobody wants to know. */
    void (*asked)(void *user, const char *members);
    const char *images;       /* how pictures are read where that is not the default; or NULL */
    bool (*stop)(void *user); /* asked from several threads; the answer under way is dropped */
    void *user;
} vlt_batch;

/* What it asks of the operator `pipeline`: preparing a line, computing it. */
static inline vlt_problem vlt_batch_problem(void)
{
    enum { ITEMS = 64, STAGES = 2 };
    return vlt_pipeline_problem(ITEMS, STAGES);
}

/* STOPPED when `stop` said so. IO when the input cannot be read; every line before it has been
 * answered. *answered counts the calls of answer; may be NULL. */
vlt_status vlt_batch_run(vlt_engine *engine, const vlt_batch *batch, int64_t *answered,
                         vlt_error *err);

/* Where an error is in an output. */
typedef struct vlt_batch_again {
    int64_t at, bytes;
} vlt_batch_again;

/* What a half-written output holds. */
typedef struct vlt_batch_progress {
    int64_t lines;  /* whole answers to the first lines of the input, in order */
    int64_t failed; /* of them errors */
    int64_t bytes;  /* of them: where the next answer belongs */
    int64_t quality_line[VLT_QUALITY_COUNT]; /* the first line computed under each; 0: none */
    char model[20];                          /* of the answers, as they say it; "": none does */
    int64_t model_line;                      /* the first that says so */

    /* Lines for which there was no memory: they are answered again. */
    int64_t again_count;
    vlt_batch_again *again; /* owned */
    vlt_buffer again_text;  /* owned: the input, blank but for these lines */
} vlt_batch_progress;

/* Before going on with a half-written output: reads it from its start, and as many lines of
 * batch->input, so that the batch goes on behind them. INPUT, with the two values that disagree,
 * where a line of it is no answer of this program to the line of the input there, asked as this
 * batch asks it: another id, another request, other options. Release *progress in any case. */
vlt_status vlt_batch_resume(const vlt_batch *batch, FILE *output, const char *output_name,
                            vlt_batch_progress *progress, vlt_error *err);
void vlt_batch_progress_release(vlt_batch_progress *progress); /* may be called twice, or on {0} */

/* One output has answers of one model and one quality: INPUT names a line that was computed by
 * another one. */
vlt_status vlt_batch_check_engine(const vlt_engine *engine, const vlt_batch_progress *progress,
                                  const char *output_name, vlt_error *err);

#endif
