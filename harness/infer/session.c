#include "harness/infer/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/infer/generation.h"

static void plan_activations(vlt_session *session, bool take)
{
    const vlt_text_config *text = &session->engine->config.text;
    const struct {
        float **out;
        size_t count;
    } piece[] = {
        {&session->logits, (size_t)text->vocab},
        {&session->probabilities, (size_t)text->vocab},
    };
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
        if (take) {
            *piece[i].out = vlt_arena_take(&session->arena, piece[i].count, sizeof(float));
        } else {
            vlt_arena_reserve(&session->arena, piece[i].count, sizeof(float));
        }
    }
}

static vlt_status check_context(const vlt_engine *engine, int64_t rows, vlt_error *err)
{
    if (rows > engine->config.text.position_max) {
        return vlt_fail(err, VLT_STATUS_LIMIT,
                        "context of %lld tokens, the model's max_position_embeddings is %lld",
                        (long long)rows, (long long)engine->config.text.position_max);
    }
    return VLT_OK;
}

vlt_status vlt_session_open(vlt_engine *engine, const vlt_session_options *options,
                            vlt_session **out, vlt_error *err)
{
    *out = NULL;
    double start_ms = vlt_now_ms();
    int64_t context = options ? options->context : 0;
    if (context < 0) {
        return vlt_fail(err, VLT_STATUS_USAGE, "context of %lld tokens, expected 0 or more",
                        (long long)context);
    }
    vlt_status status = check_context(engine, context, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_session *session = calloc(1, sizeof *session);
    if (!session) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a session");
    }
    session->engine = engine;
    session->context = context;
    plan_activations(session, false);
    status = vlt_arena_commit(&session->arena, err);
    if (status == VLT_OK) {
        plan_activations(session, true);
        const vlt_text_config *text = &engine->config.text;
        status = vlt_kv_cache_init(&session->cache, engine->kv_format, text->layers, text->kv_heads,
                                   text->head, err);
    }
    session->cache.memory = &engine->policy;
    if (status != VLT_OK) {
        vlt_session_close(session);
        return status;
    }
    session->open_ms = vlt_now_ms() - start_ms;
    *out = session;
    return VLT_OK;
}

void vlt_session_close(vlt_session *session)
{
    if (!session) {
        return;
    }
    vlt_session_settle(session, 0);
    vlt_plan_destroy(session->sample);
    vlt_plan_destroy(session->distribution);
    vlt_scratch_release(&session->scratch);
    vlt_arena_release(&session->arena);
    vlt_kv_cache_release(&session->cache);
    free(session->ids);
    free(session->key);
    free(session->conversation);
    free(session);
}

/* What the rows from `first` on take; none where they are not more. */
static uint64_t bytes_behind(const vlt_session *session, int64_t first, int64_t rows)
{
    size_t all, before;
    return rows > first && vlt_kv_cache_bytes(&session->cache, rows, &all, NULL) == VLT_OK &&
                   vlt_kv_cache_bytes(&session->cache, first, &before, NULL) == VLT_OK
               ? all - before
               : 0;
}

void vlt_session_settle(vlt_session *session, int64_t rows)
{
    vlt_memory_gauge *gauge = &session->engine->memory;
    const int64_t resident = vlt_kv_cache_resident(&session->cache);
    const uint64_t promised = bytes_behind(session, resident, rows);
    const uint64_t mapped = bytes_behind(session, resident,
                                         rows < session->capacity ? rows : session->capacity);
    session->reach = rows;
    atomic_fetch_add(&gauge->promised_bytes, promised - session->promised); /* may go down */
    atomic_fetch_add(&gauge->mapped_bytes, mapped - session->mapped);
    session->promised = promised;
    session->mapped = mapped;
}

vlt_status vlt_session_admit(vlt_session *session, int64_t rows, vlt_error *err)
{
    char what[64];
    size_t all = 0;
    vlt_memory_gauge *gauge = &session->engine->memory;
    vlt_memory_grant grant = {0};
    vlt_status status = check_context(session->engine, rows, err);
    vlt_session_settle(session, 0);
    if (status == VLT_OK) {
        status = vlt_kv_cache_bytes(&session->cache, rows, &all, err);
    }
    if (status == VLT_OK) {
        const int64_t kept = rows > session->capacity ? session->cache.count
                                                      : vlt_kv_cache_resident(&session->cache);
        snprintf(what, sizeof what, "cache of %lld tokens", (long long)rows);
        status = vlt_engine_grant(session->engine, &grant, bytes_behind(session, kept, rows), what,
                                  err);
    }
    if (status == VLT_OK) {
        vlt_session_settle(session, rows); /* promised from now on */
    }
    vlt_memory_gauge_settle(gauge, &grant);
    return status;
}

vlt_status vlt_session_reserve(vlt_session *session, int64_t rows, vlt_error *err)
{
    const int64_t most = session->reach > rows ? session->reach : rows;
    if (rows <= session->capacity) {
        return VLT_OK;
    }
    vlt_status status = vlt_kv_cache_reserve(&session->cache, rows, most, err);
    if (status != VLT_OK) {
        return status;
    }
    const size_t capacity = (size_t)vlt_kv_cache_capacity(&session->cache);
    int32_t *ids = realloc(session->ids, capacity * sizeof *ids);
    session->ids = ids ? ids : session->ids;
    uint64_t *key = realloc(session->key, capacity * sizeof *key);
    session->key = key ? key : session->key;
    if (!ids || !key) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu tokens", capacity);
    }
    session->capacity = (int64_t)capacity;
    vlt_session_settle(session, session->reach);
    return VLT_OK;
}

void vlt_session_make_ready(vlt_session *session, int64_t rows)
{
    const size_t first = (size_t)vlt_kv_cache_resident(&session->cache), end = (size_t)rows;
    if (end > first) {
        vlt_kv_cache_make_ready(&session->cache, rows);
        vlt_pages_ready(session->ids + first, (end - first) * sizeof *session->ids);
        vlt_pages_ready(session->key + first, (end - first) * sizeof *session->key);
        vlt_session_settle(session, session->reach);
    }
}

int64_t vlt_session_cached_rows(const vlt_session *session, const vlt_prompt *prompt)
{
    int64_t rows = 0;
    while (rows < session->cache.count && rows < prompt->count - 1 &&
           session->key[rows] == prompt->key[rows]) {
        rows++;
    }
    return rows;
}

vlt_status vlt_session_respond(vlt_session *session, const vlt_request *request,
                               const vlt_prompt *prompt, vlt_response *out, vlt_error *err)
{
    vlt_generation *generation = NULL;
    *out = (vlt_response){0};
    vlt_status status = vlt_generation_begin(session, request, prompt, &generation, err);
    if (status != VLT_OK) {
        return status;
    }
    while (!vlt_generation_done(generation)) {
        vlt_generation_step(&generation, 1);
    }
    return vlt_generation_end(generation, out, err);
}

void vlt_timings_settle(vlt_timings *timings)
{
    const double busy = timings->load + timings->image_decode + timings->preprocess +
                        timings->tokenize + timings->vision + timings->prefill + timings->decode;
    const double excess = busy - timings->total;
    timings->overlap = excess > 0 ? excess : 0;
    timings->other = excess < 0 ? -excess : 0;
}

vlt_status vlt_session_run(vlt_session *session, const vlt_request *request, vlt_response *out,
                           vlt_error *err)
{
    vlt_prompt prompt;
    vlt_engine *engine = session->engine;
    double start_ms = vlt_now_ms();
    *out = (vlt_response){0};
    vlt_status status = vlt_prompt_build(engine, request, session->conversation, NULL, &prompt,
                                         err);
    if (status == VLT_OK) {
        status = vlt_session_respond(session, request, &prompt, out, err);
    }
    vlt_prompt_release(&prompt);
    if (status == VLT_OK) {
        vlt_timings *timings = &out->timings;
        vlt_load_times load = vlt_engine_take_load(engine);
        timings->load = session->open_ms + load.open_ms + load.pack_ms;
        timings->total = session->open_ms + load.open_ms + vlt_now_ms() - start_ms;
        session->open_ms = 0;
        vlt_timings_settle(timings);
    }
    return status;
}

void vlt_response_release(vlt_response *response)
{
    free(response->text);
    free(response->ids);
    free(response->prompt_ids);
    free(response->images);
    free(response->logprobs);
    *response = (vlt_response){0};
}

const char *vlt_finish_name(vlt_finish finish)
{
    static const char *const names[] = {[VLT_FINISH_STOP] = "stop",
                                        [VLT_FINISH_LENGTH] = "length",
                                        [VLT_FINISH_INTERRUPTED] = "interrupted"};
    return names[finish];
}
