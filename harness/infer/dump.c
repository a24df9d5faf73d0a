#include "harness/infer/dump.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/safetensors.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

enum { NAME_BYTES = 64, ELEMENT_BYTES = 4 };

struct entry {
    char name[NAME_BYTES];
    vlt_dtype dtype;
    int64_t rows, width;
    unsigned char *data;
    size_t used_bytes, room_bytes;
};

struct vlt_dump {
    struct entry *entry;
    int count, room;
};

vlt_status vlt_dump_create(vlt_dump **out, vlt_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "dump: out of memory");
}

void vlt_dump_destroy(vlt_dump *dump)
{
    for (int i = 0; dump && i < dump->count; i++) {
        free(dump->entry[i].data);
    }
    if (dump) {
        free(dump->entry);
    }
    free(dump);
}

static struct entry *find_or_add(vlt_dump *dump, const char *name, vlt_dtype dtype, int64_t width)
{
    for (int i = 0; i < dump->count; i++) {
        if (!strcmp(dump->entry[i].name, name)) {
            return &dump->entry[i];
        }
    }
    if (dump->count == dump->room) {
        int room = dump->room ? dump->room * 2 : 64;
        struct entry *grown = realloc(dump->entry, (size_t)room * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        dump->entry = grown;
        dump->room = room;
    }
    struct entry *entry = &dump->entry[dump->count++];
    *entry = (struct entry){.dtype = dtype, .width = width};
    vlt_utf8_format(entry->name, sizeof entry->name, "%s", name);
    return entry;
}

static bool grow(struct entry *entry, size_t bytes)
{
    size_t needed;
    if (!vlt_add_size(entry->used_bytes, bytes, &needed)) {
        return false;
    }
    if (needed > entry->room_bytes) {
        size_t room = needed > entry->room_bytes * 2 ? needed : entry->room_bytes * 2;
        unsigned char *data = realloc(entry->data, room);
        if (!data) {
            return false;
        }
        entry->data = data;
        entry->room_bytes = room;
    }
    return true;
}

vlt_status vlt_dump_rows(vlt_dump *dump, const char *name, vlt_dtype dtype, const void *data,
                         int64_t rows, int64_t width, vlt_error *err)
{
    size_t bytes = (size_t)rows * (size_t)(width ? width : 1) * ELEMENT_BYTES;
    if (!dump) {
        return VLT_OK;
    }
    struct entry *entry = find_or_add(dump, name, dtype, width);
    if (!entry || !grow(entry, bytes)) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "dump: no memory for %zu bytes of '%s'", bytes,
                        name);
    }
    memcpy(entry->data + entry->used_bytes, data, bytes);
    entry->used_bytes += bytes;
    entry->rows += rows;
    return VLT_OK;
}

vlt_status vlt_dump_layer(vlt_dump *dump, const char *format, int64_t index, const float *data,
                          int64_t rows, int64_t width, vlt_error *err)
{
    const char *mark = strstr(format, "%d");
    char name[NAME_BYTES];
    if (!dump) {
        return VLT_OK;
    }
    size_t head = (size_t)(mark - format);
    assert(head < sizeof name / 2 && strlen(mark) < sizeof name / 4);
    memcpy(name, format, head);
    vlt_utf8_format(name + head, sizeof name - head, "%lld%s", (long long)index, mark + 2);
    return vlt_dump_rows(dump, name, VLT_DTYPE_F32, data, rows, width, err);
}

vlt_status vlt_dump_write(const vlt_dump *dump, const char *path, vlt_error *err)
{
    vlt_tensor *tensors = calloc((size_t)dump->count + 1, sizeof *tensors);
    if (!tensors) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    for (int i = 0; i < dump->count; i++) {
        const struct entry *entry = &dump->entry[i];
        tensors[i] = (vlt_tensor){.name = entry->name,
                                  .dtype = entry->dtype,
                                  .rank = entry->width ? 2 : 1,
                                  .shape = {entry->rows, entry->width},
                                  .data = entry->data};
    }
    vlt_status status = vlt_safetensors_write(path, tensors, dump->count, err);
    free(tensors);
    return status;
}
