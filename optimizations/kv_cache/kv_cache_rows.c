/* The cache as an object: layers, growth, appending, views. */
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/kv_cache/kv_cache.h"

vlt_status vlt_kv_cache_init(vlt_kv_cache *cache, const vlt_kv_format *format, int64_t layers,
                             int64_t kv_heads, int64_t head, vlt_error *err)
{
    *cache = (vlt_kv_cache){.format = format, .layers = layers, .kv_heads = kv_heads, .head = head};
    cache->layer = calloc((size_t)layers, sizeof *cache->layer);
    return cache->layer ? VLT_OK
                        : vlt_fail(err, VLT_STATUS_NOMEM, "cache: no memory for %lld layers",
                                   (long long)layers);
}

void vlt_kv_cache_release(vlt_kv_cache *cache)
{
    for (int64_t i = 0; cache->layer && !cache->borrowed && i < cache->layers; i++) {
        vlt_free(cache->layer[i].k);
        vlt_free(cache->layer[i].v);
    }
    if (!cache->borrowed) {
        free(cache->layer);
    }
    *cache = (vlt_kv_cache){0};
}

vlt_kv_cache vlt_kv_cache_over(vlt_kv_layer *layer, const vlt_kv_format *format, int64_t kv_heads,
                               int64_t head)
{
    return (vlt_kv_cache){.format = format,
                          .layers = 1,
                          .kv_heads = kv_heads,
                          .head = head,
                          .layer = layer,
                          .borrowed = true};
}

static size_t head_row_bytes(const vlt_kv_cache *cache)
{
    return (size_t)cache->head * cache->format->element_bytes;
}

size_t vlt_kv_cache_row_bytes(const vlt_kv_cache *cache)
{
    return (size_t)(2 * cache->layers * cache->kv_heads) * head_row_bytes(cache);
}

int64_t vlt_kv_cache_capacity(const vlt_kv_cache *cache)
{
    int64_t capacity = cache->layers ? cache->layer[0].capacity : 0;
    for (int64_t i = 1; i < cache->layers; i++) {
        capacity = cache->layer[i].capacity < capacity ? cache->layer[i].capacity : capacity;
    }
    return capacity;
}

size_t vlt_kv_cache_bytes(const vlt_kv_cache *cache)
{
    size_t bytes = 0;
    for (int64_t i = 0; i < cache->layers; i++) {
        bytes += (size_t)(2 * cache->kv_heads * cache->layer[i].capacity) * head_row_bytes(cache);
    }
    return bytes;
}

/* The valid rows of every head of old, in its new place. */
static void move_rows(const vlt_kv_cache *cache, const unsigned char *old, int64_t old_rows,
                      unsigned char *new, int64_t new_rows)
{
    size_t row = head_row_bytes(cache);
    for (int64_t h = 0; h < cache->kv_heads && cache->count; h++) {
        memcpy(new + (size_t)(h * new_rows) * row, old + (size_t)(h * old_rows) * row,
               (size_t)cache->count * row);
    }
}

static vlt_status grow_layer(const vlt_kv_cache *cache, vlt_kv_layer *layer, int64_t rows,
                             vlt_error *err)
{
    const int64_t dims[] = {cache->kv_heads, rows};
    void *k = NULL, *v = NULL;
    size_t bytes;
    vlt_status status = vlt_dims_bytes(dims, 2, head_row_bytes(cache), &bytes, err);
    if (status == VLT_OK) {
        status = vlt_alloc_raw(bytes, &k, err);
    }
    if (status == VLT_OK) {
        status = vlt_alloc_raw(bytes, &v, err);
    }
    if (status != VLT_OK) {
        vlt_free(k);
        return status;
    }
    move_rows(cache, layer->k, layer->capacity, k, rows);
    move_rows(cache, layer->v, layer->capacity, v, rows);
    vlt_free(layer->k);
    vlt_free(layer->v);
    *layer = (vlt_kv_layer){.k = k, .v = v, .capacity = rows};
    return VLT_OK;
}

vlt_status vlt_kv_cache_reserve(vlt_kv_cache *cache, int64_t rows, int64_t most, vlt_error *err)
{
    vlt_status status = VLT_OK;
    int64_t capacity = vlt_kv_cache_capacity(cache), wanted = 2 * capacity;
    if (rows <= capacity) {
        return VLT_OK;
    }
    wanted = most && wanted > most ? most : wanted;
    wanted = wanted < rows ? rows : wanted;
    for (int64_t i = 0; i < cache->layers && status == VLT_OK && !cache->borrowed; i++) {
        if (cache->layer[i].capacity < wanted) {
            status = grow_layer(cache, &cache->layer[i], wanted, err);
        }
    }
    return status == VLT_OK
               ? VLT_OK
               : vlt_fail_in(err, status, "cache of %lld rows, %zu bytes: ", (long long)wanted,
                             (size_t)wanted * vlt_kv_cache_row_bytes(cache));
}

void vlt_kv_cache_append(const vlt_kv_cache *cache, int64_t layer, int64_t first, int64_t rows,
                         const float *k, const float *v)
{
    const vlt_kv_layer *to = &cache->layer[layer];
    size_t row_bytes = head_row_bytes(cache);
    for (int64_t h = 0; h < cache->kv_heads; h++) {
        for (int64_t r = 0; r < rows; r++) {
            size_t at = (size_t)(h * to->capacity + first + r) * row_bytes;
            int64_t from = (r * cache->kv_heads + h) * cache->head;
            cache->format->store(k + from, cache->head, to->k + at);
            cache->format->store(v + from, cache->head, to->v + at);
        }
    }
}

void vlt_kv_cache_commit(vlt_kv_cache *cache, int64_t rows)
{
    cache->count = rows;
}

static vlt_kv_view view_of(const vlt_kv_cache *cache, const unsigned char *data, int64_t capacity)
{
    return (vlt_kv_view){.data = data,
                         .row_bytes = (int64_t)head_row_bytes(cache),
                         .head_bytes = (int64_t)head_row_bytes(cache) * capacity,
                         .format = cache->format->format};
}

vlt_kv_view vlt_kv_cache_keys(const vlt_kv_cache *cache, int64_t layer)
{
    return view_of(cache, cache->layer[layer].k, cache->layer[layer].capacity);
}

vlt_kv_view vlt_kv_cache_values(const vlt_kv_cache *cache, int64_t layer)
{
    return view_of(cache, cache->layer[layer].v, cache->layer[layer].capacity);
}

int64_t vlt_kv_cache_stretches(const vlt_kv_cache *cache)
{
    return cache->layers * 2 * cache->kv_heads;
}

void *vlt_kv_cache_stretch(const vlt_kv_cache *cache, int64_t index, size_t *bytes)
{
    const vlt_kv_layer *layer = &cache->layer[index / (2 * cache->kv_heads)];
    bool is_v = index / cache->kv_heads % 2;
    int64_t head = index % cache->kv_heads;
    *bytes = (size_t)cache->count * head_row_bytes(cache);
    return (is_v ? layer->v : layer->k) + (size_t)(head * layer->capacity) * head_row_bytes(cache);
}
