#include "harness/infer/kv_cache.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"

vlt_status vlt_kv_cache_init(vlt_kv_cache *cache, const vlt_text_config *text, vlt_error *err)
{
    *cache = (vlt_kv_cache){.layers = text->layers, .kv_heads = text->kv_heads, .head = text->head};
    cache->layer = calloc((size_t)text->layers + 1, sizeof *cache->layer);
    return cache->layer ? VLT_OK
                        : vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a cache of %lld layers",
                                   (long long)text->layers);
}

void vlt_kv_cache_release(vlt_kv_cache *cache)
{
    for (int64_t i = 0; cache->layer && i < cache->layers; i++) {
        vlt_pages_release(cache->layer[i].data, cache->layer[i].bytes);
    }
    free(cache->layer);
    *cache = (vlt_kv_cache){0};
}

static vlt_status layer_bytes(const vlt_kv_cache *cache, int64_t rows, size_t *bytes,
                              vlt_error *err)
{
    const int64_t dims[] = {2 * cache->kv_heads, rows, cache->head};
    return vlt_dims_bytes(dims, 3, sizeof(float), bytes, err);
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

static vlt_status grow_layer(const vlt_kv_cache *cache, vlt_kv_layer *layer, int64_t rows,
                             int64_t used, vlt_error *err)
{
    vlt_kv_layer grown = {.rows = rows};
    void *pages = NULL;
    vlt_status status = layer_bytes(cache, rows, &grown.bytes, err);
    if (status == VLT_OK) {
        status = vlt_pages_take(grown.bytes, &pages, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    grown.data = pages;
    for (int64_t list = 0; list < 2 * cache->kv_heads && used; list++) {
        memcpy(grown.data + list * rows * cache->head,
               layer->data + list * layer->rows * cache->head,
               (size_t)(used * cache->head) * sizeof(float));
    }
    vlt_pages_release(layer->data, layer->bytes);
    *layer = grown;
    return VLT_OK;
}

vlt_status vlt_kv_cache_reserve(vlt_kv_cache *cache, int64_t rows, int64_t rows_most, int64_t used,
                                vlt_error *err)
{
    size_t bytes = 0;
    int64_t wanted = 2 * cache->capacity < rows_most ? 2 * cache->capacity : rows_most;
    vlt_status status = VLT_OK;
    if (rows <= cache->capacity) {
        return VLT_OK;
    }
    wanted = wanted > rows ? wanted : rows;
    for (int64_t i = 0; i < cache->layers && status == VLT_OK; i++) {
        vlt_kv_layer *layer = &cache->layer[i];
        if (layer->rows < wanted) {
            status = grow_layer(cache, layer, wanted, used, NULL);
        }
        if (status != VLT_OK && wanted > rows) { /* then no more than is asked for */
            wanted = rows;
            status = layer->rows < rows ? grow_layer(cache, layer, rows, used, NULL) : VLT_OK;
        }
    }
    if (status != VLT_OK) {
        vlt_kv_cache_bytes(cache, rows, &bytes, NULL);
        return vlt_fail(err, status, "no memory for a cache of %lld tokens (%zu bytes)",
                        (long long)rows, bytes);
    }
    cache->capacity = wanted;
    return VLT_OK;
}
