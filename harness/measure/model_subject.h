/* model_subject.h: one whole request through the inference path as something to measure.
 *
 * The text is "run:" and a JSON object: "model" (directory), "config" (file of a tuned config,
 * "baseline", or absent: none), "image" (file, or absent: a drawn scene of 640 x 480), "prompt"
 * (absent: the scene's question), "tokens" (16), "quality" (exact), "pack_cache" (as in
 * vlt_engine_options; 0), "force" (as --force). Names that are no UTF-8 are written as
 * vlt_json_set_bytes does. The engine is opened once; a call opens a session, decodes the image,
 * answers greedily with exactly so many tokens, and closes the session: what a user waits for, load
 * left out.
 *
 * With "workload" (JSON lines as `batch` takes them), "lines" (of them, at most; 0: all) and
 * "parallel" (0: as tuned) a call answers these lines as one batch; one has been answered before.
 * Nothing computed in the call before is known any more, and services are as tuned; a single
 * request keeps nothing.
 */
#ifndef VLT_HARNESS_MODEL_SUBJECT_H
#define VLT_HARNESS_MODEL_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/quality.h"

/* The greedy rule of the README: ids must be equal as long as the reference's most probable token
 * leads by at least this much. */
#define VLT_MODEL_SUBJECT_MARGIN 0.005

typedef struct vlt_model_subject vlt_model_subject;

bool vlt_model_subject_named(const char *what); /* begins with "run:" */

/* What the text says; all but the model and the tokens may be NULL or 0. */
typedef struct vlt_model_request {
    const char *model, *config, *image, *prompt, *workload, *force;
    int tokens, parallel, lines;
    vlt_quality quality;
    int64_t pack_cache;
} vlt_model_request;

/* The text for such a subject, malloc'ed. */
vlt_status vlt_model_subject_format(const vlt_model_request *request, char **what, vlt_error *err);

/* "model DIR, config tuned.toml" for people, from such a text. */
void vlt_model_subject_describe(const char *what, char *text, size_t text_bytes);

/* device: that it may use; NULL: none. UNSUPPORTED for a simulated one: its times are none. */
vlt_status vlt_model_subject_create(const char *what, int threads, const char *device,
                                    uint64_t seed, vlt_model_subject **out, vlt_error *err);
void vlt_model_subject_destroy(vlt_model_subject *subject); /* NULL is fine */
int vlt_model_subject_run(vlt_model_subject *subject, int64_t iterations, vlt_error *err);

/* Of the last run: ids[count], and by how much each led the next most probable token. */
int64_t vlt_model_subject_ids(const vlt_model_subject *subject, const int32_t **ids,
                              const float **leads);

#endif
