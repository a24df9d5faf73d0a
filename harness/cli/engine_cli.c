#include "harness/cli/engine_cli.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/pack_cache_cli.h"
#include "harness/cli/service_cli.h"
#include "harness/infer/media.h"
#include "harness/machine/memory_room.h"
#include "optimizations/core/ledger.h"

static void message(void *user, int level, const char *text)
{
    const vlt_cli *cli = user;
    if (level == 0) {
        vlt_cli_warn(cli, "%s", text);
    } else if (level == 1 || vlt_cli_flag(cli, "verbose")) {
        vlt_cli_info(cli, "%s", text);
    }
}

vlt_status vlt_engine_cli_open(vlt_cli *cli, const char *directory, vlt_engine **out,
                               vlt_error *err)
{
    return vlt_engine_cli_open_as(cli, directory, vlt_cli_text(cli, "quality", NULL), out, err);
}

vlt_status vlt_engine_cli_open_as(vlt_cli *cli, const char *directory, const char *quality,
                                  vlt_engine **out, vlt_error *err)
{
    enum { FORCE_MAX = 64 };
    const char *force[FORCE_MAX];
    int count = vlt_cli_count(cli, "force");
    *out = NULL;
    if (count > FORCE_MAX) {
        return vlt_fail(err, VLT_STATUS_USAGE, "--force given %d times, expected at most %d", count,
                        FORCE_MAX);
    }
    for (int i = 0; i < count; i++) {
        force[i] = vlt_cli_nth(cli, "force", i);
    }
    bool head_alone = vlt_cli_has(cli, "head-alone") && vlt_cli_flag(cli, "head-alone");
    const char *device = vlt_cli_has(cli, "device") ? vlt_cli_text(cli, "device", NULL) : NULL;
    const vlt_engine_options options = {.threads = (int)vlt_cli_int(cli, "threads", 0),
                                        .pin = vlt_cli_flag(cli, "pin"),
                                        .no_pin = vlt_cli_flag(cli, "no-pin"),
                                        .weights = vlt_cli_text(cli, "weights", NULL),
                                        .huge_pages = vlt_cli_text(cli, "huge-pages", NULL),
                                        .first_touch = vlt_cli_text(cli, "first-touch", NULL),
                                        .config = vlt_cli_text(cli, "config", NULL),
                                        .no_config = vlt_cli_flag(cli, "no-config"),
                                        .baseline = vlt_cli_flag(cli, "baseline"),
                                        .require_tuned = vlt_cli_flag(cli, "require-tuned"),
                                        .force = force,
                                        .force_count = count,
                                        .dialect = vlt_cli_text(cli, "dialect", NULL),
                                        .reference = vlt_cli_text(cli, "reference", NULL),
                                        .exif = vlt_cli_text(cli, "exif", NULL),
                                        .alpha = vlt_cli_text(cli, "alpha", NULL),
                                        .strict_images = vlt_cli_flag(cli, "strict-images"),
                                        .quality = head_alone ? NULL : quality,
                                        .head_quality = head_alone ? quality : NULL,
                                        .device = device,
                                        .pack_cache = vlt_pack_cache_cli_bytes(cli),
                                        .services = vlt_service_cli_options(cli),
                                        .message = message,
                                        .message_user = cli};
    /* What each thread's own arena keeps differs by the run; what is asked about goes back to the
     * system when it is freed. */
    if (vlt_memory_is_scarce((uint64_t)options.services.memory_limit)) {
        mallopt(M_ARENA_MAX, 1);
        mallopt(M_MMAP_THRESHOLD, (int)VLT_MEMORY_SMALL_BYTES);
    }
    return vlt_engine_open(directory, &options, out, err);
}

void vlt_engine_cli_close(vlt_engine *engine, vlt_status status)
{
    if (engine && status == VLT_OK) {
        vlt_ledger_warn_unmet(&engine->context, &engine->prepare_ledger);
    }
    vlt_engine_close(engine);
}

static void read_reals(const vlt_cli *cli, vlt_request *request)
{
    const struct {
        const char *option;
        double *out;
        uint32_t given;
    } reals[] = {
        {"temperature", &request->temperature, VLT_GIVEN_TEMPERATURE},
        {"top-p", &request->top_p, VLT_GIVEN_TOP_P},
        {"min-p", &request->min_p, VLT_GIVEN_MIN_P},
        {"repetition-penalty", &request->repetition_penalty, VLT_GIVEN_REPETITION_PENALTY},
        {"presence-penalty", &request->presence_penalty, VLT_GIVEN_PRESENCE_PENALTY},
    };
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        request->given |= vlt_cli_count(cli, reals[i].option) ? reals[i].given : 0;
        *reals[i].out = vlt_cli_real(cli, reals[i].option, 0);
    }
}

void vlt_engine_cli_request(const vlt_cli *cli, vlt_request *request, const char **stops,
                            int64_t *context)
{
    int64_t max_tokens = vlt_cli_int(cli, "max-tokens", -1);
    read_reals(cli, request);
    request->max_tokens = max_tokens == 0 ? -1 : max_tokens < 0 ? 0 : max_tokens;
    request->given |= vlt_cli_count(cli, "seed") ? VLT_GIVEN_SEED : 0;
    request->given |= vlt_cli_count(cli, "top-k") ? VLT_GIVEN_TOP_K : 0;
    request->seed = (uint64_t)vlt_cli_int(cli, "seed", 0);
    request->top_k = vlt_cli_int(cli, "top-k", 0);
    request->logprobs = (int)vlt_cli_int(cli, "logprobs", 0);
    request->greedy = vlt_cli_flag(cli, "greedy");
    request->ignore_eos = vlt_cli_flag(cli, "ignore-eos");
    request->add_vision_id = vlt_cli_flag(cli, "add-vision-id");
    request->no_special = vlt_cli_flag(cli, "no-special");
    request->files = vlt_cli_text(cli, "files", NULL);
    for (int i = 0; i < vlt_cli_count(cli, "stop"); i++) {
        stops[i] = vlt_cli_nth(cli, "stop", i);
    }
    request->stops = stops;
    request->stop_count = vlt_cli_count(cli, "stop");
    *context = vlt_cli_int(cli, "context", 0);
}

vlt_status vlt_engine_cli_check_image(const vlt_cli *cli, const char *text, vlt_error *err)
{
    const char *files = vlt_cli_has(cli, "files") ? vlt_cli_text(cli, "files", NULL) : NULL;
    return vlt_media_check(text, files, err);
}
