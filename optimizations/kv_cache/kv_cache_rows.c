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
        vlt_pages_release(cache->layer[i].pages, cache->layer[i].page_bytes);
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

int64_t vlt_kv_cache_capacity(const vlt_kv_cache *cache)
{
    int64_t capacity = cache->layers ? cache->layer[0].capacity : 0;
    for (int64_t i = 1; i < cache->layers; i++) {
        capacity = cache->layer[i].capacity < capacity ? cache->layer[i].capacity : capacity;
    }
    return capacity;
}

static vlt_status layer_bytes(const vlt_kv_cache *cache, int64_t rows, size_t *bytes,
                              vlt_error *err)
{
    const int64_t dims[] = {2 * cache->kv_heads, rows};
    return vlt_dims_bytes(dims, 2, head_row_bytes(cache), bytes, err);
}

vlt_status vlt_kv_cache_bytes(const vlt_kv_cache *cache, int64_t rows, size_t *bytes,
                              vlt_error *err)
{
    vlt_status status = layer_bytes(cache, rows, bytes, err);
    if (status == VLT_OK && !vlt_mul_size(*bytes, (size_t)cache->layers, bytes)) {
        status = vlt_fail(err, VLT_STATUS_LIMIT, "a cache of %lld tokens does not fit",
                          (long long)rows);
    }
    return status;
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
    vlt_kv_layer grown = {.capacity = rows};
    vlt_status status = layer_bytes(cache, rows, &grown.page_bytes, err);
    if (status == VLT_OK) {
        status = vlt_policy_pages_take(cache->memory, grown.page_bytes, &grown.pages, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    grown.k = grown.pages;
    grown.v = grown.k + grown.page_bytes / 2;
    move_rows(cache, layer->k, layer->capacity, grown.k, rows);
    move_rows(cache, layer->v, layer->capacity, grown.v, rows);
    vlt_pages_release(layer->pages, layer->page_bytes);
    *layer = grown;
    return VLT_OK;
}

vlt_status vlt_kv_cache_reserve(vlt_kv_cache *cache, int64_t rows, int64_t most, vlt_error *err)
{
    size_t bytes = 0;
    int64_t capacity = vlt_kv_cache_capacity(cache);
    int64_t wanted = capacity < most / 2 ? 2 * capacity : most;
    vlt_status status = VLT_OK;
    if (rows <= capacity || cache->borrowed) {
        return VLT_OK;
    }
    wanted = wanted > rows ? wanted : rows;
    cache->ready = 0;
    for (int64_t i = 0; i < cache->layers && status == VLT_OK; i++) {
        vlt_kv_layer *layer = &cache->layer[i];
        status = layer->capacity < wanted ? grow_layer(cache, layer, wanted, NULL) : VLT_OK;
        if (status != VLT_OK && wanted > rows) { /* then no more than is asked for */
            wanted = rows;
            status = layer->capacity < rows ? grow_layer(cache, layer, rows, NULL) : VLT_OK;
        }
    }
    if (status != VLT_OK) {
        vlt_kv_cache_bytes(cache, rows, &bytes, NULL);
        return vlt_fail(err, status, "no memory for a cache of %lld tokens (%zu bytes)",
                        (long long)rows, bytes);
    }
    return VLT_OK;
}

/* Neighbours whose rows are all wanted are one stretch, up to whole layers. */
void vlt_kv_cache_make_ready(vlt_kv_cache *cache, int64_t rows)
{
    const size_t row = head_row_bytes(cache);
    const int64_t first = vlt_kv_cache_resident(cache);
    for (int64_t i = 0; i < cache->layers && rows > first && !cache->borrowed; i++) {
        const vlt_kv_layer *layer = &cache->layer[i];
        if (first == 0 && rows == layer->capacity) {
            vlt_pages_ready(layer->pages, layer->page_bytes);
            continue;
        }
        for (int64_t h = 0; h < 2 * cache->kv_heads; h++) { /* v lies behind k */
            vlt_pages_ready(layer->k + (size_t)(h * layer->capacity + first) * row,
                            (size_t)(rows - first) * row);
        }
    }
    cache->ready = rows > cache->ready ? rows : cache->ready;
}

int64_t vlt_kv_cache_resident(const vlt_kv_cache *cache)
{
    return cache->count > cache->ready ? cache->count : cache->ready;
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
