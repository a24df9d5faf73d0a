/* What the services of an engine did, as members of an answer. */
#include <inttypes.h>
#include <string.h>

#include "harness/infer/answer_json.h"
#include "harness/infer/services.h"

static void put_cache(vlt_buffer *out, const char *name, const vlt_content_stats *stats)
{
    vlt_buffer_print(out,
                     "\"%s\": {\"hits\": %" PRIu64 ", \"misses\": %" PRIu64
                     ", \"bytes\": %zu, \"limit\": %zu}",
                     name, stats->hits, stats->misses, stats->bytes, stats->limit);
}

static void put_pressure(vlt_buffer *out, const vlt_engine *engine)
{
    vlt_governor_event event[VLT_GOVERNOR_EVENTS_MAX];
    vlt_governor_stats stats;
    const int count = vlt_governor_events(engine->governor, event, &stats);
    vlt_buffer_print(out, "\"pressure\": {\"level\": \"%s\", \"events\": [",
                     vlt_memory_level_name(vlt_governor_level(engine->governor)));
    for (int i = 0; i < count; i++) {
        vlt_buffer_print(out, "%s{\"at_ms\": %.3f, \"cause\": ", i ? ", " : "", event[i].at_ms);
        vlt_buffer_json_string(out, event[i].cause, strlen(event[i].cause));
        vlt_buffer_text(out, ", \"action\": ");
        vlt_buffer_json_string(out, event[i].action, strlen(event[i].action));
        vlt_buffer_text(out, "}");
    }
    vlt_buffer_print(out, "], \"event_count\": %" PRIu64 ", \"cleanups\": %" PRIu64 "}",
                     stats.events, stats.cleanups);
}

static void put_pool(vlt_buffer *out, const vlt_engine *engine)
{
    vlt_tensor_pool_stats stats;
    vlt_shared_pool_look(engine->pool, &stats);
    vlt_buffer_print(out,
                     "\"pool\": {\"live_bytes\": %zu, \"held_bytes\": %zu, \"peak_bytes\": %zu, "
                     "\"hits\": %" PRIu64 ", \"misses\": %" PRIu64 ", \"evictions\": %" PRIu64
                     "}, ",
                     stats.live_bytes, stats.kept_bytes, stats.peak_bytes, stats.hits, stats.misses,
                     stats.evictions);
}

void vlt_services_put_json(vlt_buffer *out, vlt_engine *engine)
{
    vlt_content_stats tokenize, embedding;
    vlt_token_service_look(engine->tokens, &tokenize);
    vlt_content_cache_look(engine->embeddings, &embedding);
    vlt_buffer_text(out, "\"caches\": {");
    put_cache(out, "tokenize", &tokenize);
    vlt_buffer_text(out, ", ");
    put_cache(out, "embedding", &embedding);
    vlt_buffer_text(out, "}, ");
    put_pool(out, engine);
    put_pressure(out, engine);
}
