#include "harness/infer/eval.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/infer/session.h"
#include "harness/json/line_reader.h"
#include "optimizations/core/utf8_text.h"

/* Words that tell a kind of question; the first that fits counts. */
static const char *const kinds[VLT_EVAL_KINDS][2] = {
    {"how many", "How many"},
    {"describe", "Describe"},
    {"what is in", "What is in"},
    {"background colour", "background"},
    {"other", ""},
};

static int kind_of(const char *question)
{
    int kind = 0;
    while (!strcasestr(question, kinds[kind][1])) {
        kind++;
    }
    return kind;
}

static bool same_answer(const char *text, const char *truth)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t length = strlen(text), expected = strlen(truth);
    while (length && isspace((unsigned char)text[length - 1])) {
        length--;
    }
    while (expected && isspace((unsigned char)truth[expected - 1])) {
        expected--;
    }
    return length == expected && !memcmp(text, truth, length);
}

/* Folder in which `image` is: beside the scenes, else in the folder named like their file. */
static char *find_folder(const char *scenes, const char *image)
{
    const char *slash = strrchr(scenes, '/');
    const char *dot = strrchr(scenes, '.');
    char *path = NULL, *file = NULL;
    if (dot && dot > (slash ? slash : scenes) && (path = strndup(scenes, (size_t)(dot - scenes))) &&
        asprintf(&file, "%s/%s", path, image) >= 0 && access(file, F_OK) == 0) {
        free(file);
        return path;
    }
    free(file);
    free(path);
    return slash == scenes ? strdup("/")
           : slash         ? strndup(scenes, (size_t)(slash - scenes))
                           : strdup(".");
}

static vlt_status read_line(const char *text, size_t bytes, const char *name, json_t **out,
                            const char *member[3], vlt_error *err)
{
    static const char *const keys[] = {"image", "question", "answer"};
    vlt_status status = vlt_json_parse(text, bytes, name, out, err);
    for (int i = 0; i < 3 && status == VLT_OK; i++) {
        status = vlt_json_text(*out, name, keys[i], &member[i], NULL, err);
    }
    return status;
}

/* The same question to the engine that is compared with. */
static vlt_status judge_against(vlt_engine *engine, const vlt_eval *eval,
                                const vlt_request *request, const char *truth,
                                const vlt_response *response, vlt_eval_result *result,
                                vlt_error *err)
{
    vlt_response answer = {0};
    vlt_status status = vlt_divergence_add(engine, eval->against, request, &result->divergence,
                                           &answer, err);
    if (status == VLT_OK) {
        bool right = same_answer(answer.text, truth);
        vlt_eval_count *kind = &result->against_kind[kind_of(request->prompt)];
        kind->total++;
        kind->right += right;
        result->against_right += right;
        result->same_answers += !strcmp(answer.text, response->text);
    }
    vlt_response_release(&answer);
    return status;
}

static vlt_status judge(vlt_engine *engine, const vlt_eval *eval, int64_t index,
                        const char *const member[3], vlt_eval_result *result, vlt_error *err)
{
    vlt_session *session = NULL;
    vlt_response response = {0};
    char *folder = eval->files ? strdup(eval->files) : find_folder(eval->scenes, member[0]);
    const vlt_request request = {.prompt = member[1],
                                 .images = &member[0],
                                 .image_count = 1,
                                 .files = folder,
                                 .max_tokens = eval->max_tokens,
                                 .greedy = true};
    vlt_status status = folder ? vlt_session_open(engine, NULL, &session, err)
                               : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", eval->scenes);
    if (status == VLT_OK) {
        status = vlt_session_run(session, &request, &response, err);
    }
    if (status == VLT_OK) {
        bool right = same_answer(response.text, member[2]);
        vlt_eval_count *kind = &result->kind[kind_of(member[1])];
        result->total++;
        kind->total++;
        result->right += right;
        kind->right += right;
        if (eval->against) {
            status = judge_against(engine, eval, &request, member[2], &response, result, err);
        }
        if (status == VLT_OK && eval->answered &&
            !eval->answered(eval->user, index, member[1], member[2], &response, right)) {
            status = vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted after %" PRId64 " scenes",
                              result->total);
        }
    }
    vlt_response_release(&response);
    vlt_session_close(session);
    free(folder);
    return status;
}

/* One line of the scenes. */
static vlt_status judge_line(vlt_engine *engine, const vlt_eval *eval, int64_t index,
                             const vlt_line_reader *scenes, const vlt_buffer *text,
                             vlt_eval_result *out, vlt_error *err)
{
    char name[VLT_QUOTED_PATH_BYTES + 32];
    json_t *line = NULL;
    const char *member[3];
    vlt_utf8_format(name, sizeof name, "%s line %" PRId64, scenes->name, scenes->line);
    vlt_status status = read_line(text->data, text->bytes, name, &line, member, err);
    if (status == VLT_OK) {
        status = judge(engine, eval, index, member, out, err);
    }
    json_decref(line);
    return status;
}

vlt_status vlt_eval_run(vlt_engine *engine, const vlt_eval *eval, vlt_eval_result *out,
                        vlt_error *err)
{
    vlt_line_reader scenes;
    vlt_buffer text = {0};
    *out = (vlt_eval_result){0};
    for (int i = 0; i < VLT_EVAL_KINDS; i++) {
        out->kind[i].name = out->against_kind[i].name = kinds[i][0];
    }
    vlt_status status = vlt_line_reader_open(eval->scenes, &scenes, err);
    scenes.stop = eval->stop;
    bool found = true;
    for (int64_t i = 0; status == VLT_OK && (!eval->limit || i < eval->limit); i++) {
        status = vlt_line_reader_next(&scenes, &text, &found, err);
        if (status != VLT_OK || !found) {
            break;
        }
        status = judge_line(engine, eval, i, &scenes, &text, out, err);
    }
    if (status == VLT_OK && !out->total) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: 0 scenes, expected at least 1", eval->scenes);
    }
    free(text.data);
    vlt_line_reader_close(&scenes);
    return status;
}
