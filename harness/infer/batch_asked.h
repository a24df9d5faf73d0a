/* batch_asked.h: what an answer of a batch answers, so that whoever goes on with a half-written
 * output knows whether it is its own: a digest of the line, the model, and how the line was asked,
 * defaults of the run included. An answer has it as the member "request":
 *
 *     {"line": "32 hexadecimal digits", "model": "16 of them", "max_tokens": 256, "seed": 3, ...}
 *
 * Options that are as the checkpoint has them are absent. A line that failed has "failed" there:
 * the name of the error, "LIMIT" or "NOMEM" where there was no memory for it.
 */
#ifndef VLT_HARNESS_BATCH_ASKED_H
#define VLT_HARNESS_BATCH_ASKED_H

#include "harness/infer/batch.h"
#include "harness/json/buffer.h"
#include "harness/json/tree.h"

/* Members without braces. request: that the line was read to; NULL: it could not be read, and only
 * its digest is written. model: 0 is left out. Check out->failed at the end. */
void vlt_batch_asked_put(vlt_buffer *out, const char *line, size_t line_bytes,
                         const vlt_request *request, const vlt_batch *batch, uint64_t model);

/* Where the member "request" of an answer and the members that it should have differ. */
typedef struct vlt_batch_difference {
    const char *key;         /* static or the documents'; NULL: nowhere */
    char had[80], wants[80]; /* both values as JSON, "none" */
} vlt_batch_difference;

/* "line" first; "model" and "failed" are not compared. line_alone: nothing else is. */
void vlt_batch_asked_compare(const vlt_tree *had, const vlt_tree *wants, bool line_alone,
                             vlt_batch_difference *out);

/* Was it an error of memory, which may be gone the next time? */
bool vlt_batch_asked_again(const vlt_tree *request);

#endif
