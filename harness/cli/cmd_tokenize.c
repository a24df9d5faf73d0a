/* vltune tokenize: JSON lines on stdin, one object a line out. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/cli/plan_cli.h"
#include "harness/cli/tokenize_lines.h"
#include "harness/model/chat_template.h"
#include "optimizations/core/memory.h"

static const char details[] =
    "DIR needs tokenizer.json, or vocab.json and merges.txt. Every line of standard input is one\n"
    "JSON object, every line of output its answer, in order:\n"
    "    {\"text\"}                 ->  {\"ids\"}\n"
    "    {\"ids\"}                  ->  {\"text\"}              with --decode\n"
    "    {\"messages\", \"options\"}  ->  {\"rendered\", \"ids\"}   with --render\n"
    "Ids without a token decode to nothing. --render applies the chat template; options are\n"
    "add_generation_prompt, add_vision_id and tools; placeholders are not expanded and no file is\n"
    "opened; --no-special leaves the template's own marks. A line that cannot be done gives\n"
    "{\"error\"}; the exit code is then 1.";

static const vlt_option options[] = {
    {"decode", NULL, "ids to text", 0, VLT_FLAG, .unless = "render"},
    {"skip-special", NULL, "with --decode: leave special tokens out", 0, VLT_FLAG,
     .needs = "decode"},
    {"render", NULL, "messages to prompt text and ids", 0, VLT_FLAG},
    {"no-special", NULL, "take added tokens in the text for ordinary text", 0, VLT_FLAG,
     .unless = "decode"},
};

static void warn(void *user, const char *message)
{
    vlt_cli_warn(user, "%s", message);
}

/* Input that was read and not answered yet. */
struct input {
    char *data;
    size_t used, room;
    bool ended;
};

/* Reads what there is: waits for the first bytes, then takes more while it comes at once, so that
 * a file is done in large batches and a client that writes one line gets its answer. */
static vlt_status read_some(struct input *input, vlt_error *err)
{
    enum { PIECE = 1 << 16, BATCH = 1 << 20 };
    size_t before = input->used;
    do {
        if (input->room - input->used < PIECE) {
            size_t room = input->room ? input->room * 2 : 4 * PIECE;
            char *data = room > input->room ? realloc(input->data, room) : NULL;
            if (!data) {
                return vlt_fail(err, VLT_STATUS_NOMEM, "standard input: no memory for %zu bytes",
                                room);
            }
            input->data = data;
            input->room = room;
        }
        ssize_t got = read(STDIN_FILENO, input->data + input->used, PIECE);
        if (got < 0 && errno != EINTR) {
            return vlt_fail(err, VLT_STATUS_IO, "standard input: %s", strerror(errno));
        }
        if (vlt_cli_interrupted()) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted");
        }
        input->ended = got == 0;
        input->used += got > 0 ? (size_t)got : 0;
        struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&ready, 1, 0) <= 0) {
            break;
        }
    } while (!input->ended && input->used - before < BATCH);
    return VLT_OK;
}

static vlt_status write_all(const vlt_buffer *out, vlt_error *err)
{
    if ((out->bytes && fwrite(out->data, 1, out->bytes, stdout) != out->bytes) || fflush(stdout)) {
        return vlt_fail(err, VLT_STATUS_IO, "standard output: %s", strerror(errno));
    }
    return VLT_OK;
}

static vlt_status answer_all(vlt_lines *lines, vlt_error *err)
{
    struct input input = {0};
    vlt_buffer out = {0};
    size_t searched = 0; /* no line feed before this byte */
    vlt_status status = VLT_OK;
    while (status == VLT_OK && !input.ended) {
        status = read_some(&input, err);
        if (status != VLT_OK) {
            break;
        }
        const char *feed = input.used > searched
                               ? memrchr(input.data + searched, '\n', input.used - searched)
                               : NULL;
        size_t whole = input.ended ? input.used : feed ? (size_t)(feed - input.data) + 1 : 0;
        searched = input.used - whole;
        if (whole == 0) {
            continue;
        }
        out.bytes = 0;
        status = vlt_lines_run(lines, input.data, whole, &out, err);
        if (status == VLT_OK) {
            status = write_all(&out, err);
        }
        input.used -= whole;
        memmove(input.data, input.data + whole, input.used);
    }
    free(input.data);
    free(out.data);
    return status;
}

static void read_options(vlt_cli *cli, vlt_lines_options *out)
{
    bool decode = vlt_cli_flag(cli, "decode"), render = vlt_cli_flag(cli, "render");
    *out = (vlt_lines_options){.mode = decode   ? VLT_LINES_DECODE
                                       : render ? VLT_LINES_RENDER
                                                : VLT_LINES_ENCODE,
                               .skip_special = vlt_cli_flag(cli, "skip-special"),
                               .no_special = vlt_cli_flag(cli, "no-special"),
                               .warn = warn,
                               .warn_user = cli};
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    const char *folder = vlt_cli_operand(cli, 0);
    vlt_plan_cli machinery = {0};
    vlt_lines_options lines_options;
    vlt_tokenizer *tokenizer = NULL;
    vlt_lines *lines = NULL;
    read_options(cli, &lines_options);
    vlt_status status = vlt_tokenizer_load(folder, &tokenizer, err);
    vlt_error foreign = {0};
    if (status == VLT_OK && lines_options.mode == VLT_LINES_RENDER &&
        vlt_chat_template_check(folder, &foreign) != VLT_OK) {
        vlt_cli_warn(cli, "%s", foreign.message);
    }
    if (status == VLT_OK) {
        status = vlt_plan_cli_start(cli, folder, &machinery, err);
    }
    if (status == VLT_OK) {
        status = vlt_lines_create(tokenizer, &machinery.context, &lines_options, &lines, err);
    }
    if (status == VLT_OK) {
        status = answer_all(lines, err);
    }
    const vlt_lines_count count = lines ? vlt_lines_counted(lines) : (vlt_lines_count){0};
    if (status == VLT_OK && count.failed) {
        status = vlt_fail(err, VLT_STATUS_INTERNAL, "%lld of %lld lines have an error",
                          (long long)count.failed, (long long)count.done);
    }
    vlt_lines_destroy(lines);
    vlt_tokenizer_destroy(tokenizer);
    vlt_plan_cli_stop(&machinery, status);
    return status;
}

VLT_COMMAND(tokenize, .operands = "DIR", .summary = "text to ids, ids to text, messages to prompts",
            .details = details,
            .examples = "tokenize DIR < texts.jsonl\n"
                        "tokenize DIR --decode --skip-special < ids.jsonl\n"
                        "tokenize DIR --render < conversations.jsonl",
            .options = options, .option_count = sizeof options / sizeof *options,
            .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES, .operand_min = 1,
            .operand_max = 1, .run = run);
