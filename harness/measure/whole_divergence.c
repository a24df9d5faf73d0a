/* How far the next tokens of a config are from those of what loses nothing, on scenes. */
#include <math.h>

#include "harness/infer/eval.h"
#include "harness/json/json_make.h"
#include "harness/measure/whole_internal.h"

static bool goes_on(void *user, int64_t index, const char *question, const char *truth,
                    const vlt_response *response, bool right)
{
    (void)index, (void)question, (void)truth, (void)response, (void)right;
    return !vlt_whole_time_is_up(user);
}

static void answer_with(vlt_whole_job *job, const vlt_eval_result *result)
{
    const vlt_divergence *d = &result->divergence;
    double mean = d->steps ? d->kl_sum / (double)d->steps : NAN;
    vlt_json_set(&job->answer, "scenes", json_integer(result->total));
    vlt_json_set(&job->answer, "steps", json_integer(d->steps));
    vlt_json_set(&job->answer, "agreed", json_integer(d->agreed));
    if (isfinite(mean)) {
        vlt_json_set(&job->answer, "kl_mean", json_real(mean));
        vlt_json_set(&job->answer, "kl_max", json_real(d->kl_max));
    }
}

vlt_status vlt_whole_serve_divergence(vlt_whole_job *job, vlt_error *err)
{
    vlt_engine *engine = NULL;
    vlt_whole_job exact = *job;
    vlt_eval_result result = {0};
    vlt_eval eval = {.scenes = job->scenes,
                     .limit = job->scene_max,
                     .max_tokens = job->tokens,
                     .answered = goes_on,
                     .user = job};
    exact.quality = NULL;
    vlt_status status = vlt_whole_open_engine(job, job->config, 0, &engine, err);
    if (status == VLT_OK) {
        status = vlt_whole_open_engine(&exact, "default", 0, &eval.against, err);
    }
    if (status == VLT_OK) {
        status = vlt_eval_run(engine, &eval, &result, err);
        status = status == VLT_STATUS_INTERRUPTED ? VLT_OK : status; /* the time was up */
    }
    answer_with(job, &result);
    vlt_engine_close(eval.against);
    vlt_engine_close(engine);
    return status;
}
