#include "harness/infer/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "harness/json/json_make.h"

static void plan_activations(vlt_session *session, bool take)
{
    const vlt_text_config *text = &session->engine->config.text;
    const size_t block = VLT_PROMPT_BLOCK;
    const struct {
        float **out;
        size_t count;
    } piece[] = {
        {&session->hidden, block * (size_t)text->width},
        {&session->normed, block * (size_t)text->width},
        {&session->cos, block * (size_t)text->head / 2},
        {&session->sin, block * (size_t)text->head / 2},
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
        status = vlt_kv_cache_init(&session->cache, &engine->config.text, err);
    }
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
    vlt_arena_release(&session->arena);
    vlt_kv_cache_release(&session->cache);
    free(session->ids);
    free(session->key);
    free(session->conversation);
    free(session);
}

void vlt_session_settle(vlt_session *session, int64_t rows)
{
    atomic_uint_least64_t *total = &session->engine->memory.promised_bytes;
    size_t all = 0, used = 0;
    session->reach = rows;
    if (rows > session->count &&
        (vlt_kv_cache_bytes(&session->cache, rows, &all, NULL) != VLT_OK ||
         vlt_kv_cache_bytes(&session->cache, session->count, &used, NULL) != VLT_OK)) {
        all = used = 0;
    }
    atomic_fetch_add(total, (all - used) - session->promised); /* unsigned: may go down */
    session->promised = all - used;
}

vlt_status vlt_session_admit(vlt_session *session, int64_t rows, vlt_error *err)
{
    char what[64];
    size_t all = 0, used = 0;
    vlt_status status = check_context(session->engine, rows, err);
    vlt_session_settle(session, 0);
    if (status == VLT_OK) {
        status = vlt_kv_cache_bytes(&session->cache, rows, &all, err);
    }
    if (status == VLT_OK && rows > session->count) {
        status = vlt_kv_cache_bytes(&session->cache, session->count, &used, err);
        snprintf(what, sizeof what, "cache of %lld tokens", (long long)rows);
        if (status == VLT_OK) {
            status = vlt_memory_gauge_admit(&session->engine->memory, all - used, what, err);
        }
    }
    if (status == VLT_OK) {
        vlt_session_settle(session, rows);
    }
    return status;
}

vlt_status vlt_session_reserve(vlt_session *session, int64_t rows, vlt_error *err)
{
    const int64_t most = session->reach > rows ? session->reach : rows;
    if (rows <= session->capacity) {
        return VLT_OK;
    }
    vlt_status status = vlt_kv_cache_reserve(&session->cache, rows, most, session->count, err);
    if (status != VLT_OK) {
        return status;
    }
    const size_t capacity = (size_t)session->cache.capacity;
    int32_t *ids = realloc(session->ids, capacity * sizeof *ids);
    session->ids = ids ? ids : session->ids;
    uint64_t *key = realloc(session->key, capacity * sizeof *key);
    session->key = key ? key : session->key;
    if (!ids || !key) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu tokens", capacity);
    }
    session->capacity = session->cache.capacity;
    return VLT_OK;
}

/* The seed of the request, or one from the system. */
static vlt_status choose_seed(const vlt_request *request, uint64_t *seed, vlt_error *err)
{
    *seed = request->seed;
    if (request->given & VLT_GIVEN_SEED) {
        return VLT_OK;
    }
    if (getrandom(seed, sizeof *seed, 0) != (ssize_t)sizeof *seed) {
        return vlt_fail(err, VLT_STATUS_IO, "no random seed from the system, give one");
    }
    *seed >>= 12; /* JSON readers keep 53 bits */
    return VLT_OK;
}

static vlt_status describe_prompt(const vlt_session *session, const vlt_prompt *prompt,
                                  vlt_response *out, vlt_error *err)
{
    const int64_t merge = session->engine->config.vision.merge;
    out->prompt_ids = malloc(((size_t)prompt->count + 1) * sizeof *out->prompt_ids);
    out->images = calloc((size_t)prompt->visual_count + 1, sizeof *out->images);
    if (!out->prompt_ids || !out->images) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a response");
    }
    memcpy(out->prompt_ids, prompt->ids, (size_t)prompt->count * sizeof *out->prompt_ids);
    out->prompt_count = prompt->count;
    out->rope_delta = prompt->delta;
    out->image_count = prompt->visual_count;
    for (int i = 0; i < prompt->visual_count; i++) {
        const vlt_grid *grid = &prompt->visual[i].grid;
        out->images[i] = (vlt_response_image){.video = grid->video,
                                              .grid_thw = {grid->t, grid->h, grid->w},
                                              .tokens = vlt_grid_tokens(grid, merge)};
    }
    out->timings.image_decode = prompt->image_decode_ms;
    out->timings.preprocess = prompt->preprocess_ms;
    out->timings.tokenize = prompt->tokenize_ms;
    return VLT_OK;
}

/* The conversation with the answer behind it becomes the session's. */
static vlt_status keep_conversation(vlt_session *session, const vlt_prompt *prompt,
                                    const vlt_response *response, vlt_error *err)
{
    json_t *text = vlt_json_string(response->text, response->text_bytes);
    json_t *message = vlt_json_make("{s:s, s:o}", "role", "assistant", "content", text);
    char *conversation = NULL;
    vlt_status status = message ? vlt_messages_append(prompt->messages, message, &conversation, err)
                                : vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the answer");
    if (status == VLT_OK) {
        free(session->conversation);
        session->conversation = conversation;
    }
    json_decref(message);
    return status;
}

vlt_status vlt_session_respond(vlt_session *session, const vlt_request *request,
                               const vlt_prompt *prompt, vlt_response *out, vlt_error *err)
{
    *out = (vlt_response){0};
    vlt_status status = describe_prompt(session, prompt, out, err);
    if (status == VLT_OK) {
        status = choose_seed(request, &out->seed, err);
    }
    if (status == VLT_OK) {
        pthread_mutex_lock(&session->engine->compute_lock);
        status = vlt_session_answer(session, request, prompt, out, err);
        pthread_mutex_unlock(&session->engine->compute_lock);
    }
    if (status == VLT_OK && prompt->messages && out->id_count > 0) { /* no token, no turn */
        status = keep_conversation(session, prompt, out, err);
    }
    if (status != VLT_OK) {
        vlt_response_release(out);
    }
    return status;
}

vlt_status vlt_session_run(vlt_session *session, const vlt_request *request, vlt_response *out,
                           vlt_error *err)
{
    vlt_prompt prompt;
    vlt_engine *engine = session->engine;
    double start_ms = vlt_now_ms();
    *out = (vlt_response){0};
    vlt_status status = vlt_prompt_build(engine, request, session->conversation, &prompt, err);
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
        timings->other = timings->total - timings->load - timings->image_decode -
                         timings->preprocess - timings->tokenize - timings->vision -
                         timings->prefill - timings->decode;
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
