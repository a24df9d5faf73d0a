/* batch_line.h: one line of a batch -> a request. */
#ifndef VLT_HARNESS_BATCH_LINE_H
#define VLT_HARNESS_BATCH_LINE_H

#include <stdio.h>

#include "harness/infer/engine.h"
#include "harness/json/json.h"
#include "harness/json/tree.h"

enum { VLT_BATCH_TEXTS_MAX = 4096 };

typedef struct vlt_batch_line {
    vlt_tree_document *document; /* borrows the line's text */
    const vlt_tree *messages, *tools;
    json_t *id; /* null where there is none */
    vlt_request request;
    char *text[VLT_BATCH_TEXTS_MAX]; /* what the request points to */
    int text_count;
} vlt_batch_line;

/* Parses text[bytes], which must live as long as *out. `name` is for messages. On failure out->id
 * is set where it could be read; release in any case. */
vlt_status vlt_batch_line_read(const char *text, size_t bytes, const char *name,
                               const vlt_request *defaults, const vlt_engine *engine,
                               vlt_batch_line *out, vlt_error *err);
void vlt_batch_line_release(vlt_batch_line *line);

/* Next line with something in it; *line is getline's buffer. False at the end. */
bool vlt_batch_next_line(FILE *input, char **line, size_t *room, size_t *bytes);

#endif
