#include "harness/packs/weight_hashes.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/packs/leaf_hash.h"
#include "harness/packs/shard_hashes.h"
#include "optimizations/core/utf8_text.h"

struct shard {
    vlt_safetensors_file file;
    const vlt_tensor *first; /* of its tensors, which follow each other */
    int count;
    bool ready;
    vlt_shard_hashes hashes; /* entry i is of tensor i */
    char name[VLT_PACK_NAME_BYTES];
};

struct vlt_weight_hashes {
    const vlt_pack_folder *folder;
    void (*say)(void *user, const char *message);
    void *user;
    struct shard *shard;
    int count;
};

/* Tensors stand in order of their files. */
static void find_tensors(const vlt_checkpoint *checkpoint, struct shard *shard)
{
    for (int i = 0; i < checkpoint->container->count(checkpoint); i++) {
        const vlt_tensor *tensor = checkpoint->container->at(checkpoint, i);
        if (tensor->file == shard->file.path) {
            shard->first = shard->count++ ? shard->first : tensor;
        }
    }
}

static void name_shard(struct shard *shard)
{
    char *real = realpath(shard->file.path, NULL);
    const char *path = real ? real : shard->file.path;
    shard->hashes.path = vlt_hash128_bytes(path, strlen(path));
    shard->hashes.identity = shard->file.identity;
    vlt_pack_entry_name(shard->hashes.path, VLT_PACK_ENTRY_HASHES, shard->name);
    free(real);
}

vlt_status vlt_weight_hashes_create(const vlt_checkpoint *checkpoint, const vlt_pack_folder *folder,
                                    void (*say)(void *user, const char *message), void *user,
                                    vlt_weight_hashes **out, vlt_error *err)
{
    int count = checkpoint->container->file_count(checkpoint);
    vlt_weight_hashes *hashes = *out = calloc(1, sizeof *hashes);
    struct shard *shard = calloc((size_t)count + 1, sizeof *shard);
    if (!hashes || !shard) {
        free(hashes);
        free(shard);
        *out = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "hashes of weights: out of memory");
    }
    *hashes = (vlt_weight_hashes){folder, say, user, shard, count};
    for (int i = 0; i < count; i++) {
        shard[i].file = checkpoint->container->file_at(checkpoint, i);
        find_tensors(checkpoint, &shard[i]);
        name_shard(&shard[i]);
    }
    return VLT_OK;
}

void vlt_weight_hashes_destroy(vlt_weight_hashes *hashes)
{
    if (hashes) {
        for (int i = 0; i < hashes->count; i++) {
            vlt_shard_hashes_release(&hashes->shard[i].hashes);
        }
        free(hashes->shard);
        free(hashes);
    }
}

static uint64_t offset_of(const struct shard *shard, const vlt_tensor *tensor)
{
    return (uint64_t)((const char *)tensor->data - (const char *)shard->file.data);
}

/* Hashes of this shard as it is, tensor by tensor? */
static bool fits(const struct shard *shard, const vlt_shard_hashes *kept)
{
    if (!vlt_hash128_same(kept->path, shard->hashes.path) ||
        memcmp(&kept->identity, &shard->file.identity, sizeof kept->identity) != 0 ||
        kept->count != (uint64_t)shard->count) {
        return false;
    }
    for (int i = 0; i < shard->count; i++) {
        if (kept->entry[i].offset != offset_of(shard, &shard->first[i]) ||
            kept->entry[i].bytes != shard->first[i].bytes) {
            return false;
        }
    }
    return true;
}

static void say_damaged(const vlt_weight_hashes *hashes, const char *message)
{
    char line[1024];
    if (hashes->say) {
        vlt_utf8_format(line, sizeof line, "%s; it is made anew", message);
        hashes->say(hashes->user, line);
    }
}

/* From the file, where it is good. */
static void load(vlt_weight_hashes *hashes, struct shard *shard)
{
    vlt_shard_hashes kept = {0};
    struct stat info;
    vlt_error err = {0};
    int fd;
    vlt_status status = vlt_pack_folder_open_file(hashes->folder, shard->name, &fd, &info, &err);
    if (status == VLT_OK && fd < 0) {
        return;
    }
    if (status == VLT_OK) {
        status = vlt_shard_hashes_read(fd, (uint64_t)info.st_size, &kept, &err);
        if (status != VLT_OK) {
            vlt_fail_in(&err, status, "%s/%s: ", hashes->folder->shown, shard->name);
        } else if (fits(shard, &kept)) {
            vlt_pack_folder_touch(fd);
            shard->hashes = kept;
            shard->ready = true;
            kept = (vlt_shard_hashes){0};
        }
        close(fd);
    }
    if (status == VLT_STATUS_INPUT || status == VLT_STATUS_IO) {
        vlt_pack_folder_remove(hashes->folder, shard->name);
        say_damaged(hashes, err.message);
    }
    vlt_shard_hashes_release(&kept);
}

static vlt_status changed(const struct shard *shard, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_STALE, "%s: changed since it was opened",
                    vlt_quoted_path(shard->file.path).text);
}

/* From the weights. They are kept unless a writing that follows could go unseen. */
static vlt_status compute(vlt_weight_hashes *hashes, struct shard *shard, vlt_threads *threads,
                          vlt_error *err)
{
    vlt_status status = VLT_OK;
    vlt_shard_hash *entry = malloc((size_t)shard->count * sizeof *entry);
    if (!entry) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory for %d hashes", shard->file.path,
                        shard->count);
    }
    for (int i = 0; i < shard->count && status == VLT_OK; i++) {
        const vlt_tensor *tensor = &shard->first[i];
        entry[i] = (vlt_shard_hash){.offset = offset_of(shard, tensor), .bytes = tensor->bytes};
        status = vlt_leaf_hash(threads, tensor->data, tensor->bytes, &entry[i].hash, err);
    }
    if (status == VLT_OK && !vlt_file_identity_holds(&shard->file.identity, shard->file.path)) {
        status = changed(shard, err);
    }
    if (status != VLT_OK) {
        free(entry);
        return status;
    }
    shard->hashes.entry = entry;
    shard->hashes.count = (uint64_t)shard->count;
    shard->ready = true;
    if (vlt_file_identity_settled(&shard->file.identity)) {
        vlt_shard_hashes_write(hashes->folder, &shard->hashes, NULL); /* else the next one hashes */
    }
    return VLT_OK;
}

static bool holds(const vlt_tensor *tensor, const void *data, size_t bytes)
{
    uintptr_t begin = (uintptr_t)tensor->data, asked = (uintptr_t)data;
    return asked >= begin && asked - begin < tensor->bytes &&
           bytes <= tensor->bytes - (asked - begin);
}

vlt_status vlt_weight_hashes_find(vlt_weight_hashes *hashes, vlt_threads *threads, const void *data,
                                  size_t bytes, vlt_weight_content *out, vlt_error *err)
{
    struct shard *shard = NULL;
    int index = 0;
    *out = (vlt_weight_content){0};
    for (int s = 0; s < hashes->count && !shard; s++) {
        for (index = 0; index < hashes->shard[s].count && !shard; index++) {
            if (holds(&hashes->shard[s].first[index], data, bytes)) {
                shard = &hashes->shard[s];
                break;
            }
        }
    }
    if (!shard) {
        return VLT_OK;
    }
    if (!vlt_file_identity_holds(&shard->file.identity, shard->file.path)) {
        return changed(shard, err);
    }
    if (!shard->ready) {
        load(hashes, shard);
    }
    vlt_status status = shard->ready ? VLT_OK : compute(hashes, shard, threads, err);
    if (status == VLT_OK) {
        out->tensor = &shard->first[index];
        out->offset = (size_t)((const char *)data - (const char *)out->tensor->data);
        out->hash = shard->hashes.entry[index].hash;
    }
    return status;
}

bool vlt_weight_hashes_use(const vlt_weight_hashes *hashes, const char *name)
{
    for (int i = 0; i < hashes->count; i++) {
        if (!strcmp(hashes->shard[i].name, name)) {
            return true;
        }
    }
    return false;
}
