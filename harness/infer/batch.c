#include "harness/infer/batch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/batch_asked.h"
#include "harness/infer/batch_room.h"
#include "harness/infer/lanes.h"
#include "harness/infer/services.h"
#include "harness/services/ahead.h"
#include "optimizations/core/utf8_text.h"

/* What one request in flight needs; a slot of the pipeline. */
struct slot {
    _Atomic int64_t item;
    vlt_job *job;
};

enum { HELD_MAX = VLT_PIPELINE_SLOT_MAX + VLT_PREFETCH_MAX };

struct run {
    vlt_engine *engine;
    const vlt_batch *batch;
    struct slot slot[VLT_PIPELINE_SLOT_MAX];
    vlt_lanes *lanes;
    vlt_batch_room room;
    vlt_job *held[HELD_MAX]; /* prepared, and not yet come to a lane, wherever they are on the way;
                                under the room's lock */
    int held_count;
    bool overlapped;               /* stage 0 has a thread of its own */
    vlt_ahead *ahead;              /* NULL: stage 0 prepares by itself */
    void *spare[VLT_PREFETCH_MAX]; /* jobs of `ahead`, while it is not */
    int prefetch;
    atomic_bool closing;
    int64_t answered;
    double finished_ms; /* when the answer before was done */
    int slots;
    vlt_status input_status; /* of stage 0: not VLT_OK ends the input */
    vlt_error input_error;
    atomic_bool answer_failed; /* batch->answer did: ends the batch */
    vlt_status answer_status;
    vlt_error answer_error;
};

static bool stop_asked(struct run *run)
{
    return run->answer_failed || run->closing ||
           (run->batch->stop && run->batch->stop(run->batch->user));
}

static bool token_callback(void *user, int32_t id)
{
    (void)id;
    return !stop_asked(user);
}

static bool progress_callback(void *user, const char *phase, int64_t done, int64_t total)
{
    (void)phase;
    (void)done;
    (void)total;
    return !stop_asked(user);
}

static vlt_status read_line(void *user, void *item, bool *found, vlt_error *err)
{
    const struct run *run = user;
    vlt_job *job = item;
    vlt_job_release(job);
    vlt_status status = vlt_line_reader_next(run->batch->input, &job->text, found, err);
    vlt_utf8_format(job->name, sizeof job->name, "%s line %" PRId64, run->batch->input->name,
                    run->batch->input->line);
    return status;
}

/* What the answer will say that it answers. */
static vlt_status note_asked(const struct run *run, vlt_job *job, bool readable, vlt_error *err)
{
    vlt_buffer asked = {0};
    vlt_batch_asked_put(&asked, job->text.data, job->text.bytes,
                        readable ? &job->line.request : NULL, run->batch, run->engine->model_hash);
    job->line.asked = asked.data;
    return asked.failed ? vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", job->name) : VLT_OK;
}

/* The line of the job as a prompt. */
static vlt_status build_prompt(struct run *run, vlt_job *job, vlt_error *err)
{
    vlt_status status = vlt_batch_line_read(job->text.data, job->text.bytes, job->name,
                                            run->batch->defaults, run->engine, &job->line, err);
    if (run->batch->asked) {
        const vlt_status noted = note_asked(run, job, status == VLT_OK, err);
        status = status == VLT_OK ? noted : status;
    }
    if (status != VLT_OK) {
        return status;
    }
    vlt_request *request = &job->line.request;
    request->name = job->name;
    request->on_text = NULL;
    request->on_token = token_callback;
    request->on_progress = progress_callback;
    request->user = run;
    status = request->prompt
                 ? vlt_prompt_build(run->engine, request, NULL, job->line.tools, &job->prompt, err)
                 : vlt_prompt_build_tree(run->engine, request, job->line.messages, job->line.tools,
                                         &job->prompt, err);
    return status == VLT_OK ? VLT_OK : vlt_fail_in(err, status, "%s: ", job->name);
}

/* Perhaps one of several threads. */
static vlt_status prepare_line(void *user, void *item, vlt_error *err)
{
    struct run *run = user;
    const vlt_trace_mark asked = vlt_trace_wait_begin(run->engine->trace);
    vlt_batch_room_enter(&run->room);
    vlt_trace_wait_end(run->engine->trace, VLT_TRACE_MEMORY, asked);
    vlt_status status = build_prompt(run, item, err);
    if (status == VLT_OK) {
        pthread_mutex_lock(&run->room.lock);
        assert(run->held_count < HELD_MAX);
        run->held[run->held_count++] = item;
        pthread_mutex_unlock(&run->room.lock);
    }
    vlt_batch_room_leave(&run->room);
    return status;
}

/* It has come where it is looked after. */
static void let_go(struct run *run, const vlt_job *job)
{
    pthread_mutex_lock(&run->room.lock);
    for (int i = 0; i < run->held_count; i++) {
        if (run->held[i] == job) {
            run->held[i] = run->held[--run->held_count];
        }
    }
    pthread_mutex_unlock(&run->room.lock);
}

static int ahead_now(void *user)
{
    return vlt_services_ahead(((const struct run *)user)->engine);
}

static bool line_ready(const struct run *run)
{
    return run->ahead ? vlt_ahead_ready(run->ahead) : vlt_line_reader_ready(run->batch->input);
}

/* The next line, prepared. *found false where the input ends: at its end, with a failure to read
 * it, or where its preparation was interrupted. */
static vlt_status next_line(struct run *run, vlt_job **job, bool *found, vlt_error *err)
{
    if (run->ahead) {
        void *item = *job;
        vlt_status status = vlt_ahead_next(run->ahead, &item, found, err);
        *job = item;
        return status;
    }
    vlt_status status = read_line(run, *job, found, err);
    *found = status == VLT_OK && *found;
    if (*found) {
        status = prepare_line(run, *job, err);
        *found = status != VLT_STATUS_INTERRUPTED;
    }
    return status;
}

/* Stage 0: the next line, its images and its tokens. What cannot be read, and what was interrupted
 * in the middle, is no line with an error: the input ends there. */
static vlt_status prepare_stage(void *user, int64_t item, int number, vlt_error *err)
{
    struct run *run = user;
    struct slot *slot = &run->slot[number];
    bool found = false;
    vlt_job_release(slot->job);
    slot->item = item;
    while (!run->overlapped && !line_ready(run) &&
           vlt_lanes_step(run->lanes)) { /* whoever writes the next line may wait for answers */
    }
    vlt_status status = next_line(run, &slot->job, &found, err);
    const bool ended = !found;
    if (ended && status != VLT_OK) {
        run->input_status = status;
        run->input_error = *err;
    }
    return ended ? VLT_STATUS_STOPPED : status;
}

/* Busy times of the phases against the wall time since the answer before. */
static void settle_times(void *user, vlt_response *response)
{
    struct run *run = user;
    vlt_timings *timings = &response->timings;
    double now_ms = vlt_now_ms();
    double busy = timings->image_decode + timings->preprocess + timings->tokenize +
                  timings->vision + timings->prefill + timings->decode;
    vlt_load_times load = vlt_engine_take_load(run->engine);
    timings->load = load.open_ms + load.pack_ms;
    timings->total = load.open_ms + now_ms - run->finished_ms;
    double excess = timings->load + busy - timings->total;
    timings->overlap = excess > 0 ? excess : 0;
    timings->other = excess < 0 ? -excess : 0;
    run->finished_ms = now_ms;
}

static void tell(void *user, const char *id, const char *asked, const vlt_response *response,
                 const vlt_error *error)
{
    struct run *run = user;
    if (run->answer_status == VLT_OK) {
        if (run->batch->asked) {
            run->batch->asked(run->batch->user, asked ? asked : "");
        }
        run->answer_status = run->batch->answer(run->batch->user, id ? id : "null", response, error,
                                                &run->answer_error);
        run->answer_failed = run->answer_status != VLT_OK;
        run->answered++;
    }
}

/* What waits to be computed gives its memory back, and so do caches and scratch; nobody begins to
 * prepare until the same is called with false. */
static void alone(void *user, bool on)
{
    struct run *run = user;
    vlt_engine *engine = run->engine;
    if (!on) {
        atomic_store(&engine->memory.alone, false);
        vlt_batch_room_yield(&run->room);
        return;
    }
    const vlt_trace_mark asked = vlt_trace_wait_begin(engine->trace);
    vlt_batch_room_claim(&run->room);
    vlt_trace_wait_end(engine->trace, VLT_TRACE_MEMORY, asked);
    pthread_mutex_lock(&run->room.lock);
    for (int i = 0; i < run->held_count; i++) {
        vlt_prompt_release(&run->held[i]->prompt);
        run->held[i]->dropped = true;
    }
    pthread_mutex_unlock(&run->room.lock);
    vlt_turns_take(&engine->turns);
    vlt_scratch_release(&engine->scratch);
    vlt_turns_pass(&engine->turns);
    vlt_services_forget(engine);
    atomic_store(&engine->memory.alone, true);
}

static vlt_status prepare_job(void *user, vlt_job *job, vlt_error *err)
{
    return build_prompt(user, job, err);
}

/* A line that did not fit beside those that were computed may fit alone; they are done first,
 * because preparing may wait for them. */
static vlt_status prepare_again(struct run *run, vlt_job *job, vlt_error *err)
{
    vlt_job_release(job);
    if (!vlt_lanes_clear(run->lanes)) {
        return VLT_STATUS_INTERRUPTED;
    }
    alone(run, true);
    vlt_status status = build_prompt(run, job, err);
    alone(run, false);
    return status;
}

/* Stage 1: into a lane. */
static vlt_status compute_stage(void *user, int64_t item, int number, vlt_error *err)
{
    struct run *run = user;
    (void)item;
    (void)err;
    let_go(run, run->slot[number].job);
    if (!vlt_lanes_interrupted(run->lanes)) {
        vlt_lanes_take(run->lanes, &run->slot[number].job);
    }
    return VLT_OK;
}

/* In order, in the thread of compute_stage; the item still has its slot. */
static void failed_item(void *user, int64_t item, const vlt_error *error)
{
    struct run *run = user;
    struct slot *slot = run->slot;
    vlt_error again = *error;
    while (slot->item != item) {
        slot++;
    }
    if (error->status == VLT_STATUS_LIMIT && !vlt_lanes_interrupted(run->lanes)) {
        again.status = prepare_again(run, slot->job, &again);
    }
    if (vlt_lanes_interrupted(run->lanes) || again.status == VLT_STATUS_INTERRUPTED) {
        return; /* nothing is answered from here on */
    }
    if (again.status == VLT_OK) {
        vlt_lanes_take(run->lanes, &slot->job);
    } else {
        vlt_lanes_fail(run->lanes, slot->job, &again);
    }
}

static bool idle(void *user)
{
    return vlt_lanes_step(((struct run *)user)->lanes);
}

static bool stop_callback(void *user)
{
    return stop_asked(user);
}

/* How the run ended, from what its stages noted. */
static vlt_status settle(const struct run *run, vlt_status status, vlt_error *err)
{
    if (run->answer_status != VLT_OK) {
        return vlt_fail(err, run->answer_status, "%s", run->answer_error.message);
    }
    if (status == VLT_OK && run->input_status == VLT_STATUS_INTERRUPTED) {
        return VLT_STATUS_STOPPED;
    }
    if (status == VLT_OK && run->input_status != VLT_OK) {
        return vlt_fail(err, run->input_status, "%s", run->input_error.message);
    }
    return status == VLT_OK && vlt_lanes_interrupted(run->lanes) ? VLT_STATUS_STOPPED : status;
}

static vlt_status create_run(vlt_engine *engine, const vlt_batch *batch, vlt_plan *plan,
                             struct run **out, vlt_error *err)
{
    struct run *run = *out = calloc(1, sizeof *run);
    if (!run) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", batch->input->name);
    }
    vlt_batch_room_init(&run->room);
    run->engine = engine;
    run->batch = batch;
    run->finished_ms = vlt_now_ms();
    run->slots = vlt_pipeline_slots(plan);
    run->overlapped = run->slots > 1;
    for (int i = 0; i < run->slots; i++) {
        run->slot[i].job = vlt_job_create();
        if (!run->slot[i].job) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", batch->input->name);
        }
    }
    const vlt_lanes_options lanes = {.engine = engine,
                                     .count = batch->parallel ? batch->parallel
                                                              : vlt_pipeline_parallel(plan),
                                     .context = batch->context,
                                     .finished = settle_times,
                                     .answer = tell,
                                     .alone = alone,
                                     .prepare = prepare_job,
                                     .user = run};
    return vlt_lanes_create(&lanes, &run->lanes, err);
}

/* Threads that prepare lines before they are asked for. */
static vlt_status look_ahead(struct run *run, vlt_error *err)
{
    run->prefetch = run->engine->prefetch > 0 ? run->engine->prefetch : 0;
    for (int i = 0; i < run->prefetch; i++) {
        run->spare[i] = vlt_job_create();
        if (!run->spare[i]) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", run->batch->input->name);
        }
    }
    const vlt_ahead_options options = {.count = run->prefetch,
                                       .threads = run->engine->preprocess_threads,
                                       .read = read_line,
                                       .prepare = prepare_line,
                                       .limit = ahead_now,
                                       .item = run->spare,
                                       .user = run};
    atomic_store(&run->engine->ahead, run->prefetch > 0);
    return run->prefetch ? vlt_ahead_create(&options, &run->ahead, err) : VLT_OK;
}

static void destroy_run(struct run *run)
{
    if (run) {
        run->closing = true;
        vlt_ahead_destroy(run->ahead, run->spare);
        atomic_store(&run->engine->ahead, false);
        for (int i = 0; i < run->prefetch; i++) {
            vlt_job_destroy(run->spare[i]);
        }
        vlt_lanes_destroy(run->lanes);
        for (int i = 0; i < run->slots; i++) {
            vlt_job_destroy(run->slot[i].job);
        }
        vlt_batch_room_release(&run->room);
        free(run);
    }
}

vlt_status vlt_batch_run(vlt_engine *engine, const vlt_batch *batch, int64_t *answered,
                         vlt_error *err)
{
    vlt_plan *plan = NULL;
    struct run *run = NULL;
    const vlt_problem problem = vlt_batch_problem();
    vlt_status status = vlt_plan_create(&engine->context, &problem, &plan, err);
    if (status == VLT_OK) {
        status = create_run(engine, batch, plan, &run, err);
    }
    if (status == VLT_OK) {
        const vlt_pipeline_args args = {.stage = {prepare_stage, compute_stage},
                                        .failed = failed_item,
                                        .stop = stop_callback,
                                        .idle = idle,
                                        .user = run,
                                        .items = INT64_MAX};
        batch->input->stop = (vlt_stop){stop_callback, run};
        status = look_ahead(run, err);
        if (status == VLT_OK) {
            status = vlt_plan_run(plan, (vlt_frame){0}, &args, err);
        }
        while (vlt_lanes_step(run->lanes)) { /* no more lines: the answers that are under way */
        }
        status = settle(run, status, err);
    }
    if (answered) {
        *answered = run ? run->answered : 0;
    }
    destroy_run(run);
    batch->input->stop = (vlt_stop){0};
    vlt_plan_destroy(plan);
    return status;
}
