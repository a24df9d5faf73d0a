/* safetensors.h: the published container of tensors, mapped for reading, written atomically.
 *
 * A file is an 8-byte little-endian length n, n bytes of JSON (name -> dtype, shape, data_offsets
 * relative to byte 8 + n), then the data. A checkpoint is one such file or an index that names
 * shards. Everything is checked before a pointer leaves this file: header length against file
 * size, offsets against the data (in range, no overlap, no gap, nothing left over), shape times
 * element size against bytes, duplicate names within and across shards, an index that names absent
 * files or tensors. Tensors stay mapped and are never copied; weights.h says what they mean.
 * Source: harness/model/README.md#tensors.
 */
#ifndef VLT_HARNESS_SAFETENSORS_H
#define VLT_HARNESS_SAFETENSORS_H

#include "harness/files/file_identity.h"
#include "optimizations/core/dtype.h"
#include "optimizations/core/status.h"

enum { VLT_TENSOR_RANK_MAX = 8 };

/* One tensor. `data` may be aligned to less than its element: convert it with
 * vlt_tensor_to_f32 or memcpy. */
typedef struct vlt_tensor {
    const char *name;
    const char *dtype_name; /* as the file writes it */
    vlt_dtype dtype;        /* VLT_DTYPE_COUNT: known to the format, not computed with (F8_E4M3) */
    int rank;
    int64_t shape[VLT_TENSOR_RANK_MAX];
    const void *data; /* row-major */
    size_t bytes;
    const char *file; /* path of the file it lies in; NULL when made for writing */
} vlt_tensor;

/* Immutable after opening; any number of threads may read. */
typedef struct vlt_safetensors vlt_safetensors;

/* Opens one .safetensors file. IO, INPUT or LIMIT, the message names file, tensor and both values.
 */
vlt_status vlt_safetensors_open(const char *path, vlt_safetensors **out, vlt_error *err);

/* Opens the weights of a checkpoint directory: model.safetensors, else all shards of
 * model.safetensors.index.json. */
vlt_status vlt_safetensors_open_checkpoint(const char *directory, vlt_safetensors **out,
                                           vlt_error *err);

void vlt_safetensors_close(vlt_safetensors *tensors); /* NULL is fine; ends every view */

/* Views that live until close. Order: by file, inside it by offset. */
int vlt_safetensors_count(const vlt_safetensors *tensors);
const vlt_tensor *vlt_safetensors_at(const vlt_safetensors *tensors, int index);
const vlt_tensor *vlt_safetensors_find(const vlt_safetensors *tensors, const char *name); /* NULL */

/* One of the files, as it was when it was mapped. */
typedef struct vlt_safetensors_file {
    const char *path;
    const void *data; /* [bytes] all of it, mapped */
    size_t bytes;
    vlt_file_identity identity;
} vlt_safetensors_file;

int vlt_safetensors_file_count(const vlt_safetensors *tensors);
vlt_safetensors_file vlt_safetensors_file_at(const vlt_safetensors *tensors, int index);

/* metadata.total_size of the index; 0 where there is none. Not enforced when opening, as in the
 * reference; `vltune model check` compares. */
uint64_t vlt_safetensors_claimed_bytes(const vlt_safetensors *tensors);

/* What tells models apart (caches, tuned configs): names, dtypes, shapes and the first bytes of
 * every tensor, in order of name; not the whole data, which may be gigabytes. */
uint64_t vlt_safetensors_hash(const vlt_safetensors *tensors);

/* Elements of a shape; the reader has checked that it fits. */
int64_t vlt_tensor_elements(const vlt_tensor *tensor);

/* out[count] = elements first .. first + count - 1 of a BF16, F16 or F32 tensor, any alignment. */
void vlt_tensor_to_f32(const vlt_tensor *tensor, int64_t first, int64_t count, float *out);

/* "[1024,1536]" into text. */
void vlt_tensor_shape_format(const int64_t *shape, int rank, char *text, size_t text_bytes);

/* Writing: declare all tensors (name, dtype, rank, shape; data and bytes are not looked at), append
 * the bytes in that order in pieces of any size, finish. The file appears under its name when
 * finish succeeds, whole, or not at all. Names must differ (INPUT). */
typedef struct vlt_safetensors_writer vlt_safetensors_writer;

vlt_status vlt_safetensors_writer_create(const char *path, const vlt_tensor *tensors, int count,
                                         vlt_safetensors_writer **out, vlt_error *err);
vlt_status vlt_safetensors_writer_append(vlt_safetensors_writer *writer, const void *data,
                                         size_t bytes, vlt_error *err);
vlt_status vlt_safetensors_writer_finish(vlt_safetensors_writer *writer, vlt_error *err);

/* Removes the temporary file when finish was not reached; NULL is fine. */
void vlt_safetensors_writer_destroy(vlt_safetensors_writer *writer);

/* The same in one call, for tensors whose data is in memory. */
vlt_status vlt_safetensors_write(const char *path, const vlt_tensor *tensors, int count,
                                 vlt_error *err);

#endif
