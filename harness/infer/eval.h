/* eval.h: how often a model answers truly: a file of scenes with question and true answer.
 *
 * A line is {"image", "question", "answer"}; the prompt is one user turn, the picture, then the
 * question; the answer is chosen greedily and is right when it equals the truth, white space at the
 * ends aside. The kind of a question derives from its words: "how many", "describe", "what is in",
 * "background colour", else "other".
 */
#ifndef VLT_HARNESS_EVAL_H
#define VLT_HARNESS_EVAL_H

#include "harness/infer/divergence.h"
#include "harness/json/input.h"

enum { VLT_EVAL_KINDS = 5 };

typedef struct vlt_eval_count {
    const char *name; /* static */
    int64_t right, total;
} vlt_eval_count;

typedef struct vlt_eval_result {
    int64_t right, total;
    vlt_eval_count kind[VLT_EVAL_KINDS];
    /* Where there is an engine to compare with: its answers, and how far the next tokens are. */
    int64_t against_right, same_answers;
    vlt_eval_count against_kind[VLT_EVAL_KINDS];
    vlt_divergence divergence;
} vlt_eval_result;

typedef struct vlt_eval {
    const char *scenes;  /* JSON lines */
    const char *files;   /* folder of the pictures; NULL: that of scenes, or the folder beside it
                           that is named like it without its suffix */
    int64_t limit;       /* scenes at most; 0: all */
    int64_t max_tokens;  /* 0: 256 */
    vlt_engine *against; /* answers every question too, to be compared with; NULL: none */
    /* Called after each scene; false ends with INTERRUPTED. NULL: nobody asks. */
    bool (*answered)(void *user, int64_t index, const char *question, const char *truth,
                     const vlt_response *response, bool right);
    void *user;
    vlt_stop stop; /* asked while scenes do not come (a pipe), for INTERRUPTED; {0}: never */
} vlt_eval;

/* INPUT names the line that has no question, answer or picture. */
vlt_status vlt_eval_run(vlt_engine *engine, const vlt_eval *eval, vlt_eval_result *out,
                        vlt_error *err);

#endif
