#include "harness/infer/services.h"

#include <malloc.h>
#include <string.h>

#include "harness/infer/embeddings.h"
#include "harness/infer/lanes.h"
#include "harness/infer/pictures.h"
#include "harness/infer/towers.h"
#include "harness/machine/limits.h"

/* A limit as options give it: 0 is the default, negative none. */
static size_t cache_limit(int64_t option, size_t otherwise)
{
    return option > 0 ? (size_t)option : option < 0 ? 0 : otherwise;
}

static vlt_status check_numbers(const vlt_service_options *options, vlt_error *err)
{
    enum { THREADS_MAX = 1024 };
    const struct {
        const char *name, *unit;
        int64_t value, low, high;
    } number[] = {
        {"tokenize-threads", "", options->tokenize_threads, -1, THREADS_MAX},
        {"preprocess-threads", "", options->preprocess_threads, -1, THREADS_MAX},
        {"tokenize-chunk", " bytes", options->tokenize_chunk, VLT_TOKEN_CHUNK_MIN_BYTES,
         VLT_TOKEN_CHUNK_MAX_BYTES},
        {"prefetch", "", options->prefetch, -1, VLT_PREFETCH_MAX},
        {"parallel", "", options->parallel, 1, VLT_LANES_MAX},
        {"monitor-interval", " ms", options->monitor_ms, VLT_INTERVAL_MIN_MS, VLT_INTERVAL_MAX_MS},
        {"cleanup-interval", " ms", options->cleanup_ms, VLT_INTERVAL_MIN_MS, VLT_INTERVAL_MAX_MS}};
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
        const int64_t value = number[i].value;
        if (value && (value < number[i].low || value > number[i].high)) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s is %lld%s, expected %lld to %lld%s",
                            number[i].name, (long long)value, number[i].unit,
                            (long long)number[i].low, (long long)number[i].high, number[i].unit);
        }
    }
    return VLT_OK;
}

/* What is more than this machine has is a slip of the pen. */
static vlt_status check_sizes(const vlt_service_options *options, vlt_error *err)
{
    vlt_limits limits;
    const struct {
        const char *name;
        int64_t value;
    } size[] = {{"memory-limit", options->memory_limit},
                {"tokenize-cache", options->tokenize_cache},
                {"embedding-cache", options->embedding_cache}};
    vlt_limits_read(NULL, &limits);
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        if (size[i].value > 0 && limits.ram_bytes && (uint64_t)size[i].value > limits.ram_bytes) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s is %lld bytes, this machine has %llu",
                            size[i].name, (long long)size[i].value,
                            (unsigned long long)limits.ram_bytes);
        }
    }
    if (options->memory_limit < 0) {
        return vlt_fail(err, VLT_STATUS_USAGE, "memory-limit is %lld bytes, expected more than 0",
                        (long long)options->memory_limit);
    }
    return VLT_OK;
}

static double percent(double option, double otherwise)
{
    return option != 0 ? option : otherwise;
}

vlt_status vlt_service_options_check(const vlt_service_options *options, vlt_error *err)
{
    const double low = percent(options->memory_low, VLT_GOVERNOR_LOW_PERCENT);
    const double critical = percent(options->memory_critical, VLT_GOVERNOR_CRITICAL_PERCENT);
    vlt_status status = check_numbers(options, err);
    if (status == VLT_OK) {
        status = check_sizes(options, err);
    }
    if (status == VLT_OK && !(low > critical && low <= 100 && critical > 0)) {
        status = vlt_fail(err, VLT_STATUS_USAGE,
                          "memory-low is %g percent, memory-critical %g: expected more left at low "
                          "than at critical, both above 0 and at most 100",
                          low, critical);
    }
    return status;
}

int vlt_services_ahead(const vlt_engine *engine)
{
    return vlt_governor_level(engine->governor) ? 1 : engine->prefetch;
}

int vlt_services_side_by_side(const vlt_engine *engine, int count)
{
    const vlt_memory_level level = vlt_governor_level(engine->governor);
    return level == VLT_MEMORY_CRITICAL ? 1 : level == VLT_MEMORY_TIGHT ? (count + 1) / 2 : count;
}

static size_t held(const vlt_engine *engine)
{
    vlt_content_stats embeddings, tokens;
    vlt_content_cache_look(engine->embeddings, &embeddings);
    vlt_token_service_look(engine->tokens, &tokens);
    return embeddings.bytes + tokens.bytes;
}

void vlt_services_forget_results(vlt_engine *engine)
{
    vlt_content_cache_trim(engine->embeddings, 0);
    vlt_token_service_trim(engine->tokens, 0);
}

void vlt_services_forget(vlt_engine *engine)
{
    vlt_services_forget_results(engine);
    vlt_token_service_forget(engine->tokens);
    vlt_pictures_forget(engine->pictures);
    vlt_shared_pool_trim(engine->pool, 0);
    malloc_trim(0);
}

/* Half of what is kept. */
static void shrink(vlt_engine *engine)
{
    vlt_content_stats stats;
    vlt_content_cache_look(engine->embeddings, &stats);
    vlt_content_cache_trim(engine->embeddings, stats.bytes / 2);
    vlt_token_service_look(engine->tokens, &stats);
    vlt_token_service_trim(engine->tokens, stats.bytes / 2);
    vlt_shared_pool_trim(engine->pool, 0);
    malloc_trim(0);
}

bool vlt_services_keep_rows(const vlt_engine *engine, size_t bytes)
{
    vlt_content_stats stats = {0};
    vlt_content_cache_look(engine->embeddings, &stats);
    return bytes <= stats.limit && stats.limit && !vlt_governor_level(engine->governor);
}

/* From the governor's thread. */
static void act(void *user, vlt_governor *governor, vlt_memory_level level)
{
    vlt_engine *engine = user;
    const bool changed = level != engine->acted;
    const size_t before = held(engine);
    engine->acted = level;
    if (level == VLT_MEMORY_CRITICAL) {
        vlt_services_forget(engine);
    } else if (level == VLT_MEMORY_TIGHT && changed) {
        shrink(engine);
    }
    const double freed = (double)(before - held(engine)) / 1e6;
    if (changed && level == VLT_MEMORY_CRITICAL) {
        vlt_governor_note(governor,
                          "one request at a time, caches and pools emptied (%.1f MB), nothing kept",
                          freed);
    } else if (changed && level == VLT_MEMORY_TIGHT) {
        vlt_governor_note(governor,
                          "fewer requests at a time, prompt blocks of %d, caches halved (%.1f MB)",
                          VLT_PROMPT_BLOCK_SMALL, freed);
    } else if (changed) {
        vlt_governor_note(governor, "as before");
    } else if (freed > 0) {
        vlt_governor_note(governor, "caches emptied (%.1f MB)", freed);
    }
}

static void tidy(void *user)
{
    vlt_shared_pool_age(((vlt_engine *)user)->pool);
}

static void say(void *user, const char *message)
{
    vlt_trace_instant(((vlt_engine *)user)->trace, "pressure", "memory", message);
    vlt_engine_message(user, 2, "%s", message);
}

static vlt_status open_governor(vlt_engine *engine, const vlt_service_options *options,
                                vlt_error *err)
{
    const vlt_governor_options governor = {
        .limit_bytes = (uint64_t)options->memory_limit,
        .low_percent = percent(options->memory_low, VLT_GOVERNOR_LOW_PERCENT),
        .critical_percent = percent(options->memory_critical, VLT_GOVERNOR_CRITICAL_PERCENT),
        .monitor_ms = options->monitor_ms,
        .cleanup_ms = options->cleanup_ms ? options->cleanup_ms : VLT_GOVERNOR_CLEANUP_MS,
        .act = act,
        .tidy = tidy,
        .say = say,
        .user = engine};
    return options->monitor_ms ? vlt_governor_create(&governor, &engine->governor, err) : VLT_OK;
}

/* Its plan is in no ledger: what a pool is asked for is nothing that tune replays. */
static vlt_status open_pool(vlt_engine *engine, vlt_error *err)
{
    engine->pool_context = engine->alone_context;
    engine->pool_context.ledger = NULL;
    vlt_status status = vlt_shared_pool_create(&engine->pool_context, VLT_SHARED_POOL_LARGEST_BYTES,
                                               VLT_SHARED_POOL_KEPT_BYTES, &engine->pool, err);
    if (status == VLT_OK) {
        engine->context.blocks = engine->prepare_context.blocks = engine->alone_context.blocks =
            vlt_shared_pool_source(engine->pool);
    }
    return status;
}

/* 0: as many as compute. */
static int thread_count(const vlt_engine *engine, int threads)
{
    return threads > 0 ? threads : vlt_threads_count(engine->threads);
}

static vlt_token_service_options token_options(const vlt_engine *engine)
{
    const vlt_pipeline_services *tuned = &engine->tuned;
    return (vlt_token_service_options){.vocab = vlt_tokenizer_vocab(engine->tokenizer),
                                       .context = &engine->alone_context,
                                       .threads = thread_count(engine, tuned->tokenize_threads),
                                       .chunk_bytes = (size_t)tuned->tokenize_chunk,
                                       .cache_bytes = (size_t)tuned->tokenize_cache,
                                       .trace = engine->trace};
}

vlt_status vlt_services_open(vlt_engine *engine, const vlt_service_options *options, vlt_error *err)
{
    const vlt_pipeline_services *tuned = &engine->tuned;
    vlt_status status = options->trace ? vlt_trace_create(&engine->trace, err) : VLT_OK;
    const size_t embeddings = cache_limit(options->embedding_cache,
                                          VLT_EMBEDDING_CACHE_DEFAULT_BYTES);
    const vlt_token_service_options tokens = token_options(engine);
    engine->preprocess_threads = thread_count(engine, tuned->preprocess_threads);
    engine->prefetch = tuned->prefetch;
    if (status == VLT_OK) {
        status = open_pool(engine, err);
    }
    if (status == VLT_OK && embeddings) {
        status = vlt_content_cache_create(embeddings, &engine->embeddings, err);
    }
    if (status == VLT_OK) {
        status = vlt_token_service_create(&tokens, &engine->tokens, err);
    }
    if (status == VLT_OK) {
        status = vlt_pictures_create(engine, engine->preprocess_threads, &engine->pictures, err);
    }
    return status == VLT_OK ? open_governor(engine, options, err) : status;
}

void vlt_services_close(vlt_engine *engine)
{
    vlt_governor_destroy(engine->governor);
    vlt_pictures_destroy(engine->pictures);
    vlt_token_service_destroy(engine->tokens);
    vlt_content_cache_destroy(engine->embeddings);
    vlt_trace_destroy(engine->trace);
    vlt_shared_pool_destroy(engine->pool);
}

vlt_status vlt_engine_write_trace(vlt_engine *engine, const char *path, vlt_error *err)
{
    return vlt_trace_write(engine->trace, path, err);
}
