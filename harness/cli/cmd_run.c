/* vltune run: one answer. The text streams; with --json one object comes at the end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/pack_cache_cli.h"
#include "harness/cli/service_cli.h"
#include "harness/json/file_lock.h"
#include "harness/json/json.h"
#include "optimizations/core/utf8_text.h"

enum { MESSAGES_LIMIT = 256 << 20 };

static const vlt_option options[] = {
    {"prompt", "TEXT", "what to ask", 'p', VLT_WORDS},
    {"image", "FILE", "an image before the text; repeatable, in order", 'i',
     VLT_OWN_FILE(vlt_engine_cli_check_image), .unless = "messages"},
    {"system", "TEXT", "system message", 0, VLT_WORDS, .unless = "messages"},
    {"messages", "FILE", "a whole conversation as chat clients send it", 'm', VLT_FILE,
     .unless = "prompt"},
    {"tools", "FILE", "JSON list of tools for the system turn", 0, VLT_FILE},
    {"session", "FILE", "continue the conversation in this file, or begin one there", 0,
     VLT_CONTINUED},
    {"dump", "FILE", "write the intermediate tensors of the prompt (safetensors)", 0, VLT_OUTPUT},
    VLT_GENERATE_CLI_OPTIONS(.needs = "json"),
    VLT_ENGINE_CLI_OPTIONS(NULL),
    VLT_PLACE_CLI_OPTIONS(NULL),
    VLT_PACK_CACHE_CLI_OPTION(.only = NULL),
    VLT_SERVICE_CLI_OPTIONS,
};

/* What the arguments of one run point to. */
struct input {
    vlt_request request;
    int64_t context;
    char *messages, *tools, *folder;
    const char **stops, **images;
};

static void release_input(struct input *input)
{
    free(input->messages);
    free(input->tools);
    free(input->folder);
    free(input->stops);
    free(input->images);
}

/* Relative paths begin at the messages' folder unless --files says otherwise. */
static vlt_status read_messages(const vlt_cli *cli, const char *path, struct input *input,
                                vlt_error *err)
{
    vlt_request *request = &input->request;
    const vlt_stop stop = vlt_cli_stop();
    vlt_status status = vlt_read_file_until(path, MESSAGES_LIMIT, &stop, &input->messages,
                                            &request->messages_bytes, err);
    const char *slash = strrchr(path, '/');
    request->messages = input->messages;
    if (status == VLT_OK && !vlt_cli_count(cli, "files") && slash) {
        input->folder = strndup(path, (size_t)(slash - path) + (slash == path));
        request->files = input->folder;
        status = input->folder ? VLT_OK
                               : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    return status;
}

static vlt_status read_input(const vlt_cli *cli, struct input *input, vlt_error *err)
{
    vlt_request *request = &input->request;
    const char *messages = vlt_cli_text(cli, "messages", NULL);
    const char *tools = vlt_cli_text(cli, "tools", NULL);
    int images = vlt_cli_count(cli, "image");
    input->stops = calloc((size_t)vlt_cli_count(cli, "stop") + 1, sizeof *input->stops);
    input->images = calloc((size_t)images + 1, sizeof *input->images);
    if (!input->stops || !input->images) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "run: out of memory");
    }
    vlt_status status = VLT_OK;
    vlt_engine_cli_request(cli, request, input->stops, &input->context);
    request->prompt = vlt_cli_text(cli, "prompt", NULL);
    request->system = vlt_cli_text(cli, "system", NULL);
    request->dump = vlt_cli_text(cli, "dump", NULL);
    for (int i = 0; i < images; i++) {
        input->images[i] = vlt_cli_nth(cli, "image", i);
    }
    request->images = input->images;
    request->image_count = images;
    if (!messages && !request->prompt) {
        status = vlt_fail(err, VLT_STATUS_USAGE, "run: expected either --prompt or --messages");
    }
    if (status == VLT_OK && messages) {
        request->name = messages;
        status = read_messages(cli, messages, input, err);
    }
    if (status == VLT_OK && tools) {
        const vlt_stop stop = vlt_cli_stop();
        status = vlt_read_file_until(tools, MESSAGES_LIMIT, &stop, &input->tools,
                                     &request->tools_bytes, err);
        request->tools = input->tools;
    }
    return status;
}

/* The run as its callbacks see it. */
struct watch {
    const vlt_cli *cli;
    int failure; /* errno of the first write that failed; the answer ends there */
};

static bool stream_text(void *user, const char *text, size_t bytes)
{
    struct watch *watch = user;
    if (fwrite(text, 1, bytes, stdout) != bytes || fflush(stdout) != 0) {
        watch->failure = errno ? errno : EIO;
    }
    return !watch->failure && !vlt_cli_interrupted();
}

static bool count_token(void *user, int32_t id)
{
    const struct watch *watch = user;
    (void)id;
    return !watch->failure && !vlt_cli_interrupted();
}

static bool show_progress(void *user, const char *phase, int64_t done, int64_t total)
{
    const struct watch *watch = user;
    vlt_cli_progress(watch->cli, "%s %lld of %lld", phase, (long long)done, (long long)total);
    return !vlt_cli_interrupted();
}

/* Another run has the session's file. */
struct wait {
    const vlt_cli *cli;
    const char *path;
    bool said;
};

static bool wait_for_session(void *user, long holder)
{
    struct wait *wait = user;
    if (!wait->said) {
        wait->said = true;
        vlt_cli_info(wait->cli, "%s: waiting for process %ld, which has it", wait->path, holder);
    }
    return !vlt_cli_interrupted();
}

/* Whole conversations begin sessions; in one that is there they would replace its turns. */
static vlt_status check_session(const vlt_cli *cli, vlt_error *err)
{
    const char *path = vlt_cli_text(cli, "session", NULL);
    return path && vlt_cli_count(cli, "messages") && access(path, F_OK) == 0
               ? vlt_fail(err, VLT_STATUS_USAGE,
                          "run: --session %s is there already, and --messages would replace its "
                          "turns: go on with --prompt, or give --session a new file",
                          vlt_quoted_path(path).text)
               : VLT_OK;
}

/* Nobody else continues the conversation between its reading and its writing. */
static vlt_status open_session(const vlt_cli *cli, vlt_engine *engine, int64_t context,
                               vlt_file_lock **lock, vlt_session **out, vlt_error *err)
{
    const char *path = vlt_cli_text(cli, "session", NULL);
    const vlt_session_options session = {.context = context};
    struct wait wait = {.cli = cli, .path = path};
    vlt_status status = path ? vlt_file_lock_take(path, wait_for_session, &wait, lock, err)
                             : VLT_OK;
    if (status == VLT_OK) { /* again: somebody else may have begun it */
        status = check_session(cli, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    return path && access(path, F_OK) == 0 ? vlt_session_load(engine, path, &session, out, err)
                                           : vlt_session_open(engine, &session, out, err);
}

static void say_times(const vlt_cli *cli, const vlt_response *response)
{
    const vlt_timings *t = &response->timings;
    vlt_cli_info(cli,
                 "%lld prompt tokens (%lld from the session), %lld generated, %s; load %.0f ms, "
                 "images %.0f, vision %.0f, prefill %.0f, decode %.0f, total %.0f ms, seed %llu",
                 (long long)response->prompt_count, (long long)response->cached_count,
                 (long long)response->id_count, vlt_finish_name(response->finish), t->load,
                 t->image_decode + t->preprocess, t->vision, t->prefill, t->decode, t->total,
                 (unsigned long long)response->seed);
}

/* As people read it. */
static vlt_status print_object(vlt_engine *engine, const vlt_response *response, vlt_error *err)
{
    vlt_answer_writer writer = {0};
    json_t *object = NULL;
    vlt_status status = vlt_answer_write(&writer, NULL, engine, response, err);
    if (status == VLT_OK) {
        status = vlt_json_parse(writer.text.data, writer.text.bytes, "answer", &object, err);
    }
    if (status == VLT_OK) {
        status = vlt_json_print(object, false, stdout, err);
    }
    json_decref(object);
    vlt_answer_writer_release(&writer);
    return status;
}

/* What is printed at the end, and how the run ended. */
static vlt_status finish(const vlt_cli *cli, vlt_engine *engine, const struct watch *watch,
                         const vlt_response *response, vlt_error *err)
{
    vlt_status status = VLT_OK;
    if (watch->failure) {
        return vlt_fail(err, VLT_STATUS_IO, "standard output: %s, after %zu bytes of the answer",
                        strerror(watch->failure), response->text_bytes);
    }
    if (vlt_cli_flag(cli, "json")) {
        status = print_object(engine, response, err);
    } else {
        fputc('\n', stdout);
        if (vlt_cli_flag(cli, "verbose")) {
            say_times(cli, response);
        }
    }
    if (status == VLT_OK && response->finish == VLT_FINISH_INTERRUPTED) {
        status = vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted after %lld tokens",
                          (long long)response->id_count);
    }
    return status;
}

static vlt_status answer(vlt_cli *cli, vlt_engine *engine, struct input *input, vlt_error *err)
{
    vlt_session *session = NULL;
    vlt_file_lock *lock = NULL;
    vlt_response response = {0};
    vlt_request *request = &input->request;
    struct watch watch = {.cli = cli};
    vlt_status saved = VLT_OK;
    vlt_error save_error = {0};
    const char *path = vlt_cli_text(cli, "session", NULL);
    request->on_text = vlt_cli_flag(cli, "json") ? NULL : stream_text;
    request->on_token = count_token;
    request->on_progress = show_progress;
    request->user = &watch;
    request->last = true;
    vlt_status status = open_session(cli, engine, input->context, &lock, &session, err);
    if (status == VLT_OK) {
        status = vlt_session_run(session, request, &response, err);
    }
    if (status == VLT_STATUS_INPUT && request->messages) {
        status = vlt_fail_in(err, status, "%s: ", vlt_cli_text(cli, "messages", ""));
    }
    vlt_cli_progress(cli, NULL);
    if (status == VLT_OK && path) {
        double start_ms = vlt_now_ms();
        saved = vlt_session_save(session, path, &save_error);
        response.timings.other += vlt_now_ms() - start_ms;
        response.timings.total += vlt_now_ms() - start_ms;
    }
    if (status == VLT_OK) {
        status = finish(cli, engine, &watch, &response, err);
    }
    if (status == VLT_OK && saved != VLT_OK) { /* the answer is there all the same */
        status = vlt_fail(err, saved, "%s", save_error.message);
    }
    vlt_file_lock_release(lock);
    vlt_response_release(&response);
    vlt_session_close(session);
    return status;
}

/* Which config was taken, or why none; --json has it, and who asked for none knows. */
static void say_config(const vlt_cli *cli, const vlt_tuned_loaded *config)
{
    if (!vlt_cli_flag(cli, "json") && !vlt_cli_flag(cli, "no-config") &&
        !vlt_cli_flag(cli, "baseline")) {
        vlt_cli_info(cli, "config: %s%s%s: %s", config->status, config->path[0] ? ", " : "",
                     config->path, config->reason);
    }
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    struct input input = {.request = {0}};
    vlt_engine *engine = NULL;
    vlt_status status = vlt_service_cli_check(cli, err);
    if (status == VLT_OK) {
        status = check_session(cli, err);
    }
    if (status == VLT_OK) {
        status = read_input(cli, &input, err);
    }
    if (status == VLT_OK) {
        status = vlt_engine_cli_open(cli, vlt_cli_operand(cli, 0), &engine, err);
    }
    if (status == VLT_OK) {
        say_config(cli, &engine->config_state);
        status = answer(cli, engine, &input, err);
    }
    status = vlt_service_cli_trace(cli, engine, status, err);
    vlt_engine_cli_close(engine, status);
    release_input(&input);
    return status;
}

VLT_COMMAND(run, .operands = "DIR", .summary = "answer a prompt about images with a checkpoint",
            .details =
                "DIR is a checkpoint as published: config.json, tokenizer and safetensors files.\n"
                "Without sampling options the checkpoint's generation_config rules. Giving\n"
                "--temperature, --top-k, --top-p or --min-p means sampling; --greedy overrules.",
            .examples = "run DIR --image photo.jpg --prompt \"What is this?\"\n"
                        "run DIR --messages chat.json --max-tokens 64 --json\n"
                        "run DIR --prompt \"How many?\" --image photo.jpg --session talk --greedy\n"
                        "run DIR --prompt \"And the colours?\" --session talk\n"
                        "run DIR --prompt hello --baseline --force norm=baseline",
            .options = options, .option_count = sizeof options / sizeof *options,
            .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES | VLT_WITH_QUALITY |
                    VLT_WITH_DEVICE,
            .operand_min = 1, .operand_max = 1, .run = run);
