/* file_lock.h: one process at a time for a file.
 *
 * Two commands that read a file, work for a while and write it back lose what one of them wrote.
 * Who means to write takes the lock first and keeps it until the work is done. The kernel takes it
 * back when the process ends, however it ends.
 */
#ifndef VLT_HARNESS_FILE_LOCK_H
#define VLT_HARNESS_FILE_LOCK_H

#include <stdbool.h>

#include "optimizations/core/status.h"

typedef struct vlt_file_lock vlt_file_lock;

/* For a file that is replaced as a whole and may not be there yet: the lock is a hidden file beside
 * it (".NAME.vltune-lock"), removed with the lock. Two names of one file, links among them, have
 * one lock; what is no regular file has none (*out is NULL, which is fine to release).
 * Where another process has it: without `wait` IO, naming the file and the process; else `wait` is
 * called ten times a second, and INTERRUPTED is the answer once it gives false. IO when the folder
 * cannot be written: then the file could not be replaced either. */
vlt_status vlt_file_lock_take(const char *path, bool (*wait)(void *user, long holder), void *user,
                              vlt_file_lock **out, vlt_error *err);
void vlt_file_lock_release(vlt_file_lock *lock); /* NULL is fine */

/* For a file that is open and written in place: locked until `file` is closed. IO, naming the file,
 * where another process has it. Devices and pipes are never locked. */
vlt_status vlt_file_lock_open(int file, const char *path, vlt_error *err);

#endif
