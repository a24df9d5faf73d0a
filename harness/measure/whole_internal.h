/* whole_internal.h: the child's half of whole.h, for the files that serve its kinds of task. */
#ifndef VLT_HARNESS_WHOLE_INTERNAL_H
#define VLT_HARNESS_WHOLE_INTERNAL_H

#include <stdio.h>

#include "harness/infer/engine.h"
#include "harness/json/json.h"
#include "harness/measure/whole.h"

#define VLT_WHOLE_TASK "tuning task"

/* A task as the child has read it. */
typedef struct vlt_whole_job {
    const char *kind, *quality;                         /* quality NULL: exact */
    char *model, *config, *against, *scenes, *workload; /* owned; workload "": none */
    int64_t parallel, lines; /* lines: of the workload, at most; 0: all */
    int64_t threads, pack_cache, tokens, scene_max, depth;
    double limit_s;
    double begin_ms;
    json_t *answer; /* the members beside the status */
} vlt_whole_job;

/* config: a file, "baseline", or "default". */
vlt_status vlt_whole_open_engine(const vlt_whole_job *job, const char *config, int depth,
                                 vlt_engine **out, vlt_error *err);
bool vlt_whole_time_is_up(const vlt_whole_job *job);

/* A line of the scenes file: picture (with its folder), question, truth; texts owned by `line`. */
typedef struct vlt_whole_scene {
    json_t *line;
    char *path; /* owned */
    const char *question, *truth;
} vlt_whole_scene;

vlt_status vlt_whole_scenes_open(const vlt_whole_job *job, FILE **file, vlt_error *err);
vlt_status vlt_whole_scene_read(const vlt_whole_job *job, FILE *file, vlt_whole_scene *scene,
                                bool *end, vlt_error *err);
void vlt_whole_scene_release(vlt_whole_scene *scene);

/* Answers the scene in a session of its own; fills prompt, images and greedy of the request. */
vlt_status vlt_whole_scene_run(vlt_engine *engine, const vlt_whole_scene *scene,
                               vlt_request *request, vlt_response *response, vlt_error *err);

/* The lines of the workload, or the first of them, each answered; a line that fails is an error.
 * *timings: their sum. */
vlt_status vlt_whole_workload_run(const vlt_whole_job *job, vlt_engine *engine,
                                  vlt_timings *timings, vlt_error *err);

/* Eight short questions at once: meets what only a batch meets. */
vlt_status vlt_whole_batch_run(vlt_engine *engine, vlt_error *err);

/* The kinds: whole_request.c, whole_outputs.c, whole_answers.c, whole_divergence.c. */
vlt_status vlt_whole_serve_request(vlt_whole_job *job, vlt_error *err);
vlt_status vlt_whole_serve_outputs(vlt_whole_job *job, vlt_error *err);
vlt_status vlt_whole_serve_answers(vlt_whole_job *job, vlt_error *err);
vlt_status vlt_whole_serve_divergence(vlt_whole_job *job, vlt_error *err);

#endif
