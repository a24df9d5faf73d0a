/* file_identity.h: is a file the one that it was?
 *
 * Tells without reading it: a file that is replaced gets another inode, one that is written gets
 * other times. The time of the last change of status cannot be set back by its owner, unlike that
 * of the last writing.
 */
#ifndef VLT_HARNESS_FILE_IDENTITY_H
#define VLT_HARNESS_FILE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Has no padding, and stands in files as it is. */
typedef struct vlt_file_identity {
    uint64_t device, inode, bytes;
    int64_t written_ns, changed_ns; /* since 1970: contents; status */
} vlt_file_identity;

vlt_file_identity vlt_file_identity_of(const struct stat *info);

/* Is the file of this path (links followed) still that one? */
bool vlt_file_identity_holds(const vlt_file_identity *identity, const char *path);

/* Would another writing of the file, beginning now, be seen in its times? They have the grain of
 * the file system's clock, at worst two seconds. */
bool vlt_file_identity_settled(const vlt_file_identity *identity);

#endif
