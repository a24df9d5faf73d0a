#include "harness/measure/model_subject.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/infer/lanes.h"
#include "harness/infer/services.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/measure/whole_internal.h"
#include "harness/model/scenes.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

enum { TOKENS_MAX = 4096, WIDTH = 640, HEIGHT = 480 };

static const char subject_name[] = "measured request";

struct vlt_model_subject {
    json_t *document; /* owns texts */
    vlt_engine *engine;
    char *image;    /* owned path; NULL: the scene */
    char *workload; /* owned path; NULL: one request */
    int64_t parallel, lines;
    char scene_path[32];
    int scene_fd; /* memory that holds the drawn scene; -1 */
    vlt_scene scene;
    const char *prompt;
    int64_t tokens;
    int32_t *ids;  /* [tokens] */
    float *leads;  /* [tokens] */
    int64_t count; /* of the last run */
};

bool vlt_model_subject_named(const char *what)
{
    return !strncmp(what, "run:", 4);
}

vlt_status vlt_model_subject_format(const vlt_model_request *request, char **what, vlt_error *err)
{
    json_t *object = json_object();
    vlt_json_set_bytes(&object, "model", request->model);
    vlt_json_set_bytes(&object, "config", request->config);
    vlt_json_set_bytes(&object, "image", request->image);
    vlt_json_set_bytes(&object, "workload", request->workload);
    vlt_json_set_bytes(&object, "force", request->force);
    if (request->parallel) {
        vlt_json_set(&object, "parallel", json_integer(request->parallel));
    }
    if (request->lines) {
        vlt_json_set(&object, "lines", json_integer(request->lines));
    }
    if (request->prompt) {
        vlt_json_set(&object, "prompt", vlt_json_string(request->prompt, strlen(request->prompt)));
    }
    vlt_json_set(&object, "tokens", json_integer(request->tokens));
    if (request->quality) {
        vlt_json_set(&object, "quality", vlt_json_name(vlt_quality_name(request->quality)));
    }
    if (request->pack_cache) { /* else the text is the one that it always was */
        vlt_json_set(&object, "pack_cache", json_integer(request->pack_cache));
    }
    char *text = vlt_json_dump(object, err);
    *what = NULL;
    if (text && asprintf(what, "run:%s", text) < 0) {
        *what = NULL;
        vlt_fail(err, VLT_STATUS_NOMEM, "model '%s': out of memory", request->model);
    }
    json_decref(object);
    free(text);
    return *what ? VLT_OK : VLT_STATUS_NOMEM;
}

void vlt_model_subject_describe(const char *what, char *text, size_t text_bytes)
{
    char *model = NULL, *config = NULL;
    json_t *document = NULL;
    bool found;
    what += strlen("run:");
    if (vlt_json_parse(what, strlen(what), subject_name, &document, NULL) == VLT_OK) {
        vlt_json_bytes(document, subject_name, "model", &model, &found, NULL);
        vlt_json_bytes(document, subject_name, "config", &config, &found, NULL);
    }
    vlt_utf8_format(text, text_bytes, "%s, %s", model ? model : "?",
                    config ? config : "default variants");
    free(model);
    free(config);
    json_decref(document);
}

/* A scene in memory that has a path: no file to clean up, whatever happens to this process. */
static vlt_status draw_scene(vlt_model_subject *subject, uint64_t seed, vlt_error *err)
{
    uint8_t *jpeg = NULL;
    size_t bytes = 0;
    vlt_status status = vlt_scene_jpeg(seed, 0, WIDTH, HEIGHT, &subject->scene, &jpeg, &bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    subject->scene_fd = memfd_create("scene.jpg", MFD_CLOEXEC);
    if (subject->scene_fd < 0 || write(subject->scene_fd, jpeg, bytes) != (ssize_t)bytes) {
        status = vlt_fail(err, VLT_STATUS_IO, "drawn scene: %s", strerror(errno));
    }
    vlt_free(jpeg);
    snprintf(subject->scene_path, sizeof subject->scene_path, "/proc/self/fd/%d",
             subject->scene_fd);
    return status;
}

static vlt_status open_engine(vlt_model_subject *subject, const char *model, const char *config,
                              vlt_engine_options *options, vlt_error *err)
{
    if (options->device && !strcmp(options->device, "simulated")) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "a request is not timed on the simulated device: that is no measurement");
    }
    options->baseline = config && !strcmp(config, "baseline");
    options->config = options->baseline ? NULL : config;
    options->no_config = !config;
    options->require_tuned = config && !options->baseline;
    return vlt_engine_open(model, options, &subject->engine, err);
}

/* What a subject's text asks of its engine; owned by the caller in every case. */
struct wanted {
    char *model, *config, *force;
    vlt_engine_options options;
};

static vlt_status read_batch(vlt_model_subject *subject, struct wanted *wanted, vlt_error *err)
{
    const char *name = subject_name;
    bool found;
    vlt_status status;
    if ((status = vlt_json_bytes(subject->document, name, "workload", &subject->workload, &found,
                                 err)) != VLT_OK ||
        (status = vlt_json_bytes(subject->document, name, "force", &wanted->force, &found, err)) !=
            VLT_OK ||
        (status = vlt_json_int(subject->document, name, "parallel", 0, VLT_LANES_MAX,
                               &subject->parallel, &found, err)) != VLT_OK ||
        (status = vlt_json_int(subject->document, name, "lines", 0, INT32_MAX, &subject->lines,
                               &found, err)) != VLT_OK) {
        return status;
    }
    if (wanted->force) {
        wanted->options.force = (const char *const *)&wanted->force;
        wanted->options.force_count = 1;
    }
    if (subject->workload) {
        wanted->options.services = (vlt_service_options){0};
    }
    return VLT_OK;
}

static vlt_status read_subject(vlt_model_subject *subject, const char *text, struct wanted *wanted,
                               vlt_error *err)
{
    vlt_engine_options *options = &wanted->options;
    const char *name = subject_name;
    void *ids = NULL, *leads = NULL;
    bool found;
    vlt_status status;
    subject->tokens = 16;
    if ((status = vlt_json_parse(text, strlen(text), name, &subject->document, err)) != VLT_OK ||
        (status = vlt_json_bytes(subject->document, name, "model", &wanted->model, NULL, err)) !=
            VLT_OK ||
        (status = vlt_json_bytes(subject->document, name, "config", &wanted->config, &found,
                                 err)) != VLT_OK ||
        (status = vlt_json_bytes(subject->document, name, "image", &subject->image, &found, err)) !=
            VLT_OK ||
        (status = vlt_json_text(subject->document, name, "prompt", &subject->prompt, &found,
                                err)) != VLT_OK ||
        (status = vlt_json_int(subject->document, name, "tokens", 1, TOKENS_MAX, &subject->tokens,
                               &found, err)) != VLT_OK ||
        (status = vlt_json_int(subject->document, name, "pack_cache", -1, INT64_MAX,
                               &options->pack_cache, &found, err)) != VLT_OK ||
        (status = vlt_json_text(subject->document, name, "quality", &options->quality, &found,
                                err)) != VLT_OK ||
        (status = read_batch(subject, wanted, err)) != VLT_OK) {
        return status;
    }
    status = vlt_alloc((size_t)subject->tokens * sizeof(int32_t), &ids, err);
    subject->ids = ids;
    if (status == VLT_OK) {
        status = vlt_alloc((size_t)subject->tokens * sizeof(float), &leads, err);
        subject->leads = leads;
    }
    return status;
}

static vlt_status answer_batch(vlt_model_subject *subject, vlt_error *err)
{
    vlt_timings timings;
    const vlt_whole_job job = {.workload = subject->workload,
                               .parallel = subject->parallel,
                               .lines = subject->lines,
                               .tokens = subject->tokens};
    vlt_services_forget_results(subject->engine);
    return vlt_whole_workload_run(&job, subject->engine, &timings, err);
}

vlt_status vlt_model_subject_create(const char *what, int threads, const char *device,
                                    uint64_t seed, vlt_model_subject **out, vlt_error *err)
{
    void *block = NULL;
    struct wanted wanted = {
        .options = {.threads = threads, .device = device, .services = VLT_SERVICES_KEEP_NOTHING}};
    *out = NULL;
    vlt_status status = vlt_alloc(sizeof(vlt_model_subject), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_model_subject *subject = block;
    subject->scene_fd = -1;
    status = read_subject(subject, what + strlen("run:"), &wanted, err);
    if (status == VLT_OK && !subject->image && !subject->workload) {
        status = draw_scene(subject, seed, err);
    }
    if (!subject->prompt) {
        subject->prompt = subject->scene.question[0] ? subject->scene.question
                                                     : "Describe the image.";
    }
    if (status == VLT_OK) {
        status = open_engine(subject, wanted.model, wanted.config, &wanted.options, err);
    }
    if (status == VLT_OK && subject->workload) { /* plans are made, pages touched */
        status = answer_batch(subject, err);
    }
    free(wanted.model);
    free(wanted.config);
    free(wanted.force);
    if (status != VLT_OK) {
        vlt_model_subject_destroy(subject);
        return status;
    }
    *out = subject;
    return VLT_OK;
}

void vlt_model_subject_destroy(vlt_model_subject *subject)
{
    if (subject) {
        vlt_engine_close(subject->engine);
        json_decref(subject->document);
        if (subject->scene_fd >= 0) {
            close(subject->scene_fd);
        }
        free(subject->image);
        free(subject->workload);
        vlt_free(subject->ids);
        vlt_free(subject->leads);
        vlt_free(subject);
    }
}

static void keep_answer(vlt_model_subject *subject, const vlt_response *response)
{
    subject->count = response->id_count < subject->tokens ? response->id_count : subject->tokens;
    int width = 1 + response->logprob_top;
    for (int64_t i = 0; i < subject->count; i++) {
        const vlt_logprob *top = response->logprobs + i * width + 1;
        subject->ids[i] = response->ids[i];
        subject->leads[i] = response->logprob_top >= 2 ? top[0].logprob - top[1].logprob : 0;
    }
}

static vlt_status answer(vlt_model_subject *subject, vlt_error *err)
{
    vlt_session *session = NULL;
    vlt_response response = {0};
    const char *image = subject->image ? subject->image : subject->scene_path;
    const vlt_request request = {.prompt = subject->prompt,
                                 .images = &image,
                                 .image_count = 1,
                                 .max_tokens = subject->tokens,
                                 .greedy = true,
                                 .ignore_eos = true, /* equal work on both sides */
                                 .logprobs = 2};
    vlt_status status = vlt_session_open(subject->engine, NULL, &session, err);
    if (status == VLT_OK) {
        status = vlt_session_run(session, &request, &response, err);
    }
    if (status == VLT_OK) {
        keep_answer(subject, &response);
    }
    vlt_response_release(&response);
    vlt_session_close(session);
    return status;
}

int vlt_model_subject_run(vlt_model_subject *subject, int64_t iterations, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int64_t i = 0; i < iterations && status == VLT_OK; i++) {
        status = subject->workload ? answer_batch(subject, err) : answer(subject, err);
    }
    return (int)status;
}

int64_t vlt_model_subject_ids(const vlt_model_subject *subject, const int32_t **ids,
                              const float **leads)
{
    *ids = subject->ids;
    *leads = subject->leads;
    return subject->count;
}
