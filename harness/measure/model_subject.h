/* model_subject.h: one whole request through the inference path as something to measure.
 *
 * The text is "run:" and a JSON object: "model" (directory), "config" (file of a tuned config,
 * "baseline", or absent: none), "image" (file, or absent: a drawn scene of 640 x 480), "prompt"
 * (absent: the scene's question), "tokens" (16). The engine is opened once; a call opens a session,
 * decodes the image, answers greedily with exactly so many tokens, and closes the session: what a
 * user waits for, load left out.
 */
#ifndef VLT_HARNESS_MODEL_SUBJECT_H
#define VLT_HARNESS_MODEL_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

/* The greedy rule of the README: ids must be equal as long as the reference's most probable token
 * leads by at least this much. */
#define VLT_MODEL_SUBJECT_MARGIN 0.005

typedef struct vlt_model_subject vlt_model_subject;

bool vlt_model_subject_named(const char *what); /* begins with "run:" */

/* The text for such a subject into what; any argument but model may be NULL. LIMIT when it does not
 * fit. */
vlt_status vlt_model_subject_format(const char *model, const char *config, const char *image,
                                    const char *prompt, int tokens, char *what, size_t what_bytes,
                                    vlt_error *err);

vlt_status vlt_model_subject_create(const char *what, int threads, uint64_t seed,
                                    vlt_model_subject **out, vlt_error *err);
void vlt_model_subject_destroy(vlt_model_subject *subject); /* NULL is fine */
int vlt_model_subject_run(vlt_model_subject *subject, int64_t iterations, vlt_error *err);

/* Of the last run: ids[count], and by how much each led the next most probable token. */
int64_t vlt_model_subject_ids(const vlt_model_subject *subject, const int32_t **ids,
                              const float **leads);

#endif
