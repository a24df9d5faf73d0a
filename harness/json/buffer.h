/* buffer.h: text that grows, with one check at the end. */
#ifndef VLT_HARNESS_BUFFER_H
#define VLT_HARNESS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/compiler.h"

/* Starts as {0}; freed with free(data). Once memory failed, everything put later is dropped. */
typedef struct vlt_buffer {
    char *data; /* a NUL behind once anything was put */
    size_t bytes;
    size_t room;
    bool failed;
} vlt_buffer;

void vlt_buffer_put(vlt_buffer *buffer, const void *data, size_t bytes);
void vlt_buffer_text(vlt_buffer *buffer, const char *text);
void vlt_buffer_print(vlt_buffer *buffer, const char *format, ...) VLT_PRINTF(2, 3);

/* A JSON string with its quotes, non-ASCII raw, as json.dumps(x, ensure_ascii=False) writes it. */
void vlt_buffer_json_string(vlt_buffer *buffer, const char *text, size_t bytes);

/* The text as XML and HTML take it, in any attribute or element: entities; bytes that are no UTF-8
 * and control characters as utf8_text.h shows them, but for tabs and ends of lines; U+FFFE and
 * U+FFFF, which XML 1.0 forbids, as '?'. */
void vlt_buffer_xml(vlt_buffer *buffer, const char *text);

/* "[1,2,3]" */
void vlt_buffer_json_ids(vlt_buffer *buffer, const int32_t *ids, size_t count);

#endif
