/* vltune batch: JSON lines in, JSON lines out, with overlapping stages. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/pack_cache_cli.h"
#include "harness/infer/batch.h"
#include "harness/json/file_lock.h"
#include "harness/json/json_make.h"

static const vlt_option options[] = {
    {"output", "FILE", "where the answers go (default: stdout); a half-written one is continued",
     'o', VLT_UPDATED},
    VLT_GENERATE_CLI_OPTIONS,
    VLT_ENGINE_CLI_OPTIONS(NULL),
    VLT_PACK_CACHE_CLI_OPTION(.only = NULL),
};

struct output {
    vlt_cli *cli;
    vlt_engine *engine;
    FILE *stream;
    int64_t done, failed;
};

static vlt_status write_answer(void *user, const json_t *id, const vlt_response *response,
                               const vlt_error *error, vlt_error *err)
{
    struct output *output = user;
    const char *message = error ? error->message : "no memory for the answer as JSON";
    json_t *line = NULL;
    if (response) {
        line = vlt_json_make("{s:O}", "id", id);
        vlt_json_merge(&line, vlt_answer_to_json(output->engine, response));
    }
    if (!line) {
        line = vlt_json_make("{s:O, s:s}", "id", id, "error", message);
        output->failed++;
    }
    vlt_status status = vlt_json_print(line, true, output->stream, err);
    json_decref(line);
    vlt_cli_progress(output->cli, "%lld answers", (long long)++output->done);
    return status;
}

static bool stop_asked(void *user)
{
    (void)user;
    return vlt_cli_interrupted();
}

/* The file for this process alone; nothing of it is lost yet. *regular: it can be continued. */
static vlt_status take_output(const char *path, FILE *input, FILE **out, bool *regular,
                              vlt_error *err)
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
    if (*regular && fstat(file, &info) == 0 && fstat(fileno(input), &read_from) == 0 &&
        info.st_dev == read_from.st_dev && info.st_ino == read_from.st_ino) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s: the output is the input", path);
    }
    return vlt_file_lock_open(file, path, err);
}

/* Opens the output behind its whole lines; *skip is their number. */
static vlt_status open_output(const char *path, FILE *input, const char *input_name, FILE **out,
                              int64_t *skip, vlt_error *err)
{
    int64_t bytes = 0;
    bool regular = false;
    *skip = 0;
    *out = stdout;
    vlt_status status = path ? take_output(path, input, out, &regular, err) : VLT_OK;
    if (status == VLT_OK && regular) {
        status = vlt_batch_resume(input, input_name, *out, path, skip, &bytes, err);
        if (status == VLT_OK &&
            (ftruncate(fileno(*out), bytes) != 0 || fseeko(*out, bytes, SEEK_SET) != 0)) {
            status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
        }
    }
    return status;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : NULL;
}

static vlt_status run_batch(vlt_cli *cli, vlt_batch *batch, struct output *output, vlt_error *err)
{
    const char *path = vlt_cli_text(cli, "output", NULL);
    vlt_status status = open_output(path, batch->input, batch->name, &output->stream, &batch->skip,
                                    err);
    if (status == VLT_OK && batch->skip) {
        vlt_cli_info(cli, "%s: goes on behind %lld answers", path, (long long)batch->skip);
    }
    if (status == VLT_OK) {
        status = vlt_engine_cli_open(cli, vlt_cli_operand(cli, 0), &output->engine, err);
    }
    if (status == VLT_OK) {
        status = vlt_batch_run(output->engine, batch, NULL, err);
    }
    vlt_cli_progress(cli, NULL);
    if (status == VLT_STATUS_STOPPED) {
        status = vlt_fail(err, path ? VLT_STATUS_STOPPED : VLT_STATUS_INTERRUPTED,
                          "interrupted after %lld answers%s", (long long)output->done,
                          path ? "; the same command goes on from there" : "");
    }
    if (status == VLT_OK && output->failed) {
        vlt_cli_warn(cli, "%lld of %lld lines have an error", (long long)output->failed,
                     (long long)output->done);
    }
    vlt_engine_cli_close(output->engine, status);
    if (output->stream && output->stream != stdout && fclose(output->stream) != 0 &&
        status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    return status;
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    const char *name = vlt_cli_operand(cli, 1);
    vlt_request request = {0};
    struct output output = {.cli = cli};
    vlt_batch batch = {.name = name,
                       .defaults = &request,
                       .answer = write_answer,
                       .stop = stop_asked,
                       .user = &output};
    const char **stops = calloc((size_t)vlt_cli_count(cli, "stop") + 1, sizeof *stops);
    char *folder = folder_of(name);
    vlt_status status = stops ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "batch: out of memory");
    if (status == VLT_OK) {
        vlt_engine_cli_request(cli, &request, stops, &batch.context);
    }
    request.files = request.files ? request.files : folder;
    if (status == VLT_OK) {
        batch.input = fopen(name, "re");
        status = batch.input ? run_batch(cli, &batch, &output, err)
                             : vlt_fail(err, VLT_STATUS_IO, "%s: %s", name, strerror(errno));
    }
    if (batch.input) {
        fclose(batch.input);
    }
    free(folder);
    free(stops);
    return status;
}

VLT_COMMAND(
    batch, .operands = "DIR IN.jsonl", .summary = "answer a file of requests",
    .details = "A line is {\"id\", \"messages\", \"max_tokens\", \"temperature\", ...}; its answer "
               "is the object of\n`run --json` with the id, or {\"id\", \"error\"}. Images of the "
               "next request are decoded while\none computes; the order is kept. Options are the "
               "defaults of lines that do not say.",
    .examples = "batch DIR requests.jsonl -o answers.jsonl\n"
                "batch DIR requests.jsonl --max-tokens 8 --greedy",
    .options = options, .option_count = sizeof options / sizeof *options,
    .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES, .operand_min = 2, .operand_max = 2,
    .run = run);
