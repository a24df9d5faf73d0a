#include "harness/measure/measure_abi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "harness/measure/model_subject.h"
#include "harness/measure/prepared.h"
#include "optimizations/core/utf8_text.h"

struct request {
    json_t *document; /* owns the texts */
    vlt_prepare_request prepare;
};

static vlt_status read_request(const char *text, struct request *request, vlt_error *err)
{
    static const char name[] = "measure request";
    int64_t seed = 1, threads = 0, cold = 0;
    bool found;
    const char *regime = "hot", *quality = NULL;
    *request = (struct request){0};
    vlt_status status = vlt_json_parse(text, strlen(text), name, &request->document, err);
    if (status != VLT_OK) {
        return status;
    }
    const json_t *o = request->document;
    vlt_prepare_request *prepare = &request->prepare;
    if ((status = vlt_json_text(o, name, "what", &prepare->what, NULL, err)) == VLT_OK &&
        (status = vlt_json_int(o, name, "seed", 0, INT64_MAX, &seed, &found, err)) == VLT_OK &&
        (status = vlt_json_int(o, name, "threads", 0, 1024, &threads, &found, err)) == VLT_OK &&
        (status = vlt_json_int(o, name, "cold_bytes", 0, INT64_MAX, &cold, &found, err)) ==
            VLT_OK &&
        (status = vlt_json_text(o, name, "quality", &quality, &found, err)) == VLT_OK &&
        (status = vlt_quality_parse(quality, &prepare->quality, err)) == VLT_OK &&
        (status = vlt_json_text(o, name, "device", &prepare->device, &found, err)) == VLT_OK &&
        (status = vlt_json_text(o, name, "regime", &regime, &found, err)) == VLT_OK) {
        status = vlt_regime_parse(regime, &prepare->regime, err);
    }
    prepare->seed = (uint64_t)seed;
    prepare->threads = (int)threads;
    prepare->cold_bytes = (size_t)cold;
    return status;
}

static int finish(vlt_status status, const vlt_error *err, char *message)
{
    vlt_utf8_format(message, VLT_MEASURE_MESSAGE_BYTES, "%s", status == VLT_OK ? "" : err->message);
    return (int)status;
}

/* The source's address must live as long as the workloads that point to it. */
struct handle {
    vlt_prepared *prepared;
    vlt_buffer_source buffers;
};

static int prepare(const char *text, void *(*take)(void *user, size_t bytes), void *user,
                   void **handle, char *message)
{
    vlt_error err = {0};
    struct request request;
    *handle = NULL;
    struct handle *h = calloc(1, sizeof *h);
    vlt_status status = h ? read_request(text, &request, &err)
                          : vlt_fail(&err, VLT_STATUS_NOMEM, "no memory for a measured subject");
    if (h && status == VLT_OK) {
        h->buffers = (vlt_buffer_source){.take = take, .user = user};
        request.prepare.buffers = take ? &h->buffers : NULL;
        status = vlt_prepared_create(&request.prepare, &h->prepared, &err);
    }
    if (h) {
        json_decref(request.document);
    }
    if (status == VLT_OK) {
        *handle = h;
    } else {
        free(h);
    }
    return finish(status, &err, message);
}

static int verify(const char *text, char *message)
{
    vlt_error err = {0};
    struct request request;
    vlt_status status = read_request(text, &request, &err);
    if (status == VLT_OK) {
        status = vlt_prepared_verify(&request.prepare, &err);
    }
    json_decref(request.document);
    return finish(status, &err, message);
}

static int run(void *handle, int64_t iterations)
{
    return vlt_prepared_run(((struct handle *)handle)->prepared, iterations);
}

static const char *failure(void *handle)
{
    return vlt_prepared_failure(((struct handle *)handle)->prepared);
}

static void reset(void *handle)
{
    vlt_prepared_reset(((struct handle *)handle)->prepared);
}

/* A request's outputs: "ids", then "leads". */
static int model_output(const vlt_model_subject *model, int32_t index, vlt_measure_output *out)
{
    const int32_t *ids;
    const float *leads;
    int64_t count = vlt_model_subject_ids(model, &ids, &leads);
    if (index < 0 || index > 1) {
        return 1;
    }
    *out = (vlt_measure_output){.name = index ? VLT_MEASURE_LEADS : VLT_MEASURE_IDS,
                                .data = index ? (const void *)leads : ids,
                                .count = (uint64_t)count,
                                .dtype = index ? VLT_DTYPE_F32 : VLT_DTYPE_I32};
    return 0;
}

static int output(void *handle, int32_t index, vlt_measure_output *out)
{
    const vlt_prepared *prepared = ((struct handle *)handle)->prepared;
    const vlt_workload *workload = vlt_prepared_workload(prepared);
    if (vlt_prepared_model(prepared)) {
        return model_output(vlt_prepared_model(prepared), index, out);
    }
    if (!workload || index < 0 || index >= workload->output_count) {
        return 1;
    }
    const vlt_output *from = &workload->output[index];
    *out = (vlt_measure_output){.name = from->name,
                                .data = from->data,
                                .count = from->count,
                                .dtype = (int32_t)from->dtype,
                                .tolerance = from->tolerance + vlt_prepared_loss(prepared)};
    return 0;
}

static void cost(void *handle, vlt_measure_cost *out)
{
    const vlt_workload *workload = vlt_prepared_workload(((struct handle *)handle)->prepared);
    *out = (vlt_measure_cost){.flops = NAN, .bytes = NAN, .work = NAN};
    if (workload) {
        vlt_cost c;
        vlt_prepared_cost(((struct handle *)handle)->prepared, &c);
        *out = (vlt_measure_cost){c.flops, c.bytes, c.work, c.unit};
    }
}

static int threads(void *handle)
{
    return vlt_prepared_threads(((struct handle *)handle)->prepared);
}

static void release(void *handle)
{
    struct handle *h = handle;
    if (h) {
        vlt_prepared_destroy(h->prepared);
        free(h);
    }
}

const vlt_measure_abi *vlt_measure_abi_table(void)
{
    static const vlt_measure_abi table = {
        .version = VLT_MEASURE_ABI_VERSION,
        .size_bytes = sizeof table,
        .build = "vltune " VLT_VERSION ", compiler " __VERSION__,
        .prepare = prepare,
        .verify = verify,
        .run = run,
        .failure = failure,
        .reset = reset,
        .output = output,
        .cost = cost,
        .threads = threads,
        .release = release,
    };
    return &table;
}
