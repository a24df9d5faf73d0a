#include "harness/model/generation_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/model/config_internal.h"

enum { GENERATION_LIMIT = 1 << 20 };

static vlt_status read_generation(const json_t *root, const char *name, int64_t vocab,
                                  vlt_generation_config *out, vlt_error *err)
{
    const struct {
        const char *key;
        double low, high;
        double *out;
    } reals[] = {
        {"temperature", 0, 1e6, &out->temperature},
        {"top_p", 0, 1, &out->top_p},
        {"min_p", 0, 1, &out->min_p},
        {"repetition_penalty", 0, 1e6, &out->repetition_penalty},
    };
    bool found;
    if (!json_is_object(root)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: no JSON object", name);
    }
    vlt_status status = vlt_eos_read(root, name, vocab, &out->eos, err);
    if (status == VLT_OK) {
        status = vlt_json_bool(root, name, "do_sample", &out->sample, &found, err);
    }
    if (status == VLT_OK) {
        status = vlt_json_int(root, name, "top_k", 0, INT32_MAX, &out->top_k, &found, err);
    }
    for (size_t i = 0; i < sizeof reals / sizeof *reals && status == VLT_OK; i++) {
        status = vlt_json_double(root, name, reals[i].key, reals[i].low, reals[i].high,
                                 reals[i].out, &found, err);
    }
    if (status == VLT_OK && (out->top_p <= 0 || out->repetition_penalty <= 0)) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: top_p %g, repetition_penalty %g, expected both above 0", name,
                          out->top_p, out->repetition_penalty);
    }
    if (out->temperature <= 0) { /* the limit of sampling as the temperature falls */
        out->sample = false;
        out->temperature = 1;
    }
    return status;
}

vlt_status vlt_generation_config_load(const char *directory, const vlt_model_config *model,
                                      vlt_generation_config *out, vlt_error *err)
{
    vlt_generation_config config = {
        .eos = model->eos, .temperature = 1, .top_k = 50, .top_p = 1, .repetition_penalty = 1};
    json_t *root = NULL;
    char *path = NULL;
    vlt_status status = VLT_OK;
    if (asprintf(&path, "%s/generation_config.json", directory) < 0) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", directory);
    }
    if (access(path, F_OK) == 0) {
        status = vlt_json_load(path, GENERATION_LIMIT, &root, err);
        if (status == VLT_OK) {
            status = read_generation(root, path, model->text.vocab, &config, err);
        }
    }
    if (status == VLT_OK) {
        *out = config;
    }
    json_decref(root);
    free(path);
    return status;
}
