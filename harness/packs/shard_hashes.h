/* shard_hashes.h: the hashes of all tensors of a shard, kept in a file, so that a shard of some
 * gigabytes is read for it once in its life.
 *
 *     header | entry x count | checksum of all before
 *
 * The file says of which shard they are: path and identity (file_identity.h). For another shard, or
 * one that has changed since, they are not there.
 */
#ifndef VLT_HARNESS_SHARD_HASHES_H
#define VLT_HARNESS_SHARD_HASHES_H

#include "harness/files/file_identity.h"
#include "harness/packs/pack_folder.h"

typedef struct vlt_shard_hash {
    uint64_t offset, bytes; /* of the tensor's data, in the shard */
    vlt_hash128 hash;       /* leaf_hash.h */
} vlt_shard_hash;

typedef struct vlt_shard_hashes {
    vlt_hash128 path; /* of the shard, links followed; hashed */
    vlt_file_identity identity;
    vlt_shard_hash *entry; /* [count] owned; in order of offset */
    uint64_t count;
} vlt_shard_hashes;

void vlt_shard_hashes_release(vlt_shard_hashes *hashes); /* may be called on {0} */

/* Reads a file of file_bytes. INPUT (cut, damaged, something else), IO or NOMEM; the message has no
 * subject. Nothing but the checksum is checked of what the entries say. */
vlt_status vlt_shard_hashes_read(int fd, uint64_t file_bytes, vlt_shard_hashes *out,
                                 vlt_error *err);

/* KEY.hashes of this path. IO. */
vlt_status vlt_shard_hashes_write(const vlt_pack_folder *folder, const vlt_shard_hashes *hashes,
                                  vlt_error *err);

#endif
