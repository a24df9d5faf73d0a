#include "harness/cli/service_cli.h"

#include "harness/json/json_make.h"

/* As the option of a cache has it: 0 where it is not given, negative for 0. */
static int64_t cache_bytes(const vlt_cli *cli, const char *option)
{
    const int64_t bytes = vlt_cli_bytes(cli, option, 0);
    return bytes || !vlt_cli_count(cli, option) ? bytes : -1;
}

vlt_service_options vlt_service_cli_options(const vlt_cli *cli)
{
    if (!vlt_cli_has(cli, "embedding-cache")) { /* a command without these options */
        return (vlt_service_options){0};
    }
    return (vlt_service_options){.embedding_cache = cache_bytes(cli, "embedding-cache")};
}

static json_t *cache_to_json(vlt_content_cache *cache)
{
    vlt_content_stats stats;
    vlt_content_cache_look(cache, &stats);
    return vlt_json_make("{s:I, s:I, s:I, s:I}", "hits", (json_int_t)stats.hits, "misses",
                         (json_int_t)stats.misses, "bytes", (json_int_t)stats.bytes, "limit",
                         (json_int_t)stats.limit);
}

json_t *vlt_caches_to_json(const vlt_engine *engine)
{
    return vlt_json_make("{s:o}", "embedding", cache_to_json(engine->embeddings));
}
