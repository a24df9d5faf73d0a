/* batch_line.h: one line of a batch -> a request. */
#ifndef VLT_HARNESS_BATCH_LINE_H
#define VLT_HARNESS_BATCH_LINE_H

#include "harness/infer/engine.h"
#include "harness/json/tree.h"

enum { VLT_BATCH_TEXTS_MAX = 4096 };

typedef struct vlt_batch_line {
    vlt_tree_document *document; /* borrows the line's text */
    const vlt_tree *messages, *tools;
    char
        *id; /* JSON text, as exact as the line has it; "null" where there is none; NULL: no line */
    char *asked; /* what its answer answers (batch_asked.h); NULL: nobody wants to know */
    vlt_request request;
    int text_count;
    char *text[VLT_BATCH_TEXTS_MAX]; /* what the request points to; touched as far as that */
} vlt_batch_line;

/* Empty. Of the room for texts nothing is touched: lines are many. */
void vlt_batch_line_init(vlt_batch_line *line);

/* Parses text[bytes], which must live as long as *out. `name` is for messages. On failure out->id
 * is the line's where it could be read; release in any case. */
vlt_status vlt_batch_line_read(const char *text, size_t bytes, const char *name,
                               const vlt_request *defaults, const vlt_engine *engine,
                               vlt_batch_line *out, vlt_error *err);
void vlt_batch_line_release(vlt_batch_line *line);

/* The member "id" of a line as JSON text, malloc'ed; "null" where there is none. INPUT for what
 * JSON cannot say again (NaN, 1e999). */
vlt_status vlt_batch_id(const vlt_tree *line, char **out, vlt_error *err);

#endif
