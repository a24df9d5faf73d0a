/* pack_file.h: a file of packed weights.
 *
 *     +----------------------+---------------------------+
 *     | header, 4096 bytes   | the pack, as it is in use |
 *     +----------------------+---------------------------+
 *
 * Everything in it is covered by a checksum: the header by one at its end, the pack by one in the
 * header. Both are checked before anything is used, all of the pack every time: at the speed of
 * memory that is a twentieth of packing or less, and reads what will be used anyway. Files are for
 * the machine that wrote them: numbers stand as they lie in memory.
 */
#ifndef VLT_HARNESS_PACK_FILE_H
#define VLT_HARNESS_PACK_FILE_H

#include "harness/packs/pack_new.h"
#include "optimizations/core/packs.h"

enum { VLT_PACK_HEADER_BYTES = 4096, VLT_PACK_MODEL_BYTES = 2048, VLT_PACK_TENSOR_BYTES = 512 };

typedef struct vlt_pack_header {
    char magic[16];
    uint64_t version, pack_bytes;
    vlt_hash128 key, pack_hash;
    char kind[VLT_PACK_KIND_BYTES];
    char model[VLT_PACK_MODEL_BYTES];   /* folder of the checkpoint that it was made from */
    char tensor[VLT_PACK_TENSOR_BYTES]; /* its name there */
    char zeros[VLT_PACK_HEADER_BYTES - 80 - VLT_PACK_KIND_BYTES - VLT_PACK_MODEL_BYTES -
               VLT_PACK_TENSOR_BYTES];
    vlt_hash128 header_hash; /* of all before */
} vlt_pack_header;

/* A header as it is written; model and tensor are cut where they do not fit. pack_hash: of
 * leaf_hash.h. */
void vlt_pack_header_make(vlt_hash128 key, const char *kind, size_t pack_bytes,
                          vlt_hash128 pack_hash, const char *model, const char *tensor,
                          vlt_pack_header *out);

/* Reads and checks the header of a file of file_bytes: whatever is in it, every text ends within
 * its array. INPUT: cut, damaged, or no file of packed weights. The message has no subject. */
vlt_status vlt_pack_header_read(int fd, uint64_t file_bytes, vlt_pack_header *out, vlt_error *err);

/* Checks all of the file and maps it. INPUT (damaged, or the pack of another key), IO or NOMEM;
 * without subject. *data is aligned to a page of 4096 bytes. */
vlt_status vlt_pack_file_map(int fd, uint64_t file_bytes, vlt_hash128 key,
                             const vlt_pack_request *request, const void **data, vlt_error *err);
void vlt_pack_file_unmap(const void *data, size_t pack_bytes);

#endif
