/* The decoder's pass over a prompt, in blocks of rows, and over one token. */
#include <stdlib.h>
#include <string.h>

#include "harness/infer/session.h"

static void embed_rows(const vlt_session *session, const int32_t *ids, int64_t rows, float *out)
{
    const vlt_engine *engine = session->engine;
    const int64_t width = engine->config.text.width;
    for (int64_t row = 0; row < rows; row++) {
        vlt_matrix_row(&engine->weights.embed, ids[row], out + row * width);
    }
}

static vlt_status run_layer(vlt_session *session, const vlt_text_plans *plans, int64_t layer,
                            int64_t first, int64_t rows, vlt_error *err)
{
    vlt_decoder_block_args args = {.hidden = session->hidden,
                                   .cos = session->cos,
                                   .sin = session->sin,
                                   .k_cache = vlt_kv_cache_at(&session->cache, layer, 0),
                                   .v_cache = vlt_kv_cache_at(&session->cache, layer, 1),
                                   .rows = rows,
                                   .first = first,
                                   .cache_rows = session->cache.layer[layer].rows};
    return vlt_plan_run_in(&session->engine->scratch, plans->layer[layer], &args, err);
}

/* Final norm over rows [first, end) of session->hidden into session->normed, from its start. */
static vlt_status run_norm(vlt_session *session, const vlt_text_plans *plans, int64_t first,
                           int64_t end, vlt_error *err)
{
    const int64_t width = session->engine->config.text.width;
    vlt_norm_args args = {.x = session->hidden + first * width,
                          .out = session->normed,
                          .rows = end - first,
                          .x_stride = width,
                          .out_stride = width};
    return vlt_plan_run_in(&session->engine->scratch, plans->norm, &args, err);
}

static vlt_status run_head(vlt_session *session, const float *row, vlt_error *err)
{
    const vlt_text_config *text = &session->engine->config.text;
    vlt_linear_args args = {.x = row,
                            .y = session->logits,
                            .rows = 1,
                            .x_stride = text->width,
                            .y_stride = text->vocab};
    return vlt_plan_run_in(&session->engine->scratch, session->engine->head, &args, err);
}

/* The visual rows that the prompt still needs: those of visuals [first_visual, visual_count). */
struct features {
    int first_visual;
    int64_t row_first; /* visual row at which the buffers begin */
    float *embedding;
    float *deepstack[VLT_DEEPSTACK_MAX];
    float *block;
};

static bool vision_progress(void *user, int64_t done, int64_t total)
{
    const vlt_request *request = user;
    return !request->on_progress || request->on_progress(request->user, "vision", done, total);
}

/* Visuals all of whose rows are in the cache are not computed again. */
static void find_needed(const vlt_prompt *prompt, int64_t first, int64_t merge,
                        struct features *features)
{
    int64_t needed = -1;
    for (int64_t i = first; i < prompt->count && needed < 0; i++) {
        needed = prompt->visual_row[i];
    }
    while (features->first_visual < prompt->visual_count) {
        int64_t tokens = vlt_grid_tokens(&prompt->visual[features->first_visual].grid, merge);
        if (needed >= 0 && features->row_first + tokens > needed) {
            break;
        }
        features->row_first += tokens;
        features->first_visual++;
    }
}

static vlt_status compute_features(vlt_session *session, vlt_prefill *prefill,
                                   struct features *features, vlt_error *err)
{
    const vlt_model_config *config = &session->engine->config;
    const vlt_prompt *prompt = prefill->prompt;
    int64_t tokens = 0;
    size_t bytes;
    find_needed(prompt, prefill->first, config->vision.merge, features);
    for (int i = features->first_visual; i < prompt->visual_count; i++) {
        tokens += vlt_grid_tokens(&prompt->visual[i].grid, config->vision.merge);
    }
    if (!tokens) {
        return VLT_OK;
    }
    const int64_t dims[] = {1 + config->vision.deepstack_count, tokens, config->text.width};
    void *block;
    vlt_status status = vlt_dims_bytes(dims, 3, sizeof(float), &bytes, err);
    if (status == VLT_OK) {
        status = vlt_context_admit(&session->engine->context, bytes, "image features", err);
    }
    if (status == VLT_OK) {
        status = vlt_alloc(bytes, &block, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    features->block = features->embedding = block;
    vlt_vision_request request = {.visual = prompt->visual + features->first_visual,
                                  .count = prompt->visual_count - features->first_visual,
                                  .embedding = features->embedding,
                                  .dump = prefill->dump,
                                  .progress = vision_progress,
                                  .progress_user = (void *)prefill->request};
    for (int k = 0; k < config->vision.deepstack_count; k++) {
        features->deepstack[k] = features->block + (k + 1) * tokens * config->text.width;
        request.deepstack[k] = features->deepstack[k];
    }
    return vlt_vision_run(session->engine, &request, err);
}

static void scatter_rows(const vlt_prompt *prompt, const struct features *features, int64_t first,
                         int64_t rows, int64_t width, float *hidden)
{
    for (int64_t row = 0; row < rows; row++) {
        int64_t visual = prompt->visual_row[first + row];
        if (visual >= 0) {
            memcpy(hidden + row * width,
                   features->embedding + (visual - features->row_first) * width,
                   (size_t)width * sizeof *hidden);
        }
    }
}

static void add_rows(const vlt_prompt *prompt, const struct features *features, const float *source,
                     int64_t first, int64_t rows, int64_t width, float *hidden)
{
    for (int64_t row = 0; row < rows; row++) {
        int64_t visual = prompt->visual_row[first + row];
        if (visual >= 0) {
            const float *from = source + (visual - features->row_first) * width;
            for (int64_t i = 0; i < width; i++) {
                hidden[row * width + i] += from[i];
            }
        }
    }
}

static vlt_status run_block(vlt_session *session, const vlt_prefill *prefill,
                            const struct features *features, int64_t first, int64_t rows,
                            vlt_error *err)
{
    const vlt_engine *engine = session->engine;
    const vlt_prompt *prompt = prefill->prompt;
    const vlt_text_config *text = &engine->config.text;
    embed_rows(session, prompt->ids + first, rows, session->hidden);
    scatter_rows(prompt, features, first, rows, text->width, session->hidden);
    vlt_text_rope_rows(&engine->rope, prompt->position, prompt->count, first, rows, session->cos,
                       session->sin);
    vlt_status status = vlt_dump_rows(prefill->dump, "text.inputs_embeds", VLT_DTYPE_F32,
                                      session->hidden, rows, text->width, err);
    for (int64_t layer = 0; layer < text->layers && status == VLT_OK; layer++) {
        status = vlt_dump_layer(prefill->dump, "text.layer.%d.in", layer, session->hidden, rows,
                                text->width, err);
        if (status == VLT_OK) {
            status = run_layer(session, &engine->prompt, layer, first, rows, err);
        }
        if (status == VLT_OK && layer < engine->config.vision.deepstack_count) {
            add_rows(prompt, features, features->deepstack[layer], first, rows, text->width,
                     session->hidden);
        }
    }
    return status;
}

static vlt_status run_blocks(vlt_session *session, const vlt_prefill *prefill,
                             const struct features *features, vlt_error *err)
{
    const vlt_prompt *prompt = prefill->prompt;
    const vlt_request *request = prefill->request;
    const int64_t width = session->engine->config.text.width;
    vlt_status status = VLT_OK;
    for (int64_t first = prefill->first; first < prompt->count && status == VLT_OK;) {
        int64_t rows = prompt->count - first;
        rows = rows < VLT_PROMPT_BLOCK ? rows : VLT_PROMPT_BLOCK;
        if (request->on_progress &&
            !request->on_progress(request->user, "prefill", first - prefill->first,
                                  prompt->count - prefill->first)) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted at prompt row %lld",
                            (long long)first);
        }
        status = run_block(session, prefill, features, first, rows, err);
        first += rows;
        if (status == VLT_OK) {
            session->count = first; /* rows of a failed block are not valid in every layer */
        }
        bool last = first == prompt->count;
        if (status == VLT_OK && (prefill->dump || last)) {
            status = run_norm(session, &session->engine->prompt, prefill->dump ? 0 : rows - 1, rows,
                              err);
        }
        if (status == VLT_OK) {
            status = vlt_dump_rows(prefill->dump, "text.final_norm", VLT_DTYPE_F32, session->normed,
                                   rows, width, err);
        }
        if (status == VLT_OK && last) {
            status = run_head(session, session->normed + (prefill->dump ? rows - 1 : 0) * width,
                              err);
        }
    }
    return status;
}

/* The clock without what went into packing weights: that is time of loading. */
static double computing_ms(const vlt_engine *engine)
{
    return vlt_now_ms() - vlt_packs_look(engine->packs).make_ms;
}

vlt_status vlt_session_prefill(vlt_session *session, vlt_prefill *prefill, vlt_error *err)
{
    vlt_engine *engine = session->engine;
    const vlt_prompt *prompt = prefill->prompt;
    struct features features = {0};
    int64_t rows = prompt->count - prefill->first;
    double start_ms = computing_ms(engine);
    vlt_status status = compute_features(session, prefill, &features, err);
    double middle_ms = computing_ms(engine);
    prefill->vision_ms = prompt->visual_count ? middle_ms - start_ms : 0;
    if (status == VLT_OK) {
        status = vlt_engine_text_plans(engine, &engine->prompt,
                                       rows < VLT_PROMPT_BLOCK ? rows : VLT_PROMPT_BLOCK,
                                       session->reach, err);
    }
    if (status == VLT_OK) {
        session->count = prefill->first;
        status = run_blocks(session, prefill, &features, err);
    }
    if (status == VLT_OK) {
        status = vlt_dump_rows(prefill->dump, "logits.last", VLT_DTYPE_F32, session->logits,
                               engine->config.text.vocab, 0, err);
    }
    prefill->prefill_ms = computing_ms(engine) - middle_ms;
    vlt_free(features.block);
    return status;
}

vlt_status vlt_session_step(vlt_session *session, int32_t id, int64_t delta, vlt_error *err)
{
    vlt_engine *engine = session->engine;
    vlt_status status = VLT_OK;
    embed_rows(session, &id, 1, session->hidden);
    vlt_text_rope_row(&engine->rope, session->count + delta, session->cos, session->sin);
    for (int64_t layer = 0; layer < engine->config.text.layers && status == VLT_OK; layer++) {
        status = run_layer(session, &engine->decode, layer, session->count, 1, err);
    }
    if (status == VLT_OK) {
        status = run_norm(session, &engine->decode, 0, 1, err);
    }
    if (status == VLT_OK) {
        status = run_head(session, session->normed, err);
    }
    session->count += status == VLT_OK;
    return status;
}
