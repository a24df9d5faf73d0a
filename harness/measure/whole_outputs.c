/* Are the outputs under a config correct, teacher-forced on the ids of another one? */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "harness/measure/model_subject.h"
#include "harness/measure/whole_internal.h"
#include "optimizations/core/utf8_text.h"

/* Logits of every step of one answer. */
struct logits {
    float *row; /* [steps, vocab], owned */
    int64_t steps, vocab, max;
    double worst, largest; /* of a comparison with another one */
    const struct logits *expected;
};

static bool keep_logits(void *user, int64_t step, const float *row, int64_t vocab)
{
    struct logits *logits = user;
    if (!logits->row) {
        logits->vocab = vocab;
        logits->row = calloc((size_t)logits->max * (size_t)vocab, sizeof *logits->row);
    }
    if (!logits->row || step >= logits->max || vocab != logits->vocab) {
        return false;
    }
    memcpy(logits->row + step * vocab, row, (size_t)vocab * sizeof *row);
    logits->steps = step + 1;
    return true;
}

static bool compare_logits(void *user, int64_t step, const float *row, int64_t vocab)
{
    struct logits *logits = user;
    const struct logits *expected = logits->expected;
    if (step >= expected->steps || vocab != expected->vocab) {
        return false;
    }
    for (int64_t i = 0; i < vocab; i++) {
        double e = (double)expected->row[step * vocab + i], g = (double)row[i];
        double difference = e == g ? 0 : fabs(e - g);
        logits->largest = fmax(logits->largest, fabs(e));
        logits->worst = isnan(difference) ? INFINITY : fmax(logits->worst, difference);
    }
    logits->steps = step + 1;
    return true;
}

/* By how much the most probable id leads the next one. */
static double lead_of(const struct logits *logits, int64_t step)
{
    const float *row = logits->row + step * logits->vocab;
    double first = -INFINITY, second = -INFINITY;
    for (int64_t i = 0; i < logits->vocab; i++) {
        double value = (double)row[i];
        second = fmax(second, fmin(first, value));
        first = fmax(first, value);
    }
    return first - second;
}

static vlt_status compare_ids(const struct logits *logits, const vlt_response *expected,
                              const vlt_response *got, const vlt_whole_scene *scene, vlt_error *err)
{
    for (int64_t i = 0; i < expected->id_count && i < logits->steps; i++) {
        if (lead_of(logits, i) < VLT_MODEL_SUBJECT_MARGIN) {
            return VLT_OK; /* from here on the answers may part */
        }
        if (i >= got->id_count || got->ids[i] != expected->ids[i]) {
            return vlt_fail(
                err, VLT_STATUS_WRONG, "'%s': token %lld is %d, expected %d, which leads by %.4f",
                vlt_quoted_word(scene->question).text, (long long)i + 1,
                i < got->id_count ? got->ids[i] : -1, expected->ids[i], lead_of(logits, i));
        }
    }
    return VLT_OK;
}

static vlt_status compare_scene(const vlt_whole_job *job, vlt_engine *const engine[2],
                                const vlt_whole_scene *scene, double tolerance, double *worst,
                                vlt_error *err)
{
    struct logits expected = {.max = job->tokens}, forced = {.expected = &expected};
    vlt_response response[3] = {{0}};
    vlt_request request = {.max_tokens = job->tokens, .on_logits = keep_logits, .user = &expected};
    vlt_status status = vlt_whole_scene_run(engine[0], scene, &request, &response[0], err);
    if (status == VLT_OK) {
        request = (vlt_request){.max_tokens = job->tokens};
        status = vlt_whole_scene_run(engine[1], scene, &request, &response[1], err);
    }
    if (status == VLT_OK) {
        status = compare_ids(&expected, &response[0], &response[1], scene, err);
    }
    if (status == VLT_OK) {
        request = (vlt_request){.max_tokens = response[0].id_count,
                                .forced_ids = response[0].ids,
                                .forced_count = response[0].id_count,
                                .on_logits = compare_logits,
                                .user = &forced};
        status = vlt_whole_scene_run(engine[1], scene, &request, &response[2], err);
    }
    if (status == VLT_OK && forced.steps != expected.steps) {
        status = vlt_fail(err, VLT_STATUS_WRONG, "'%s': %lld steps of logits, expected %lld",
                          vlt_quoted_word(scene->question).text, (long long)forced.steps,
                          (long long)expected.steps);
    }
    double difference = forced.largest > 0 ? forced.worst / forced.largest : 0;
    *worst = fmax(*worst, difference);
    if (status == VLT_OK && !(difference <= tolerance)) {
        status = vlt_fail(err, VLT_STATUS_WRONG,
                          "'%s': logits differ by %.3g of the largest one, the operators' "
                          "tolerances add up to %.3g",
                          vlt_quoted_word(scene->question).text, difference, tolerance);
    }
    free(expected.row);
    for (int i = 0; i < 3; i++) {
        vlt_response_release(&response[i]);
    }
    return status;
}

/* The tolerance is known only after plans have been prepared: after a first answer. */
vlt_status vlt_whole_serve_outputs(vlt_whole_job *job, vlt_error *err)
{
    vlt_engine *engine[2] = {NULL, NULL};
    FILE *file = NULL;
    bool end = false;
    double worst = 0, tolerance = 0;
    int64_t scenes = 0;
    vlt_status status = vlt_whole_scenes_open(job, &file, err);
    if (status == VLT_OK && (status = vlt_whole_open_engine(job, job->against, (int)job->depth,
                                                            &engine[0], err)) == VLT_OK) {
        status = vlt_whole_open_engine(job, job->config, (int)job->depth, &engine[1], err);
    }
    while (status == VLT_OK && (!job->scene_max || scenes < job->scene_max) &&
           !(scenes && vlt_whole_time_is_up(job))) {
        vlt_whole_scene scene;
        status = vlt_whole_scene_read(job, file, &scene, &end, err);
        if (status == VLT_OK && !end && scenes == 0) {
            vlt_request request = {.max_tokens = 2};
            vlt_response response = {0};
            status = vlt_whole_scene_run(engine[1], &scene, &request, &response, err);
            vlt_response_release(&response);
            tolerance = vlt_engine_tolerance(engine[1]);
        }
        if (status == VLT_OK && !end) {
            status = compare_scene(job, engine, &scene, tolerance, &worst, err);
            scenes++;
        }
        vlt_whole_scene_release(&scene);
        if (end) {
            break;
        }
    }
    vlt_json_set(&job->answer, "scenes", json_integer(scenes));
    vlt_json_set(&job->answer, "worst", vlt_json_real(worst));
    vlt_json_set(&job->answer, "tolerance", vlt_json_real(tolerance));
    if (file) {
        fclose(file);
    }
    vlt_engine_close(engine[0]);
    vlt_engine_close(engine[1]);
    return status;
}
