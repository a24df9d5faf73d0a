#include "harness/cli/batch_stats.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/services.h"
#include "harness/machine/memory_room.h"
#include "optimizations/core/threads.h"

struct vlt_batch_stats {
    const vlt_cli *cli;
    vlt_engine *engine;
    const _Atomic int64_t *answers;
    double every_ms, start_ms;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    pthread_t thread;
    bool stop;
};

/* What has been counted up to a moment. */
struct counts {
    double at_ms;
    int64_t answers, tokens;
};

static struct counts count(const vlt_batch_stats *stats)
{
    return (struct counts){.at_ms = vlt_now_ms(),
                           .answers = atomic_load(stats->answers),
                           .tokens = atomic_load(&stats->engine->generated)};
}

static double percent(const vlt_content_stats *stats)
{
    const double asked = (double)(stats->hits + stats->misses);
    return asked > 0 ? 100 * (double)stats->hits / asked : 0;
}

static void tell(const vlt_batch_stats *stats, const struct counts *before,
                 const struct counts *now)
{
    vlt_content_stats texts, images;
    vlt_engine *engine = stats->engine;
    const double seconds = (now->at_ms - before->at_ms) / 1e3;
    const double resident = (double)vlt_memory_own_bytes(NULL) / 1e6;
    vlt_token_service_look(engine->tokens, &texts);
    vlt_content_cache_look(engine->embeddings, &images);
    vlt_trace_counter(engine->trace, "resident MB", resident);
    vlt_cli_info(stats->cli,
                 "%.1f s: %" PRId64 " answers (%.2f/s), %" PRId64
                 " tokens (%.1f/s), %d under way, texts kept %.0f %% hits, images %.0f %%, memory "
                 "%.0f MB, %s",
                 (now->at_ms - stats->start_ms) / 1e3, now->answers,
                 (double)(now->answers - before->answers) / seconds, now->tokens,
                 (double)(now->tokens - before->tokens) / seconds, atomic_load(&engine->under_way),
                 percent(&texts), percent(&images), resident,
                 vlt_memory_level_name(vlt_governor_level(engine->governor)));
}

/* Waits for the time; true: it has come. Under the lock. */
static bool wait_until(vlt_batch_stats *stats, double at_ms)
{
    while (!stats->stop) {
        if (vlt_now_ms() >= at_ms) {
            return true;
        }
        vlt_wait_until(&stats->stopped, &stats->lock, (int64_t)ceil(at_ms * 1e6));
    }
    return false;
}

static void *work(void *argument)
{
    vlt_batch_stats *stats = argument;
    struct counts before = count(stats);
    pthread_mutex_lock(&stats->lock);
    for (double at_ms = stats->start_ms + stats->every_ms; wait_until(stats, at_ms);
         at_ms += stats->every_ms) {
        const struct counts now = count(stats);
        tell(stats, &before, &now);
        before = now;
    }
    pthread_mutex_unlock(&stats->lock);
    return NULL;
}

vlt_status vlt_batch_stats_start(const vlt_cli *cli, vlt_engine *engine,
                                 const _Atomic int64_t *answers, vlt_batch_stats **out,
                                 vlt_error *err)
{
    *out = NULL;
    if (!vlt_cli_count(cli, "stats")) {
        return VLT_OK;
    }
    const double every_ms = vlt_cli_seconds(cli, "stats", 1) * 1e3;
    if (every_ms < VLT_INTERVAL_MIN_MS) {
        return vlt_fail(err, VLT_STATUS_USAGE, "--stats %s: expected %d ms or more",
                        vlt_cli_text(cli, "stats", ""), VLT_INTERVAL_MIN_MS);
    }
    vlt_batch_stats *stats = calloc(1, sizeof *stats);
    if (!stats) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "--stats: out of memory");
    }
    *stats = (vlt_batch_stats){.cli = cli,
                               .engine = engine,
                               .answers = answers,
                               .every_ms = every_ms,
                               .start_ms = vlt_now_ms()};
    pthread_mutex_init(&stats->lock, NULL);
    pthread_cond_init(&stats->stopped, NULL);
    const int refused = vlt_thread_start(&stats->thread, work, stats);
    if (refused) {
        free(stats);
        return vlt_fail(err, VLT_STATUS_NOMEM, "--stats: its thread was not started: %s",
                        strerror(refused));
    }
    *out = stats;
    return VLT_OK;
}

void vlt_batch_stats_stop(vlt_batch_stats *stats)
{
    if (stats) {
        pthread_mutex_lock(&stats->lock);
        stats->stop = true;
        pthread_cond_signal(&stats->stopped);
        pthread_mutex_unlock(&stats->lock);
        pthread_join(stats->thread, NULL);
        pthread_cond_destroy(&stats->stopped);
        pthread_mutex_destroy(&stats->lock);
        free(stats);
    }
}
