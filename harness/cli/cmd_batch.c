/* vltune batch: JSON lines in, JSON lines out, with overlapping stages. */
#include <stdlib.h>
#include <string.h>

#include "harness/cli/batch_output.h"
#include "harness/cli/batch_stats.h"
#include "harness/cli/engine_cli.h"
#include "harness/cli/pack_cache_cli.h"
#include "harness/cli/service_cli.h"
#include "harness/infer/lanes.h"
#include "harness/infer/services.h"
#include "optimizations/core/utf8_text.h"

static const vlt_option options[] = {
    {"output", "FILE", "where the answers go (default: stdout); a half-written one is continued",
     'o', VLT_UPDATED},
    {"parallel", "N", "requests that compute side by side (default 1, or as tuned)", 0,
     VLT_INT(1, VLT_LANES_MAX)},
    VLT_GENERATE_CLI_OPTIONS(.needs = NULL),
    VLT_ENGINE_CLI_OPTIONS(NULL),
    VLT_PLACE_CLI_OPTIONS(NULL),
    VLT_PACK_CACHE_CLI_OPTION(.only = NULL),
    {"prefetch", "N",
     "lines prepared ahead of the one computed (default: as tuned, else 2; 0: none)", 0,
     VLT_INT(0, VLT_PREFETCH_MAX)},
    VLT_SERVICE_CLI_OPTIONS,
    {"stats", "TIME", "a line about the work so far, so often (10ms or more)", 0, VLT_TIME},
};

static bool stop_asked(void *user)
{
    (void)user;
    return vlt_cli_interrupted();
}

/* STOPPED with a file to go on with, else INTERRUPTED; lines with an error are exit code 1. */
static vlt_status say_end(const vlt_batch_output *output, vlt_status status, vlt_error *err)
{
    if (status == VLT_STATUS_STOPPED || status == VLT_STATUS_INTERRUPTED) {
        return vlt_fail(err, output->path ? VLT_STATUS_STOPPED : VLT_STATUS_INTERRUPTED,
                        "interrupted after %lld answers%s", (long long)output->done,
                        output->path ? "; the same command goes on from there" : "");
    }
    if (status == VLT_OK && output->failed) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "%lld of %lld lines have an error",
                        (long long)output->failed, (long long)output->done);
    }
    return status;
}

static vlt_status answer_all(vlt_cli *cli, const vlt_batch *batch, vlt_batch_output *output,
                             vlt_error *err)
{
    vlt_batch_stats *stats = NULL;
    vlt_status status = vlt_batch_output_continue(output, err);
    if (status == VLT_OK) {
        status = vlt_batch_stats_start(cli, output->engine, &output->done, &stats, err);
    }
    if (status == VLT_OK) {
        status = vlt_batch_output_renew(output, batch, err);
    }
    if (status == VLT_OK) {
        status = vlt_batch_run(output->engine, batch, NULL, err);
    }
    vlt_batch_stats_stop(stats);
    vlt_cli_progress(cli, NULL);
    return status;
}

static vlt_status run_batch(vlt_cli *cli, vlt_batch *batch, vlt_batch_output *output,
                            vlt_error *err)
{
    batch->input->stop = vlt_cli_stop();
    vlt_status status = vlt_batch_output_open(output, batch, err);
    if (status == VLT_OK) {
        status = vlt_engine_cli_open(cli, vlt_cli_operand(cli, 0), &output->engine, err);
    }
    if (status == VLT_OK) {
        status = answer_all(cli, batch, output, err);
    }
    status = say_end(output, status, err);
    status = vlt_service_cli_trace(cli, output->engine, status, err);
    vlt_engine_cli_close(output->engine, status);
    return vlt_batch_output_close(output, status, err);
}

/* How pictures are read where that is not the default; "" where it is. */
static void name_images(const vlt_cli *cli, char *text, size_t text_bytes)
{
    static const struct {
        const char *option, *usual;
    } choice[] = {{"reference", "torch"}, {"exif", "auto"}, {"alpha", "auto"}, {"dialect", "5"}};
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof choice / sizeof *choice; i++) {
        const char *value = vlt_cli_text(cli, choice[i].option, choice[i].usual);
        if (strcmp(value, choice[i].usual)) {
            vlt_utf8_format(text + used, text_bytes - used, "%s--%s %s", used ? " " : "",
                            choice[i].option, value);
            used = strlen(text);
        }
    }
    if (vlt_cli_flag(cli, "strict-images")) {
        vlt_utf8_format(text + used, text_bytes - used, "%s--strict-images", used ? " " : "");
    }
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : NULL;
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    const char *name = vlt_cli_operand(cli, 1);
    vlt_request request = {0};
    char images[128];
    vlt_batch_output output = {.cli = cli};
    vlt_line_reader input = {.file = -1};
    vlt_batch batch = {.input = &input,
                       .defaults = &request,
                       .parallel = (int)vlt_cli_int(cli, "parallel", 0),
                       .answer = vlt_batch_output_answer,
                       .asked = vlt_batch_output_asked,
                       .images = images,
                       .stop = stop_asked,
                       .user = &output};
    const char **stops = calloc((size_t)vlt_cli_count(cli, "stop") + 1, sizeof *stops);
    char *folder = folder_of(name);
    name_images(cli, images, sizeof images);
    vlt_status status = stops ? vlt_service_cli_check(cli, err)
                              : vlt_fail(err, VLT_STATUS_NOMEM, "batch: out of memory");
    if (status == VLT_OK) {
        vlt_engine_cli_request(cli, &request, stops, &batch.context);
    }
    request.files = request.files ? request.files : folder;
    if (status == VLT_OK) {
        status = vlt_line_reader_open(name, &input, err);
    }
    if (status == VLT_OK) {
        status = run_batch(cli, &batch, &output, err);
    }
    vlt_line_reader_close(&input);
    free(folder);
    free(stops);
    return status;
}

VLT_COMMAND(
    batch, .operands = "DIR IN.jsonl", .summary = "answer a file of requests",
    .details = "A line is {\"id\", \"messages\", \"max_tokens\", \"temperature\", ...}; its answer "
               "is the object of\n`run --json` with the id, or {\"id\", \"error\"}. Images of the "
               "next request are decoded while\none computes; the order is kept. Options are the "
               "defaults of lines that do not say.\nIN.jsonl may be - for standard input. The exit "
               "code is 1 when a line has an error.\nThe same command goes on with a half-written "
               "FILE (interrupted, or on a disk that was full), if its\nlines answer these "
               "requests, asked alike; what found no memory there is answered again.",
    .examples = "batch DIR requests.jsonl -o answers.jsonl\n"
                "batch DIR requests.jsonl --max-tokens 8 --greedy",
    .options = options, .option_count = sizeof options / sizeof *options,
    .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES | VLT_WITH_QUALITY |
            VLT_WITH_DEVICE,
    .operand_min = 2, .operand_max = 2, .run = run);
