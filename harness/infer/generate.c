/* From a prompt to an answer: what the cache already holds, prefill, then token by token. */
#include <stdlib.h>
#include <string.h>

#include "harness/infer/sampler.h"
#include "optimizations/bpe_encode/decode.h"

/* The answer under way. All memory is taken before the first token. */
struct generation {
    vlt_session *session;
    const vlt_request *request;
    const vlt_prompt *prompt;
    vlt_response *out;
    vlt_sampler sampler;
    int64_t max_tokens;
    vlt_stream_decoder *decoder;
    size_t text_room;
    bool stopped;     /* a stop string is complete */
    bool interrupted; /* a callback said so */
};

/* Rows at the front of the cache that the prompt begins with; at least one row is left to compute,
 * because its logits are what the answer begins with. */
static int64_t cached_rows(const vlt_session *session, const vlt_prompt *prompt)
{
    int64_t rows = 0;
    while (rows < session->count && rows < prompt->count - 1 &&
           session->key[rows] == prompt->key[rows]) {
        rows++;
    }
    return rows;
}

/* How many tokens there is room for; LIMIT, with the numbers, when that is less than asked. */
static vlt_status fit_context(struct generation *generation, vlt_error *err)
{
    const vlt_session *session = generation->session;
    const bool forced = generation->request->forced_ids != NULL;
    const int64_t prompt = generation->prompt->count;
    const int64_t asked = forced ? generation->request->forced_count
                                 : generation->request->max_tokens;
    const int64_t model = session->engine->config.text.position_max;
    const int64_t limit = session->context ? session->context : model;
    const char *whose = session->context ? "the context" : "max_position_embeddings";
    int64_t tokens = asked > 0 ? asked : asked < 0 ? 0 : VLT_MAX_TOKENS_DEFAULT;
    if (forced) {
        tokens = asked;
    } else if (asked == 0 && tokens > limit - prompt) {
        tokens = limit - prompt; /* nobody asked for the default */
    }
    if (prompt > limit || tokens > limit - prompt || (!forced && asked == 0 && tokens <= 0)) {
        return vlt_fail(err, VLT_STATUS_LIMIT,
                        "prompt of %lld tokens and %lld to generate, %s is %lld", (long long)prompt,
                        (long long)(tokens > 0 ? tokens : 1), whose, (long long)limit);
    }
    generation->max_tokens = tokens;
    return VLT_OK;
}

static vlt_status reserve_output(struct generation *generation, vlt_error *err)
{
    vlt_response *out = generation->out;
    const vlt_engine *engine = generation->session->engine;
    const size_t tokens = (size_t)generation->max_tokens;
    size_t room, bytes;
    out->logprob_top = generation->sampler.logprobs;
    generation->text_room = 256;
    out->ids = malloc((tokens + 1) * sizeof *out->ids);
    out->text = calloc(1, generation->text_room);
    if (out->logprob_top && vlt_mul_size(tokens, (size_t)out->logprob_top + 1, &room) &&
        vlt_mul_size(room, sizeof *out->logprobs, &bytes)) {
        out->logprobs = malloc(bytes + 1);
    }
    if (!out->ids || !out->text || (out->logprob_top && !out->logprobs)) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu tokens", tokens);
    }
    return vlt_stream_decoder_create(vlt_tokenizer_vocab(engine->tokenizer), true,
                                     generation->request->stops, generation->request->stop_count,
                                     &generation->decoder, err);
}

/* Text grows by doubling: an allocation now and then, never one per token. */
static vlt_status append_text(struct generation *generation, const char *text, size_t bytes,
                              vlt_error *err)
{
    vlt_response *out = generation->out;
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

static bool is_end(const vlt_engine *engine, int32_t id)
{
    for (int i = 0; i < engine->generation.eos.count; i++) {
        if (engine->generation.eos.id[i] == id) {
            return true;
        }
    }
    return false;
}

static vlt_status take_forced(const struct generation *generation, int32_t *id, vlt_error *err)
{
    const int64_t step = generation->out->id_count;
    const int64_t vocab = generation->session->engine->config.text.vocab;
    *id = generation->request->forced_ids[step];
    if (*id < 0 || *id >= vocab) {
        return vlt_fail(err, VLT_STATUS_USAGE, "forced id %d, expected 0 to %lld", *id,
                        (long long)vocab - 1);
    }
    return VLT_OK;
}

static vlt_status choose_token(struct generation *generation, int32_t *id, vlt_error *err)
{
    vlt_session *session = generation->session;
    const vlt_request *request = generation->request;
    const vlt_response *out = generation->out;
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
static vlt_status accept_token(struct generation *generation, int32_t id, vlt_error *err)
{
    const vlt_request *request = generation->request;
    vlt_response *out = generation->out;
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

static vlt_status decode(struct generation *generation, vlt_error *err)
{
    vlt_session *session = generation->session;
    vlt_response *out = generation->out;
    vlt_status status = VLT_OK;
    int32_t id = 0;
    out->finish = VLT_FINISH_LENGTH;
    while (out->id_count < generation->max_tokens) {
        status = vlt_session_reserve(session, generation->prompt->count + out->id_count + 1, err);
        if (status == VLT_OK) {
            status = choose_token(generation, &id, err);
        }
        if (status == VLT_OK) {
            status = accept_token(generation, id, err);
        }
        if (status != VLT_OK) {
            return status;
        }
        const vlt_request *request = generation->request;
        bool end = !request->ignore_eos && !request->forced_ids && is_end(session->engine, id);
        if (end || generation->stopped) {
            out->finish = VLT_FINISH_STOP;
            break;
        }
        if (generation->interrupted) {
            out->finish = VLT_FINISH_INTERRUPTED;
            break;
        }
        if (out->id_count < generation->max_tokens) {
            status = vlt_session_step(session, id, generation->prompt->delta, err);
            if (status != VLT_OK) {
                return status;
            }
        }
    }
    const char *text;
    size_t bytes;
    vlt_stream_decoder_finish(generation->decoder, &text, &bytes);
    return append_text(generation, text, bytes, err);
}

static vlt_status dump_prompt(const vlt_session *session, const vlt_prompt *prompt, vlt_dump *dump,
                              vlt_error *err)
{
    const int64_t values = session->engine->weights.patch.weight.columns;
    vlt_status status = vlt_dump_rows(dump, "input_ids", VLT_DTYPE_I32, prompt->ids, prompt->count,
                                      0, err);
    if (status == VLT_OK && prompt->visual_count) {
        status = vlt_dump_rows(dump, "position_ids", VLT_DTYPE_I32, prompt->position, 3,
                               prompt->count, err);
    }
    for (int i = 0; i < prompt->visual_count && status == VLT_OK; i++) {
        const vlt_grid *grid = &prompt->visual[i].grid;
        const int32_t thw[] = {(int32_t)grid->t, (int32_t)grid->h, (int32_t)grid->w};
        status = vlt_dump_rows(dump, grid->video ? "video_grid_thw" : "image_grid_thw",
                               VLT_DTYPE_I32, thw, 1, 3, err);
        if (status == VLT_OK) {
            status = vlt_dump_rows(dump, grid->video ? "pixel_values_videos" : "pixel_values",
                                   VLT_DTYPE_F32, prompt->visual[i].patches, vlt_grid_patches(grid),
                                   values, err);
        }
    }
    return status;
}

static vlt_status prefill(struct generation *generation, vlt_error *err)
{
    vlt_session *session = generation->session;
    const vlt_prompt *prompt = generation->prompt;
    vlt_response *out = generation->out;
    vlt_prefill work = {.prompt = prompt, .request = generation->request};
    vlt_status status = VLT_OK;
    if (generation->request->dump) {
        status = vlt_dump_create(&work.dump, err);
        if (status == VLT_OK) {
            status = dump_prompt(session, prompt, work.dump, err);
        }
    } else {
        work.first = cached_rows(session, prompt);
    }
    out->cached_count = work.first;
    session->count = work.first;
    if (status == VLT_OK) {
        memcpy(session->ids, prompt->ids, (size_t)prompt->count * sizeof *session->ids);
        memcpy(session->key, prompt->key, (size_t)prompt->count * sizeof *session->key);
        status = vlt_session_prefill(session, &work, err);
    }
    if (status == VLT_OK && work.dump) {
        status = vlt_dump_write(work.dump, generation->request->dump, err);
    }
    vlt_dump_destroy(work.dump);
    out->timings.vision = work.vision_ms;
    out->timings.prefill = work.prefill_ms;
    return status;
}

static vlt_status prepare(struct generation *generation, vlt_error *err)
{
    vlt_session *session = generation->session;
    const int64_t prompt = generation->prompt->count;
    vlt_status status = vlt_sampler_init(&generation->sampler, session, generation->request,
                                         generation->out->seed, err);
    if (status == VLT_OK) {
        status = fit_context(generation, err);
    }
    if (status == VLT_OK) {
        status = reserve_output(generation, err);
    }
    if (status == VLT_OK) {
        status = vlt_session_admit(session, prompt + generation->max_tokens, err);
    }
    if (status == VLT_OK) { /* more as the answer grows */
        int64_t first = generation->max_tokens < VLT_MAX_TOKENS_DEFAULT ? generation->max_tokens
                                                                        : VLT_MAX_TOKENS_DEFAULT;
        status = vlt_session_reserve(session, prompt + first, err);
    }
    if (status == VLT_OK) {
        status = vlt_engine_text_plans(session->engine, &session->engine->decode, 1, session->reach,
                                       err);
    }
    return status;
}

vlt_status vlt_session_answer(vlt_session *session, const vlt_request *request,
                              const vlt_prompt *prompt, vlt_response *out, vlt_error *err)
{
    struct generation generation = {
        .session = session, .request = request, .prompt = prompt, .out = out};
    vlt_status status = prepare(&generation, err);
    if (status == VLT_OK) {
        status = prefill(&generation, err);
    }
    double start_ms = vlt_now_ms();
    vlt_session_settle(session, status == VLT_OK ? session->reach : 0);
    if (status == VLT_OK) {
        status = decode(&generation, err);
    } else if (status == VLT_STATUS_INTERRUPTED) {
        out->finish = VLT_FINISH_INTERRUPTED;
        status = VLT_OK;
    }
    vlt_session_settle(session, 0);
    out->timings.decode = vlt_now_ms() - start_ms;
    vlt_stream_decoder_destroy(generation.decoder);
    return status;
}
