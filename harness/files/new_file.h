/* new_file.h: a file that appears whole, or not at all, in the place of an old one.
 *
 * It is written beside its place under another name and renamed when it is done. What a process
 * that was killed left there is removed by the next one that writes the same file. A link stays a
 * link: what it names is replaced; IO where that is not there. What the old file permitted, and
 * whose it was, stays; a new one gets what the umask leaves of the mode asked for. Devices, pipes
 * and sockets are no places for files: they stay, and get what is written as it is written.
 */
#ifndef VLT_HARNESS_NEW_FILE_H
#define VLT_HARNESS_NEW_FILE_H

#include <stdio.h>
#include <sys/types.h>

#include "optimizations/core/status.h"

/* Private conversations and caches; everything else. */
enum { VLT_NEW_FILE_PRIVATE = 0600, VLT_NEW_FILE_SHARED = 0666 };

/* {0} is none. */
typedef struct vlt_new_file {
    char *path;      /* owned; for messages */
    char *place;     /* owned; path, links followed */
    char *temporary; /* owned; NULL once it is in its place, and where nothing is replaced */
    FILE *stream;    /* to write to; the caller does not close it */
} vlt_new_file;

/* IO or NOMEM; then there is nothing to discard. */
vlt_status vlt_new_file_open(const char *path, mode_t mode, vlt_new_file *out, vlt_error *err);

/* Writes all bytes; IO names the path and how many they are. */
vlt_status vlt_new_file_write(vlt_new_file *file, const void *data, size_t bytes, vlt_error *err);

/* What was written goes to the disk, then into its place. On failure, a failed write included, the
 * old file is as it was. */
vlt_status vlt_new_file_commit(vlt_new_file *file, vlt_error *err);

/* Closes; removes what was not committed. May be called twice, or on {0}. */
void vlt_new_file_discard(vlt_new_file *file);

#endif
