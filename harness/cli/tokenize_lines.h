/* tokenize_lines.h: what `vltune tokenize` does with JSON lines: one object in, one out, in order.
 */
#ifndef VLT_HARNESS_TOKENIZE_LINES_H
#define VLT_HARNESS_TOKENIZE_LINES_H

#include "harness/json/buffer.h"
#include "harness/model/tokenizer.h"

typedef enum vlt_lines_mode {
    VLT_LINES_ENCODE, /* {"text"} -> {"ids"} */
    VLT_LINES_DECODE, /* {"ids"} -> {"text"} */
    VLT_LINES_RENDER  /* {"messages", "options"} -> {"rendered", "ids"} */
} vlt_lines_mode;

typedef struct vlt_lines_options {
    vlt_lines_mode mode;
    bool skip_special; /* decode: leave special tokens out */
    bool no_special;   /* added tokens are text; render: those of the messages */
    void (*warn)(void *user, const char *message); /* or NULL */
    void *warn_user;
} vlt_lines_options;

/* Lines so far, and those of them that have an error. */
typedef struct vlt_lines_count {
    int64_t done, failed;
} vlt_lines_count;

/* Keeps the tokenize_batch plan between batches; it grows with the longest one. */
typedef struct vlt_lines vlt_lines;

/* tokenizer and context are borrowed. */
vlt_status vlt_lines_create(const vlt_tokenizer *tokenizer, vlt_context *context,
                            const vlt_lines_options *options, vlt_lines **out, vlt_error *err);
void vlt_lines_destroy(vlt_lines *lines); /* NULL is fine */

/* text[bytes]: whole lines; the last one may lack its line feed. Appends one line of output for
 * each. A line that cannot be done gives {"error"}; only lack of memory fails the call. */
vlt_status vlt_lines_run(vlt_lines *lines, const char *text, size_t bytes, vlt_buffer *out,
                         vlt_error *err);
vlt_lines_count vlt_lines_counted(const vlt_lines *lines);

#endif
