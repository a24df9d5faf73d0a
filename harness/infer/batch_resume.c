/* Going on with a half-written output of a batch. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/batch_asked.h"
#include "harness/infer/batch_line.h"
#include "optimizations/core/utf8_text.h"

/* One line of the output and the line of the input that it should answer. */
struct pair {
    const vlt_batch *batch;
    const char *output_name;
    vlt_batch_progress *progress;
    vlt_tree_document *document; /* of the answer; NULL: it is no JSON */
    const vlt_tree *answer;
    const vlt_tree *request; /* its member; NULL: there is none */
    bool failed;             /* it is an error */
};

static int64_t number_of(const struct pair *pair)
{
    return pair->progress->lines + 1;
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
static char *id_of(const vlt_tree *root)
{
    char *id = NULL;
    return root && vlt_batch_id(root, &id, NULL) == VLT_STATUS_NOMEM ? NULL
           : id                                                      ? id
                                                                     : strdup("null");
}

static char *id_of_text(const char *text, size_t bytes)
{
    vlt_tree_document *document = NULL;
    vlt_tree_parse(text, bytes, "line", true, &document, NULL);
    char *id = id_of(document ? vlt_tree_root(document) : NULL);
    vlt_tree_destroy(document);
    return id;
}

static vlt_status check_id(const struct pair *pair, const vlt_buffer *line, vlt_error *err)
{
    const bool whole = pair->answer && vlt_tree_get(pair->answer, "id");
    vlt_status status = VLT_OK;
    char *wanted = id_of_text(line->data, line->bytes);
    char *found = id_of(pair->answer);
    if (!wanted || !found) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", pair->output_name);
    } else if (!whole || strcmp(found, wanted)) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s line %" PRId64 " has the id %s, %s has %s there: not an output of "
                          "this input",
                          pair->output_name, number_of(pair),
                          whole ? vlt_quoted_word(found).text : "none", pair->batch->input->name,
                          vlt_quoted_word(wanted).text);
    }
    free(wanted);
    free(found);
    return status;
}

/* The option of a key, as it is typed. */
static vlt_quoted_text option_of(const char *key)
{
    vlt_quoted_text option = vlt_quoted_word(key);
    for (char *c = option.text; *c; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    return option;
}

static vlt_status refuse(const struct pair *pair, const vlt_batch_difference *difference,
                         vlt_error *err)
{
    const char *name = pair->output_name, *key = difference->key;
    const long long number = number_of(pair);
    const vlt_tree *finish = vlt_tree_get(pair->answer, "finish");
    const bool none = !strcmp(difference->had, "none");
    if (!strcmp(key, "line")) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s line %lld answers the request with the digest %s, %s has one with %s "
                        "there: not an output of this input",
                        name, number, difference->had, pair->batch->input->name, difference->wants);
    }
    if (!strcmp(key, "max_tokens") && finish && vlt_tree_is(finish, "length")) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s line %lld was ended after %s tokens, this run ends answers after %s: "
                        "give --max-tokens %s, or another output",
                        name, number, difference->had, difference->wants, difference->had);
    }
    if (!strcmp(key, "images")) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s line %lld was answered with pictures read by %s, this run has %s: give "
                        "the same options, or another output",
                        name, number, none ? "the defaults" : difference->had, difference->wants);
    }
    return vlt_fail(err, VLT_STATUS_INPUT,
                    "%s line %lld was answered with %s %s, this run has %s: %s --%s%s%s, or give "
                    "another output",
                    name, number, key, difference->had, difference->wants,
                    none ? "leave out" : "give", option_of(key).text,
                    none || !strcmp(difference->had, "true") ? "" : " ",
                    none || !strcmp(difference->had, "true") ? "" : difference->had);
}

/* What its member "request" should be, but for the model. */
static vlt_status check_request(const struct pair *pair, const vlt_buffer *line, vlt_error *err)
{
    vlt_batch_line read;
    vlt_batch_difference difference = {0};
    vlt_tree_document *document = NULL;
    vlt_buffer wants = {0};
    vlt_status status = vlt_batch_line_read(line->data, line->bytes, "line", pair->batch->defaults,
                                            NULL, &read, NULL);
    vlt_buffer_text(&wants, "{");
    vlt_batch_asked_put(&wants, line->data, line->bytes, status == VLT_OK ? &read.request : NULL,
                        pair->batch, 0);
    vlt_buffer_text(&wants, "}");
    vlt_batch_line_release(&read);
    status = wants.failed
                 ? VLT_STATUS_NOMEM
                 : vlt_tree_parse(wants.data, wants.bytes, "request", true, &document, NULL);
    if (status == VLT_OK) {
        vlt_batch_asked_compare(pair->request, vlt_tree_root(document), pair->failed, &difference);
        status = difference.key ? refuse(pair, &difference, err) : VLT_OK;
    } else {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", pair->output_name);
    }
    vlt_tree_destroy(document);
    free(wants.data);
    return status;
}

/* One output has answers of one model. */
static vlt_status note_model(const struct pair *pair, vlt_error *err)
{
    vlt_batch_progress *progress = pair->progress;
    const vlt_tree *model = vlt_tree_get(pair->request, "model");
    if (!model || model->type != VLT_TREE_STRING || model->length >= sizeof progress->model) {
        return pair->failed
                   ? VLT_OK
                   : vlt_fail(err, VLT_STATUS_INPUT,
                              "%s line %" PRId64 ": the model of its request is %s, "
                              "expected a digest",
                              pair->output_name, number_of(pair), vlt_tree_quoted(model).text);
    }
    if (!progress->model_line) {
        memcpy(progress->model, model->text, model->length);
        progress->model[model->length] = '\0';
        progress->model_line = number_of(pair);
    }
    return vlt_tree_is(model, progress->model)
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_INPUT,
                          "%s line %" PRId64 " was computed by the model %s, line %" PRId64
                          " by %s: give another output",
                          pair->output_name, number_of(pair), vlt_tree_quoted(model).text,
                          progress->model_line, progress->model);
}

/* Blank lines keep the numbers of the lines. */
static vlt_status note_again(const struct pair *pair, const vlt_buffer *line, int64_t bytes,
                             int64_t *noted, vlt_error *err)
{
    vlt_batch_progress *progress = pair->progress;
    const size_t count = (size_t)progress->again_count + 1;
    vlt_batch_again *again = realloc(progress->again, count * sizeof *again);
    progress->again = again ? again : progress->again;
    for (; *noted + 1 < pair->batch->input->line; ++*noted) {
        vlt_buffer_put(&progress->again_text, "\n", 1);
    }
    vlt_buffer_put(&progress->again_text, line->data, line->bytes);
    vlt_buffer_put(&progress->again_text, "\n", 1);
    ++*noted;
    if (!again || progress->again_text.failed) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", pair->output_name);
    }
    progress->again[progress->again_count++] = (vlt_batch_again){progress->bytes, bytes};
    return VLT_OK;
}

static void open_pair(struct pair *pair, const char *text, size_t bytes)
{
    pair->document = NULL;
    pair->answer = NULL;
    if (vlt_tree_parse(text, bytes, "line", true, &pair->document, NULL) == VLT_OK) {
        pair->answer = vlt_tree_root(pair->document);
    }
    pair->request = vlt_tree_get(pair->answer, "request");
    pair->failed = vlt_tree_get(pair->answer, "error") != NULL;
}

/* An error may come without its request: that is all that some of them have. */
static vlt_status check_pair(const struct pair *pair, const vlt_buffer *line, vlt_error *err)
{
    vlt_status status = check_id(pair, line, err);
    if (status != VLT_OK || (pair->failed && !pair->request)) {
        return status;
    }
    if (!pair->request || !vlt_tree_get(pair->request, "line")) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s line %" PRId64 " has no member 'request' that says what it answers, "
                        "expected one with a digest: not an output of this program",
                        pair->output_name, number_of(pair));
    }
    status = check_request(pair, line, err);
    return status == VLT_OK ? note_model(pair, err) : status;
}

static vlt_status take_pair(struct pair *pair, const char *answer, size_t bytes,
                            const vlt_buffer *line, int64_t *noted, vlt_error *err)
{
    vlt_batch_progress *progress = pair->progress;
    open_pair(pair, answer, bytes);
    vlt_status status = check_pair(pair, line, err);
    const int quality = quality_of(pair->answer);
    if (quality < VLT_QUALITY_COUNT && !progress->quality_line[quality]) {
        progress->quality_line[quality] = number_of(pair);
    }
    if (status == VLT_OK && pair->failed && vlt_batch_asked_again(pair->request)) {
        status = note_again(pair, line, (int64_t)bytes, noted, err);
    }
    progress->failed += pair->failed;
    vlt_tree_destroy(pair->document);
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
    bool found = false;
    if (progress->lines && begins_alike(tail, bytes, "{\"id\": ")) {
        return VLT_OK;
    }
    vlt_status status = vlt_line_reader_next(input, line, &found, err);
    char *wanted = status == VLT_OK && found ? id_of_text(line->data, line->bytes) : NULL;
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

void vlt_batch_progress_release(vlt_batch_progress *progress)
{
    free(progress->again);
    free(progress->again_text.data);
    *progress = (vlt_batch_progress){0};
}

vlt_status vlt_batch_resume(const vlt_batch *batch, FILE *output, const char *output_name,
                            vlt_batch_progress *progress, vlt_error *err)
{
    struct pair pair = {.batch = batch, .output_name = output_name, .progress = progress};
    vlt_buffer line = {0};
    char *answer = NULL;
    size_t room = 0;
    int64_t noted = 0;
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
            status = check_cut_line(answer, (size_t)length, batch->input, &line, output_name,
                                    progress, err);
            break;
        }
        status = vlt_line_reader_next(batch->input, &line, &found, err);
        if (status == VLT_OK && !found) {
            status = vlt_fail(err, VLT_STATUS_INPUT,
                              "%s has more than %" PRId64 " lines, %s has only so many",
                              output_name, progress->lines, batch->input->name);
        }
        if (status == VLT_OK) {
            status = take_pair(&pair, answer, (size_t)length, &line, &noted, err);
        }
        progress->lines += status == VLT_OK;
        progress->bytes += status == VLT_OK ? length : 0;
    }
    free(line.data);
    free(answer);
    return status;
}

vlt_status vlt_batch_check_engine(const vlt_engine *engine, const vlt_batch_progress *progress,
                                  const char *output_name, vlt_error *err)
{
    char model[sizeof progress->model];
    snprintf(model, sizeof model, "%016" PRIx64, engine->model_hash);
    if (progress->model_line && strcmp(model, progress->model)) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s line %" PRId64 " was computed by the model %s, this run has %s (%s): "
                        "give that checkpoint, or another output",
                        output_name, progress->model_line, progress->model, model,
                        engine->directory);
    }
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
