/* file_kind.h: what a path leads to, and what a file is by its first bytes, so that one that is
 * given where another kind is expected is called by its name. */
#ifndef VLT_HARNESS_FILE_KIND_H
#define VLT_HARNESS_FILE_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A link whose end is not there, or that ends in itself; errno says which. */
bool vlt_leads_nowhere(const char *path);

/* "a folder", "a device", "a pipe", "a socket" or "a file". */
const char *vlt_mode_kind(mode_t mode);

/* "a folder", "a device", "a pipe", "a socket", "an empty file", "a database", "a picture" or "a
 * file": what is at the path, in words for a message. NULL: nothing is there. */
const char *vlt_path_kind(const char *path);

/* A SQLite database; false for what cannot be read. */
bool vlt_is_database(const char *path);
bool vlt_is_database_text(const char *bytes, size_t count);

/* A program or shared library; false for what cannot be read. */
bool vlt_is_elf(const char *path);

/* A picture of a format that is read (JPEG, PNG, WebP); false for what cannot be read. */
bool vlt_is_picture(const char *path);

#endif
