/* pack_new.h: a file that comes into the folder of packed weights, whole or not at all.
 *
 * It is written under a name that nobody else has, locked for as long as its writer lives, and
 * renamed when it is whole. It is not forced to the disk: what a power cut leaves of it is told by
 * its checksum, like any other damage.
 */
#ifndef VLT_HARNESS_PACK_NEW_H
#define VLT_HARNESS_PACK_NEW_H

#include "harness/packs/pack_folder.h"

typedef struct vlt_pack_new {
    const vlt_pack_folder *folder; /* borrowed */
    int fd;                        /* -1: none */
    char name[VLT_PACK_NAME_BYTES], temporary[VLT_PACK_NAME_BYTES];
} vlt_pack_new;

/* IO names the folder and why not; a file system without the room for `bytes` is known here. */
vlt_status vlt_pack_new_open(const vlt_pack_folder *folder, const char *name, uint64_t bytes,
                             vlt_pack_new *out, vlt_error *err);
vlt_status vlt_pack_new_write(vlt_pack_new *file, const void *data, size_t bytes, vlt_error *err);

/* Gives it its name, in the place of an old one. */
vlt_status vlt_pack_new_commit(vlt_pack_new *file, vlt_error *err);

/* Removes what was not committed. May be called twice, or after a failed open. */
void vlt_pack_new_discard(vlt_pack_new *file);

#endif
