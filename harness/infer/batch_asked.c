#include "harness/infer/batch_asked.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/generation.h"
#include "harness/model/chat.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/utf8_text.h"

/* As short as it can be read again. */
static void put_real(vlt_buffer *out, const char *key, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value) {
        snprintf(text, sizeof text, "%.17g", value);
    }
    vlt_buffer_print(out, ", \"%s\": %s", key, text);
}

static void put_reals(vlt_buffer *out, const vlt_request *request)
{
    const struct {
        const char *key;
        double value;
        uint32_t given;
    } real[] = {
        {"temperature", request->temperature, VLT_GIVEN_TEMPERATURE},
        {"top_p", request->top_p, VLT_GIVEN_TOP_P},
        {"min_p", request->min_p, VLT_GIVEN_MIN_P},
        {"repetition_penalty", request->repetition_penalty, VLT_GIVEN_REPETITION_PENALTY},
        {"presence_penalty", request->presence_penalty, VLT_GIVEN_PRESENCE_PENALTY},
    };
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        if (request->given & real[i].given) {
            put_real(out, real[i].key, real[i].value);
        }
    }
}

static void put_flags(vlt_buffer *out, const vlt_request *request)
{
    const struct {
        const char *key;
        bool value;
    } flag[] = {{"greedy", request->greedy},
                {"ignore_eos", request->ignore_eos},
                {"add_vision_id", request->add_vision_id},
                {"no_special", request->no_special}};
    for (size_t i = 0; i < sizeof flag / sizeof *flag; i++) {
        if (flag[i].value) {
            vlt_buffer_print(out, ", \"%s\": true", flag[i].key);
        }
    }
}

static void put_integers(vlt_buffer *out, const vlt_request *request, int64_t context)
{
    vlt_buffer_print(out, ", \"max_tokens\": %" PRId64, vlt_tokens_asked(request->max_tokens));
    if (request->given & VLT_GIVEN_TOP_K) {
        vlt_buffer_print(out, ", \"top_k\": %" PRId64, request->top_k);
    }
    if (request->given & VLT_GIVEN_SEED) {
        vlt_buffer_print(out, ", \"seed\": %" PRIu64, request->seed);
    }
    if (request->logprobs) {
        vlt_buffer_print(out, ", \"logprobs\": %d", request->logprobs);
    }
    if (context) {
        vlt_buffer_print(out, ", \"context\": %" PRId64, context);
    }
}

void vlt_batch_asked_put(vlt_buffer *out, const char *line, size_t line_bytes,
                         const vlt_request *request, const vlt_batch *batch, uint64_t model)
{
    const vlt_hash128 digest = vlt_hash128_bytes(line, line_bytes);
    vlt_buffer_print(out, "\"line\": \"%016" PRIx64 "%016" PRIx64 "\"", digest.high, digest.low);
    if (model) {
        vlt_buffer_print(out, ", \"model\": \"%016" PRIx64 "\"", model);
    }
    if (!request) {
        return;
    }
    put_integers(out, request, batch->context);
    put_reals(out, request);
    put_flags(out, request);
    for (int i = 0; i < request->stop_count; i++) {
        vlt_buffer_text(out, i ? ", " : ", \"stop\": [");
        vlt_buffer_json_string(out, request->stops[i], strlen(request->stops[i]));
    }
    vlt_buffer_text(out, request->stop_count ? "]" : "");
    if (batch->images && batch->images[0]) {
        vlt_buffer_text(out, ", \"images\": ");
        vlt_buffer_json_string(out, batch->images, strlen(batch->images));
    }
}

/* As JSON, its beginning where it is long; "none". */
static void show(const vlt_tree *value, char *out, size_t out_bytes)
{
    char *text = NULL;
    size_t bytes;
    if (value && vlt_chat_dumps(value, &text, &bytes, NULL) == VLT_OK) {
        vlt_utf8_format(out, out_bytes, "%s", text);
    } else {
        vlt_utf8_format(out, out_bytes, "%s", value ? "another" : "none");
    }
    free(text);
}

static bool same(const vlt_tree *a, const vlt_tree *b)
{
    char *text[2] = {NULL, NULL};
    size_t bytes[2];
    const bool equal = a && b && vlt_chat_dumps(a, &text[0], &bytes[0], NULL) == VLT_OK &&
                       vlt_chat_dumps(b, &text[1], &bytes[1], NULL) == VLT_OK &&
                       !strcmp(text[0], text[1]);
    free(text[0]);
    free(text[1]);
    return equal || (!a && !b);
}

/* The keys that a record may have, "line" first. */
static const char *const keys[] = {"line",        "max_tokens", "greedy",
                                   "temperature", "top_k",      "top_p",
                                   "min_p",       "seed",       "repetition_penalty",
                                   "stop",        "context",    "presence_penalty",
                                   "logprobs",    "ignore_eos", "add_vision_id",
                                   "no_special",  "images"};

void vlt_batch_asked_compare(const vlt_tree *had, const vlt_tree *wants, bool line_alone,
                             vlt_batch_difference *out)
{
    const size_t count = line_alone ? 1 : sizeof keys / sizeof *keys;
    *out = (vlt_batch_difference){0};
    for (size_t i = 0; i < count; i++) {
        const vlt_tree *a = vlt_tree_get(had, keys[i]), *b = vlt_tree_get(wants, keys[i]);
        if (!same(a, b)) {
            out->key = keys[i];
            show(a, out->had, sizeof out->had);
            show(b, out->wants, sizeof out->wants);
            return;
        }
    }
}

bool vlt_batch_asked_again(const vlt_tree *request)
{
    const vlt_tree *failed = vlt_tree_get(request, "failed");
    return failed && (vlt_tree_is(failed, vlt_status_name(VLT_STATUS_LIMIT)) ||
                      vlt_tree_is(failed, vlt_status_name(VLT_STATUS_NOMEM)));
}
