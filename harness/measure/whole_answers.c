/* Greedy answers to scenes. */
#include "harness/infer/eval.h"
#include "harness/json/json_make.h"
#include "harness/measure/whole_internal.h"

struct answers {
    const vlt_whole_job *job;
    json_t *list;
};

static bool keep_answer(void *user, int64_t index, const char *question, const char *truth,
                        const vlt_response *response, bool right)
{
    struct answers *answers = user;
    (void)index;
    vlt_json_append(&answers->list,
                    vlt_json_make("{s:o, s:o, s:o, s:b}", "text",
                                  vlt_json_string(response->text, response->text_bytes), "question",
                                  vlt_json_name(question), "truth", vlt_json_name(truth), "right",
                                  right));
    return !vlt_whole_time_is_up(answers->job);
}

vlt_status vlt_whole_serve_answers(vlt_whole_job *job, vlt_error *err)
{
    vlt_engine *engine = NULL;
    vlt_eval_result result;
    struct answers answers = {job, json_array()};
    const vlt_eval eval = {
        .scenes = job->scenes, .limit = job->scene_max, .answered = keep_answer, .user = &answers};
    vlt_status status = vlt_whole_open_engine(job, job->config, 0, &engine, err);
    if (status == VLT_OK) {
        status = vlt_eval_run(engine, &eval, &result, err);
        status = status == VLT_STATUS_INTERRUPTED ? VLT_OK : status; /* the time was up */
    }
    vlt_json_set(&job->answer, "answers", answers.list);
    vlt_engine_close(engine);
    return status;
}
