/* prompt.h: a request's messages -> token ids, positions and preprocessed images.
 *
 * Everything that can be done before the model computes, so that a batch does it for the next
 * requests meanwhile: it never takes the engine's turn. Any number of threads.
 */
#ifndef VLT_HARNESS_PROMPT_H
#define VLT_HARNESS_PROMPT_H

#include "harness/infer/vision.h"
#include "harness/json/json.h"
#include "harness/json/tree.h"

typedef struct vlt_prompt {
    char *messages; /* the JSON list that was rendered, NUL behind; NULL: it came as a tree */
    size_t messages_bytes;
    int32_t *ids; /* [count], placeholders expanded */
    int64_t count;
    int32_t *position;   /* [3 * count] */
    int32_t *visual_row; /* [count]: row among the visual tokens, or -1 */
    uint64_t *key; /* [count]: what a cache row depends on: the id, or image content and row */
    int64_t delta;
    vlt_visual *visual; /* [visual_count] in order of appearance */
    int visual_count;
    double image_decode_ms, preprocess_ms, tokenize_ms;
} vlt_prompt;

/* conversation: JSON list of the turns so far, or NULL; a request with `prompt` goes behind it.
 * tools: parsed already, or NULL: those of the request. On failure *out is empty. */
vlt_status vlt_prompt_build(vlt_engine *engine, const vlt_request *request,
                            const char *conversation, const vlt_tree *tools, vlt_prompt *out,
                            vlt_error *err);
/* The same for messages (and tools, or NULL) that are parsed already. *out is {0} before. */
vlt_status vlt_prompt_build_tree(vlt_engine *engine, const vlt_request *request,
                                 const vlt_tree *messages, const vlt_tree *tools, vlt_prompt *out,
                                 vlt_error *err);
void vlt_prompt_release(vlt_prompt *prompt); /* may be called on {0} */

/* The list with one more turn; *out is malloc'ed. list may be NULL (empty). */
vlt_status vlt_messages_append(const char *list, const json_t *message, char **out, vlt_error *err);

#endif
