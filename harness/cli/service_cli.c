#include "harness/cli/service_cli.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "harness/infer/services.h"

/* What an option says to the engine, for which 0 is that it is not given: negative for a 0 that
 * somebody typed. */
static int64_t said(const vlt_cli *cli, const char *option, int64_t value)
{
    return value || !vlt_cli_count(cli, option) ? value : -1;
}

static int64_t cache_bytes(const vlt_cli *cli, const char *option)
{
    return said(cli, option, vlt_cli_bytes(cli, option, 0));
}

static int count_of(const vlt_cli *cli, const char *option)
{
    return (int)said(cli, option, vlt_cli_int(cli, option, 0));
}

/* 0 means a default to the engine, but not to who types it. */
static vlt_status check_zero(const vlt_cli *cli, vlt_error *err)
{
    static const struct {
        const char *option, *expected;
    } sizes[] = {{"tokenize-chunk", "256 bytes or more"}, {"memory-limit", "more than 0 bytes"}};
    static const char *const percents[] = {"memory-low", "memory-critical"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (vlt_cli_bytes(cli, sizes[i].option, 1) == 0) {
            return vlt_fail(err, VLT_STATUS_USAGE, "--%s is 0 bytes, expected %s", sizes[i].option,
                            sizes[i].expected);
        }
    }
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        if (vlt_cli_real(cli, percents[i], 1) <= 0) {
            return vlt_fail(err, VLT_STATUS_USAGE,
                            "--%s is 0 percent, expected more than 0 and at most 100", percents[i]);
        }
    }
    return VLT_OK;
}

vlt_status vlt_service_cli_check(const vlt_cli *cli, vlt_error *err)
{
    const vlt_service_options options = vlt_service_cli_options(cli);
    vlt_status status = check_zero(cli, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_service_options_check(&options, err);
    return status == VLT_OK ? VLT_OK : vlt_fail_in(err, status, "--");
}

/* At least 1: what is shorter is refused by the engine. */
static int milliseconds(const vlt_cli *cli, const char *option, double otherwise_s)
{
    const double ms = vlt_cli_seconds(cli, option, otherwise_s) * 1e3;
    return ms < 1 ? 1 : ms > INT_MAX ? INT_MAX : (int)ms;
}

vlt_service_options vlt_service_cli_options(const vlt_cli *cli)
{
    if (!vlt_cli_has(cli, "embedding-cache")) { /* a command without these options */
        return (vlt_service_options){0};
    }
    return (vlt_service_options){
        .embedding_cache = cache_bytes(cli, "embedding-cache"),
        .tokenize_cache = cache_bytes(cli, "tokenize-cache"),
        .tokenize_threads = count_of(cli, "tokenize-threads"),
        .tokenize_chunk = vlt_cli_bytes(cli, "tokenize-chunk", 0),
        .preprocess_threads = count_of(cli, "preprocess-threads"),
        .prefetch = vlt_cli_has(cli, "prefetch") ? count_of(cli, "prefetch") : -1,
        .parallel = vlt_cli_has(cli, "parallel") ? (int)vlt_cli_int(cli, "parallel", 0) : 0,
        .trace = vlt_cli_count(cli, "trace") > 0,
        .memory_limit = vlt_cli_bytes(cli, "memory-limit", 0),
        .memory_low = vlt_cli_real(cli, "memory-low", 0),
        .memory_critical = vlt_cli_real(cli, "memory-critical", 0),
        .monitor_ms = milliseconds(cli, "monitor-interval", VLT_GOVERNOR_MONITOR_MS / 1e3),
        .cleanup_ms = milliseconds(cli, "cleanup-interval", VLT_GOVERNOR_CLEANUP_MS / 1e3)};
}

vlt_status vlt_service_cli_trace(const vlt_cli *cli, vlt_engine *engine, vlt_status status,
                                 vlt_error *err)
{
    const char *path = vlt_cli_text(cli, "trace", NULL);
    if (!path || !engine) {
        return status;
    }
    const vlt_status written = vlt_engine_write_trace(engine, path, status == VLT_OK ? err : NULL);
    return status == VLT_OK ? written : status;
}
