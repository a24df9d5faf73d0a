/* One request: what it meets, and where its time goes. */
#include <stdlib.h>
#include <string.h>

#include "harness/infer/towers.h"
#include "harness/json/json_make.h"
#include "harness/measure/whole_internal.h"
#include "optimizations/core/utf8_text.h"

static int64_t runs_of(const vlt_ledger_entry *entry)
{
    return entry->runs ? atomic_load(entry->runs) : 0;
}

/* A list of problems being made: what ran, and how often. */
struct list {
    json_t *problems;
    const vlt_ledger *whole; /* of the model in its full depth; NULL: this is it */
};

static bool is_tower(const vlt_op *op)
{
    return op == &vlt_op_decoder || op == &vlt_op_vision_tower;
}

/* How many times as many plans as in `entry` the whole model has. */
static double scale_of(const struct list *list, const vlt_ledger_entry *entry)
{
    for (int i = 0; list->whole && i < list->whole->count; i++) {
        const vlt_ledger_entry *whole = &list->whole->entry[i];
        if (whole->op == entry->op && whole->variant == entry->variant &&
            !strcmp(whole->bucket, entry->bucket)) {
            return (double)whole->plans / (double)entry->plans;
        }
    }
    return 1;
}

/* Problems that ran since `before` (their counts then; entries are only ever appended). */
static void add_problems(struct list *list, const vlt_ledger *ledger, const int64_t *before,
                         int before_count)
{
    for (int i = 0; i < ledger->count; i++) {
        const vlt_ledger_entry *entry = &ledger->entry[i];
        char problem_text[VLT_BUCKET_BYTES], knobs[VLT_BUCKET_BYTES];
        vlt_problem problem = {.op = entry->op};
        int64_t runs = runs_of(entry) - (i < before_count ? before[i] : 0);
        if (runs <= 0 || (list->whole && is_tower(entry->op))) {
            continue; /* a shortened tower is no problem of the model */
        }
        memcpy(problem.dim, entry->dim, sizeof problem.dim);
        vlt_problem_format(&problem, problem_text, sizeof problem_text);
        vlt_binding_format(entry->variant, &entry->binding, knobs, sizeof knobs);
        vlt_json_append(&list->problems,
                        vlt_json_make("{s:s, s:s, s:s, s:f, s:b, s:s, s:s}", "op", entry->op->name,
                                      "bucket", entry->bucket, "problem", problem_text, "runs",
                                      (double)runs * scale_of(list, entry), "composite",
                                      entry->composite, "variant", entry->variant->name, "knobs",
                                      knobs));
    }
}

static vlt_status count_runs(const vlt_ledger *ledger, int64_t **runs, vlt_error *err)
{
    *runs = calloc((size_t)ledger->count + 1, sizeof **runs);
    for (int i = 0; i < ledger->count && *runs; i++) {
        (*runs)[i] = runs_of(&ledger->entry[i]);
    }
    return *runs ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", VLT_WHOLE_TASK);
}

static void add_times(json_t **answer, const vlt_timings *t)
{
    vlt_json_set(answer, "total_ms", json_real(t->total));
    vlt_json_set(answer, "phases",
                 vlt_json_make("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "image decode",
                               t->image_decode, "preprocess", t->preprocess, "tokenize",
                               t->tokenize, "vision", t->vision, "prefill", t->prefill, "decode",
                               t->decode, "other", t->other));
}

static void add_model(json_t **answer, const vlt_engine *engine)
{
    static const char common[] = "/checkpoint";
    char hash[24], name[256];
    const char *path = engine->directory;
    /* the folder's name; .../demo/checkpoint/ is called demo */
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    if (end >= sizeof common &&
        !memcmp(path + end - (sizeof common - 1), common, sizeof common - 1)) {
        end -= sizeof common - 1;
    }
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)engine->model_hash);
    vlt_utf8_format(name, sizeof name, "%s, %.1f M weights",
                    vlt_quoted(path + begin, end - begin).text,
                    (double)engine->weights.value_count / 1e6);
    vlt_json_set(answer, "model_hash", vlt_json_name(hash));
    vlt_json_set(answer, "model_name", vlt_json_name(name));
}

/* One engine, and what it did in one request. */
struct recording {
    vlt_engine *engine;
    int64_t *runs, *prepare_runs; /* before; owned */
    int count, prepare_count;
    vlt_timings timings;
};

static void release_recording(struct recording *r)
{
    free(r->runs);
    free(r->prepare_runs);
    vlt_engine_close(r->engine);
    *r = (struct recording){0};
}

static vlt_status run_once(const vlt_whole_job *job, const vlt_whole_scene *scene,
                           vlt_engine *engine, vlt_timings *timings, vlt_error *err)
{
    vlt_request request = {.max_tokens = job->tokens, .ignore_eos = true};
    vlt_response response = {0};
    if (job->workload[0]) {
        return vlt_whole_workload_run(job, engine, timings, err);
    }
    vlt_status status = vlt_whole_scene_run(engine, scene, &request, &response, err);
    *timings = response.timings;
    vlt_response_release(&response);
    return status;
}

/* Runs the scene `passes` times; the last one is recorded. The first one prepares plans. */
static vlt_status record(const vlt_whole_job *job, const vlt_whole_scene *scene, int passes,
                         struct recording *r, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int pass = 0; pass < passes && status == VLT_OK; pass++) {
        r->count = r->engine->ledger.count;
        r->prepare_count = r->engine->prepare_ledger.count;
        free(r->runs);
        free(r->prepare_runs);
        r->prepare_runs = NULL;
        if ((status = count_runs(&r->engine->ledger, &r->runs, err)) == VLT_OK &&
            (status = count_runs(&r->engine->prepare_ledger, &r->prepare_runs, err)) == VLT_OK) {
            status = run_once(job, scene, r->engine, &r->timings, err);
        }
    }
    return status;
}

/* The whole model's plans for the towers that the shortened one has run: made, never run. */
static vlt_status plan_towers(const vlt_ledger *shortened, vlt_engine *whole, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < shortened->count && status == VLT_OK; i++) {
        const vlt_ledger_entry *entry = &shortened->entry[i];
        vlt_plan *plan;
        if (entry->op == &vlt_op_vision_tower) {
            status = vlt_engine_vision_plan(whole, entry->dim[VLT_VISION_TOWER_DIM_PATCHES],
                                            entry->dim[VLT_VISION_TOWER_DIM_SEGMENT], &plan, err);
        } else if (entry->op == &vlt_op_decoder) {
            int64_t sequences = entry->dim[VLT_DECODER_DIM_SEQUENCES];
            int64_t context = entry->dim[VLT_DECODER_DIM_CONTEXT];
            status = entry->dim[VLT_DECODER_DIM_ROWS] == VLT_PROMPT_BLOCK
                         ? vlt_engine_prompt_plan(whole, context, &plan, err)
                         : vlt_engine_decode_plan(whole, (int)sequences, context, &plan, err);
        }
    }
    return status;
}

/* Times of a shortened request as the whole one would take, roughly: embedding and head count as
 * layers. */
static void stretch(vlt_timings *t, const vlt_engine *shortened, double blocks, double layers)
{
    double before = t->vision + t->prefill + t->decode;
    t->vision *= blocks / (double)shortened->config.vision.blocks;
    t->prefill *= layers / (double)shortened->config.text.layers;
    t->decode *= layers / (double)shortened->config.text.layers;
    t->total += t->vision + t->prefill + t->decode - before;
}

/* Of `ops`, what the ledger counted since. */
static void add_services(struct list *list, const vlt_ledger *ledger, const int64_t *before,
                         int count)
{
    static const char *const ops[] = {"pipeline", "tokenize_batch"};
    struct list met = {.problems = json_array()};
    json_t *problem;
    size_t i;
    add_problems(&met, ledger, before, count);
    json_array_foreach(met.problems, i, problem)
    {
        const char *op = json_string_value(json_object_get(problem, "op"));
        if (op && (!strcmp(op, ops[0]) || !strcmp(op, ops[1]))) {
            vlt_json_append(&list->problems, json_incref(problem));
        }
    }
    json_decref(met.problems);
}

/* Problems of services that a single request does not meet. */
static vlt_status add_batch(struct list *list, vlt_engine *engine, vlt_error *err)
{
    const vlt_ledger *const ledger[2] = {&engine->prepare_ledger, &engine->ledger};
    int64_t *before[2] = {NULL, NULL};
    const int count[2] = {ledger[0]->count, ledger[1]->count};
    vlt_status status = count_runs(ledger[0], &before[0], err);
    if (status == VLT_OK) {
        status = count_runs(ledger[1], &before[1], err);
    }
    if (status == VLT_OK) {
        status = vlt_whole_batch_run(engine, err);
    }
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        add_services(list, ledger[i], before[i], count[i]);
    }
    free(before[0]);
    free(before[1]);
    return status;
}

static vlt_status answer(vlt_whole_job *job, const struct recording *r, const vlt_engine *whole,
                         vlt_error *err)
{
    vlt_status status = VLT_OK;
    struct list list = {.problems = json_array(), .whole = whole ? &whole->ledger : NULL};
    vlt_timings timings = r->timings;
    if (whole) {
        stretch(&timings, r->engine, (double)whole->config.vision.blocks,
                (double)whole->config.text.layers);
    }
    add_problems(&list, &r->engine->prepare_ledger, r->prepare_runs, r->prepare_count);
    add_problems(&list, &r->engine->ledger, r->runs, r->count);
    if (!job->workload[0]) {
        status = add_batch(&list, r->engine, err);
    }
    vlt_json_set(&job->answer, "problems", list.problems);
    vlt_json_set(&job->answer, "depth", json_integer(whole ? job->depth : 0));
    add_times(&job->answer, &timings);
    add_model(&job->answer, whole ? whole : r->engine);
    return status;
}

/* The shortened model first, where one is asked for: whether there is time for the whole one is
 * known from it. */
static vlt_status serve_scene(vlt_whole_job *job, const vlt_whole_scene *scene, vlt_error *err)
{
    struct recording r = {0};
    vlt_engine *whole = NULL;
    vlt_status status = VLT_OK;
    bool shorten = false;
    if (job->depth > 0) {
        status = vlt_whole_open_engine(job, job->config, (int)job->depth, &r.engine, err);
        if (status == VLT_OK) {
            status = record(job, scene, 1, &r, err);
        }
        double begin_ms = vlt_now_ms();
        if (status == VLT_OK) {
            status = vlt_whole_open_engine(job, job->config, 0, &whole, err);
        }
        if (status == VLT_OK) {
            vlt_timings timings = r.timings;
            stretch(&timings, r.engine, (double)whole->config.vision.blocks,
                    (double)whole->config.text.layers);
            shorten = 2 * (timings.total + vlt_now_ms() - begin_ms) > job->limit_s * 1e3;
        }
        if (status == VLT_OK && !shorten) {
            release_recording(&r);
            r.engine = whole;
            whole = NULL;
        }
    } else {
        status = vlt_whole_open_engine(job, job->config, 0, &r.engine, err);
    }
    if (status == VLT_OK) {
        status = shorten ? plan_towers(&r.engine->ledger, whole, err)
                         : record(job, scene, 2, &r, err);
    }
    if (status == VLT_OK) {
        status = answer(job, &r, shorten ? whole : NULL, err);
    }
    release_recording(&r);
    vlt_engine_close(whole);
    return status;
}

vlt_status vlt_whole_serve_request(vlt_whole_job *job, vlt_error *err)
{
    FILE *file = NULL;
    vlt_whole_scene scene = {0};
    bool end = true;
    vlt_status status = vlt_whole_scenes_open(job, &file, err);
    if (status == VLT_OK) {
        status = vlt_whole_scene_read(job, file, &scene, &end, err);
    }
    if (status == VLT_OK && end) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: no scene in it", job->scenes);
    }
    if (status == VLT_OK) {
        status = serve_scene(job, &scene, err);
    }
    vlt_whole_scene_release(&scene);
    if (file) {
        fclose(file);
    }
    return status;
}
