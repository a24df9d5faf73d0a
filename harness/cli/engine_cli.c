#include "harness/cli/engine_cli.h"

#include <stdlib.h>
#include <string.h>

static void message(void *user, int level, const char *text)
{
    const vlt_cli *cli = user;
    if (level == 0) {
        vlt_cli_warn(cli, "%s", text);
    } else if (vlt_cli_flag(cli, "verbose")) {
        vlt_cli_info(cli, "%s", text);
    }
}

vlt_status vlt_engine_cli_open(vlt_cli *cli, const char *directory, vlt_engine **out,
                               vlt_error *err)
{
    enum { FORCE_MAX = 64 };
    const char *force[FORCE_MAX];
    int64_t threads = 0;
    int count = vlt_cli_count(cli, "force");
    *out = NULL;
    if (count > FORCE_MAX) {
        return vlt_fail(err, VLT_STATUS_USAGE, "--force given %d times, expected at most %d", count,
                        FORCE_MAX);
    }
    for (int i = 0; i < count; i++) {
        force[i] = vlt_cli_nth(cli, "force", i);
    }
    vlt_status status = vlt_cli_int(cli, "threads", 1, 1024, 0, &threads, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_engine_options options = {.threads = (int)threads,
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
                                        .message = message,
                                        .message_user = cli};
    return vlt_engine_open(directory, &options, out, err);
}

static vlt_status read_reals(const vlt_cli *cli, vlt_request *request, vlt_error *err)
{
    const struct {
        const char *option;
        double low, high;
        double *out;
        uint32_t given;
    } reals[] = {
        {"temperature", 0, 1e6, &request->temperature, VLT_GIVEN_TEMPERATURE},
        {"top-p", 0, 1, &request->top_p, VLT_GIVEN_TOP_P},
        {"min-p", 0, 1, &request->min_p, VLT_GIVEN_MIN_P},
        {"repetition-penalty", 0, 1e6, &request->repetition_penalty, VLT_GIVEN_REPETITION_PENALTY},
        {"presence-penalty", -1e6, 1e6, &request->presence_penalty, VLT_GIVEN_PRESENCE_PENALTY},
    };
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof reals / sizeof *reals && status == VLT_OK; i++) {
        if (vlt_cli_count(cli, reals[i].option)) {
            request->given |= reals[i].given;
            status = vlt_cli_double(cli, reals[i].option, reals[i].low, reals[i].high, 0,
                                    reals[i].out, err);
        }
    }
    return status;
}

vlt_status vlt_engine_cli_request(const vlt_cli *cli, vlt_request *request, const char **stops,
                                  int64_t *context, vlt_error *err)
{
    int64_t max_tokens = 0, seed = 0, logprobs = 0;
    vlt_status status = vlt_cli_int(cli, "max-tokens", 0, 1 << 30, -1, &max_tokens, err);
    if (status == VLT_OK) {
        status = vlt_cli_int(cli, "seed", 0, INT64_MAX, 0, &seed, err);
    }
    if (status == VLT_OK) {
        status = vlt_cli_int(cli, "logprobs", 0, 1 << 24, 0, &logprobs, err);
    }
    if (status == VLT_OK) {
        status = vlt_cli_int(cli, "context", 1, 1 << 30, 0, context, err);
    }
    if (status == VLT_OK) {
        status = vlt_cli_int(cli, "top-k", 0, INT32_MAX, 0, &request->top_k, err);
    }
    if (status == VLT_OK) {
        status = read_reals(cli, request, err);
    }
    request->max_tokens = max_tokens == 0 ? -1 : max_tokens < 0 ? 0 : max_tokens;
    request->given |= vlt_cli_count(cli, "seed") ? VLT_GIVEN_SEED : 0;
    request->given |= vlt_cli_count(cli, "top-k") ? VLT_GIVEN_TOP_K : 0;
    request->seed = (uint64_t)seed;
    request->logprobs = (int)logprobs;
    request->greedy = vlt_cli_flag(cli, "greedy");
    request->ignore_eos = vlt_cli_flag(cli, "ignore-eos");
    request->add_vision_id = vlt_cli_flag(cli, "add-vision-id");
    request->files = vlt_cli_text(cli, "files", NULL);
    for (int i = 0; i < vlt_cli_count(cli, "stop"); i++) {
        stops[i] = vlt_cli_nth(cli, "stop", i);
    }
    request->stops = stops;
    request->stop_count = vlt_cli_count(cli, "stop");
    return status;
}
