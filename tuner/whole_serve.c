/* The child's half of whole.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/infer/engine.h"
#include "harness/infer/eval.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/measure/child.h"
#include "harness/measure/model_subject.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/whole.h"

static const char task_name[] = "tuning task";

enum { TOKENS_MAX = 4096 };

struct task {
    const char *kind, *quality;
    char *model, *config, *scenes; /* owned */
    int64_t threads, pack_cache, tokens, scene_max;
    double limit_s;
    double begin_ms;
    json_t *answer; /* the members beside the status */
};

static vlt_status read_task(const json_t *o, struct task *task, vlt_error *err)
{
    const char *n = task_name;
    bool found;
    vlt_status status;
    if ((status = vlt_json_text(o, n, "kind", &task->kind, NULL, err)) != VLT_OK ||
        (status = vlt_json_bytes(o, n, "model", &task->model, NULL, err)) != VLT_OK ||
        (status = vlt_json_bytes(o, n, "config", &task->config, NULL, err)) != VLT_OK ||
        (status = vlt_json_bytes(o, n, "scenes", &task->scenes, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "threads", 0, 1024, &task->threads, NULL, err)) != VLT_OK ||
        (status = vlt_json_text(o, n, "quality", &task->quality, &found, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "pack_cache", -1, INT64_MAX, &task->pack_cache, NULL, err)) !=
            VLT_OK ||
        (status = vlt_json_int(o, n, "tokens", 1, TOKENS_MAX, &task->tokens, NULL, err)) !=
            VLT_OK ||
        (status = vlt_json_int(o, n, "scene_max", 0, INT32_MAX, &task->scene_max, NULL, err)) !=
            VLT_OK) {
        return status;
    }
    return vlt_json_double(o, n, "limit_s", 0, 1e9, &task->limit_s, NULL, err);
}

static vlt_status open_engine(const struct task *task, const char *config, vlt_engine **out,
                              vlt_error *err)
{
    bool baseline = !strcmp(config, "baseline");
    const vlt_engine_options options = {.threads = (int)task->threads,
                                        .config = baseline ? NULL : config,
                                        .baseline = baseline,
                                        .require_tuned = !baseline,
                                        .quality = task->quality,
                                        .pack_cache = task->pack_cache};
    return vlt_engine_open(task->model, &options, out, err);
}

static json_t *peak_to_json(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? json_real((double)usage.ru_maxrss * 1024)
                                               : json_null();
}

/* A line of the scenes file: picture (with its folder), question, truth; texts owned by `line`. */
struct scene {
    json_t *line;
    char *path; /* owned */
    const char *question, *truth;
};

static void release_scene(struct scene *scene)
{
    json_decref(scene->line);
    free(scene->path);
    *scene = (struct scene){0};
}

static vlt_status read_scene(const struct task *task, FILE *file, struct scene *scene, bool *end,
                             vlt_error *err)
{
    char text[8192];
    const char *image, *slash = strrchr(task->scenes, '/');
    *scene = (struct scene){0};
    *end = !fgets(text, sizeof text, file);
    if (*end) {
        return VLT_OK;
    }
    vlt_status status = vlt_json_parse(text, strlen(text), task->scenes, &scene->line, err);
    if (status == VLT_OK &&
        (status = vlt_json_text(scene->line, task->scenes, "image", &image, NULL, err)) == VLT_OK &&
        (status = vlt_json_text(scene->line, task->scenes, "question", &scene->question, NULL,
                                err)) == VLT_OK) {
        status = vlt_json_text(scene->line, task->scenes, "answer", &scene->truth, NULL, err);
    }
    if (status == VLT_OK) {
        size_t folder = slash ? (size_t)(slash - task->scenes) + 1 : 0, name = strlen(image) + 1;
        scene->path = malloc(folder + name);
        if (!scene->path) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", task->scenes);
        }
        memcpy(scene->path, task->scenes, folder);
        memcpy(scene->path + folder, image, name);
    }
    return status;
}

static vlt_status open_scenes(const struct task *task, FILE **file, vlt_error *err)
{
    *file = fopen(task->scenes, "re");
    return *file ? VLT_OK : vlt_fail(err, VLT_STATUS_IO, "%s: cannot be read", task->scenes);
}

static vlt_status run_scene(vlt_engine *engine, const struct scene *scene, vlt_request *request,
                            vlt_response *response, vlt_error *err)
{
    vlt_session *session = NULL;
    const char *image = scene->path;
    request->prompt = scene->question;
    request->images = &image;
    request->image_count = 1;
    request->greedy = true;
    vlt_status status = vlt_session_open(engine, NULL, &session, err);
    if (status == VLT_OK) {
        status = vlt_session_run(session, request, response, err);
    }
    vlt_session_close(session);
    return status;
}

/* ------------------------------------------------------------------------------ one request */

static int64_t runs_of(const vlt_ledger_entry *entry)
{
    return entry->runs ? atomic_load(entry->runs) : 0;
}

/* Problems that ran since `before` (their counts then; entries are only ever appended). */
static void add_problems(json_t **list, const vlt_ledger *ledger, const int64_t *before,
                         int before_count)
{
    for (int i = 0; i < ledger->count; i++) {
        const vlt_ledger_entry *entry = &ledger->entry[i];
        char problem_text[VLT_BUCKET_BYTES];
        vlt_problem problem = {.op = entry->op};
        int64_t runs = runs_of(entry) - (i < before_count ? before[i] : 0);
        memcpy(problem.dim, entry->dim, sizeof problem.dim);
        vlt_problem_format(&problem, problem_text, sizeof problem_text);
        if (runs > 0) {
            vlt_json_append(list, vlt_json_make("{s:s, s:s, s:s, s:I}", "op", entry->op->name,
                                                "bucket", entry->bucket, "problem", problem_text,
                                                "runs", (json_int_t)runs));
        }
    }
}

static vlt_status count_runs(const vlt_ledger *ledger, int64_t **runs, vlt_error *err)
{
    *runs = calloc((size_t)ledger->count + 1, sizeof **runs);
    for (int i = 0; i < ledger->count && *runs; i++) {
        (*runs)[i] = runs_of(&ledger->entry[i]);
    }
    return *runs ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", task_name);
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

/* The first request prepares plans; the second one is what a user waits for. */
static vlt_status serve_request(struct task *task, vlt_error *err)
{
    vlt_engine *engine = NULL;
    FILE *file = NULL;
    struct scene scene = {0};
    bool end = true;
    int64_t *runs = NULL, *prepare_runs = NULL;
    int counts[2] = {0, 0};
    vlt_status status = open_scenes(task, &file, err);
    if (status == VLT_OK) {
        status = read_scene(task, file, &scene, &end, err);
    }
    if (status == VLT_OK && end) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: no scene in it", task->scenes);
    }
    if (status == VLT_OK) {
        status = open_engine(task, task->config, &engine, err);
    }
    for (int pass = 0; pass < 2 && status == VLT_OK; pass++) {
        vlt_request request = {.max_tokens = task->tokens, .ignore_eos = true};
        vlt_response response = {0};
        counts[0] = engine->ledger.count;
        counts[1] = engine->prepare_ledger.count;
        free(runs);
        free(prepare_runs);
        prepare_runs = NULL;
        if ((status = count_runs(&engine->ledger, &runs, err)) == VLT_OK &&
            (status = count_runs(&engine->prepare_ledger, &prepare_runs, err)) == VLT_OK) {
            status = run_scene(engine, &scene, &request, &response, err);
        }
        if (status == VLT_OK && pass == 1) {
            json_t *problems = json_array();
            add_problems(&problems, &engine->prepare_ledger, prepare_runs, counts[1]);
            add_problems(&problems, &engine->ledger, runs, counts[0]);
            vlt_json_set(&task->answer, "problems", problems);
            add_times(&task->answer, &response.timings);
            add_model(&task->answer, engine);
        }
        vlt_response_release(&response);
    }
    free(runs);
    free(prepare_runs);
    release_scene(&scene);
    if (file) {
        fclose(file);
    }
    vlt_engine_close(engine);
    return status;
}

/* ------------------------------------------------------------------------- outputs compared */

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
                              const vlt_response *got, const struct scene *scene, vlt_error *err)
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

static vlt_status compare_scene(const struct task *task, vlt_engine *const engine[2],
                                const struct scene *scene, double tolerance, double *worst,
                                vlt_error *err)
{
    struct logits expected = {.max = task->tokens}, forced = {.expected = &expected};
    vlt_response response[3] = {{0}};
    vlt_request request = {.max_tokens = task->tokens, .on_logits = keep_logits, .user = &expected};
    vlt_status status = run_scene(engine[0], scene, &request, &response[0], err);
    if (status == VLT_OK) {
        request = (vlt_request){.max_tokens = task->tokens};
        status = run_scene(engine[1], scene, &request, &response[1], err);
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
        status = run_scene(engine[1], scene, &request, &response[2], err);
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

static bool time_is_up(const struct task *task)
{
    return task->limit_s > 0 && vlt_now_ms() - task->begin_ms > task->limit_s * 1e3;
}

/* The tolerance is known only after plans have been prepared: after a first answer. */
static vlt_status serve_outputs(struct task *task, vlt_error *err)
{
    vlt_engine *engine[2] = {NULL, NULL};
    FILE *file = NULL;
    bool end = false;
    double worst = 0, tolerance = 0;
    int64_t scenes = 0;
    vlt_status status = open_scenes(task, &file, err);
    if (status == VLT_OK && (status = open_engine(task, "baseline", &engine[0], err)) == VLT_OK) {
        status = open_engine(task, task->config, &engine[1], err);
    }
    while (status == VLT_OK && (!task->scene_max || scenes < task->scene_max) &&
           !(scenes && time_is_up(task))) {
        struct scene scene;
        status = read_scene(task, file, &scene, &end, err);
        if (status == VLT_OK && !end && scenes == 0) {
            vlt_request request = {.max_tokens = 2};
            vlt_response response = {0};
            status = run_scene(engine[1], &scene, &request, &response, err);
            vlt_response_release(&response);
            tolerance = vlt_engine_tolerance(engine[1]);
        }
        if (status == VLT_OK && !end) {
            status = compare_scene(task, engine, &scene, tolerance, &worst, err);
            scenes++;
        }
        release_scene(&scene);
        if (end) {
            break;
        }
    }
    vlt_json_set(&task->answer, "scenes", json_integer(scenes));
    vlt_json_set(&task->answer, "worst", vlt_json_real(worst));
    vlt_json_set(&task->answer, "tolerance", vlt_json_real(tolerance));
    if (file) {
        fclose(file);
    }
    vlt_engine_close(engine[0]);
    vlt_engine_close(engine[1]);
    return status;
}

/* --------------------------------------------------------------------------------- answers */

struct answers {
    const struct task *task;
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
    return !time_is_up(answers->task);
}

static vlt_status serve_answers(struct task *task, vlt_error *err)
{
    vlt_engine *engine = NULL;
    vlt_eval_result result;
    struct answers answers = {task, json_array()};
    const vlt_eval eval = {.scenes = task->scenes,
                           .limit = task->scene_max,
                           .answered = keep_answer,
                           .user = &answers};
    vlt_status status = open_engine(task, task->config, &engine, err);
    if (status == VLT_OK) {
        status = vlt_eval_run(engine, &eval, &result, err);
        status = status == VLT_STATUS_INTERRUPTED ? VLT_OK : status; /* the time was up */
    }
    vlt_json_set(&task->answer, "answers", answers.list);
    vlt_engine_close(engine);
    return status;
}

/* ------------------------------------------------------------------------------------------ */

static vlt_status serve_task(struct task *task, vlt_error *err)
{
    static const struct {
        const char *kind;
        vlt_status (*serve)(struct task *task, vlt_error *err);
    } kinds[] = {
        {"request", serve_request}, {"outputs", serve_outputs}, {"answers", serve_answers}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(kinds[i].kind, task->kind)) {
            return kinds[i].serve(task, err);
        }
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "%s: unknown kind '%s'", task_name, task->kind);
}

vlt_status vlt_whole_serve(FILE *in, FILE *out, vlt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    vlt_error failure = {0};
    json_t *document = NULL;
    struct task task = {.answer = json_object(), .begin_ms = vlt_now_ms()};
    vlt_status status = vlt_read_stream(in, task_name, VLT_CHILD_REQUEST_MAX, &text, &bytes,
                                        &failure);
    if (status == VLT_OK) {
        status = vlt_json_parse(text, bytes, task_name, &document, &failure);
    }
    if (status == VLT_OK && (status = read_task(document, &task, &failure)) == VLT_OK) {
        status = serve_task(&task, &failure);
    }
    vlt_json_set(&task.answer, "status", vlt_json_name(vlt_status_name(status)));
    if (status != VLT_OK) {
        vlt_json_set(&task.answer, "message", vlt_json_name(failure.message));
    }
    vlt_json_set(&task.answer, "peak_bytes", peak_to_json());
    status = vlt_json_print(task.answer, true, out, err);
    json_decref(task.answer);
    json_decref(document);
    free(task.model);
    free(task.config);
    free(task.scenes);
    free(text);
    return status;
}
