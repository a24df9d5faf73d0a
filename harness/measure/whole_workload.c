/* What a user's own requests meet, and what only a batch of requests meets. */
#include <stdlib.h>
#include <string.h>

#include "harness/infer/batch.h"
#include "harness/measure/whole_internal.h"

struct sum {
    vlt_timings *timings;
    const vlt_line_reader *input;
};

static vlt_status add_answer(void *user, const char *id, const vlt_response *response,
                             const vlt_error *error, vlt_error *err)
{
    struct sum *sum = user;
    if (!response) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: request %s: %s", sum->input->name, id,
                        error->message);
    }
    if (sum->timings) {
        const vlt_timings *t = &response->timings;
        sum->timings->image_decode += t->image_decode;
        sum->timings->preprocess += t->preprocess;
        sum->timings->tokenize += t->tokenize;
        sum->timings->vision += t->vision;
        sum->timings->prefill += t->prefill;
        sum->timings->decode += t->decode;
        sum->timings->other += t->other;
        sum->timings->total += t->total;
    }
    return VLT_OK;
}

/* The first lines alone, as if nothing were behind them. */
static vlt_status cut_input(vlt_line_reader *input, int64_t lines, vlt_error *err)
{
    vlt_buffer line = {0}, text = {0};
    bool found = true;
    vlt_status status = VLT_OK;
    for (int64_t i = 0; i < lines && found && status == VLT_OK; i++) {
        status = vlt_line_reader_next(input, &line, &found, err);
        if (status == VLT_OK && found) {
            vlt_buffer_put(&text, line.data, line.bytes);
            vlt_buffer_text(&text, "\n");
        }
    }
    if (status == VLT_OK && (text.failed || line.failed)) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", input->name);
    }
    free(line.data);
    if (status != VLT_OK) {
        free(text.data);
        return status;
    }
    const char *name = input->name;
    vlt_line_reader_close(input);
    *input = (vlt_line_reader){.file = -1, .name = name, .ended = true, .ahead = text};
    return VLT_OK;
}

vlt_status vlt_whole_workload_run(const vlt_whole_job *job, vlt_engine *engine,
                                  vlt_timings *timings, vlt_error *err)
{
    vlt_line_reader input = {.file = -1};
    int64_t answered = 0;
    const char *slash = strrchr(job->workload, '/');
    char *folder = slash ? strndup(job->workload, (size_t)(slash - job->workload) + 1) : NULL;
    const vlt_request defaults = {
        .max_tokens = job->tokens, .ignore_eos = true, .greedy = true, .files = folder};
    struct sum sum = {timings, &input};
    const vlt_batch batch = {.input = &input,
                             .defaults = &defaults,
                             .parallel = (int)job->parallel,
                             .answer = add_answer,
                             .user = &sum};
    *timings = (vlt_timings){0};
    vlt_status status = vlt_line_reader_open(job->workload, &input, err);
    if (status == VLT_OK && job->lines > 0) {
        status = cut_input(&input, job->lines, err);
    }
    if (status == VLT_OK) {
        status = vlt_batch_run(engine, &batch, &answered, err);
    }
    if (status == VLT_OK && answered == 0) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: no request in it", job->workload);
    }
    vlt_line_reader_close(&input);
    free(folder);
    return status;
}

vlt_status vlt_whole_batch_run(vlt_engine *engine, vlt_error *err)
{
    enum { REQUESTS = 8 };
    static const char line[] = "{\"prompt\": \"How many circles are there?\"}\n";
    vlt_line_reader input = {.file = -1, .name = "a batch of eight", .ended = true};
    const vlt_request defaults = {.max_tokens = 1, .greedy = true};
    struct sum sum = {NULL, &input};
    const vlt_batch batch = {
        .input = &input, .defaults = &defaults, .answer = add_answer, .user = &sum};
    for (int i = 0; i < REQUESTS; i++) {
        vlt_buffer_print(&input.ahead, "%s", line);
    }
    vlt_status status = input.ahead.failed
                            ? vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", input.name)
                            : vlt_batch_run(engine, &batch, NULL, err);
    vlt_line_reader_close(&input);
    return status;
}
