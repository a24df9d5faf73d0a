/* line_reader.h: the lines of a file, a pipe or standard input. */
#ifndef VLT_HARNESS_LINE_READER_H
#define VLT_HARNESS_LINE_READER_H

#include <stdint.h>

#include "harness/json/buffer.h"
#include "harness/json/input.h"

typedef struct vlt_line_reader {
    int file; /* -1: none */
    const char *name;
    vlt_stop stop; /* asked NULL: waits as long as it takes; may be set later */
    int64_t line;  /* number of the line given last, as an editor counts */
    vlt_buffer ahead;
    size_t at; /* of `ahead`: what has been given */
    bool ended;
} vlt_line_reader;

/* path: "-" is standard input. IO names the path, which is borrowed. The caller closes *out in any
 * case. */
vlt_status vlt_line_reader_open(const char *path, vlt_line_reader *out, vlt_error *err);
void vlt_line_reader_close(vlt_line_reader *reader);

/* The next line with more in it than blanks, without its end, into *line, whose bytes are replaced;
 * *found is false at the end. IO, INTERRUPTED (see input.h), LIMIT for a line of more than 1 GiB.
 */
vlt_status vlt_line_reader_next(vlt_line_reader *reader, vlt_buffer *line, bool *found,
                                vlt_error *err);

/* Gives back what vlt_line_reader_next gave last: it comes again, without its end. NOMEM. */
vlt_status vlt_line_reader_return(vlt_line_reader *reader, const vlt_buffer *line, vlt_error *err);

/* Would vlt_line_reader_next give a line, or the end, without waiting for whoever writes it? */
bool vlt_line_reader_ready(const vlt_line_reader *reader);

#endif
