/* file_kind.h: what a file is, by its first bytes: so that one that is given where another kind is
 * expected is called by its name. */
#ifndef VLT_HARNESS_FILE_KIND_H
#define VLT_HARNESS_FILE_KIND_H

#include <stdbool.h>
#include <stddef.h>

/* A SQLite database; false for what cannot be read. */
bool vlt_is_database(const char *path);
bool vlt_is_database_text(const char *bytes, size_t count);

#endif
