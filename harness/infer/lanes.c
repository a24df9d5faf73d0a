#include "harness/infer/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "harness/infer/generation.h"
#include "harness/infer/services.h"
#include "harness/infer/session.h"

struct lane {
    int64_t item;               /* of the job in it */
    vlt_job *job;               /* owned */
    vlt_session *session;       /* of a free lane: its rows are kept for a job that begins alike */
    vlt_generation *generation; /* NULL: the lane is free */
};

/* An answer that waits for those before it. */
struct result {
    bool ready;
    char *id, *asked; /* of the line; owned */
    vlt_response response;
    vlt_status status; /* VLT_OK: the response holds */
    char *message;     /* else; owned, no longer than it is: results are many. NULL: no memory */
};

struct vlt_lanes {
    vlt_lanes_options options;
    struct lane lane[VLT_LANES_MAX];
    vlt_job *entering; /* not yet in a lane; NULL */
    int busy;
    bool is_alone;         /* as options.alone was told */
    int64_t next;          /* item that is taken next */
    int64_t told;          /* items whose answer has been given */
    int64_t ring;          /* results that there is room for */
    bool interrupted;      /* an answer is not whole: it will be computed again */
    struct result *result; /* [ring]; item i is at i % ring */
};

vlt_job *vlt_job_create(void)
{
    vlt_job *job = malloc(sizeof *job);
    if (job) {
        job->name[0] = '\0';
        job->text = (vlt_buffer){0};
        vlt_batch_line_init(&job->line);
        job->prompt = (vlt_prompt){0};
        job->dropped = false;
    }
    return job;
}

void vlt_job_release(vlt_job *job)
{
    vlt_prompt_release(&job->prompt);
    vlt_batch_line_release(&job->line);
    job->dropped = false;
}

void vlt_job_destroy(vlt_job *job)
{
    if (job) {
        vlt_job_release(job);
        free(job->text.data);
        free(job);
    }
}

vlt_status vlt_lanes_create(const vlt_lanes_options *options, vlt_lanes **out, vlt_error *err)
{
    enum { AHEAD = 4 }; /* a long answer holds up so many times the lanes' short ones */
    vlt_lanes *lanes = calloc(1, sizeof *lanes);
    *out = lanes;
    if (!lanes) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "batch: out of memory");
    }
    lanes->options = *options;
    lanes->ring = options->count == 1 ? 1 : (int64_t)options->count * AHEAD;
    lanes->result = calloc((size_t)lanes->ring, sizeof *lanes->result);
    bool whole = lanes->result != NULL;
    for (int i = 0; i < options->count; i++) {
        lanes->lane[i].job = vlt_job_create();
        whole = whole && lanes->lane[i].job;
    }
    return whole ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "batch: out of memory");
}

static void release_result(struct result *result)
{
    vlt_response_release(&result->response);
    free(result->id);
    free(result->asked);
    free(result->message);
    *result = (struct result){0};
}

void vlt_lanes_destroy(vlt_lanes *lanes)
{
    if (!lanes) {
        return;
    }
    for (int i = 0; i < lanes->options.count; i++) {
        struct lane *lane = &lanes->lane[i];
        vlt_response dropped = {0};
        if (lane->generation) {
            vlt_generation_end(lane->generation, &dropped, NULL);
        }
        vlt_response_release(&dropped);
        vlt_session_close(lane->session);
        vlt_job_destroy(lane->job);
    }
    for (int64_t i = 0; lanes->result && i < lanes->ring; i++) {
        release_result(&lanes->result[i]);
    }
    free(lanes->result);
    free(lanes);
}

static struct result failure(const vlt_error *error)
{
    return (struct result){.status = error->status, .message = strdup(error->message)};
}

static void tell(const vlt_lanes *lanes, const struct result *result)
{
    const vlt_lanes_options *options = &lanes->options;
    if (result->status == VLT_OK) {
        options->answer(options->user, result->id, result->asked, &result->response, NULL);
    } else {
        vlt_error error;
        vlt_fail(&error, result->status, "%s", result->message ? result->message : "out of memory");
        options->answer(options->user, result->id, result->asked, NULL, &error);
    }
}

/* The answer of the item, and of those behind it that have waited for it. */
static void put_result(vlt_lanes *lanes, int64_t item, vlt_job *job, struct result result)
{
    result.ready = true;
    result.id = job->line.id;
    result.asked = job->line.asked;
    job->line.id = job->line.asked = NULL;
    lanes->result[item % lanes->ring] = result;
    for (;;) {
        struct result *first = &lanes->result[lanes->told % lanes->ring];
        if (!first->ready) {
            return;
        }
        tell(lanes, first);
        release_result(first);
        lanes->told++;
    }
}

/* What it held is there for the next one. Where memory is scarce its text, too. */
static void end_job(const vlt_lanes *lanes, vlt_job *job)
{
    vlt_job_release(job);
    if (lanes->options.engine->scarce) {
        free(job->text.data);
        job->text = (vlt_buffer){0};
    }
}

/* keep: the rows may serve the next job. */
static void free_lane(vlt_lanes *lanes, struct lane *lane, bool keep)
{
    size_t bytes = 0;
    if (!keep || vlt_kv_cache_bytes(&lane->session->cache, lane->session->capacity, &bytes, NULL) ||
        !vlt_services_keep_rows(lanes->options.engine, bytes)) {
        vlt_session_close(lane->session);
        lane->session = NULL;
    }
    end_job(lanes, lane->job);
    vlt_memory_gauge_released(&lanes->options.engine->memory);
    lanes->busy--;
}

/* Of the free lanes, which keep their rows only as long as they may. */
static void forget_rows(vlt_lanes *lanes, bool all)
{
    for (int i = 0; i < lanes->options.count; i++) {
        struct lane *lane = &lanes->lane[i];
        if (!lane->generation && (all || !vlt_services_keep_rows(lanes->options.engine, 1))) {
            vlt_session_close(lane->session);
            lane->session = NULL;
        }
    }
}

static void drop(const vlt_lanes *lanes, vlt_job *job)
{
    if (lanes->options.prepare) {
        vlt_prompt_release(&job->prompt);
        job->dropped = true;
    }
}

/* Of the jobs that wait for memory, or for a lane. */
static void drop_prompts(vlt_lanes *lanes)
{
    for (int i = 0; i < lanes->options.count; i++) {
        if (!lanes->lane[i].generation) {
            drop(lanes, lanes->lane[i].job);
        }
    }
    if (lanes->entering) {
        drop(lanes, lanes->entering);
    }
}

bool vlt_lanes_clear(vlt_lanes *lanes)
{
    while (vlt_lanes_step(lanes)) {
    }
    if (!lanes->interrupted) {
        forget_rows(lanes, true);
        drop_prompts(lanes);
    }
    return !lanes->interrupted;
}

static vlt_status open_lane(vlt_lanes *lanes, struct lane *lane, vlt_error *err)
{
    const vlt_session_options options = {.context = lanes->options.context};
    vlt_status status = VLT_OK;
    if (!lane->session) {
        status = vlt_session_open(lanes->options.engine, &options, &lane->session, err);
    }
    if (status == VLT_OK) {
        status = vlt_generation_begin(lane->session, &lane->job->line.request, &lane->job->prompt,
                                      &lane->generation, err);
    }
    if (status != VLT_OK) {
        vlt_session_close(lane->session);
        lane->session = NULL;
        vlt_fail_in(err, status, "%s: ", lane->job->name);
    }
    return status;
}

static void alone(vlt_lanes *lanes, bool on)
{
    lanes->is_alone = on;
    if (lanes->options.alone) {
        lanes->options.alone(lanes->options.user, on);
    }
}

/* When nobody computes, because preparing may wait for those who do, which is done here: beside
 * what others have prepared, which stays, or else alone. */
static vlt_status prepare_again(vlt_lanes *lanes, vlt_job *job, vlt_error *err)
{
    const bool begun = lanes->is_alone;
    if (!begun && !vlt_lanes_clear(lanes)) {
        return VLT_STATUS_INTERRUPTED;
    }
    vlt_job_release(job);
    vlt_status status = lanes->options.prepare(lanes->options.user, job, err);
    if (status == VLT_STATUS_LIMIT && !begun) {
        vlt_job_release(job);
        alone(lanes, true);
        status = lanes->options.prepare(lanes->options.user, job, err);
        alone(lanes, false);
    }
    if (status != VLT_OK) {
        drop(lanes, job);
    }
    return status;
}

static vlt_status begin(vlt_lanes *lanes, struct lane *lane, vlt_error *err)
{
    const bool again = lane->job->dropped;
    const vlt_status status = again ? prepare_again(lanes, lane->job, err) : VLT_OK;
    if (again && lanes->is_alone) { /* what preparing has left behind */
        vlt_services_forget(lanes->options.engine);
    }
    return status == VLT_OK ? open_lane(lanes, lane, err) : status;
}

/* As begin, where that found no memory: kept rows are given up for it. */
static vlt_status begin_again(vlt_lanes *lanes, struct lane *lane, vlt_error *err)
{
    forget_rows(lanes, true);
    return begin(lanes, lane, err);
}

/* What found no memory on its way is answered anew, when nothing else holds any. */
static vlt_status answer_alone(vlt_lanes *lanes, struct lane *lane, vlt_response *response,
                               vlt_error *err)
{
    vlt_session_close(lane->session);
    lane->session = NULL;
    drop(lanes, lane->job);
    if (!vlt_lanes_clear(lanes)) {
        response->finish = VLT_FINISH_INTERRUPTED;
        return VLT_OK;
    }
    alone(lanes, true);
    vlt_status status = begin(lanes, lane, err);
    if (status == VLT_OK) {
        while (!vlt_generation_done(lane->generation)) {
            vlt_generation_step(&lane->generation, 1);
        }
        status = vlt_generation_end(lane->generation, response, err);
        lane->generation = NULL;
        if (status != VLT_OK) {
            vlt_fail_in(err, status, "%s: ", lane->job->name);
        }
    }
    alone(lanes, false);
    return status;
}

static void finish(vlt_lanes *lanes, struct lane *lane)
{
    vlt_response response = {0};
    vlt_error error = {0};
    vlt_status status = vlt_generation_end(lane->generation, &response, &error);
    lane->generation = NULL;
    if (status == VLT_STATUS_LIMIT) {
        status = answer_alone(lanes, lane, &response, &error);
    } else if (status != VLT_OK) {
        vlt_fail_in(&error, status, "%s: ", lane->job->name);
    }
    error.status = status;
    if (status == VLT_STATUS_INTERRUPTED ||
        (status == VLT_OK && response.finish == VLT_FINISH_INTERRUPTED)) {
        lanes->interrupted = true;
        vlt_response_release(&response);
    } else if (status == VLT_OK) {
        lanes->options.finished(lanes->options.user, &response);
        put_result(lanes, lane->item, lane->job, (struct result){.response = response});
    } else {
        vlt_response_release(&response);
        put_result(lanes, lane->item, lane->job, failure(&error));
    }
    free_lane(lanes, lane, status == VLT_OK && !lanes->interrupted);
}

bool vlt_lanes_step(vlt_lanes *lanes)
{
    vlt_generation *list[VLT_LANES_MAX];
    int count = 0;
    for (int i = 0; i < lanes->options.count; i++) {
        if (lanes->lane[i].generation) {
            list[count++] = lanes->lane[i].generation;
        }
    }
    if (!count) {
        return false;
    }
    vlt_generation_step(list, count);
    for (int i = 0; i < lanes->options.count; i++) {
        struct lane *lane = &lanes->lane[i];
        if (lane->generation && vlt_generation_done(lane->generation)) {
            finish(lanes, lane);
        }
    }
    return !lanes->interrupted;
}

bool vlt_lanes_interrupted(const vlt_lanes *lanes)
{
    return lanes->interrupted;
}

/* The free lane that holds most of the prompt's rows; without any, one that holds nothing. */
static struct lane *free_lane_for(vlt_lanes *lanes, const vlt_prompt *prompt)
{
    struct lane *best = NULL;
    int64_t most = -1;
    for (int i = 0; i < lanes->options.count; i++) {
        struct lane *lane = &lanes->lane[i];
        int64_t rows = 1; /* nothing to lose */
        if (lane->generation) {
            continue;
        }
        if (lane->session) {
            rows = 2 * vlt_session_cached_rows(lane->session, prompt);
        }
        if (rows > most) {
            most = rows;
            best = lane;
        }
    }
    return best;
}

/* Until there is a lane and room for the answer; false: an answer was interrupted. */
static bool wait_for_lane(vlt_lanes *lanes, int64_t item, vlt_job *job)
{
    const vlt_lanes_options *options = &lanes->options;
    lanes->entering = job;
    while ((lanes->busy >= vlt_services_side_by_side(options->engine, options->count) ||
            item - lanes->told >= lanes->ring) &&
           vlt_lanes_step(lanes)) {
    }
    lanes->entering = NULL;
    return !lanes->interrupted;
}

/* Beside the others if there is memory for it, or when one after the other has left, or alone. */
static vlt_status begin_somehow(vlt_lanes *lanes, struct lane *lane, vlt_error *err)
{
    vlt_status status = begin(lanes, lane, err);
    if (status == VLT_STATUS_LIMIT) {
        status = begin_again(lanes, lane, err);
    }
    while (status == VLT_STATUS_LIMIT && lanes->busy) {
        const int busy = lanes->busy;
        while (lanes->busy == busy && vlt_lanes_step(lanes)) {
        }
        status = lanes->interrupted ? VLT_STATUS_INTERRUPTED : begin_again(lanes, lane, err);
    }
    if (status == VLT_STATUS_LIMIT && vlt_lanes_clear(lanes)) {
        alone(lanes, true);
        status = begin(lanes, lane, err);
        alone(lanes, false);
    }
    return status;
}

void vlt_lanes_take(vlt_lanes *lanes, vlt_job **job)
{
    vlt_error error = {0};
    const int64_t item = lanes->next++;
    if (!wait_for_lane(lanes, item, *job)) {
        return;
    }
    forget_rows(lanes, false);
    struct lane *lane = free_lane_for(lanes, &(*job)->prompt);
    vlt_job *taken = *job;
    *job = lane->job;
    lane->job = taken;
    lane->item = item;
    vlt_status status = begin_somehow(lanes, lane, &error);
    lanes->interrupted |= status == VLT_STATUS_INTERRUPTED;
    lanes->busy++;
    if (status != VLT_OK && !lanes->interrupted) {
        error.status = status;
        put_result(lanes, item, taken, failure(&error));
    }
    if (status != VLT_OK) {
        free_lane(lanes, lane, false);
    }
}

void vlt_lanes_fail(vlt_lanes *lanes, vlt_job *job, const vlt_error *error)
{
    const int64_t item = lanes->next++;
    while (item - lanes->told >= lanes->ring && vlt_lanes_step(lanes)) {
    }
    if (!lanes->interrupted) {
        put_result(lanes, item, job, failure(error));
    }
    end_job(lanes, job);
}
