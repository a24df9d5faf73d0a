/* Going on with a half-written output of a batch. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/batch.h"
#include "harness/infer/batch_line.h"
#include "harness/infer/generation.h"
#include "optimizations/core/utf8_text.h"

/* What a line says beside its id. */
struct told {
    bool whole;     /* an object with an id */
    bool failed;    /* an error */
    int quality;    /* that it was computed under; VLT_QUALITY_COUNT: it does not say */
    bool limits;    /* has max_tokens: a line that has its own */
    int64_t tokens; /* of an answer that ended by its length; else 0 */
    int64_t prompt; /* its prompt's tokens */
};

static int64_t length_of(const vlt_tree *root, const char *key)
{
    const vlt_tree *list = vlt_tree_get(root, key);
    return list && list->type == VLT_TREE_ARRAY ? (int64_t)list->count : 0;
}

static int quality_of(const vlt_tree *root)
{
    const vlt_tree *value = vlt_tree_get(root, "quality");
    int quality = 0;
    while (quality < VLT_QUALITY_COUNT &&
           !(value && vlt_tree_is(value, vlt_quality_name((vlt_quality)quality)))) {
        quality++;
    }
    return quality;
}

/* The id of a line as vlt_batch_line_read gives it: "null" where it cannot be read. NULL: no
 * memory. */
static char *id_of(const char *text, size_t bytes, struct told *told)
{
    vlt_tree_document *document = NULL;
    char *id = NULL;
    *told = (struct told){.quality = VLT_QUALITY_COUNT};
    if (vlt_tree_parse(text, bytes, "line", true, &document, NULL) == VLT_OK) {
        const vlt_tree *root = vlt_tree_root(document);
        told->whole = vlt_tree_get(root, "id") != NULL;
        told->failed = vlt_tree_get(root, "error") != NULL;
        told->quality = quality_of(root);
        told->limits = vlt_tree_get(root, "max_tokens") != NULL;
        const vlt_tree *finish = vlt_tree_get(root, "finish");
        told->tokens = finish && vlt_tree_is(finish, "length") ? length_of(root, "ids") : 0;
        told->prompt = length_of(root, "prompt_ids");
        if (vlt_batch_id(root, &id, NULL) == VLT_STATUS_NOMEM) {
            told->whole = false;
        }
    }
    vlt_tree_destroy(document);
    return id ? id : strdup("null");
}

static vlt_status compare_ids(const char *answer, size_t answer_bytes, const vlt_buffer *line,
                              const char *input_name, const char *output_name,
                              vlt_batch_progress *progress, vlt_error *err)
{
    struct told told, asked;
    vlt_status status = VLT_OK;
    char *wanted = id_of(line->data, line->bytes, &asked);
    char *found = id_of(answer, answer_bytes, &told);
    if (!wanted || !found) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", output_name);
    } else if (!told.whole || strcmp(found, wanted)) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s line %" PRId64 " has the id %s, %s has %s there: not an output of "
                          "this input",
                          output_name, progress->lines + 1,
                          told.whole ? vlt_quoted_word(found).text : "none", input_name,
                          vlt_quoted_word(wanted).text);
    }
    progress->failed += told.failed;
    if (told.quality < VLT_QUALITY_COUNT && !progress->quality_line[told.quality]) {
        progress->quality_line[told.quality] = progress->lines + 1;
    }
    if (told.tokens && !asked.limits && !progress->cut.line) {
        progress->cut.line = progress->lines + 1;
        progress->cut.tokens = told.tokens;
        progress->cut.prompt = told.prompt;
    }
    free(wanted);
    free(found);
    return status;
}

static bool begins_alike(const char *text, size_t bytes, const char *with)
{
    size_t length = strlen(with);
    return memcmp(text, with, bytes < length ? bytes : length) == 0;
}

/* Passes over `with`, or as much of it as there is. */
static bool pass(const char **text, size_t *bytes, const char *with)
{
    size_t length = strlen(with);
    if (!begins_alike(*text, *bytes, with)) {
        return false;
    }
    length = *bytes < length ? *bytes : length;
    *text += length;
    *bytes -= length;
    return true;
}

/* Could an answer to a line with that id, as it is written here, begin so? */
static bool begins_answer(const char *tail, size_t bytes, const char *id)
{
    return pass(&tail, &bytes, "{\"id\": ") && pass(&tail, &bytes, id) &&
           (begins_alike(tail, bytes, ", \"text\": ") ||
            begins_alike(tail, bytes, ", \"error\": "));
}

/* A last line without its end is one that was cut, and is written again: if it is none of this
 * input's, it is somebody's text. Behind whole answers to this input the begin of any is one. */
static vlt_status check_cut_line(const char *tail, size_t bytes, vlt_line_reader *input,
                                 vlt_buffer *line, const char *output_name,
                                 const vlt_batch_progress *progress, vlt_error *err)
{
    struct told ignored;
    bool found = false;
    if (progress->lines && begins_alike(tail, bytes, "{\"id\": ")) {
        return VLT_OK;
    }
    vlt_status status = vlt_line_reader_next(input, line, &found, err);
    char *wanted = status == VLT_OK && found ? id_of(line->data, line->bytes, &ignored) : NULL;
    if (status == VLT_OK && found && !wanted) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", output_name);
    } else if (status == VLT_OK && !(wanted && begins_answer(tail, bytes, wanted))) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s line %" PRId64 " has no end and is no beginning of an answer to %s: "
                          "not an output of this input",
                          output_name, progress->lines + 1, input->name);
    } else if (status == VLT_OK) {
        status = vlt_line_reader_return(input, line, err);
    }
    free(wanted);
    return status;
}

vlt_status vlt_batch_resume(vlt_line_reader *input, FILE *output, const char *output_name,
                            vlt_batch_progress *progress, vlt_error *err)
{
    vlt_buffer line = {0};
    char *answer = NULL;
    size_t room = 0;
    vlt_status status = VLT_OK;
    rewind(output);
    *progress = (vlt_batch_progress){0};
    while (status == VLT_OK) {
        bool found = false;
        ssize_t length = getline(&answer, &room, output);
        if (length <= 0) {
            break;
        }
        if (answer[length - 1] != '\n') {
            status = check_cut_line(answer, (size_t)length, input, &line, output_name, progress,
                                    err);
            break;
        }
        status = vlt_line_reader_next(input, &line, &found, err);
        if (status == VLT_OK && !found) {
            status = vlt_fail(err, VLT_STATUS_INPUT,
                              "%s has more than %" PRId64 " lines, %s has only so many",
                              output_name, progress->lines, input->name);
        }
        if (status == VLT_OK) {
            status = compare_ids(answer, (size_t)length, &line, input->name, output_name, progress,
                                 err);
        }
        progress->lines += status == VLT_OK;
        progress->bytes += status == VLT_OK ? length : 0;
    }
    free(line.data);
    free(answer);
    return status;
}

vlt_status vlt_batch_check_quality(const vlt_engine *engine, const vlt_batch_progress *progress,
                                   const char *output_name, vlt_error *err)
{
    for (int quality = 0; quality < VLT_QUALITY_COUNT; quality++) {
        if (progress->quality_line[quality] && quality != (int)engine->quality) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s line %" PRId64 " was computed under quality %s, this run has %s: "
                            "give --quality %s, or another output",
                            output_name, progress->quality_line[quality],
                            vlt_quality_name((vlt_quality)quality),
                            vlt_quality_name(engine->quality),
                            vlt_quality_name((vlt_quality)quality));
        }
    }
    return VLT_OK;
}

vlt_status vlt_batch_check_length(const vlt_engine *engine, const vlt_batch *batch,
                                  const vlt_batch_progress *progress, const char *output_name,
                                  vlt_error *err)
{
    const int64_t asked = batch->defaults->max_tokens;
    const int64_t limit = asked == 0 ? VLT_MAX_TOKENS_DEFAULT : asked < 0 ? 0 : asked;
    const int64_t context = batch->context ? batch->context : engine->config.text.position_max;
    const int64_t tokens = progress->cut.tokens;
    if (!progress->cut.line || tokens == limit ||
        (asked == 0 && tokens < limit && progress->cut.prompt + tokens == context)) {
        return VLT_OK;
    }
    return vlt_fail(err, VLT_STATUS_INPUT,
                    "%s line %" PRId64 " was ended after %" PRId64
                    " tokens, this run ends answers after %" PRId64 ": give --max-tokens %" PRId64
                    ", or another output",
                    output_name, progress->cut.line, tokens, limit, tokens);
}
