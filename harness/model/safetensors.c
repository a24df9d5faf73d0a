#include "harness/model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "harness/model/safetensors_internal.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/memory.h"

enum { INDEX_LIMIT = 64 << 20, FILE_MAX = 4096 };

struct file {
    char *path;
    const unsigned char *map;
    size_t bytes;
    vlt_file_identity identity;
    json_t *header; /* owns the tensors' names */
};

struct vlt_safetensors {
    struct file *file;
    int file_count;
    vlt_tensor *tensor;        /* by file, inside it by offset */
    const vlt_tensor **sorted; /* by name */
    int count;
    uint64_t claimed_bytes;
};

/* Every element type of the format; those without a code are known but never computed with. */
static const struct {
    const char *name;
    size_t bytes;
    vlt_dtype dtype;
} dtypes[] = {
#define KNOWN(code, size, text) {text, size, VLT_DTYPE_##code},
    VLT_DTYPE_MAP(KNOWN)
#undef KNOWN
        {"BOOL", 1, VLT_DTYPE_COUNT},
    {"I8", 1, VLT_DTYPE_COUNT},
    {"F8_E5M2", 1, VLT_DTYPE_COUNT},
    {"F8_E4M3", 1, VLT_DTYPE_COUNT},
    {"I16", 2, VLT_DTYPE_COUNT},
    {"U16", 2, VLT_DTYPE_COUNT},
    {"U32", 4, VLT_DTYPE_COUNT},
    {"U64", 8, VLT_DTYPE_COUNT},
    {"F64", 8, VLT_DTYPE_COUNT},
};

bool vlt_tensor_measure(vlt_tensor *tensor)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (!strcmp(dtypes[i].name, tensor->dtype_name)) {
            tensor->dtype = dtypes[i].dtype;
            return vlt_dims_bytes(tensor->shape, tensor->rank, dtypes[i].bytes, &tensor->bytes,
                                  NULL) == VLT_OK;
        }
    }
    return false;
}

int64_t vlt_tensor_elements(const vlt_tensor *tensor)
{
    int64_t elements = 1;
    for (int i = 0; i < tensor->rank; i++) {
        elements *= tensor->shape[i];
    }
    return elements;
}

void vlt_tensor_to_f32(const vlt_tensor *tensor, int64_t first, int64_t count, float *out)
{
    size_t size = vlt_dtype_bytes(tensor->dtype);
    vlt_f32_from(tensor->dtype, (const unsigned char *)tensor->data + (size_t)first * size,
                 (size_t)count, out);
}

void vlt_tensor_shape_format(const int64_t *shape, int rank, char *text, size_t text_bytes)
{
    size_t used = 0;
    snprintf(text, text_bytes, "[]");
    for (int i = 0; i < rank && used < text_bytes; i++) {
        int length = snprintf(text + used, text_bytes - used, "%s%" PRId64 "%s", i ? "," : "[",
                              shape[i], i + 1 == rank ? "]" : "");
        used += length > 0 ? (size_t)length : 0;
    }
}

static vlt_status map_file(struct file *file, vlt_error *err)
{
    struct stat info;
    vlt_status status = VLT_OK;
    int descriptor = open(file->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &info) != 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", file->path, strerror(errno));
        goto done;
    }
    if (!S_ISREG(info.st_mode) || info.st_size < VLT_SAFETENSORS_PREFIX_BYTES) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: %lld bytes, expected a regular file of at least %d", file->path,
                          (long long)info.st_size, VLT_SAFETENSORS_PREFIX_BYTES);
        goto done;
    }
    void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (map == MAP_FAILED) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: mapping %lld bytes: %s", file->path,
                          (long long)info.st_size, strerror(errno));
        goto done;
    }
    file->map = map;
    file->bytes = (size_t)info.st_size;
    file->identity = vlt_file_identity_of(&info);
done:
    if (descriptor >= 0) {
        close(descriptor);
    }
    return status;
}

static vlt_status read_header(struct file *file, size_t *data_first, vlt_error *err)
{
    uint64_t length = 0;
    for (int i = 0; i < VLT_SAFETENSORS_PREFIX_BYTES; i++) {
        length |= (uint64_t)file->map[i] << (8 * i);
    }
    if (length > VLT_SAFETENSORS_HEADER_LIMIT) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: header of %" PRIu64 " bytes, at most %d",
                        file->path, length, VLT_SAFETENSORS_HEADER_LIMIT);
    }
    if (length > file->bytes - VLT_SAFETENSORS_PREFIX_BYTES) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: header of %" PRIu64 " bytes, but the file has only %zu", file->path,
                        length, file->bytes);
    }
    *data_first = VLT_SAFETENSORS_PREFIX_BYTES + (size_t)length;
    vlt_status status = vlt_json_parse((const char *)file->map + VLT_SAFETENSORS_PREFIX_BYTES,
                                       (size_t)length, file->path, &file->header, err);
    if (status == VLT_OK && !json_is_object(file->header)) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: the header is no JSON object", file->path);
    }
    return status;
}

static vlt_status read_shape(const char *path, const json_t *entry, vlt_tensor *tensor,
                             vlt_error *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > VLT_TENSOR_RANK_MAX) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: tensor '%s': the shape has %zu dimensions, expected a list of at "
                        "most %d",
                        path, tensor->name, rank, VLT_TENSOR_RANK_MAX);
    }
    tensor->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *value = json_array_get(shape, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: tensor '%s': dimension %zu is no count (%lld)", path, tensor->name,
                            i, (long long)json_integer_value(value));
        }
        tensor->shape[i] = json_integer_value(value);
    }
    return VLT_OK;
}

static vlt_status read_tensor(const struct file *file, size_t data_first, const char *name,
                              const json_t *entry, vlt_tensor *tensor, vlt_error *err)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t data_bytes = file->bytes - data_first;
    char shape[160];
    *tensor = (vlt_tensor){.name = name, .file = file->path};
    tensor->dtype_name = json_string_value(json_object_get(entry, "dtype"));
    if (!tensor->dtype_name || json_array_size(offsets) != 2 ||
        !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1))) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: tensor '%s': expected dtype, shape and two data_offsets", file->path,
                        name);
    }
    vlt_status status = read_shape(file->path, entry, tensor, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_tensor_shape_format(tensor->shape, tensor->rank, shape, sizeof shape);
    if (!vlt_tensor_measure(tensor)) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: tensor '%s': dtype %s with shape %s is no known size", file->path,
                        name, tensor->dtype_name, shape);
    }
    int64_t begin = json_integer_value(json_array_get(offsets, 0));
    int64_t end = json_integer_value(json_array_get(offsets, 1));
    if (begin < 0 || end < begin || (uint64_t)end > data_bytes) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: tensor '%s': offsets [%" PRId64 ",%" PRId64
                        "), the file has %zu bytes of data",
                        file->path, name, begin, end, data_bytes);
    }
    if ((uint64_t)(end - begin) != tensor->bytes) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: tensor '%s': %" PRId64 " bytes of data, but %s of shape %s needs %zu",
                        file->path, name, end - begin, tensor->dtype_name, shape, tensor->bytes);
    }
    tensor->data = file->map + data_first + begin;
    return VLT_OK;
}

static int by_address(const void *left, const void *right)
{
    const vlt_tensor *a = left, *b = right;
    const unsigned char *x = a->data, *y = b->data;
    if (x != y) {
        return x < y ? -1 : 1;
    }
    return (a->bytes > b->bytes) - (a->bytes < b->bytes); /* empty ones first */
}

/* The data must be covered once and wholly, as the reference demands: a hole or an overlap is a
 * header that lies. */
static vlt_status check_cover(const struct file *file, size_t data_first, vlt_tensor *tensor,
                              int count, vlt_error *err)
{
    const unsigned char *data = file->map + data_first, *expected = data;
    qsort(tensor, (size_t)count, sizeof *tensor, by_address);
    for (int i = 0; i < count; i++) {
        const unsigned char *begin = tensor[i].data;
        if (begin != expected) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: tensor '%s' begins at offset %td, the one before it ends at %td",
                            file->path, tensor[i].name, begin - data, expected - data);
        }
        expected = begin + tensor[i].bytes;
    }
    if (expected != file->map + file->bytes) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: %zu bytes of data, but its tensors end at offset %td", file->path,
                        file->bytes - data_first, expected - data);
    }
    return VLT_OK;
}

/* Maps the file and appends its tensors. */
static vlt_status add_file(vlt_safetensors *tensors, char *path, vlt_error *err)
{
    struct file *file = &tensors->file[tensors->file_count++];
    size_t data_first = 0;
    *file = (struct file){.path = path};
    vlt_status status = map_file(file, err);
    if (status == VLT_OK) {
        status = read_header(file, &data_first, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    size_t room = (size_t)tensors->count + json_object_size(file->header);
    vlt_tensor *grown = room < INT32_MAX ? realloc(tensors->tensor, (room + 1) * sizeof *grown)
                                         : NULL;
    if (!grown) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for %zu tensors", path, room);
    }
    tensors->tensor = grown;

    int first = tensors->count;
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry)
    {
        if (!strcmp(name, "__metadata__")) {
            continue;
        }
        status = read_tensor(file, data_first, name, entry, &tensors->tensor[tensors->count], err);
        if (status != VLT_OK) {
            return status;
        }
        tensors->count++;
    }
    return check_cover(file, data_first, tensors->tensor + first, tensors->count - first, err);
}

static int by_name(const void *left, const void *right)
{
    const vlt_tensor *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static vlt_status sort_names(vlt_safetensors *tensors, vlt_error *err)
{
    tensors->sorted = malloc(((size_t)tensors->count + 1) * sizeof *tensors->sorted);
    if (!tensors->sorted) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d tensor names", tensors->count);
    }
    for (int i = 0; i < tensors->count; i++) {
        tensors->sorted[i] = &tensors->tensor[i];
    }
    qsort(tensors->sorted, (size_t)tensors->count, sizeof *tensors->sorted, by_name);
    for (int i = 1; i < tensors->count; i++) {
        const vlt_tensor *a = tensors->sorted[i - 1], *b = tensors->sorted[i];
        if (!strcmp(a->name, b->name)) {
            return vlt_fail(err, VLT_STATUS_INPUT, "tensor '%s' is in both %s and %s", a->name,
                            a->file, b->file);
        }
    }
    return VLT_OK;
}

static vlt_safetensors *new_tensors(int files, vlt_error *err)
{
    vlt_safetensors *tensors = calloc(1, sizeof *tensors);
    if (tensors) {
        tensors->file = calloc((size_t)files + 1, sizeof *tensors->file);
    }
    if (!tensors || !tensors->file) {
        vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d safetensors files", files);
        free(tensors);
        return NULL;
    }
    return tensors;
}

vlt_status vlt_safetensors_open(const char *path, vlt_safetensors **out, vlt_error *err)
{
    *out = NULL;
    vlt_safetensors *tensors = new_tensors(1, err);
    char *copy = tensors ? strdup(path) : NULL;
    if (!copy) {
        vlt_safetensors_close(tensors);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    vlt_status status = add_file(tensors, copy, err);
    if (status == VLT_OK) {
        status = sort_names(tensors, err);
    }
    if (status != VLT_OK) {
        vlt_safetensors_close(tensors);
        return status;
    }
    *out = tensors;
    return VLT_OK;
}

/* The distinct shard names in the order of their first mention, borrowed from the index. */
static vlt_status shard_names(const char *index_path, const json_t *map, const char **shard,
                              int *count, vlt_error *err)
{
    const char *name;
    json_t *value;
    *count = 0;
    json_object_foreach((json_t *)map, name, value)
    {
        const char *file = json_string_value(value);
        if (!file || !*file || strchr(file, '/') || json_string_length(value) != strlen(file)) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: tensor '%s' is in '%s', expected a file name without folder",
                            index_path, name, file ? file : "");
        }
        int i = 0;
        while (i < *count && strcmp(shard[i], file)) {
            i++;
        }
        if (i == *count && i == FILE_MAX) {
            return vlt_fail(err, VLT_STATUS_LIMIT, "%s: more than %d shards", index_path, FILE_MAX);
        }
        if (i == *count) {
            shard[(*count)++] = file;
        }
    }
    return VLT_OK;
}

/* Every tensor of the index must lie in the shard that it names. */
static vlt_status check_index(const vlt_safetensors *tensors, const char *index_path,
                              const json_t *map, vlt_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)map, name, value)
    {
        const vlt_tensor *tensor = vlt_safetensors_find(tensors, name);
        const char *file = json_string_value(value);
        const char *slash = tensor ? strrchr(tensor->file, '/') : NULL;
        const char *found = !tensor ? "no shard" : slash ? slash + 1 : tensor->file;
        if (strcmp(found, file)) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: tensor '%s' should be in %s, it is in %s",
                            index_path, name, file, found);
        }
    }
    return VLT_OK;
}

static vlt_status open_index(const char *directory, const char *index_path, vlt_safetensors **out,
                             vlt_error *err)
{
    json_t *index = NULL;
    const json_t *map = NULL, *metadata = NULL;
    vlt_safetensors *tensors = NULL;
    int64_t total = 0;
    bool found;
    int count = 0;
    const char **shard = calloc(FILE_MAX, sizeof *shard);
    if (!shard) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", index_path);
    }
    vlt_status status = vlt_json_load(index_path, INDEX_LIMIT, &index, err);
    if (status == VLT_OK) {
        status = vlt_json_object(index, index_path, "weight_map", &map, NULL, err);
    }
    if (status == VLT_OK) {
        status = vlt_json_object(index, index_path, "metadata", &metadata, &found, err);
    }
    if (status == VLT_OK && metadata) {
        status = vlt_json_int(metadata, index_path, "total_size", 0, INT64_MAX, &total, &found,
                              err);
    }
    if (status == VLT_OK) {
        status = shard_names(index_path, map, shard, &count, err);
    }
    if (status == VLT_OK) {
        tensors = new_tensors(count, err);
        status = tensors ? VLT_OK : VLT_STATUS_NOMEM;
    }
    for (int i = 0; i < count && status == VLT_OK; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", directory, shard[i]) < 0) {
            status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", index_path);
        } else if ((status = add_file(tensors, path, err)) != VLT_OK) {
            status = vlt_fail_in(err, status, "%s: ", index_path);
        }
    }
    if (status == VLT_OK) {
        status = sort_names(tensors, err);
    }
    if (status == VLT_OK) {
        status = check_index(tensors, index_path, map, err);
    }
    if (status == VLT_OK) {
        tensors->claimed_bytes = (uint64_t)total;
        *out = tensors;
        tensors = NULL;
    }
    vlt_safetensors_close(tensors);
    json_decref(index);
    free(shard);
    return status;
}

vlt_status vlt_safetensors_open_checkpoint(const char *directory, vlt_safetensors **out,
                                           vlt_error *err)
{
    char *single = NULL, *index = NULL;
    vlt_status status;
    *out = NULL;
    if (asprintf(&single, "%s/model.safetensors", directory) < 0) {
        single = NULL;
    }
    if (asprintf(&index, "%s/model.safetensors.index.json", directory) < 0) {
        index = NULL;
    }
    if (!single || !index) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", directory);
    } else if (access(single, F_OK) == 0) {
        status = vlt_safetensors_open(single, out, err);
    } else if (access(index, F_OK) == 0) {
        status = open_index(directory, index, out, err);
    } else {
        status = vlt_fail(err, VLT_STATUS_IO,
                          "%s: neither model.safetensors nor model.safetensors.index.json is there",
                          directory);
    }
    free(single);
    free(index);
    return status;
}

void vlt_safetensors_close(vlt_safetensors *tensors)
{
    if (!tensors) {
        return;
    }
    for (int i = 0; i < tensors->file_count; i++) {
        struct file *file = &tensors->file[i];
        if (file->map) {
            munmap((void *)file->map, file->bytes);
        }
        json_decref(file->header);
        free(file->path);
    }
    free(tensors->file);
    free(tensors->tensor);
    free(tensors->sorted);
    free(tensors);
}

int vlt_safetensors_count(const vlt_safetensors *tensors)
{
    return tensors->count;
}

const vlt_tensor *vlt_safetensors_at(const vlt_safetensors *tensors, int index)
{
    return &tensors->tensor[index];
}

const vlt_tensor *vlt_safetensors_find(const vlt_safetensors *tensors, const char *name)
{
    int low = 0, high = tensors->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(name, tensors->sorted[middle]->name);
        if (order == 0) {
            return tensors->sorted[middle];
        }
        low = order > 0 ? middle + 1 : low;
        high = order > 0 ? high : middle;
    }
    return NULL;
}

int vlt_safetensors_file_count(const vlt_safetensors *tensors)
{
    return tensors->file_count;
}

vlt_safetensors_file vlt_safetensors_file_at(const vlt_safetensors *tensors, int index)
{
    const struct file *file = &tensors->file[index];
    return (vlt_safetensors_file){file->path, file->map, file->bytes, file->identity};
}

uint64_t vlt_safetensors_claimed_bytes(const vlt_safetensors *tensors)
{
    return tensors->claimed_bytes;
}

uint64_t vlt_safetensors_hash(const vlt_safetensors *tensors)
{
    enum { SAMPLE_BYTES = 64 };
    uint64_t hash = 0;
    for (int i = 0; i < tensors->count; i++) {
        const vlt_tensor *tensor = tensors->sorted[i];
        size_t sample = tensor->bytes < SAMPLE_BYTES ? tensor->bytes : SAMPLE_BYTES;
        hash = vlt_hash_bytes(tensor->name, strlen(tensor->name), hash);
        hash = vlt_hash_bytes(tensor->dtype_name, strlen(tensor->dtype_name), hash);
        hash = vlt_hash_bytes(tensor->shape, (size_t)tensor->rank * sizeof *tensor->shape, hash);
        hash = vlt_hash_bytes(tensor->data, sample, hash);
    }
    return hash;
}
