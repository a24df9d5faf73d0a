/* An answer as `run --json` prints it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/service_cli.h"
#include "harness/json/json_make.h"
#include "optimizations/bpe_encode/decode.h"

int64_t vlt_peak_rss_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

static json_t *ids_to_json(const int32_t *ids, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++) {
        vlt_json_append(&list, json_integer(ids[i]));
    }
    return list;
}

/* By its name where the knob's values have names. */
static json_t *knob_to_json(const vlt_knob *knob, int64_t value)
{
    const char *label = vlt_knob_label(knob, value);
    return label ? vlt_json_name(label) : json_integer(value);
}

static json_t *choice_to_json(const vlt_ledger_entry *entry)
{
    json_t *knobs = json_object();
    for (int k = 0; k < entry->variant->knob_count; k++) {
        vlt_json_set(&knobs, entry->variant->knobs[k].name,
                     knob_to_json(&entry->variant->knobs[k], entry->binding.value[k]));
    }
    return vlt_json_make("{s:s, s:o, s:s}", "variant", entry->variant->name, "knobs", knobs,
                         "source", vlt_choice_source_name(entry->source));
}

/* What was chosen for one operator, by bucket. */
static json_t *buckets_to_json(const vlt_ledger *const ledger[2], const vlt_op *op)
{
    json_t *buckets = json_object();
    for (int l = 0; l < 2; l++) {
        for (int i = 0; i < ledger[l]->count; i++) {
            const vlt_ledger_entry *entry = &ledger[l]->entry[i];
            if (entry->op == op) {
                vlt_json_set(&buckets, entry->bucket, choice_to_json(entry));
            }
        }
    }
    return buckets;
}

json_t *vlt_choices_to_json(vlt_engine *engine)
{
    const vlt_ledger *const ledger[2] = {&engine->prepare_ledger, &engine->ledger};
    json_t *choices = json_object();
    pthread_mutex_lock(&engine->prepare_lock); /* the next request may be making plans */
    for (int l = 0; l < 2; l++) {
        for (int i = 0; i < ledger[l]->count; i++) {
            const vlt_op *op = ledger[l]->entry[i].op;
            if (!json_object_get(choices, op->name)) {
                vlt_json_set(&choices, op->name, buckets_to_json(ledger, op));
            }
        }
    }
    pthread_mutex_unlock(&engine->prepare_lock);
    return choices;
}

static json_t *images_to_json(const vlt_response *response)
{
    json_t *list = json_array();
    for (int i = 0; i < response->image_count; i++) {
        const vlt_response_image *image = &response->images[i];
        vlt_json_append(
            &list, vlt_json_make("{s:s, s:[I,I,I], s:I}", "kind", image->video ? "video" : "image",
                                 "grid_thw", (json_int_t)image->grid_thw[0],
                                 (json_int_t)image->grid_thw[1], (json_int_t)image->grid_thw[2],
                                 "tokens", (json_int_t)image->tokens));
    }
    return list;
}

static json_t *token_to_json(const vlt_engine *engine, const vlt_logprob *logprob)
{
    char *text = NULL;
    size_t bytes = 0;
    json_t *token = NULL;
    if (vlt_decode(vlt_tokenizer_vocab(engine->tokenizer), &logprob->id, 1, false, &text, &bytes,
                   NULL) == VLT_OK) {
        token = vlt_json_string(text, bytes);
    }
    free(text);
    return vlt_json_make("{s:i, s:o, s:o}", "id", logprob->id, "token", token ? token : json_null(),
                         "logprob", vlt_json_real((double)logprob->logprob));
}

/* Per step the chosen token and the most probable ones; what cannot be drawn is left out. */
static json_t *logprobs_to_json(const vlt_engine *engine, const vlt_response *response)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < response->id_count; i++) {
        const vlt_logprob *row = response->logprobs + i * (response->logprob_top + 1);
        json_t *step = token_to_json(engine, row);
        json_t *top = json_array();
        for (int k = 1; k <= response->logprob_top; k++) {
            if (isfinite(row[k].logprob)) {
                vlt_json_append(&top, token_to_json(engine, &row[k]));
            }
        }
        vlt_json_set(&step, "top", top);
        vlt_json_append(&list, step);
    }
    return list;
}

static json_t *timings_to_json(const vlt_timings *timings)
{
    return vlt_json_make(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "load", timings->load, "image_decode",
        timings->image_decode, "preprocess", timings->preprocess, "tokenize", timings->tokenize,
        "vision", timings->vision, "prefill", timings->prefill, "decode", timings->decode, "other",
        timings->other, "total", timings->total, "overlap", timings->overlap);
}

static json_t *config_to_json(const vlt_tuned_loaded *state)
{
    return vlt_json_make("{s:s, s:o, s:o}", "status", state->status, "path",
                         state->path[0] ? vlt_json_name(state->path) : json_null(), "reason",
                         state->reason[0] ? vlt_json_name(state->reason) : json_null());
}

json_t *vlt_answer_to_json(vlt_engine *engine, const vlt_response *response)
{
    double steps = (double)(response->id_count - 1);
    double seconds = response->timings.decode / 1e3;
    json_t *answer = vlt_json_make(
        "{s:o, s:o, s:o, s:I, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:I, s:I, s:I}", "text",
        vlt_json_string(response->text, response->text_bytes), "ids",
        ids_to_json(response->ids, response->id_count), "prompt_ids",
        ids_to_json(response->prompt_ids, response->prompt_count), "rope_delta",
        (json_int_t)response->rope_delta, "finish", vlt_finish_name(response->finish), "images",
        images_to_json(response), "config", config_to_json(&engine->config_state), "choices",
        vlt_choices_to_json(engine), "quality", vlt_quality_name(engine->quality), "timings_ms",
        timings_to_json(&response->timings), "decode_tokens_per_s",
        steps > 0 && seconds > 0 ? json_real(steps / seconds) : json_null(), "cached_tokens",
        (json_int_t)response->cached_count, "peak_rss_bytes", (json_int_t)vlt_peak_rss_bytes(),
        "seed", (json_int_t)response->seed);
    if (answer) {
        vlt_json_set(&answer, "caches", vlt_caches_to_json(engine));
        vlt_json_set(&answer, "pressure", vlt_pressure_to_json(engine));
    }
    if (answer && response->logprob_top) {
        vlt_json_set(&answer, "logprobs", logprobs_to_json(engine, response));
    }
    return answer;
}
