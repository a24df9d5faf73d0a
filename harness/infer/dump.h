/* dump.h: the intermediate tensors of one prompt, for comparing with another implementation.
 *
 * Names and shapes: harness/model/README.md#names-in-a-dump; all rows of the prompt pass with its
 * blocks joined. A NULL dump takes nothing, so that the computation calls it unconditionally.
 */
#ifndef VLT_HARNESS_DUMP_H
#define VLT_HARNESS_DUMP_H

#include "optimizations/core/dtype.h"
#include "optimizations/core/status.h"

typedef struct vlt_dump vlt_dump;

vlt_status vlt_dump_create(vlt_dump **out, vlt_error *err);
void vlt_dump_destroy(vlt_dump *dump); /* NULL is fine */

/* Appends rows of `width` elements of 4 bytes to the tensor `name`, [rows, width]; width 0 makes it
 * [rows]. Copies. */
vlt_status vlt_dump_rows(vlt_dump *dump, const char *name, vlt_dtype dtype, const void *data,
                         int64_t rows, int64_t width, vlt_error *err);

/* The same with a number in the name: "vision.block.%d". */
vlt_status vlt_dump_layer(vlt_dump *dump, const char *format, int64_t index, const float *data,
                          int64_t rows, int64_t width, vlt_error *err);

/* Writes everything to a file that appears whole or not at all. */
vlt_status vlt_dump_write(const vlt_dump *dump, const char *path, vlt_error *err);

#endif
