/* From the logits of a step to its token, its text and whether it is the last. */
#include <stdlib.h>
#include <string.h>

#include "harness/infer/generation_internal.h"
#include "optimizations/core/memory.h"

/* Text grows by doubling: an allocation now and then, never one per token. */
static vlt_status append_text(vlt_generation *generation, const char *text, size_t bytes,
                              vlt_error *err)
{
    vlt_response *out = &generation->out;
    const vlt_request *request = generation->request;
    if (!bytes) {
        return VLT_OK;
    }
    if (out->text_bytes + bytes + 1 > generation->text_room) {
        size_t room = (out->text_bytes + bytes + 1) * 2;
        char *grown = realloc(out->text, room);
        if (!grown) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu bytes of text", room);
        }
        out->text = grown;
        generation->text_room = room;
    }
    memcpy(out->text + out->text_bytes, text, bytes);
    out->text_bytes += bytes;
    out->text[out->text_bytes] = '\0';
    if (request->on_text && !request->on_text(request->user, text, bytes)) {
        generation->interrupted = true;
    }
    return VLT_OK;
}

void vlt_generation_look_ahead(vlt_generation *generation)
{
    vlt_session *session = generation->session;
    vlt_response *out = &generation->out;
    const int64_t next = generation->prompt->count + out->id_count;
    size_t row_bytes = 0;
    if (next < session->cache.ready || vlt_governor_level(session->engine->governor) ||
        vlt_kv_cache_bytes(&session->cache, 1, &row_bytes, NULL) != VLT_OK) {
        return;
    }
    const int64_t most = VLT_ROWS_AHEAD_BYTES / (int64_t)row_bytes;
    int64_t rows = next + (most > VLT_ROWS_AHEAD ? most : VLT_ROWS_AHEAD);
    rows = rows < session->reach ? rows : session->reach;
    rows = rows < session->capacity ? rows : session->capacity;
    const int64_t tokens = rows - next;
    if (tokens <= 0) {
        return;
    }
    vlt_session_make_ready(session, rows);
    vlt_pages_ready(out->ids + out->id_count, (size_t)tokens * sizeof *out->ids);
    if (out->logprob_top) {
        const size_t row = (size_t)out->logprob_top + 1;
        vlt_pages_ready(out->logprobs + (size_t)out->id_count * row,
                        (size_t)tokens * row * sizeof *out->logprobs);
    }
}

static bool is_end(const vlt_engine *engine, int32_t id)
{
    for (int i = 0; i < engine->generation.eos.count; i++) {
        if (engine->generation.eos.id[i] == id) {
            return true;
        }
    }
    return false;
}

static vlt_status take_forced(const vlt_generation *generation, int32_t *id, vlt_error *err)
{
    const int64_t step = generation->out.id_count;
    const int64_t vocab = generation->session->engine->config.text.vocab;
    *id = generation->request->forced_ids[step];
    if (*id < 0 || *id >= vocab) {
        return vlt_fail(err, VLT_STATUS_USAGE, "forced id %d, expected 0 to %lld", *id,
                        (long long)vocab - 1);
    }
    return VLT_OK;
}

static vlt_status choose_token(vlt_generation *generation, int32_t *id, vlt_error *err)
{
    vlt_session *session = generation->session;
    const vlt_request *request = generation->request;
    const vlt_response *out = &generation->out;
    const bool logprobs = out->logprob_top > 0;
    if (request->on_logits && !request->on_logits(request->user, out->id_count, session->logits,
                                                  session->engine->config.text.vocab)) {
        generation->interrupted = true;
    }
    if (request->forced_ids) {
        return take_forced(generation, id, err);
    }
    vlt_logprob *row = logprobs ? out->logprobs + out->id_count * (out->logprob_top + 1) : NULL;
    return vlt_sampler_choose(&generation->sampler, session, generation->prompt->count,
                              out->id_count, id, row, err);
}

/* Takes the id into the answer. */
static vlt_status accept_token(vlt_generation *generation, int32_t id, vlt_error *err)
{
    const vlt_request *request = generation->request;
    vlt_response *out = &generation->out;
    const char *text;
    size_t bytes;
    generation->session->ids[generation->prompt->count + out->id_count] = id;
    generation->session->key[generation->prompt->count + out->id_count] = (uint64_t)id;
    out->ids[out->id_count++] = id;
    if (request->on_token && !request->on_token(request->user, id)) {
        generation->interrupted = true;
    }
    generation->stopped = vlt_stream_decoder_push(generation->decoder, id, &text, &bytes);
    return append_text(generation, text, bytes, err);
}

/* Chooses and accepts one. */
static vlt_status take_token(vlt_generation *generation, vlt_error *err)
{
    const int64_t rows = generation->prompt->count + generation->out.id_count + 1;
    vlt_status status = vlt_session_reserve(generation->session, rows, err);
    if (status == VLT_OK) {
        vlt_generation_look_ahead(generation);
        status = choose_token(generation, &generation->id, err);
    }
    return status == VLT_OK ? accept_token(generation, generation->id, err) : status;
}

static vlt_status finish_text(vlt_generation *generation, vlt_error *err)
{
    const char *text;
    size_t bytes;
    vlt_stream_decoder_finish(generation->decoder, &text, &bytes);
    return append_text(generation, text, bytes, err);
}

vlt_status vlt_generation_next(vlt_generation *generation, vlt_error *err)
{
    const vlt_request *request = generation->request;
    vlt_response *out = &generation->out;
    bool end = false;
    if (out->id_count < generation->max_tokens) {
        vlt_status status = take_token(generation, err);
        if (status != VLT_OK) {
            return status;
        }
        end = !request->ignore_eos && !request->forced_ids &&
              is_end(generation->session->engine, generation->id);
    }
    if (end || generation->stopped) {
        out->finish = VLT_FINISH_STOP;
    } else if (generation->interrupted) {
        out->finish = VLT_FINISH_INTERRUPTED;
    }
    generation->done = end || generation->stopped || generation->interrupted ||
                       out->id_count == generation->max_tokens;
    return generation->done ? finish_text(generation, err) : VLT_OK;
}
