/* An answer as `run --json` prints it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/cli/engine_cli.h"
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
        json_array_append_new(list, json_integer(ids[i]));
    }
    return list;
}

/* By its name where the knob's values have names. */
static json_t *knob_to_json(const vlt_knob *knob, int64_t value)
{
    const char *label = vlt_knob_label(knob, value);
    return label ? json_string(label) : json_integer(value);
}

static void add_ledger(json_t *choices, const vlt_ledger *ledger)
{
    for (int i = 0; i < ledger->count; i++) {
        const vlt_ledger_entry *entry = &ledger->entry[i];
        json_t *buckets = json_object_get(choices, entry->op->name);
        json_t *knobs = json_object();
        if (!buckets) {
            buckets = json_object();
            json_object_set_new(choices, entry->op->name, buckets);
        }
        for (int k = 0; k < entry->variant->knob_count; k++) {
            json_object_set_new(knobs, entry->variant->knobs[k].name,
                                knob_to_json(&entry->variant->knobs[k], entry->binding.value[k]));
        }
        json_object_set_new(buckets, entry->bucket,
                            json_pack("{s:s, s:o, s:s}", "variant", entry->variant->name, "knobs",
                                      knobs, "source", vlt_choice_source_name(entry->source)));
    }
}

json_t *vlt_choices_to_json(const vlt_engine *engine)
{
    json_t *choices = json_object();
    add_ledger(choices, &engine->prepare_ledger);
    add_ledger(choices, &engine->ledger);
    return choices;
}

static json_t *images_to_json(const vlt_response *response)
{
    json_t *list = json_array();
    for (int i = 0; i < response->image_count; i++) {
        const vlt_response_image *image = &response->images[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:[I,I,I], s:I}", "kind", image->video ? "video" : "image", "grid_thw",
                      (json_int_t)image->grid_thw[0], (json_int_t)image->grid_thw[1],
                      (json_int_t)image->grid_thw[2], "tokens", (json_int_t)image->tokens));
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
    return json_pack("{s:i, s:o, s:o}", "id", logprob->id, "token", token ? token : json_null(),
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
                json_array_append_new(top, token_to_json(engine, &row[k]));
            }
        }
        json_object_set_new(step, "top", top);
        json_array_append_new(list, step);
    }
    return list;
}

static json_t *timings_to_json(const vlt_timings *timings)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "load", timings->load,
                     "image_decode", timings->image_decode, "preprocess", timings->preprocess,
                     "tokenize", timings->tokenize, "vision", timings->vision, "prefill",
                     timings->prefill, "decode", timings->decode, "other", timings->other, "total",
                     timings->total, "overlap", timings->overlap);
}

static json_t *config_to_json(const vlt_tuned_loaded *state)
{
    return json_pack("{s:s, s:o, s:o}", "status", state->status, "path",
                     state->path[0] ? json_string(state->path) : json_null(), "reason",
                     state->reason[0] ? json_string(state->reason) : json_null());
}

json_t *vlt_answer_to_json(const vlt_engine *engine, const vlt_response *response)
{
    double steps = (double)(response->id_count - 1);
    double seconds = response->timings.decode / 1e3;
    json_t *answer = json_pack(
        "{s:o, s:o, s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "text",
        vlt_json_string(response->text, response->text_bytes), "ids",
        ids_to_json(response->ids, response->id_count), "prompt_ids",
        ids_to_json(response->prompt_ids, response->prompt_count), "rope_delta",
        (json_int_t)response->rope_delta, "finish", vlt_finish_name(response->finish), "images",
        images_to_json(response), "config", config_to_json(&engine->config_state), "choices",
        vlt_choices_to_json(engine), "timings_ms", timings_to_json(&response->timings),
        "decode_tokens_per_s", steps > 0 && seconds > 0 ? json_real(steps / seconds) : json_null(),
        "cached_tokens", (json_int_t)response->cached_count, "peak_rss_bytes",
        (json_int_t)vlt_peak_rss_bytes(), "seed", (json_int_t)response->seed);
    if (answer && response->logprob_top) {
        json_object_set_new(answer, "logprobs", logprobs_to_json(engine, response));
    }
    return answer;
}
