/* The child's half of whole.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/json/json_make.h"
#include "harness/measure/child.h"
#include "harness/measure/whole_internal.h"

enum { TOKENS_MAX = 4096 };

static vlt_status read_task(const json_t *o, vlt_whole_job *job, vlt_error *err)
{
    const char *n = VLT_WHOLE_TASK;
    bool found;
    vlt_status status;
    if ((status = vlt_json_text(o, n, "kind", &job->kind, NULL, err)) != VLT_OK ||
        (status = vlt_json_bytes(o, n, "model", &job->model, NULL, err)) != VLT_OK ||
        (status = vlt_json_bytes(o, n, "config", &job->config, NULL, err)) != VLT_OK ||
        (status = vlt_json_bytes(o, n, "against", &job->against, NULL, err)) != VLT_OK ||
        (status = vlt_json_bytes(o, n, "scenes", &job->scenes, NULL, err)) != VLT_OK ||
        (status = vlt_json_bytes(o, n, "workload", &job->workload, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "parallel", 0, 4096, &job->parallel, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "depth", 0, 1024, &job->depth, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "threads", 0, 1024, &job->threads, NULL, err)) != VLT_OK ||
        (status = vlt_json_text(o, n, "quality", &job->quality, &found, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "pack_cache", -1, INT64_MAX, &job->pack_cache, NULL, err)) !=
            VLT_OK ||
        (status = vlt_json_int(o, n, "tokens", 1, TOKENS_MAX, &job->tokens, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "scene_max", 0, INT32_MAX, &job->scene_max, NULL, err)) !=
            VLT_OK) {
        return status;
    }
    return vlt_json_double(o, n, "limit_s", 0, 1e9, &job->limit_s, NULL, err);
}

vlt_status vlt_whole_open_engine(const vlt_whole_job *job, const char *config, int depth,
                                 vlt_engine **out, vlt_error *err)
{
    bool baseline = !strcmp(config, "baseline"), defaults = !strcmp(config, "default");
    const vlt_engine_options options = {.threads = (int)job->threads,
                                        .config = baseline || defaults ? NULL : config,
                                        .baseline = baseline,
                                        .no_config = defaults,
                                        .require_tuned = !baseline && !defaults,
                                        .quality = job->quality,
                                        .pack_cache = job->pack_cache,
                                        .services = VLT_SERVICES_KEEP_NOTHING,
                                        .depth = depth};
    return vlt_engine_open(job->model, &options, out, err);
}

bool vlt_whole_time_is_up(const vlt_whole_job *job)
{
    return job->limit_s > 0 && vlt_now_ms() - job->begin_ms > job->limit_s * 1e3;
}

static json_t *peak_to_json(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? json_real((double)usage.ru_maxrss * 1024)
                                               : json_null();
}

static vlt_status serve_task(vlt_whole_job *job, vlt_error *err)
{
    static const struct {
        const char *kind;
        vlt_status (*serve)(vlt_whole_job *job, vlt_error *err);
    } kinds[] = {{"request", vlt_whole_serve_request},
                 {"outputs", vlt_whole_serve_outputs},
                 {"answers", vlt_whole_serve_answers},
                 {"divergence", vlt_whole_serve_divergence}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(kinds[i].kind, job->kind)) {
            return kinds[i].serve(job, err);
        }
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "%s: unknown kind '%s'", VLT_WHOLE_TASK, job->kind);
}

vlt_status vlt_whole_serve(FILE *in, FILE *out, vlt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    vlt_error failure = {0};
    json_t *document = NULL;
    vlt_whole_job job = {.answer = json_object(), .begin_ms = vlt_now_ms()};
    vlt_status status = vlt_read_stream(in, VLT_WHOLE_TASK, VLT_CHILD_REQUEST_MAX, &text, &bytes,
                                        &failure);
    if (status == VLT_OK) {
        status = vlt_json_parse(text, bytes, VLT_WHOLE_TASK, &document, &failure);
    }
    if (status == VLT_OK && (status = read_task(document, &job, &failure)) == VLT_OK) {
        status = serve_task(&job, &failure);
    }
    vlt_json_set(&job.answer, "status", vlt_json_name(vlt_status_name(status)));
    if (status != VLT_OK) {
        vlt_json_set(&job.answer, "message", vlt_json_name(failure.message));
    }
    vlt_json_set(&job.answer, "peak_bytes", peak_to_json());
    status = vlt_json_print(job.answer, true, out, err);
    json_decref(job.answer);
    json_decref(document);
    free(job.model);
    free(job.config);
    free(job.against);
    free(job.workload);
    free(job.scenes);
    free(text);
    return status;
}
