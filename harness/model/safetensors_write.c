#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/files/new_file.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/model/safetensors_internal.h"
#include "optimizations/core/memory.h"

enum { HEADER_ALIGN = 8 }; /* spaces pad the header so that F32 and I64 data are aligned */

struct vlt_safetensors_writer {
    vlt_new_file file;
    size_t expected_bytes;
    size_t written_bytes;
};

/* The header object, or NULL with err set; *data_bytes is the sum over all tensors. */
static json_t *make_header(const char *path, const vlt_tensor *tensors, int count,
                           size_t *data_bytes, vlt_error *err)
{
    json_t *header = json_object();
    *data_bytes = 0;
    for (int i = 0; i < count; i++) {
        vlt_tensor tensor = tensors[i];
        size_t begin = *data_bytes;
        tensor.dtype_name = vlt_dtype_name(tensor.dtype);
        if (json_object_get(header, tensor.name) || !vlt_tensor_measure(&tensor) ||
            !vlt_add_size(begin, tensor.bytes, data_bytes)) {
            vlt_fail(err, VLT_STATUS_INPUT,
                     "%s: tensor '%s' is there twice or its size does not fit", path, tensor.name);
            json_decref(header);
            return NULL;
        }
        json_t *shape = json_array();
        for (int d = 0; d < tensor.rank; d++) {
            vlt_json_append(&shape, json_integer(tensor.shape[d]));
        }
        json_t *entry = vlt_json_make("{s:s, s:o, s:[I,I]}", "dtype", tensor.dtype_name, "shape",
                                      shape, "data_offsets", (json_int_t)begin,
                                      (json_int_t)*data_bytes);
        vlt_json_set(&header, tensor.name, entry);
        if (!header) {
            vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for tensor '%s'", path, tensor.name);
            return NULL;
        }
    }
    return header;
}

static vlt_status write_header(vlt_safetensors_writer *writer, const json_t *header, vlt_error *err)
{
    char *text = vlt_json_dump(header, NULL);
    if (!text) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for the header", writer->file.path);
    }
    size_t length = strlen(text);
    size_t padded = (length + HEADER_ALIGN - 1) / HEADER_ALIGN * HEADER_ALIGN;
    for (int i = 0; i < VLT_SAFETENSORS_PREFIX_BYTES; i++) {
        fputc((int)((padded >> (8 * i)) & 0xFF), writer->file.stream);
    }
    fwrite(text, 1, length, writer->file.stream);
    for (; length < padded; length++) {
        fputc(' ', writer->file.stream);
    }
    free(text);
    return ferror(writer->file.stream)
               ? vlt_fail(err, VLT_STATUS_IO, "%s: %s", writer->file.path, strerror(errno))
               : VLT_OK;
}

vlt_status vlt_safetensors_writer_create(const char *path, const vlt_tensor *tensors, int count,
                                         vlt_safetensors_writer **out, vlt_error *err)
{
    *out = NULL;
    vlt_safetensors_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    vlt_status status;
    json_t *header = make_header(path, tensors, count, &writer->expected_bytes, err);
    if (!header) {
        free(writer);
        return err ? err->status : VLT_STATUS_INPUT;
    }
    status = vlt_new_file_open(path, VLT_NEW_FILE_SHARED, &writer->file, err);
    if (status == VLT_OK) {
        status = write_header(writer, header, err);
    }
    json_decref(header);
    if (status != VLT_OK) {
        vlt_safetensors_writer_destroy(writer);
        return status;
    }
    *out = writer;
    return VLT_OK;
}

vlt_status vlt_safetensors_writer_append(vlt_safetensors_writer *writer, const void *data,
                                         size_t bytes, vlt_error *err)
{
    if (bytes > writer->expected_bytes - writer->written_bytes) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "%s: more than the declared %zu bytes of data",
                        writer->file.path, writer->expected_bytes);
    }
    if (fwrite(data, 1, bytes, writer->file.stream) != bytes) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s after %zu of %zu bytes", writer->file.path,
                        strerror(errno), writer->written_bytes, writer->expected_bytes);
    }
    writer->written_bytes += bytes;
    return VLT_OK;
}

vlt_status vlt_safetensors_writer_finish(vlt_safetensors_writer *writer, vlt_error *err)
{
    if (writer->written_bytes != writer->expected_bytes) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "%s: %zu bytes of data, declared were %zu",
                        writer->file.path, writer->written_bytes, writer->expected_bytes);
    }
    return vlt_new_file_commit(&writer->file, err);
}

void vlt_safetensors_writer_destroy(vlt_safetensors_writer *writer)
{
    if (!writer) {
        return;
    }
    vlt_new_file_discard(&writer->file);
    free(writer);
}

vlt_status vlt_safetensors_write(const char *path, const vlt_tensor *tensors, int count,
                                 vlt_error *err)
{
    vlt_safetensors_writer *writer;
    vlt_status status = vlt_safetensors_writer_create(path, tensors, count, &writer, err);
    for (int i = 0; i < count && status == VLT_OK; i++) {
        vlt_tensor tensor = tensors[i];
        tensor.dtype_name = vlt_dtype_name(tensor.dtype);
        vlt_tensor_measure(&tensor);
        status = vlt_safetensors_writer_append(writer, tensor.data, tensor.bytes, err);
    }
    if (status == VLT_OK) {
        status = vlt_safetensors_writer_finish(writer, err);
    }
    vlt_safetensors_writer_destroy(writer);
    return status;
}
