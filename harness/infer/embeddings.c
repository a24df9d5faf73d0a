#include "harness/infer/embeddings.h"

#include <string.h>

/* What the outputs hold of one picture: the embedding, then the deepstack features. */
struct rows {
    vlt_content_piece piece[1 + VLT_VISION_TAPS_MAX];
    float *out[1 + VLT_VISION_TAPS_MAX];
    int pieces;
    int64_t tokens;
    size_t bytes; /* of a piece */
};

static struct rows rows_of(const vlt_engine *engine, const vlt_vision_request *request)
{
    const vlt_vision_config *vision = &engine->config.vision;
    const int64_t first = request->token_next * vision->out;
    struct rows rows = {.pieces = 1 + vision->deepstack_count};
    rows.tokens = vlt_grid_tokens(&request->visual[request->next].grid, vision->merge);
    rows.bytes = (size_t)(rows.tokens * vision->out) * sizeof(float);
    for (int i = 0; i < rows.pieces; i++) {
        rows.out[i] = (i ? request->deepstack[i - 1] : request->embedding) + first;
        rows.piece[i] = (vlt_content_piece){rows.out[i], rows.bytes};
    }
    return rows;
}

static vlt_status compute(vlt_engine *engine, vlt_vision_request *request, double *vision_ms,
                          vlt_error *err)
{
    vlt_turns_take(&engine->turns);
    double start_ms = vlt_engine_computing_ms(engine), began_ms = vlt_now_ms();
    const int first = request->next;
    vlt_status status = vlt_vision_step(engine, request, err);
    vlt_trace_span(engine->trace, "compute", "vision", began_ms, vlt_now_ms(), "images",
                   request->next - first);
    *vision_ms += vlt_engine_computing_ms(engine) - start_ms;
    vlt_turns_pass(&engine->turns);
    return status;
}

/* What an embedding depends on. */
struct key {
    vlt_hash128 content;
    int64_t grid[4];
    uint64_t model;
};

static struct key key_of(const vlt_engine *engine, const vlt_visual *visual)
{
    const vlt_grid *grid = &visual->grid;
    return (struct key){
        visual->content, {grid->t, grid->h, grid->w, grid->video}, engine->model_hash};
}

bool vlt_embeddings_known(const vlt_engine *engine, const vlt_visual *visual)
{
    const struct key key = key_of(engine, visual);
    const vlt_content_piece piece = {&key, sizeof key};
    return vlt_content_cache_has(engine->embeddings, &piece, 1);
}

static vlt_content_entry *take(vlt_engine *engine, const vlt_visual *visual, bool *make)
{
    const struct key key = key_of(engine, visual);
    const vlt_content_piece piece = {&key, sizeof key};
    return vlt_content_cache_take(engine->embeddings, &piece, 1, make);
}

void vlt_embeddings_touch(vlt_engine *engine, const vlt_visual *visual)
{
    bool make;
    if (!vlt_embeddings_known(engine, visual)) {
        return;
    }
    vlt_content_entry *entry = take(engine, visual, &make);
    if (make) { /* it has gone meanwhile */
        vlt_content_cache_give_up(engine->embeddings, entry);
    } else {
        vlt_content_cache_drop(engine->embeddings, entry);
    }
}

static void copy_rows(const vlt_content_entry *entry, const struct rows *rows)
{
    size_t bytes;
    const unsigned char *value = vlt_content_value(entry, &bytes);
    for (int i = 0; i < rows->pieces; i++) {
        memcpy(rows->out[i], value + (size_t)i * rows->bytes, rows->bytes);
    }
}

/* Keeps what was computed, where memory allows. */
static void keep(vlt_engine *engine, vlt_content_entry *entry, const struct rows *rows)
{
    const size_t bytes = rows->bytes * (size_t)rows->pieces;
    vlt_memory_grant grant = {0};
    if (vlt_governor_level(engine->governor) < VLT_MEMORY_CRITICAL &&
        vlt_engine_grant(engine, &grant, bytes, "image embeddings", NULL) == VLT_OK) {
        vlt_content_cache_put(engine->embeddings, entry, rows->piece, rows->pieces);
    } else {
        vlt_content_cache_give_up(engine->embeddings, entry);
    }
    vlt_memory_gauge_settle(&engine->memory, &grant);
}

vlt_status vlt_embeddings_step(vlt_engine *engine, vlt_vision_request *request,
                               vlt_embeddings_use use, double *vision_ms, vlt_error *err)
{
    bool make;
    if (use == VLT_EMBEDDINGS_APART || !engine->embeddings) {
        return compute(engine, request, vision_ms, err);
    }
    const struct rows rows = rows_of(engine, request);
    vlt_content_entry *entry = take(engine, &request->visual[request->next], &make);
    if (!make) {
        copy_rows(entry, &rows);
        vlt_content_cache_drop(engine->embeddings, entry);
        request->next++;
        request->token_next += rows.tokens;
        return VLT_OK;
    }
    vlt_vision_request one = *request;
    one.count = request->next + 1;
    vlt_status status = compute(engine, &one, vision_ms, err);
    request->next = one.next;
    request->token_next = one.token_next;
    if (status == VLT_OK && use == VLT_EMBEDDINGS_KEEP) {
        keep(engine, entry, &rows);
    } else {
        vlt_content_cache_give_up(engine->embeddings, entry);
    }
    return status;
}
