/* Which problems are recorded: those that a model meets, or a named one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/files/temp_folder.h"
#include "harness/measure/prepared.h"
#include "harness/measure/whole.h"
#include "harness/model/scenes.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/pipeline/pipeline.h"
#include "tuner/record/record_internal.h"

enum { REQUEST_TOKENS = 4 };

static const double timeout_s = 600;

static vlt_status ask(const vlt_record_options *options, const vlt_machine *machine,
                      vlt_whole_request *request, vlt_error *err)
{
    const vlt_scenes_options picture = {
        .seed = options->seed, .count = 1, .width = 640, .height = 480};
    vlt_temp_folder folder = VLT_TEMP_FOLDER_NONE;
    char *folder_path = NULL, *scenes = NULL;
    vlt_status status = vlt_temp_folder_make("record", &folder, err);
    if (status == VLT_OK && (asprintf(&folder_path, "%s/request", folder.path) < 0 ||
                             asprintf(&scenes, "%s/request/scenes.jsonl", folder.path) < 0)) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "recording: out of memory");
    }
    status = status == VLT_OK ? vlt_scenes_write(folder_path, &picture, err) : status;
    if (status == VLT_OK) {
        const vlt_whole_task task = {.program = options->program,
                                     .model = options->model,
                                     .config = "default",
                                     .scenes = scenes,
                                     .threads = options->threads,
                                     .quality = options->quality,
                                     .tokens = REQUEST_TOKENS,
                                     .limit_s = timeout_s,
                                     .timeout_s = timeout_s,
                                     .memory_bytes = machine->caps.memory_bytes / 2,
                                     .stop = options->stop};
        status = vlt_whole_run_request(&task, request, err);
    }
    vlt_temp_folder_remove(&folder);
    free(folder_path);
    free(scenes);
    return status;
}

static bool is_new(const vlt_record_problem *known, int count, const vlt_problem *problem)
{
    char ours[VLT_BUCKET_BYTES], theirs[VLT_BUCKET_BYTES];
    vlt_problem_bucket(problem, ours, sizeof ours);
    for (int i = 0; i < count; i++) {
        vlt_problem_bucket(&known[i].problem, theirs, sizeof theirs);
        if (known[i].problem.op == problem->op && !strcmp(ours, theirs)) {
            return false;
        }
    }
    return true;
}

static vlt_status keep(const vlt_record_options *options, const vlt_whole_request *request,
                       vlt_record_problem *out, int *count, vlt_error *err)
{
    bool met = false;
    for (int i = 0; i < request->problem_count; i++) {
        const vlt_whole_problem *one = &request->problem[i];
        vlt_record_problem *problem = &out[*count];
        *problem = (vlt_record_problem){.problem = {.op = vlt_registry_find_op(one->op)}};
        /* what services are worth is seen on whole batches: no input of theirs shows it */
        if (!problem->problem.op || problem->problem.op == &vlt_op_pipeline ||
            (options->only_op && strcmp(options->only_op, one->op) != 0)) {
            continue;
        }
        met = true;
        vlt_status status = vlt_problem_parse(&problem->problem, one->problem, err);
        if (status != VLT_OK) {
            return status;
        }
        vlt_problem_format(&problem->problem, problem->text, sizeof problem->text);
        *count += is_new(out, *count, &problem->problem);
    }
    return met ? VLT_OK
               : vlt_fail(err, VLT_STATUS_USAGE,
                          "--op: a request to %s never meets operator '%s', or it has no inputs to "
                          "record",
                          options->model, options->only_op ? options->only_op : "");
}

/* OP[@DIM=N,...]: a variant or its knobs would say what a recording finds out. */
static vlt_status named(const vlt_record_options *options, vlt_record_problem **out, int *count,
                        vlt_error *err)
{
    const vlt_variant *variant;
    vlt_binding binding;
    vlt_record_problem *problem = calloc(1, sizeof *problem);
    *out = problem;
    if (!problem) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "recording: out of memory");
    }
    if (strpbrk(options->problem, "/:")) {
        return vlt_fail(err, VLT_STATUS_USAGE, "--problem '%s', expected OP[@DIM=N,...]",
                        vlt_quoted_word(options->problem).text);
    }
    vlt_status status = vlt_what_parse(options->problem, &problem->problem, &variant, &binding,
                                       err);
    if (status != VLT_OK) {
        return vlt_fail_in(err, status, "--problem: ");
    }
    vlt_problem_format(&problem->problem, problem->text, sizeof problem->text);
    *count = 1;
    return VLT_OK;
}

vlt_status vlt_record_problems(const vlt_record_options *options, const vlt_machine *machine,
                               vlt_record_problem **out, int *count, vlt_error *err)
{
    vlt_whole_request request = {0};
    *out = NULL;
    *count = 0;
    if (options->problem) {
        return named(options, out, count, err);
    }
    vlt_status status = ask(options, machine, &request, err);
    if (status != VLT_OK) {
        return status;
    }
    *out = calloc((size_t)request.problem_count + 1, sizeof **out);
    status = *out ? keep(options, &request, *out, count, err)
                  : vlt_fail(err, VLT_STATUS_NOMEM, "recording: out of memory");
    vlt_whole_request_release(&request);
    return status;
}
