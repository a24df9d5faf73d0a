/* weight_hashes.h: what names the contents of a weight of a checkpoint: a hash of all its bytes.
 *
 * The hash of a checkpoint as a whole (safetensors.h) looks at the beginnings of its tensors: a
 * fine-tune may have the same. Here every byte counts. A shard is hashed when the first of its
 * tensors is asked for, by all threads, and its hashes are kept in the folder of packed weights.
 */
#ifndef VLT_HARNESS_WEIGHT_HASHES_H
#define VLT_HARNESS_WEIGHT_HASHES_H

#include "harness/model/checkpoint.h"
#include "harness/packs/pack_folder.h"
#include "optimizations/core/threads.h"

typedef struct vlt_weight_hashes vlt_weight_hashes;

typedef struct vlt_weight_content {
    const vlt_tensor *tensor; /* that it lies in; NULL: in none of the checkpoint */
    size_t offset;            /* of its first byte in the tensor */
    vlt_hash128 hash;         /* of the tensor: leaf_hash.h */
} vlt_weight_content;

/* Both are borrowed; say: told, in one line, of a file of hashes that was no good. */
vlt_status vlt_weight_hashes_create(const vlt_checkpoint *checkpoint, const vlt_pack_folder *folder,
                                    void (*say)(void *user, const char *message), void *user,
                                    vlt_weight_hashes **out, vlt_error *err);
void vlt_weight_hashes_destroy(vlt_weight_hashes *hashes); /* NULL is fine */

/* Of the tensor that holds data[bytes]. STALE, naming the file, when it has changed since it was
 * mapped. By one thread at a time; threads: to hash with. */
vlt_status vlt_weight_hashes_find(vlt_weight_hashes *hashes, vlt_threads *threads, const void *data,
                                  size_t bytes, vlt_weight_content *out, vlt_error *err);

/* Does this process use the file of hashes of that name? */
bool vlt_weight_hashes_use(const vlt_weight_hashes *hashes, const char *name);

#endif
