#include "harness/infer/generation.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "harness/infer/generation_internal.h"
#include "harness/infer/towers.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "optimizations/core/memory.h"

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

/* How many tokens there is room for; LIMIT, with the numbers, when that is less than asked. */
static vlt_status fit_context(vlt_generation *generation, vlt_error *err)
{
    const vlt_session *session = generation->session;
    const bool forced = generation->request->forced_ids != NULL;
    const int64_t prompt = generation->prompt->count;
    const int64_t asked = forced ? generation->request->forced_count
                                 : generation->request->max_tokens;
    const int64_t model = session->engine->config.text.position_max;
    const int64_t limit = session->context ? session->context : model;
    const char *whose = session->context ? "the context" : "max_position_embeddings";
    int64_t tokens = vlt_tokens_asked(asked);
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

static vlt_status reserve_output(vlt_generation *generation, vlt_error *err)
{
    enum { TEXT_LEAST_BYTES = 256, TOKEN_BYTES = 8, TOKENS_MOST = 8192 }; /* few tokens have more */
    vlt_response *out = &generation->out;
    const vlt_engine *engine = generation->session->engine;
    const size_t tokens = (size_t)generation->max_tokens;
    size_t room, bytes;
    out->logprob_top = generation->sampler.logprobs;
    generation->text_room = TEXT_LEAST_BYTES +
                            TOKEN_BYTES * (tokens < TOKENS_MOST ? tokens : TOKENS_MOST);
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

/* Values also of what stayed bytes. */
static vlt_status dump_patches(const vlt_engine *engine, const vlt_visual *visual, vlt_dump *dump,
                               vlt_error *err)
{
    const vlt_vision_tower_constants *vision = &engine->weights.vision;
    const char *name = visual->grid.video ? "pixel_values_videos" : "pixel_values";
    const int64_t rows = vlt_grid_patches(&visual->grid), values = vision->patch.weight.columns;
    if (!visual->pixels) {
        return vlt_dump_rows(dump, name, VLT_DTYPE_F32, visual->patches, rows, values, err);
    }
    float *wide = malloc((size_t)(rows * values) * sizeof *wide);
    if (!wide) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %lld patches", (long long)rows);
    }
    vlt_patchify_widen(vision->pixels, vision->temporal, values, visual->pixels, rows, wide);
    vlt_status status = vlt_dump_rows(dump, name, VLT_DTYPE_F32, wide, rows, values, err);
    free(wide);
    return status;
}

static vlt_status dump_prompt(const vlt_session *session, const vlt_prompt *prompt, vlt_dump *dump,
                              vlt_error *err)
{
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
            status = dump_patches(session->engine, &prompt->visual[i], dump, err);
        }
    }
    return status;
}

/* Plans are made in the engine's context: under its turn. */
static vlt_status prepare_plans(vlt_generation *generation, vlt_error *err)
{
    vlt_session *session = generation->session;
    vlt_plan *plan;
    vlt_turns_take(&session->engine->turns);
    vlt_status status = vlt_sampler_init(&generation->sampler, session, generation->request,
                                         generation->out.seed, err);
    if (status == VLT_OK) {
        status = fit_context(generation, err);
    }
    if (status == VLT_OK) {
        status = reserve_output(generation, err);
    }
    if (status == VLT_OK) {
        status = vlt_session_admit(session, generation->prompt->count + generation->max_tokens,
                                   err);
    }
    if (status == VLT_OK) {
        status = vlt_engine_decode_plan(session->engine, 1, session->reach, &plan, err);
    }
    vlt_turns_pass(&session->engine->turns);
    return status;
}

/* Room for all that the answer may come to, so that no step copies what there is: addresses, which
 * become memory as they are used. Where not so much can be had, for the first tokens, and more as
 * the answer grows. */
static vlt_status take_room(const vlt_generation *generation, vlt_error *err)
{
    vlt_session *session = generation->session;
    const int64_t prompt = generation->prompt->count, tokens = generation->max_tokens;
    const int64_t first = tokens < VLT_MAX_TOKENS_DEFAULT ? tokens : VLT_MAX_TOKENS_DEFAULT;
    return vlt_session_reserve(session, prompt + tokens, NULL) == VLT_OK
               ? VLT_OK
               : vlt_session_reserve(session, prompt + first, err);
}

static vlt_status begin_prefill(vlt_generation *generation, vlt_error *err)
{
    vlt_session *session = generation->session;
    vlt_prefill *prefill = &generation->prefill;
    const vlt_prompt *prompt = generation->prompt;
    const size_t rows = (size_t)prompt->count;
    vlt_status status = VLT_OK;
    if (generation->request->dump) {
        status = vlt_dump_create(&prefill->dump, err);
        if (status == VLT_OK) {
            status = dump_prompt(session, prompt, prefill->dump, err);
        }
    } else {
        prefill->first = vlt_session_cached_rows(session, prompt);
    }
    generation->out.cached_count = prefill->first;
    memcpy(session->ids, prompt->ids, rows * sizeof *session->ids);
    memcpy(session->key, prompt->key, rows * sizeof *session->key);
    return status == VLT_OK ? vlt_prefill_begin(prefill, err) : status;
}

static void destroy(vlt_generation *generation)
{
    atomic_fetch_sub(&generation->session->engine->under_way, 1);
    vlt_session_settle(generation->session, 0);
    vlt_response_release(&generation->out);
    vlt_prefill_release(&generation->prefill);
    vlt_dump_destroy(generation->prefill.dump);
    vlt_stream_decoder_destroy(generation->decoder);
    vlt_memory_gauge_released(&generation->session->engine->memory);
    free(generation);
}

vlt_status vlt_generation_begin(vlt_session *session, const vlt_request *request,
                                const vlt_prompt *prompt, vlt_generation **out, vlt_error *err)
{
    vlt_generation *generation = calloc(1, sizeof *generation);
    *out = NULL;
    if (!generation) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a generation");
    }
    generation->session = session;
    atomic_fetch_add(&session->engine->under_way, 1);
    generation->request = request;
    generation->prompt = prompt;
    generation->prefill = (vlt_prefill){.session = session, .prompt = prompt, .request = request};
    generation->out.finish = VLT_FINISH_LENGTH;
    vlt_status status;
    if ((status = describe_prompt(session, prompt, &generation->out, err)) != VLT_OK ||
        (status = choose_seed(request, &generation->out.seed, err)) != VLT_OK ||
        (status = prepare_plans(generation, err)) != VLT_OK ||
        (status = take_room(generation, err)) != VLT_OK ||
        (status = begin_prefill(generation, err)) != VLT_OK) {
        destroy(generation);
        return status;
    }
    *out = generation;
    return VLT_OK;
}

/* Takes note of how a step ended. */
static void note(vlt_generation *generation, vlt_status status, const vlt_error *error)
{
    if (status == VLT_STATUS_INTERRUPTED) {
        generation->out.finish = VLT_FINISH_INTERRUPTED;
    } else if (status != VLT_OK) {
        generation->status = status;
        generation->error = *error;
    }
    generation->done |= status != VLT_OK;
}

static vlt_status prefill_step(vlt_generation *generation, vlt_error *err)
{
    vlt_prefill *prefill = &generation->prefill;
    vlt_status status = vlt_prefill_step(prefill, err);
    if (status != VLT_OK || !vlt_prefill_done(prefill)) {
        return status;
    }
    vlt_prefill_release(prefill);
    if (generation->request->last) {
        vlt_shared_pool_trim(generation->session->engine->pool, 0);
    }
    vlt_session_settle(generation->session, generation->session->reach);
    vlt_pages_ready(generation->out.text, generation->text_room);
    vlt_generation_look_ahead(generation);
    return prefill->dump ? vlt_dump_write(prefill->dump, generation->request->dump, err) : VLT_OK;
}

/* The chosen tokens of list[count], at most VLT_SEQUENCES_MAX of them, through the decoder. */
static void compute_tokens(vlt_generation *const *list, int count)
{
    vlt_engine *engine = list[0]->session->engine;
    vlt_decoder_slot slot[VLT_SEQUENCES_MAX];
    const vlt_decoder_args args = {.slot = slot, .slots = count};
    vlt_error error = {0};
    vlt_plan *plan = NULL;
    int64_t context = 0;
    for (int i = 0; i < count; i++) {
        vlt_session *session = list[i]->session;
        context = session->reach > context ? session->reach : context;
        slot[i] = (vlt_decoder_slot){.cache = &session->cache,
                                     .first = session->cache.count,
                                     .rows = 1,
                                     .ids = &list[i]->id,
                                     .delta = list[i]->prompt->delta,
                                     .logits = session->logits};
    }
    vlt_turns_take(&engine->turns);
    double start_ms = vlt_engine_computing_ms(engine), began_ms = vlt_now_ms();
    vlt_status status = vlt_engine_decode_plan(engine, count, context, &plan, &error);
    if (status == VLT_OK) {
        status = vlt_plan_run_in(&engine->scratch, plan, &args, &error);
    }
    double step_ms = vlt_engine_computing_ms(engine) - start_ms;
    vlt_trace_span(engine->trace, "compute", "decode", began_ms, vlt_now_ms(), "tokens", count);
    atomic_fetch_add(&engine->generated, count);
    vlt_turns_pass(&engine->turns);
    for (int i = 0; i < count; i++) {
        vlt_kv_cache *cache = &list[i]->session->cache;
        note(list[i], status, &error);
        list[i]->out.timings.decode += step_ms;
        vlt_kv_cache_commit(cache, cache->count + (status == VLT_OK));
    }
}

static void own_step(vlt_generation *generation)
{
    vlt_error error = {0};
    double start_ms = vlt_now_ms();
    if (!vlt_prefill_done(&generation->prefill)) {
        note(generation, prefill_step(generation, &error), &error);
    } else {
        note(generation, vlt_generation_next(generation, &error), &error);
        generation->out.timings.decode += vlt_now_ms() - start_ms;
    }
}

void vlt_generation_step(vlt_generation *const *list, int count)
{
    vlt_generation *decoding[VLT_SEQUENCES_MAX];
    int together = 0;
    for (int i = 0; i < count; i++) {
        bool prompt = !vlt_prefill_done(&list[i]->prefill);
        own_step(list[i]);
        if (!prompt && !list[i]->done) {
            decoding[together++] = list[i];
        }
        if (together == VLT_SEQUENCES_MAX || (together && i + 1 == count)) {
            compute_tokens(decoding, together);
            together = 0;
        }
    }
}

bool vlt_generation_done(const vlt_generation *generation)
{
    return generation->done;
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

vlt_status vlt_generation_end(vlt_generation *generation, vlt_response *out, vlt_error *err)
{
    vlt_response *response = &generation->out;
    vlt_status status = generation->status;
    *out = (vlt_response){0};
    if (status != VLT_OK) {
        vlt_fail(err, status, "%s", generation->error.message);
    } else if (generation->prompt->messages && response->id_count > 0) { /* no token, no turn */
        status = keep_conversation(generation->session, generation->prompt, response, err);
    }
    if (status == VLT_OK) {
        response->timings.vision = generation->prefill.vision_ms;
        response->timings.prefill = generation->prefill.prefill_ms;
        *out = *response;
        *response = (vlt_response){0};
    }
    destroy(generation);
    return status;
}
