/* vltune batch: JSON lines in, JSON lines out, with overlapping stages. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/batch_stats.h"
#include "harness/cli/engine_cli.h"
#include "harness/cli/pack_cache_cli.h"
#include "harness/cli/service_cli.h"
#include "harness/infer/batch.h"
#include "harness/infer/services.h"
#include "harness/infer/lanes.h"
#include "harness/json/file_lock.h"
#include "harness/json/json_make.h"

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
    {"stats", "TIME", "a line about the work so far, so often", 0, VLT_TIME},
};

struct output {
    vlt_cli *cli;
    vlt_engine *engine;
    FILE *stream;
    const char *name; /* of it, for messages */
    vlt_answer_writer writer;
    _Atomic int64_t done; /* read by who tells of the progress */
    int64_t failed;
    bool continued;              /* a file that may hold answers: */
    vlt_batch_progress progress; /* those that it held */
};

static vlt_status put_line(const struct output *output, vlt_error *err)
{
    const vlt_buffer *text = &output->writer.text;
    return fwrite(text->data, 1, text->bytes, output->stream) == text->bytes &&
                   fflush(output->stream) == 0
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_IO, "writing JSON: %s", strerror(errno));
}

static vlt_status write_answer(void *user, const char *id, const vlt_response *response,
                               const vlt_error *error, vlt_error *err)
{
    struct output *output = user;
    vlt_error failure = error ? *error : (vlt_error){0};
    vlt_status status = VLT_OK;
    if (!response || vlt_answer_write(&output->writer, id, output->engine, response, &failure)) {
        json_t *line = vlt_json_make("{s:s}", "error", failure.message);
        output->failed++;
        status = vlt_json_print_line(id, line, output->stream, err);
        json_decref(line);
    } else {
        vlt_buffer_text(&output->writer.text, "\n");
        status = put_line(output, err);
    }
    vlt_cli_progress(output->cli, "%lld answers", (long long)++output->done);
    return status == VLT_OK ? VLT_OK : vlt_fail_in(err, status, "%s: ", output->name);
}

static bool stop_asked(void *user)
{
    (void)user;
    return vlt_cli_interrupted();
}

/* The file for this process alone; nothing of it is lost yet. *regular: it can be continued. */
static vlt_status take_output(const char *path, const vlt_line_reader *input, FILE **out,
                              bool *regular, vlt_error *err)
{
    struct stat info, read_from;
    *regular = stat(path, &info) != 0 || S_ISREG(info.st_mode);
    int file = open(path, (*regular ? O_RDWR | O_CREAT : O_WRONLY) | O_CLOEXEC, 0666);
    *out = file >= 0 ? fdopen(file, *regular ? "r+" : "w") : NULL;
    if (!*out) {
        vlt_status status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
        if (file >= 0) {
            close(file);
        }
        return status;
    }
    if (*regular && fstat(file, &info) == 0 && fstat(input->file, &read_from) == 0 &&
        info.st_dev == read_from.st_dev && info.st_ino == read_from.st_ino) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s: the output is the input", path);
    }
    return vlt_file_lock_open(file, path, err);
}

/* Opens the output, and reads its whole lines; the input stands behind theirs. */
static vlt_status open_output(const char *path, struct output *output, vlt_line_reader *input,
                              vlt_error *err)
{
    output->stream = stdout;
    output->name = path ? path : "standard output";
    vlt_status status = path ? take_output(path, input, &output->stream, &output->continued, err)
                             : VLT_OK;
    return status == VLT_OK && output->continued
               ? vlt_batch_resume(input, output->stream, path, &output->progress, err)
               : status;
}

/* Behind the whole lines of the output, once it is known that what follows is of their kind. */
static vlt_status continue_output(const char *path, const vlt_batch *batch, struct output *output,
                                  vlt_error *err)
{
    const vlt_batch_progress *progress = &output->progress;
    if (!output->continued) {
        return VLT_OK;
    }
    vlt_status status = vlt_batch_check_quality(output->engine, progress, path, err);
    if (status == VLT_OK) {
        status = vlt_batch_check_length(output->engine, batch, progress, path, err);
    }
    if (status == VLT_OK && (ftruncate(fileno(output->stream), progress->bytes) != 0 ||
                             fseeko(output->stream, progress->bytes, SEEK_SET) != 0)) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    if (status == VLT_OK && progress->lines) {
        vlt_cli_info(output->cli, "%s: goes on behind %lld answers", path,
                     (long long)progress->lines);
    }
    output->done = progress->lines;
    output->failed = progress->failed;
    return status;
}

/* STOPPED with a file to go on with, else INTERRUPTED; lines with an error are exit code 1. */
static vlt_status say_end(const struct output *output, const char *path, vlt_status status,
                          vlt_error *err)
{
    if (status == VLT_STATUS_STOPPED || status == VLT_STATUS_INTERRUPTED) {
        return vlt_fail(err, path ? VLT_STATUS_STOPPED : VLT_STATUS_INTERRUPTED,
                        "interrupted after %lld answers%s", (long long)output->done,
                        path ? "; the same command goes on from there" : "");
    }
    if (status == VLT_OK && output->failed) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "%lld of %lld lines have an error",
                        (long long)output->failed, (long long)output->done);
    }
    return status;
}

static vlt_status run_batch(vlt_cli *cli, vlt_batch *batch, struct output *output, vlt_error *err)
{
    const char *path = vlt_cli_text(cli, "output", NULL);
    batch->input->stop = vlt_cli_stop();
    vlt_status status = open_output(path, output, batch->input, err);
    if (status == VLT_OK) {
        status = vlt_engine_cli_open(cli, vlt_cli_operand(cli, 0), &output->engine, err);
    }
    if (status == VLT_OK) {
        status = continue_output(path, batch, output, err);
    }
    vlt_batch_stats *stats = NULL;
    if (status == VLT_OK) {
        status = vlt_batch_stats_start(cli, output->engine, &output->done, &stats, err);
    }
    if (status == VLT_OK) {
        status = vlt_batch_run(output->engine, batch, NULL, err);
    }
    vlt_batch_stats_stop(stats);
    vlt_cli_progress(cli, NULL);
    status = say_end(output, path, status, err);
    status = vlt_service_cli_trace(cli, output->engine, status, err);
    vlt_engine_cli_close(output->engine, status);
    vlt_answer_writer_release(&output->writer);
    if (output->stream && output->stream != stdout && fclose(output->stream) != 0 &&
        status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    return status;
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
    struct output output = {.cli = cli};
    vlt_line_reader input = {.file = -1};
    vlt_batch batch = {.input = &input,
                       .defaults = &request,
                       .parallel = (int)vlt_cli_int(cli, "parallel", 0),
                       .answer = write_answer,
                       .stop = stop_asked,
                       .user = &output};
    const char **stops = calloc((size_t)vlt_cli_count(cli, "stop") + 1, sizeof *stops);
    char *folder = folder_of(name);
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
               "code is 1 when a line has an error.",
    .examples = "batch DIR requests.jsonl -o answers.jsonl\n"
                "batch DIR requests.jsonl --max-tokens 8 --greedy",
    .options = options, .option_count = sizeof options / sizeof *options,
    .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES | VLT_WITH_QUALITY |
            VLT_WITH_DEVICE,
    .operand_min = 2, .operand_max = 2, .run = run);
