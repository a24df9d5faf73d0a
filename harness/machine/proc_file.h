/* proc_file.h: small text files of /proc, /sys and cgroups, readable under another root in tests.
 */
#ifndef VLT_HARNESS_PROC_FILE_H
#define VLT_HARNESS_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads root + path (root may be NULL) into text, cut at text_bytes - 1, without the line feed at
 * its end. False, and an empty text, when it cannot be read. */
bool vlt_proc_read(const char *root, const char *path, char *text, size_t text_bytes);

/* The unsigned number that a file begins with; false for anything else ("max"). */
bool vlt_proc_read_u64(const char *root, const char *path, uint64_t *out);

/* The number behind `key` and blanks or a colon at the start of a line of text ("MemTotal:  12
 * kB"); false when there is no such line. */
bool vlt_proc_find_u64(const char *text, const char *key, uint64_t *out);

/* Copies, cut between characters where it does not fit. */
void vlt_proc_copy(char *to, size_t to_bytes, const char *from);

#endif
