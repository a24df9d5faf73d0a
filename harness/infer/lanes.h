/* lanes.h: the requests of a batch that are answered side by side, and the order of their answers.
 *
 *   jobs ---> [lane 0] [lane 1] ... [lane n - 1]  ---> answers wait here until it is their turn
 *              one step for all: every weight is read once for all tokens of a step
 *
 * A lane holds a job with a session of its own. What a job is answered does not depend on its
 * company (generation.h), nor does whether it is: a job that finds no memory beside others is
 * answered when nobody else holds any, and refused only then. All calls come from one thread.
 */
#ifndef VLT_HARNESS_LANES_H
#define VLT_HARNESS_LANES_H

#include "harness/infer/batch_line.h"
#include "harness/infer/prompt.h"
#include "harness/json/buffer.h"
#include "optimizations/core/utf8_text.h"

enum { VLT_LANES_MAX = 64 };

/* A line of the batch, ready to be computed. */
typedef struct vlt_job {
    char name[VLT_QUOTED_PATH_BYTES + 32]; /* "FILE line N", for messages */
    vlt_buffer text;                       /* of the line; its memory is used again */
    vlt_batch_line line;
    vlt_prompt prompt;
    bool dropped; /* the prompt was given back: the line is prepared again */
} vlt_job;

/* Empty; NULL: no memory. What it has room for becomes resident as it is used. */
vlt_job *vlt_job_create(void);
void vlt_job_release(vlt_job *job); /* all but the memory of the text */
void vlt_job_destroy(vlt_job *job); /* NULL is fine */

typedef struct vlt_lanes_options {
    vlt_engine *engine;
    int count;       /* lanes, 1 to VLT_LANES_MAX */
    int64_t context; /* of every session; 0: what the request needs */
    /* As soon as the response is there, in any order. */
    void (*finished)(void *user, vlt_response *response);
    /* In the order of the items; id and asked are those of the line, or NULL; response is NULL
     * where error tells why. */
    void (*answer)(void *user, const char *id, const char *asked, const vlt_response *response,
                   const vlt_error *error);
    /* on: no lane is busy, and yet there is no memory for a job: whatever else holds some gives it
     * back and waits until the same is called with false. NULL: nothing else does. */
    void (*alone)(void *user, bool on);
    /* Prepares a job again whose prompt was given back. NULL: none is. */
    vlt_status (*prepare)(void *user, vlt_job *job, vlt_error *err);
    void *user;
} vlt_lanes_options;

typedef struct vlt_lanes vlt_lanes;

vlt_status vlt_lanes_create(const vlt_lanes_options *options, vlt_lanes **out, vlt_error *err);
void vlt_lanes_destroy(vlt_lanes *lanes); /* what is under way is dropped; NULL is fine */

/* The next item: *job goes into a lane, and another one, empty, comes back. Steps until there is
 * a lane, room for its answer, and memory: a job that fits alone is answered, whatever the others
 * hold. One whose prompt was dropped is prepared here. */
void vlt_lanes_take(vlt_lanes *lanes, vlt_job **job);

/* Nothing is under way any more: steps until no lane is busy, then gives back what the lanes keep
 * (rows, prompts that wait). False: an answer was interrupted. */
bool vlt_lanes_clear(vlt_lanes *lanes);

/* The next item has failed before it was computed. */
void vlt_lanes_fail(vlt_lanes *lanes, vlt_job *job, const vlt_error *error);

/* One step of every lane that is busy. False when none was, or an answer was interrupted: nothing
 * is answered from there on. */
bool vlt_lanes_step(vlt_lanes *lanes);

bool vlt_lanes_interrupted(const vlt_lanes *lanes);

#endif
