/* gzip.h: files that may be compressed. */
#ifndef VLT_TUNER_GZIP_H
#define VLT_TUNER_GZIP_H

#include <stddef.h>

#include "optimizations/core/status.h"

/* Reads a whole file, unpacked where its first bytes say that it is packed; malloc'ed, a NUL
 * behind. INPUT: the packed data is damaged or cut. LIMIT: beyond `limit` bytes. */
vlt_status vlt_read_gzip(const char *path, size_t limit, char **out, size_t *bytes, vlt_error *err);

/* Writes a file that appears whole or not at all, packed where its name ends with .gz. */
vlt_status vlt_write_gzip(const char *path, const void *data, size_t bytes, vlt_error *err);

#endif
