#include "tests/support/golden_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/infer/session.h"
#include "tests/support/data.h"

enum { STEPS = 24, LOGIT_STEPS = 8 };

struct golden {
    const char *model, *name;
    json_t *description;
    vlt_safetensors *expected, *found;
    vlt_engine *engine;
    vlt_session *session;
    vlt_response response;
    char dump[64];
    json_t *drift; /* tensor to relative error that is permitted; NULL: GOLDEN_TOLERANCE rules */
    float *steps;  /* [LOGIT_STEPS, vocab] logits that the ids were chosen from */

    int differences;
    int compared;
    double worst; /* share of the largest value */
    char where[96];
};

static void differ(struct golden *golden, const char *what, const char *detail)
{
    fprintf(stderr, "  %s/%s: %s: %s\n", golden->model, golden->name, what, detail);
    golden->differences++;
}

static bool keep_logits(void *user, int64_t step, const float *logits, int64_t vocab)
{
    const struct golden *golden = user;
    if (step < LOGIT_STEPS) {
        memcpy(golden->steps + step * vocab, logits, (size_t)vocab * sizeof(float));
    }
    return true;
}

/* The messages with the case's video options put into its video item. */
static char *messages_of(const json_t *description)
{
    json_t *messages = json_deep_copy(json_object_get(description, "messages"));
    const json_t *options = json_object_get(description, "options");
    size_t i, k;
    json_t *message, *item;
    json_array_foreach(messages, i, message)
    {
        json_array_foreach(json_object_get(message, "content"), k, item)
        {
            if (json_object_get(item, "video") && json_object_get(options, "video_fps")) {
                json_object_set(item, "fps", json_object_get(options, "video_fps"));
                json_object_set(item, "frames_indices",
                                json_object_get(options, "video_frames_indices"));
            }
        }
    }
    char *text = json_dumps(messages, 0);
    json_decref(messages);
    return text;
}

static void compare_ids(struct golden *golden)
{
    const json_t *expected = json_object_get(golden->description, "input_ids");
    const vlt_response *response = &golden->response;
    char text[128];
    if ((int64_t)json_array_size(expected) != response->prompt_count) {
        snprintf(text, sizeof text, "%lld ids, expected %zu", (long long)response->prompt_count,
                 json_array_size(expected));
        differ(golden, "prompt", text);
        return;
    }
    for (int64_t i = 0; i < response->prompt_count; i++) {
        if (json_integer_value(json_array_get(expected, (size_t)i)) != response->prompt_ids[i]) {
            snprintf(text, sizeof text, "id %lld is %d", (long long)i, response->prompt_ids[i]);
            differ(golden, "prompt", text);
            return;
        }
    }
    int64_t delta = json_integer_value(json_object_get(golden->description, "rope_delta"));
    if (delta != response->rope_delta) {
        snprintf(text, sizeof text, "%lld, expected %lld", (long long)response->rope_delta,
                 (long long)delta);
        differ(golden, "rope delta", text);
    }
}

static double margin(const json_t *description, int step)
{
    const json_t *top = json_array_get(json_object_get(description, "top5"), (size_t)step);
    return json_number_value(json_array_get(json_array_get(top, 0), 1)) -
           json_number_value(json_array_get(json_array_get(top, 1), 1));
}

/* Number of steps whose logits may be compared: up to the first id that differs. */
static int compare_greedy(struct golden *golden)
{
    const json_t *expected = json_object_get(golden->description, "greedy_ids");
    for (int i = 0; i < STEPS; i++) {
        int id = (int)json_integer_value(json_array_get(expected, (size_t)i));
        if (i >= golden->response.id_count || golden->response.ids[i] != id) {
            if (i >= golden->response.id_count ||
                (!golden->drift && margin(golden->description, i) >= GOLDEN_MARGIN)) {
                char text[96];
                snprintf(text, sizeof text, "step %d is %d, expected %d", i,
                         i < golden->response.id_count ? golden->response.ids[i] : -1, id);
                differ(golden, "greedy", text);
            }
            return i + 1;
        }
    }
    return STEPS;
}

/* The norm of the difference over the norm, against twice what the reference itself drifts in bf16.
 * Tensors that it says nothing about are not compared. */
static void compare_drift(struct golden *golden, const char *name, const float *expected,
                          const float *found, int64_t count)
{
    bool last = !strcmp(name, "logits.last");
    const json_t *permitted = json_object_get(golden->drift, last ? "logits" : name);
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = (double)expected[i] - (double)found[i];
        difference += d * d;
        norm += (double)expected[i] * (double)expected[i];
    }
    double share = sqrt(difference / norm);
    if (!permitted) {
        return;
    }
    golden->compared++;
    if (!(share <= golden->worst)) {
        golden->worst = share;
        snprintf(golden->where, sizeof golden->where, "%s", name);
    }
    if (!(share <= 2 * json_number_value(permitted))) {
        char text[96];
        snprintf(text, sizeof text, "relative error %.3g, %.3g drift", share,
                 json_number_value(permitted));
        differ(golden, name, text);
    }
}

static void compare_values(struct golden *golden, const char *name, const float *expected,
                           const float *found, int64_t count)
{
    double largest = 0, worst = 0;
    if (golden->drift) {
        compare_drift(golden, name, expected, found, count);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
    }
    for (int64_t i = 0; i < count; i++) {
        double difference = fabs((double)expected[i] - (double)found[i]);
        worst = isnan(difference) ? INFINITY : fmax(worst, difference);
    }
    double share = worst / largest;
    golden->compared++;
    if (share > golden->worst || golden->compared == 1) {
        golden->worst = share;
        snprintf(golden->where, sizeof golden->where, "%s", name);
    }
    if (!(share <= GOLDEN_TOLERANCE)) {
        char text[96];
        snprintf(text, sizeof text, "off by %.3g of the largest value", share);
        differ(golden, name, text);
    }
}

/* Which row of ours the reference kept as its row `index` of `kept`. */
static int64_t row_of(const struct golden *golden, const char *name, int64_t index, int64_t kept,
                      int64_t rows)
{
    if (!strcmp(golden->name, "image") || kept == rows) {
        return index;
    }
    if (!strncmp(name, "pixel_values", 12)) {
        return index;
    }
    if (!strcmp(name, "vision.merged") || !strncmp(name, "vision.deepstack", 16)) {
        return index * 5;
    }
    if (!strncmp(name, "vision.", 7)) {
        return index * 37;
    }
    return rows - kept + index;
}

static void compare_tensor(struct golden *golden, const vlt_tensor *expected)
{
    const vlt_tensor *found = vlt_safetensors_find(golden->found, expected->name);
    int64_t width = expected->rank == 2 ? expected->shape[1] : 1;
    int64_t kept = expected->shape[0];
    if (!found || found->rank != expected->rank || found->dtype != expected->dtype ||
        (expected->rank == 2 && found->shape[1] != width)) {
        differ(golden, expected->name, "missing, or of another shape or type");
        return;
    }
    if (expected->dtype == VLT_DTYPE_I32) {
        golden->compared++;
        if (found->bytes != expected->bytes || memcmp(found->data, expected->data, found->bytes)) {
            differ(golden, expected->name, "not equal");
        }
        return;
    }
    float *a = malloc(expected->bytes), *b = malloc(expected->bytes);
    for (int64_t i = 0; i < kept; i++) {
        int64_t row = row_of(golden, expected->name, i, kept, found->shape[0]);
        if (row < 0 || row >= found->shape[0]) {
            differ(golden, expected->name, "too few rows");
            goto done;
        }
        vlt_tensor_to_f32(expected, i * width, width, a + i * width);
        vlt_tensor_to_f32(found, row * width, width, b + i * width);
    }
    compare_values(golden, expected->name, a, b, kept * width);
done:
    free(a);
    free(b);
}

static void compare_tensors(struct golden *golden, int steps)
{
    const int64_t vocab = golden->engine->config.text.vocab;
    for (int i = 0; i < vlt_safetensors_count(golden->expected); i++) {
        const vlt_tensor *tensor = vlt_safetensors_at(golden->expected, i);
        if (!strcmp(tensor->name, "logits.steps")) {
            int rows = steps < LOGIT_STEPS ? steps : LOGIT_STEPS;
            compare_values(golden, tensor->name, tensor->data, golden->steps, rows * vocab);
        } else {
            compare_tensor(golden, tensor);
        }
    }
}

/* The first step's distribution against the reference's list; what is not listed has none. */
static void compare_sampling(struct golden *golden, vlt_request *request)
{
    const json_t *sampling = json_object_get(golden->description, "sampling");
    const json_t *listed = json_object_get(sampling, "probabilities");
    vlt_response response;
    vlt_error err = {0};
    request->dump = NULL;
    request->greedy = false;
    request->max_tokens = 1;
    request->logprobs = 1;
    request->given = VLT_GIVEN_TEMPERATURE | VLT_GIVEN_TOP_K | VLT_GIVEN_TOP_P |
                     VLT_GIVEN_REPETITION_PENALTY | VLT_GIVEN_SEED;
    request->temperature = json_number_value(json_object_get(sampling, "temperature"));
    request->top_k = json_integer_value(json_object_get(sampling, "top_k"));
    request->top_p = json_number_value(json_object_get(sampling, "top_p"));
    request->repetition_penalty = json_number_value(
        json_object_get(sampling, "repetition_penalty"));
    request->on_logits = NULL;
    if (vlt_session_run(golden->session, request, &response, &err) != VLT_OK) {
        differ(golden, "sampling", err.message);
        return;
    }
    vlt_response_release(&response);
    for (int64_t id = 0; id < golden->engine->config.text.vocab; id++) {
        char key[24];
        snprintf(key, sizeof key, "%lld", (long long)id);
        double expected = json_number_value(json_object_get(listed, key));
        double found = (double)golden->session->probabilities[id];
        if (!(fabs(expected - found) <= 1e-4)) {
            char text[96];
            snprintf(text, sizeof text, "id %s has %g, expected %g", key, found, expected);
            differ(golden, "sampling", text);
        }
    }
}

static bool open_case(struct golden *golden, const vlt_engine_options *options, vlt_error *err)
{
    char relative[256];
    snprintf(relative, sizeof relative, "golden/model/%s/cases/%s/case.json", golden->model,
             golden->name);
    const char *path = test_data(relative);
    if (!path || vlt_json_load(path, 64 << 20, &golden->description, err) != VLT_OK) {
        return false;
    }
    snprintf(relative, sizeof relative, "golden/model/%s/cases/%s/expected.safetensors",
             golden->model, golden->name);
    if (vlt_safetensors_open(test_data(relative), &golden->expected, err) != VLT_OK) {
        return false;
    }
    snprintf(relative, sizeof relative, "golden/model/%s/checkpoint", golden->model);
    return vlt_engine_open(test_data(relative), options, &golden->engine, err) == VLT_OK &&
           vlt_session_open(golden->engine, NULL, &golden->session, err) == VLT_OK;
}

static void run_case(struct golden *golden, vlt_error *err)
{
    char relative[128];
    char *messages = messages_of(golden->description);
    snprintf(relative, sizeof relative, "golden/model/%s/files", golden->model);
    snprintf(golden->dump, sizeof golden->dump, "/tmp/vlt-golden-%d.safetensors", (int)getpid());
    golden->steps = calloc((size_t)golden->engine->config.text.vocab * LOGIT_STEPS,
                           sizeof *golden->steps);
    vlt_request request = {.messages = messages,
                           .messages_bytes = strlen(messages),
                           .files = test_data(relative),
                           .max_tokens = STEPS,
                           .greedy = true,
                           .ignore_eos = true,
                           .on_logits = keep_logits,
                           .user = golden,
                           .dump = golden->dump};
    if (vlt_session_run(golden->session, &request, &golden->response, err) != VLT_OK ||
        vlt_safetensors_open(golden->dump, &golden->found, err) != VLT_OK) {
        differ(golden, "run", err->message);
    } else {
        compare_ids(golden);
        compare_tensors(golden, compare_greedy(golden));
        if (!golden->drift) {
            compare_sampling(golden, &request);
        }
    }
    unlink(golden->dump);
    free(messages);
}

/* What the checkpoint's drift.tsv says about a case. */
static json_t *read_drift(const char *model, const char *name)
{
    char relative[128], *next = NULL;
    size_t bytes;
    json_t *drift = json_object();
    snprintf(relative, sizeof relative, "golden/model/%s/drift.tsv", model);
    char *text = test_read_file(test_data(relative), &bytes);
    for (char *line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        char of[64], tensor[96];
        double error;
        if (sscanf(line, "%63s %95s %lf", of, tensor, &error) == 3 && !strcmp(of, name)) {
            json_object_set_new(drift, tensor, json_real(error));
        }
    }
    free(text);
    return drift;
}

static int run_golden(struct golden *golden, const vlt_engine_options *options)
{
    vlt_error err = {0};
    if (!open_case(golden, options, &err)) {
        differ(golden, "open", err.message);
    } else {
        run_case(golden, &err);
        fprintf(stderr, "%-12s %-10s %2d tensors, %d differences, worst %.2g %s in %s\n",
                golden->model, golden->name, golden->compared, golden->differences, golden->worst,
                golden->drift ? "relative error" : "of the largest", golden->where);
    }
    vlt_response_release(&golden->response);
    vlt_session_close(golden->session);
    vlt_engine_close(golden->engine);
    vlt_safetensors_close(golden->expected);
    vlt_safetensors_close(golden->found);
    json_decref(golden->description);
    json_decref(golden->drift);
    free(golden->steps);
    return golden->differences;
}

static bool is_there(const char *model)
{
    char path[64];
    snprintf(path, sizeof path, "golden/model/%s", model);
    if (!test_data(path)) {
        test_skip(path);
        return false;
    }
    return true;
}

int golden_case_run_drifting(const vlt_engine_options *options, const char *model, const char *name)
{
    struct golden golden = {.model = model, .name = name};
    if (!is_there(model)) {
        return -1;
    }
    golden.drift = read_drift(model, name);
    int differences = run_golden(&golden, options);
    return golden.compared ? differences : differences + 1; /* nothing compared is no success */
}

int golden_case_run(const vlt_engine_options *options, const char *model, const char *name)
{
    struct golden golden = {.model = model, .name = name};
    return is_there(model) ? run_golden(&golden, options) : -1;
}
