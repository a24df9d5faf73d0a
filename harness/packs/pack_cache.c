#include "harness/packs/pack_cache.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/packs/leaf_hash.h"
#include "harness/packs/pack_file.h"
#include "harness/packs/weight_hashes.h"
#include "optimizations/core/source_hash.h"
#include "optimizations/core/utf8_text.h"

/* Names of files that this process has mapped or written. */
struct used {
    char (*name)[VLT_PACK_NAME_BYTES];
    int count, room;
};

struct vlt_pack_cache {
    vlt_pack_cache_options options;
    char *directory; /* links followed */

    pthread_mutex_t lock; /* for all below, and for hashing; not held while packs are checked */
    bool opened, usable;  /* the folder; may files be written there? */
    bool writable;
    bool said_changed;
    vlt_pack_folder folder;
    vlt_weight_hashes *hashes;
    struct used used;
    uint64_t written, beyond; /* bytes: kept; not kept for want of room below the limit */
};

/* Where a pack is, and what it was made from. */
struct place {
    vlt_hash128 key;
    char name[VLT_PACK_NAME_BYTES];
    vlt_weight_content content;
};

void vlt_pack_cache_bytes(uint64_t bytes, char *text, size_t text_bytes)
{
    double value = (double)bytes;
    const char *unit = value < 999.5e3 ? "KB" : value < 999.5e6 ? "MB" : "GB";
    value /= value < 999.5e3 ? 1e3 : value < 999.5e6 ? 1e6 : 1e9;
    vlt_utf8_format(text, text_bytes, "%.*f %s", unit[0] == 'G' || value < 9.95 ? 1 : 0, value,
                    unit);
}

static void say(const vlt_pack_cache *cache, int level, const char *format, ...) VLT_PRINTF(3, 4);

static void say(const vlt_pack_cache *cache, int level, const char *format, ...)
{
    char line[1024];
    va_list args;
    if (cache->options.say) {
        va_start(args, format);
        vlt_utf8_vformat(line, sizeof line, format, args);
        va_end(args);
        cache->options.say(cache->options.user, level, line);
    }
}

static void say_hashes(void *user, const char *message)
{
    say(user, 0, "%s", message);
}

vlt_status vlt_pack_cache_create(const vlt_pack_cache_options *options, vlt_pack_cache **out,
                                 vlt_error *err)
{
    vlt_pack_cache *cache = *out = calloc(1, sizeof *cache);
    if (!cache) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "packed weights: out of memory");
    }
    cache->options = *options;
    cache->options.code = options->code ? options->code : vlt_source_hash();
    cache->folder = VLT_PACK_FOLDER_NONE;
    cache->directory = realpath(options->directory, NULL);
    pthread_mutex_init(&cache->lock, NULL);
    return VLT_OK;
}

/* Once, when the first pack is asked for. */
static void open_folder(vlt_pack_cache *cache)
{
    vlt_error err = {0};
    bool homeless = false;
    cache->opened = true;
    vlt_status status = vlt_pack_folder_open(true, &cache->folder, &homeless, &err);
    if (status == VLT_OK && homeless) {
        say(cache, 0, "HOME is not set: packed weights are kept in %s", cache->folder.shown);
    }
    if (status == VLT_OK) {
        status = vlt_weight_hashes_create(cache->options.checkpoint, &cache->folder, say_hashes,
                                          cache, &cache->hashes, &err);
    }
    cache->usable = cache->writable = status == VLT_OK;
    if (status != VLT_OK) {
        say(cache, 0, "packed weights are not kept: %s", err.message);
    }
}

/* Everything that the pack depends on. */
static vlt_hash128 key_of(const vlt_pack_cache *cache, const vlt_pack_request *request,
                          const vlt_weight_content *content)
{
    const vlt_matrix *matrix = request->matrix;
    struct {
        uint64_t code, offset, row_bytes, format, pack_bytes;
        int64_t rows, columns;
        vlt_hash128 content, scale;
        char kind[VLT_PACK_KIND_BYTES];
    } all = {.code = cache->options.code,
             .offset = content->offset,
             .row_bytes = matrix->row_bytes,
             .format = (uint64_t)matrix->format,
             .pack_bytes = request->bytes,
             .rows = matrix->rows,
             .columns = matrix->columns,
             .content = content->hash};
    if (matrix->scale) {
        all.scale = vlt_hash128_bytes(matrix->scale, (size_t)matrix->rows * sizeof(float));
    }
    memcpy(all.kind, request->kind, strlen(request->kind)); /* packs.c: shorter than the array */
    return vlt_hash128_bytes(&all, sizeof all);
}

/* False when the pack cannot be kept, or found. Under the lock. */
static bool locate(vlt_pack_cache *cache, const vlt_pack_request *request, struct place *out)
{
    const vlt_matrix *matrix = request->matrix;
    vlt_error err = {0};
    if (!cache->opened) {
        open_folder(cache);
    }
    if (!cache->usable) {
        return false;
    }
    vlt_status status = vlt_weight_hashes_find(cache->hashes, request->threads, matrix->data,
                                               (size_t)matrix->rows * matrix->row_bytes,
                                               &out->content, &err);
    if (status != VLT_OK && !cache->said_changed) {
        cache->said_changed = true;
        say(cache, 0, "packed weights are not kept: %s", err.message);
    }
    if (status != VLT_OK || !out->content.tensor) {
        return false;
    }
    out->key = key_of(cache, request, &out->content);
    vlt_pack_entry_name(out->key, VLT_PACK_ENTRY_PACK, out->name);
    return true;
}

static bool locate_locked(vlt_pack_cache *cache, const vlt_pack_request *request, struct place *out)
{
    pthread_mutex_lock(&cache->lock);
    bool found = locate(cache, request, out);
    pthread_mutex_unlock(&cache->lock);
    return found;
}

static bool has_used(const struct used *used, const char *name)
{
    for (int i = 0; i < used->count; i++) {
        if (!strcmp(used->name[i], name)) {
            return true;
        }
    }
    return false;
}

/* Under the lock. Without memory for the name, the file may be removed while it is used, which does
 * no harm. */
static void add_used(struct used *used, const char *name)
{
    if (has_used(used, name)) {
        return;
    }
    if (used->count == used->room) {
        int more = used->room ? 2 * used->room : 64;
        void *grown = realloc(used->name, (size_t)more * sizeof *used->name);
        if (!grown) {
            return;
        }
        used->name = grown;
        used->room = more;
    }
    vlt_utf8_format(used->name[used->count++], VLT_PACK_NAME_BYTES, "%s", name);
}

static bool is_used(void *user, const char *name)
{
    const vlt_pack_cache *cache = user;
    return has_used(&cache->used, name) || vlt_weight_hashes_use(cache->hashes, name);
}

static const void *find(void *user, const vlt_pack_request *request)
{
    vlt_pack_cache *cache = user;
    struct place place;
    struct stat info;
    const void *data = NULL;
    vlt_error err = {0};
    int fd;
    if (!locate_locked(cache, request, &place)) {
        return NULL;
    }
    vlt_status status = vlt_pack_folder_open_file(&cache->folder, place.name, &fd, &info, &err);
    if (status == VLT_OK && fd < 0) {
        return NULL;
    }
    if (status == VLT_OK) {
        status = vlt_pack_file_map(fd, (uint64_t)info.st_size, place.key, request, &data, &err);
        if (status == VLT_OK) {
            vlt_pack_folder_touch(fd);
        } else {
            vlt_fail_in(&err, status, "%s/%s: ", cache->folder.shown, place.name);
        }
        close(fd);
    }
    pthread_mutex_lock(&cache->lock);
    if (status == VLT_OK) {
        add_used(&cache->used, place.name);
    } else if (status != VLT_STATUS_NOMEM) {
        vlt_pack_folder_remove(&cache->folder, place.name);
        say(cache, 0, "%s; it is made anew", err.message);
    }
    pthread_mutex_unlock(&cache->lock);
    return data;
}

static void unmap(void *user, const void *data, size_t bytes)
{
    (void)user;
    vlt_pack_file_unmap(data, bytes);
}

static vlt_status write_file(vlt_pack_cache *cache, const struct place *place,
                             const vlt_pack_request *request, const void *data, vlt_error *err)
{
    vlt_pack_header header;
    vlt_pack_new file = {.fd = -1};
    vlt_hash128 hash;
    vlt_status status = vlt_leaf_hash(request->threads, data, request->bytes, &hash, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_pack_header_make(place->key, request->kind, request->bytes, hash,
                         cache->directory ? cache->directory : cache->options.directory,
                         place->content.tensor->name, &header);
    status = vlt_pack_new_open(&cache->folder, place->name, sizeof header + request->bytes, &file,
                               err);
    if (status == VLT_OK) {
        status = vlt_pack_new_write(&file, &header, sizeof header, err);
    }
    if (status == VLT_OK) {
        status = vlt_pack_new_write(&file, data, request->bytes, err);
    }
    if (status == VLT_OK) {
        status = vlt_pack_new_commit(&file, err);
    }
    vlt_pack_new_discard(&file);
    return status;
}

/* Is the pack made of the bytes that its key names? They could have changed under the packing. */
static bool still_holds(const struct place *place, const vlt_pack_request *request)
{
    const vlt_tensor *tensor = place->content.tensor;
    vlt_hash128 hash;
    return vlt_leaf_hash(request->threads, tensor->data, tensor->bytes, &hash, NULL) == VLT_OK &&
           vlt_hash128_same(hash, place->content.hash);
}

static void keep(void *user, const vlt_pack_request *request, const void *data)
{
    vlt_pack_cache *cache = user;
    struct place place;
    vlt_error err = {0};
    uint64_t bytes = request->bytes + VLT_PACK_HEADER_BYTES;
    pthread_mutex_lock(&cache->lock);
    if (!cache->opened || !cache->writable || !locate(cache, request, &place) ||
        !still_holds(&place, request)) {
        goto done;
    }
    if (!vlt_pack_folder_make_room(&cache->folder, (uint64_t)cache->options.limit_bytes, bytes,
                                   is_used, cache)) {
        cache->beyond += bytes;
        goto done;
    }
    vlt_status status = write_file(cache, &place, request, data, &err);
    if (status == VLT_OK) {
        add_used(&cache->used, place.name);
        cache->written += bytes;
    } else {
        cache->writable = false; /* the next one would fail likewise */
        say(cache, 0, "packed weights are not kept: %s", err.message);
    }
done:
    pthread_mutex_unlock(&cache->lock);
}

vlt_pack_shelf vlt_pack_cache_shelf(vlt_pack_cache *cache)
{
    return (vlt_pack_shelf){find, unmap, keep, cache};
}

static bool none_used(void *user, const char *name)
{
    (void)user, (void)name;
    return false;
}

/* The limit may be lower than it was. Of what this process has used, the last goes first: the next
 * one then finds what it asks for first, and has no room for the rest, instead of removing what it
 * will ask for. Where that is not enough, the hashes go too. */
static void trim(vlt_pack_cache *cache)
{
    const uint64_t limit = (uint64_t)cache->options.limit_bytes;
    while (!vlt_pack_folder_make_room(&cache->folder, limit, 0, is_used, cache)) {
        if (!cache->used.count) {
            vlt_pack_folder_make_room(&cache->folder, limit, 0, none_used, NULL);
            return;
        }
        vlt_pack_folder_remove(&cache->folder, cache->used.name[--cache->used.count]);
    }
}

static void say_written(const vlt_pack_cache *cache)
{
    char written[32], beyond[32], limit[32];
    vlt_pack_cache_bytes(cache->written, written, sizeof written);
    vlt_pack_cache_bytes(cache->beyond, beyond, sizeof beyond);
    vlt_pack_cache_bytes((uint64_t)cache->options.limit_bytes, limit, sizeof limit);
    if (cache->written) {
        say(cache, 1, "packed weights kept: %s in %s", written, cache->folder.shown);
    }
    if (cache->beyond) {
        say(cache, 1, "packed weights not kept: %s beyond the limit of %s (--pack-cache)", beyond,
            limit);
    }
}

void vlt_pack_cache_destroy(vlt_pack_cache *cache)
{
    if (!cache) {
        return;
    }
    say_written(cache);
    if (cache->usable) {
        trim(cache);
    }
    vlt_weight_hashes_destroy(cache->hashes);
    vlt_pack_folder_close(&cache->folder);
    pthread_mutex_destroy(&cache->lock);
    free(cache->used.name);
    free(cache->directory);
    free(cache);
}
