/* The tuner's half of whole.h: starts the child, reads its answer. */
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "harness/measure/whole.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "harness/measure/child.h"

static const char answer_name[] = "answer of a tuning task";

static vlt_status status_named(const char *name)
{
    for (int i = 0; i < VLT_STATUS_COUNT; i++) {
        if (!strcmp(vlt_status_name((vlt_status)i), name)) {
            return (vlt_status)i;
        }
    }
    return VLT_STATUS_INTERNAL;
}

static vlt_status ask_child(const vlt_whole_task *task, const char *request, json_t **out,
                            vlt_error *err)
{
    const vlt_child_options options = {.program = task->program,
                                       .command = "_whole",
                                       .request = request,
                                       .request_bytes = strlen(request),
                                       .timeout_s = task->timeout_s,
                                       .memory_bytes = task->memory_bytes,
                                       .seed = 1,
                                       .stop = task->stop};
    vlt_child_answer answer;
    const char *name = "", *message = "no message";
    bool found;
    vlt_status status = vlt_child_run(&options, &answer, err);
    if (status == VLT_OK) {
        status = vlt_json_parse(answer.text, answer.bytes, answer_name, out, err);
    }
    free(answer.text);
    if (status == VLT_OK) {
        status = vlt_json_text(*out, answer_name, "status", &name, NULL, err);
    }
    if (status == VLT_OK && (status = status_named(name)) != VLT_OK) {
        vlt_json_text(*out, answer_name, "message", &message, &found, NULL);
        vlt_fail(err, status, "%s", message);
    }
    return status;
}

/* *out is owned by the caller in every case (json_decref; may be NULL). */
static vlt_status ask(const vlt_whole_task *task, const char *kind, json_t **out, vlt_error *err)
{
    *out = NULL;
    json_t *request = vlt_json_make("{s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:f, s:s*}", "kind", kind,
                                    "depth", task->depth, "parallel", task->parallel, "threads",
                                    task->threads, "pack_cache", (json_int_t)task->pack_cache,
                                    "tokens", (json_int_t)task->tokens, "scene_max",
                                    (json_int_t)task->scene_max, "limit_s", task->limit_s,
                                    "quality", vlt_quality_unless_exact(task->quality));
    vlt_json_set_bytes(&request, "model", task->model);
    vlt_json_set_bytes(&request, "config", task->config);
    vlt_json_set_bytes(&request, "against", task->against ? task->against : "baseline");
    vlt_json_set_bytes(&request, "scenes", task->scenes);
    vlt_json_set_bytes(&request, "workload", task->workload ? task->workload : "");
    char *text = vlt_json_dump(request, err);
    json_decref(request);
    if (!text) {
        return VLT_STATUS_NOMEM;
    }
    vlt_status status = ask_child(task, text, out, err);
    free(text);
    return status;
}

static double real_or_nan(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static vlt_status copy_text(const json_t *object, const char *key, char *out, size_t out_bytes,
                            vlt_error *err)
{
    const char *text;
    vlt_status status = vlt_json_text(object, answer_name, key, &text, NULL, err);
    if (status == VLT_OK) {
        vlt_utf8_format(out, out_bytes, "%s", text);
    }
    return status;
}

static vlt_status dup_text(const json_t *object, const char *key, char **out, vlt_error *err)
{
    const char *text;
    vlt_status status = vlt_json_text(object, answer_name, key, &text, NULL, err);
    if (status == VLT_OK && !(*out = strdup(text))) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", answer_name);
    }
    return status;
}

static vlt_status read_problems(const json_t *list, vlt_whole_request *out, vlt_error *err)
{
    size_t count = json_array_size(list);
    vlt_status status = VLT_OK;
    out->problem = calloc(count + 1, sizeof *out->problem);
    if (!out->problem) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", answer_name);
    }
    for (size_t i = 0; i < count && status == VLT_OK; i++) {
        const json_t *o = json_array_get(list, i);
        vlt_whole_problem *problem = &out->problem[i];
        if ((status = copy_text(o, "op", problem->op, sizeof problem->op, err)) == VLT_OK &&
            (status = copy_text(o, "bucket", problem->bucket, sizeof problem->bucket, err)) ==
                VLT_OK &&
            (status = copy_text(o, "problem", problem->problem, sizeof problem->problem, err)) ==
                VLT_OK) {
            problem->runs = real_or_nan(o, "runs");
            problem->composite = json_is_true(json_object_get(o, "composite"));
            status = copy_text(o, "variant", problem->variant, sizeof problem->variant, err);
        }
        if (status == VLT_OK) {
            status = copy_text(o, "knobs", problem->knobs, sizeof problem->knobs, err);
        }
        out->problem_count++;
    }
    return status;
}

static void read_phases(json_t *phases, vlt_whole_request *out)
{
    const char *name;
    json_t *value;
    json_object_foreach(phases, name, value)
    {
        if (out->phase_count < VLT_WHOLE_PHASE_MAX) {
            int i = out->phase_count++;
            vlt_utf8_format(out->phase[i].name, sizeof out->phase[i].name, "%s", name);
            out->phase[i].ms = json_number_value(value);
        }
    }
}

vlt_status vlt_whole_run_request(const vlt_whole_task *task, vlt_whole_request *out, vlt_error *err)
{
    json_t *answer;
    char hash[24];
    *out = (vlt_whole_request){0};
    vlt_status status = ask(task, "request", &answer, err);
    if (status == VLT_OK &&
        (status = copy_text(answer, "model_hash", hash, sizeof hash, err)) == VLT_OK &&
        (status = copy_text(answer, "model_name", out->model_name, sizeof out->model_name, err)) ==
            VLT_OK) {
        out->model_hash = strtoull(hash, NULL, 16);
        out->total_ms = real_or_nan(answer, "total_ms");
        out->depth = (int)json_integer_value(json_object_get(answer, "depth"));
        out->peak_bytes = real_or_nan(answer, "peak_bytes");
        read_phases(json_object_get(answer, "phases"), out);
        status = read_problems(json_object_get(answer, "problems"), out, err);
    }
    json_decref(answer);
    if (status != VLT_OK) {
        vlt_whole_request_release(out);
    }
    return status;
}

void vlt_whole_request_release(vlt_whole_request *request)
{
    free(request->problem);
    *request = (vlt_whole_request){0};
}

vlt_status vlt_whole_check_outputs(const vlt_whole_task *task, vlt_whole_outputs *out,
                                   vlt_error *err)
{
    json_t *answer;
    vlt_status status = ask(task, "outputs", &answer, err);
    *out = (vlt_whole_outputs){.scenes = json_integer_value(json_object_get(answer, "scenes")),
                               .worst = real_or_nan(answer, "worst"),
                               .tolerance = real_or_nan(answer, "tolerance")};
    json_decref(answer);
    return status;
}

vlt_status vlt_whole_measure_divergence(const vlt_whole_task *task, vlt_whole_divergence *out,
                                        vlt_error *err)
{
    json_t *answer;
    vlt_status status = ask(task, "divergence", &answer, err);
    *out = (vlt_whole_divergence){.scenes = json_integer_value(json_object_get(answer, "scenes")),
                                  .steps = json_integer_value(json_object_get(answer, "steps")),
                                  .agreed = json_integer_value(json_object_get(answer, "agreed")),
                                  .kl_mean = real_or_nan(answer, "kl_mean"),
                                  .kl_max = real_or_nan(answer, "kl_max")};
    json_decref(answer);
    return status;
}

vlt_status vlt_whole_answer_scenes(const vlt_whole_task *task, vlt_whole_answers *out,
                                   vlt_error *err)
{
    json_t *answer;
    *out = (vlt_whole_answers){0};
    vlt_status status = ask(task, "answers", &answer, err);
    const json_t *list = json_object_get(answer, "answers");
    size_t count = json_array_size(list);
    out->peak_bytes = real_or_nan(answer, "peak_bytes");
    if (status == VLT_OK) {
        out->answer = calloc(count + 1, sizeof *out->answer);
        status = out->answer ? VLT_OK
                             : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", answer_name);
    }
    for (size_t i = 0; i < count && status == VLT_OK; i++) {
        const json_t *o = json_array_get(list, i);
        vlt_whole_answer *a = &out->answer[i];
        if ((status = dup_text(o, "text", &a->text, err)) == VLT_OK &&
            (status = dup_text(o, "question", &a->question, err)) == VLT_OK &&
            (status = dup_text(o, "truth", &a->truth, err)) == VLT_OK) {
            status = vlt_json_bool(o, answer_name, "right", &a->right, NULL, err);
        }
        out->count++;
    }
    json_decref(answer);
    if (status != VLT_OK) {
        vlt_whole_answers_release(out);
    }
    return status;
}

void vlt_whole_answers_release(vlt_whole_answers *answers)
{
    for (int64_t i = 0; i < answers->count; i++) {
        free(answers->answer[i].text);
        free(answers->answer[i].question);
        free(answers->answer[i].truth);
    }
    free(answers->answer);
    *answers = (vlt_whole_answers){0};
}
