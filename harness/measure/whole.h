/* whole.h: the true end-to-end path, asked in child processes.
 *
 * Every task opens the model in a process of its own (`vltune _whole`), so that a config that
 * crashes, hangs or eats memory costs the question and not the tuner. Which config a task runs
 * under is a file, or "baseline".
 */
#ifndef VLT_HARNESS_WHOLE_H
#define VLT_HARNESS_WHOLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "optimizations/core/problem.h"
#include "optimizations/core/quality.h"

enum { VLT_WHOLE_NAME_BYTES = 40, VLT_WHOLE_PHASE_MAX = 12, VLT_WHOLE_TEXT_BYTES = 512 };

/* What every task needs; texts are borrowed. */
typedef struct vlt_whole_task {
    const char *program;  /* NULL: /proc/self/exe */
    const char *model;    /* directory */
    const char *config;   /* file, "baseline", or "default": what runs without a config */
    const char *against;  /* of outputs: likewise; NULL: "baseline" */
    int depth;            /* of outputs: the first blocks and layers of each tower alone; of a
                            request: may be so, where a whole one takes longer than half of limit_s.
                            0: all */
    const char *scenes;   /* JSON lines of `model scenes`; its first picture is the request's */
    const char *workload; /* of a request: JSON lines as `batch` takes them, in its place; NULL: the
                             first scene, and a small batch for what only a batch meets */
    int parallel;         /* of a workload, as vlt_batch */
    int threads;          /* 0: one per usable core */
    vlt_quality quality;  /* what may be lost */
    int64_t pack_cache;   /* as in vlt_engine_options */
    int64_t tokens;       /* generated, exactly */
    int64_t scene_max;    /* scenes at most; 0: all */
    double limit_s;       /* answers stop after this, with what there is */
    double timeout_s;     /* the child is killed after this */
    uint64_t memory_bytes;
    bool (*stop)(void);
} vlt_whole_task;

/* A problem that a request met. */
typedef struct vlt_whole_problem {
    char op[VLT_WHOLE_NAME_BYTES];
    char bucket[VLT_BUCKET_BYTES];
    char problem[VLT_BUCKET_BYTES];     /* all dimensions */
    double runs;                        /* per request */
    bool composite;                     /* its time is that of other problems */
    char variant[VLT_WHOLE_NAME_BYTES]; /* that did it, with its knobs */
    char knobs[VLT_BUCKET_BYTES];
} vlt_whole_problem;

/* One request: picture and question in, tokens out. */
typedef struct vlt_whole_request {
    uint64_t model_hash;
    char model_name[VLT_WHOLE_TEXT_BYTES]; /* "demo, 4.5 M weights" */
    double total_ms;                       /* load left out */
    int depth; /* not 0: seen through a model of so many blocks and layers, runs and times stretched
                  to the whole */
    struct {
        char name[24];
        double ms;
    } phase[VLT_WHOLE_PHASE_MAX];
    int phase_count;
    vlt_whole_problem *problem; /* owned */
    int problem_count;
    double peak_bytes; /* of the process; NAN unknown */
} vlt_whole_request;

vlt_status vlt_whole_run_request(const vlt_whole_task *task, vlt_whole_request *out,
                                 vlt_error *err);
void vlt_whole_request_release(vlt_whole_request *request); /* fine on {0} */

/* Is the output under the config correct, in the sense of the README: logits teacher-forced on the
 * ids of `against` within the summed tolerances of the operators, greedy ids equal wherever
 * that leads by 0.005? WRONG says where not. */
typedef struct vlt_whole_outputs {
    int64_t scenes;   /* looked at */
    double worst;     /* largest difference of logits over the largest logit */
    double tolerance; /* summed over the operators that ran */
} vlt_whole_outputs;

vlt_status vlt_whole_check_outputs(const vlt_whole_task *task, vlt_whole_outputs *out,
                                   vlt_error *err);

/* Greedy answers to scenes. */
typedef struct vlt_whole_answer {
    char *text, *question, *truth; /* owned */
    bool right;
} vlt_whole_answer;

typedef struct vlt_whole_answers {
    vlt_whole_answer *answer; /* owned */
    int64_t count;
    double peak_bytes; /* of the process; NAN unknown */
} vlt_whole_answers;

vlt_status vlt_whole_answer_scenes(const vlt_whole_task *task, vlt_whole_answers *out,
                                   vlt_error *err);
void vlt_whole_answers_release(vlt_whole_answers *answers); /* fine on {0} */

/* How far the next tokens under the config are from those of what runs without a config and loses
 * nothing, along the latter's greedy answers to the scenes. */
typedef struct vlt_whole_divergence {
    int64_t scenes, steps, agreed; /* steps compared; of them: the same most probable token */
    double kl_mean, kl_max;        /* nats; NAN: one is no number, or nothing was compared */
} vlt_whole_divergence;

vlt_status vlt_whole_measure_divergence(const vlt_whole_task *task, vlt_whole_divergence *out,
                                        vlt_error *err);

/* What the child does: reads a request, writes its answer; the return value says only whether it
 * could be written. */
vlt_status vlt_whole_serve(FILE *in, FILE *out, vlt_error *err);

#endif
