#include "harness/infer/prefill.h"

#include <stdio.h>
#include <string.h>

#include "harness/infer/embeddings.h"
#include "harness/infer/towers.h"
#include "harness/infer/visual.h"

static vlt_status see(void *user, const char *name, int64_t index, const float *rows, int64_t count,
                      int64_t width, vlt_error *err)
{
    const vlt_prefill *prefill = user;
    return index < 0 ? vlt_dump_rows(prefill->dump, name, VLT_DTYPE_F32, rows, count, width, err)
                     : vlt_dump_layer(prefill->dump, name, index, rows, count, width, err);
}

static bool vision_progress(void *user, int64_t done, int64_t total)
{
    const vlt_request *request = ((const vlt_prefill *)user)->request;
    return !request->on_progress || request->on_progress(request->user, "vision", done, total);
}

/* The first visual that has rows behind `first`, and its first row. */
static void find_needed(vlt_prefill *prefill, int64_t merge)
{
    const vlt_prompt *prompt = prefill->prompt;
    int64_t needed = -1;
    int first = 0;
    for (int64_t i = prefill->first; i < prompt->count && needed < 0; i++) {
        needed = prompt->visual_row[i];
    }
    for (; first < prompt->visual_count; first++) {
        int64_t tokens = vlt_grid_tokens(&prompt->visual[first].grid, merge);
        if (needed >= 0 && prefill->visual_first + tokens > needed) {
            break;
        }
        prefill->visual_first += tokens;
        vlt_embeddings_touch(prefill->session->engine, &prompt->visual[first]);
    }
    prefill->vision.visual = prompt->visual + first;
    prefill->vision.count = prompt->visual_count - first;
}

/* The scratch memory that the plans of the steps need. Within a limit of the process's own for all
 * of the prompt: whether a line is answered must not hang on what earlier ones have left (rows,
 * embeddings). Under the turn. */
static vlt_status measure_scratch(const vlt_prefill *prefill, size_t *bytes, vlt_error *err)
{
    vlt_engine *engine = prefill->session->engine;
    vlt_plan *plan = NULL;
    int64_t together = 0;
    size_t most = 0;
    const bool limited = engine->memory.limit_bytes != 0;
    vlt_status status = VLT_OK;
    const vlt_visual *visual = limited ? prefill->prompt->visual : prefill->vision.visual;
    const int count = limited ? prefill->prompt->visual_count : prefill->vision.count;
    for (int i = 0; i < count && status == VLT_OK; i++) {
        const vlt_grid *grid = &visual[i].grid;
        if (prefill->dump || limited || !vlt_embeddings_known(engine, &visual[i])) {
            together = engine->embeddings ? 0 : together;
            together += vlt_grid_patches(grid);
            status = vlt_engine_vision_plan(engine, together, grid->h * grid->w, &plan, err);
            together = together < VLT_VISION_GROUP ? together : 0;
            most = vlt_plan_scratch(plan) > most ? vlt_plan_scratch(plan) : most;
        }
    }
    if (status == VLT_OK) {
        status = vlt_engine_prompt_plan(engine, prefill->session->reach, &plan, err);
    }
    if (status == VLT_OK) {
        *bytes = vlt_plan_scratch(plan) > most ? vlt_plan_scratch(plan) : most;
    }
    return status;
}

static int64_t count_tokens(const vlt_visual *visual, int count, const vlt_model_config *config)
{
    int64_t tokens = 0;
    for (int i = 0; i < count; i++) {
        tokens += vlt_grid_tokens(&visual[i].grid, config->vision.merge);
    }
    return tokens;
}

static vlt_status features_bytes(int64_t tokens, const vlt_model_config *config, size_t *bytes,
                                 vlt_error *err)
{
    const int64_t dims[] = {1 + config->vision.deepstack_count, tokens, config->text.width};
    return vlt_dims_bytes(dims, 3, sizeof(float), bytes, err);
}

/* Patches and features of all of the prompt. */
static vlt_status visual_bytes(const vlt_prompt *prompt, const vlt_model_config *config,
                               size_t *bytes, vlt_error *err)
{
    const int64_t tokens = count_tokens(prompt->visual, prompt->visual_count, config);
    vlt_status status = features_bytes(tokens, config, bytes, err);
    for (int i = 0; i < prompt->visual_count && status == VLT_OK; i++) {
        *bytes += vlt_visual_patch_bytes(&prompt->visual[i], &config->vision);
    }
    return status;
}

/* Does the line fit when nobody else holds anything? The same in every run. */
static vlt_status check_whole(const vlt_prefill *prefill, size_t scratch_bytes, const char *what,
                              vlt_error *err)
{
    const vlt_session *session = prefill->session;
    const vlt_engine *engine = session->engine;
    const vlt_packs_stats packs = vlt_packs_look(engine->packs);
    const size_t made = packs.bytes - packs.mapped;
    size_t rows = 0, all = 0;
    vlt_status status = visual_bytes(prefill->prompt, &engine->config, &all, err);
    if (status == VLT_OK) {
        status = vlt_kv_cache_bytes(&session->cache, session->reach, &rows, err);
    }
    all += made > engine->rest_packs ? made - engine->rest_packs : 0;
    if (status == VLT_OK && vlt_add_size(all, rows, &all) &&
        vlt_add_size(all, scratch_bytes, &all)) {
        status = vlt_memory_gauge_fits(&engine->memory, all, what, err);
    }
    return status;
}

/* Room for all steps at once, so that no step asks again. Where memory is scarce its pages are
 * there from now on: what is resident is what it takes. Under the turn. */
static vlt_status take_scratch(vlt_engine *engine, size_t bytes, vlt_error *err)
{
    const bool more = bytes > engine->scratch.size_bytes;
    if (more && engine->scarce) {
        vlt_scratch_release(&engine->scratch);
    }
    vlt_status status = vlt_scratch_reserve_by(&engine->scratch, engine->context.memory, bytes,
                                               err);
    if (status == VLT_OK && more && engine->scarce) {
        vlt_pages_ready(engine->scratch.base, bytes);
    }
    return status;
}

/* Lines that are prepared ahead leave as much as one has needed so far, else they would have to
 * give theirs back. */
static void leave_room(const vlt_prefill *prefill, uint64_t features_bytes)
{
    const vlt_session *session = prefill->session;
    atomic_uint_least64_t *kept = &session->engine->memory.kept_bytes;
    uint64_t before = atomic_load(kept);
    const uint64_t bytes = features_bytes + session->promised;
    while (before < bytes && !atomic_compare_exchange_weak(kept, &before, bytes)) {
    }
}

/* Everything that this answer will take, before any of it is computed. */
static vlt_status admit_peak(vlt_prefill *prefill, size_t features_bytes, vlt_error *err)
{
    vlt_engine *engine = prefill->session->engine;
    char what[96];
    size_t scratch_bytes = 0, bytes;
    snprintf(what, sizeof what, "prompt of %lld tokens, %d images",
             (long long)prefill->prompt->count, prefill->prompt->visual_count);
    vlt_turns_take(&engine->turns);
    vlt_status status = measure_scratch(prefill, &scratch_bytes, err);
    const size_t there = engine->scratch.size_bytes;
    vlt_turns_pass(&engine->turns);
    if (status == VLT_OK) {
        leave_room(prefill, features_bytes);
        status = check_whole(prefill, scratch_bytes, what, err);
    }
    if (status == VLT_OK &&
        vlt_add_size(features_bytes, scratch_bytes > there ? scratch_bytes - there : 0, &bytes)) {
        status = vlt_engine_grant(engine, &prefill->grant, bytes, what, err);
    }
    if (status == VLT_OK) {
        vlt_turns_take(&engine->turns);
        status = take_scratch(engine, scratch_bytes, err);
        vlt_turns_pass(&engine->turns);
    }
    return status;
}

/* Where memory is scarce what was let have is filled at once: nobody waits until it is. */
static vlt_status take_block(vlt_prefill *prefill, size_t bytes, void **out, vlt_error *err)
{
    vlt_engine *engine = prefill->session->engine;
    *out = NULL;
    vlt_status status = bytes ? vlt_block_take(engine->context.blocks, bytes, out, err) : VLT_OK;
    if (status == VLT_OK && engine->scarce) {
        vlt_pages_ready(*out, bytes);
        vlt_memory_gauge_settle(&engine->memory, &prefill->grant);
    }
    return status;
}

static vlt_status take_features(vlt_prefill *prefill, vlt_error *err)
{
    const vlt_model_config *config = &prefill->session->engine->config;
    const int64_t tokens = count_tokens(prefill->vision.visual, prefill->vision.count, config);
    size_t bytes;
    void *block = NULL;
    vlt_status status = features_bytes(tokens, config, &bytes, err);
    if (status == VLT_OK) {
        status = admit_peak(prefill, bytes, err);
    }
    if (status == VLT_OK) {
        status = take_block(prefill, bytes, &block, err);
    }
    if (status != VLT_OK || !tokens) {
        return status;
    }
    prefill->features = prefill->vision.embedding = block;
    for (int k = 0; k < config->vision.deepstack_count; k++) {
        prefill->vision.deepstack[k] = prefill->features + (k + 1) * tokens * config->text.width;
    }
    return VLT_OK;
}

vlt_status vlt_prefill_begin(vlt_prefill *prefill, vlt_error *err)
{
    prefill->tap = (vlt_tap){
        .see = prefill->dump ? see : NULL, .progress = vision_progress, .user = prefill};
    prefill->vision.tap = &prefill->tap;
    prefill->next = prefill->first;
    vlt_kv_cache_commit(&prefill->session->cache, prefill->first);
    find_needed(prefill, prefill->session->engine->config.vision.merge);
    return take_features(prefill, err);
}

void vlt_prefill_release(vlt_prefill *prefill)
{
    vlt_block_give(prefill->features ? prefill->session->engine->context.blocks : NULL,
                   prefill->features);
    prefill->features = NULL;
    if (prefill->session) {
        vlt_memory_gauge_settle(&prefill->session->engine->memory, &prefill->grant);
    }
}

static vlt_status run_block(const vlt_prefill *prefill, int64_t rows, vlt_error *err)
{
    vlt_session *session = prefill->session;
    vlt_engine *engine = session->engine;
    const vlt_prompt *prompt = prefill->prompt;
    const int64_t first = prefill->next;
    const vlt_decoder_slot slot = {.cache = &session->cache,
                                   .first = first,
                                   .rows = rows,
                                   .ids = prompt->ids + first,
                                   .position = prompt->position + first,
                                   .position_stride = prompt->count,
                                   .visual_row = prompt->visual_row + first,
                                   .visual_first = prefill->visual_first,
                                   .embedding = prefill->vision.embedding,
                                   .deepstack = (const float *const *)prefill->vision.deepstack,
                                   .logits = first + rows == prompt->count ? session->logits
                                                                           : NULL};
    const vlt_decoder_args args = {.slot = &slot, .slots = 1, .tap = &prefill->tap};
    vlt_plan *plan = NULL;
    vlt_status status = vlt_engine_prompt_plan(engine, session->reach, &plan, err);
    if (status == VLT_OK) {
        status = vlt_plan_run_in(&engine->scratch, plan, &args, err);
    }
    if (status == VLT_OK && slot.logits) {
        status = vlt_dump_rows(prefill->dump, "logits.last", VLT_DTYPE_F32, session->logits,
                               engine->config.text.vocab, 0, err);
    }
    return status;
}

static vlt_status prompt_step(vlt_prefill *prefill, vlt_error *err)
{
    vlt_engine *engine = prefill->session->engine;
    const vlt_request *request = prefill->request;
    const int64_t left = prefill->prompt->count - prefill->next;
    const int64_t block = vlt_governor_level(engine->governor) ? VLT_PROMPT_BLOCK_SMALL
                                                               : VLT_PROMPT_BLOCK;
    const int64_t rows = left < block ? left : block;
    if (request->on_progress &&
        !request->on_progress(request->user, "prefill", prefill->next - prefill->first,
                              prefill->prompt->count - prefill->first)) {
        return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted at prompt row %lld",
                        (long long)prefill->next);
    }
    vlt_turns_take(&engine->turns);
    double start_ms = vlt_engine_computing_ms(engine);
    const double began_ms = vlt_now_ms();
    vlt_status status = run_block(prefill, rows, err);
    vlt_trace_span(engine->trace, "compute", "prefill", began_ms, vlt_now_ms(), "rows", rows);
    prefill->prefill_ms += vlt_engine_computing_ms(engine) - start_ms;
    vlt_turns_pass(&engine->turns);
    if (status == VLT_OK) { /* rows of a failed block are not valid in every layer */
        prefill->next += rows;
        vlt_kv_cache_commit(&prefill->session->cache, prefill->next);
    }
    return status;
}

/* Of the visuals first .. next - 1 nobody wants the patches again. */
static void drop_patches(const vlt_prefill *prefill, int first)
{
    vlt_visual *visual = prefill->prompt->visual +
                         (prefill->vision.visual - prefill->prompt->visual);
    for (int i = first; i < prefill->vision.next; i++) {
        vlt_visual_drop_patches(&visual[i]);
    }
    vlt_shared_pool_trim(prefill->session->engine->pool, 0);
}

/* May the next visual's embedding be asked for again? */
static bool comes_again(const vlt_prefill *prefill)
{
    const vlt_vision_request *vision = &prefill->vision;
    const vlt_hash128 content = vision->visual[vision->next].content;
    bool again = !prefill->request->last;
    for (int i = vision->next + 1; i < vision->count && !again; i++) {
        again = vlt_hash128_same(vision->visual[i].content, content);
    }
    return again;
}

vlt_status vlt_prefill_step(vlt_prefill *prefill, vlt_error *err)
{
    const int first = prefill->vision.next;
    if (first == prefill->vision.count) {
        return prompt_step(prefill, err);
    }
    const vlt_embeddings_use use = prefill->dump           ? VLT_EMBEDDINGS_APART
                                   : !comes_again(prefill) ? VLT_EMBEDDINGS_READ
                                                           : VLT_EMBEDDINGS_KEEP;
    vlt_status status = vlt_embeddings_step(prefill->session->engine, &prefill->vision, use,
                                            &prefill->vision_ms, err);
    if (status == VLT_OK && prefill->request->last) {
        drop_patches(prefill, first);
    }
    return status;
}
