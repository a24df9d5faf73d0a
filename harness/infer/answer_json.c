#include "harness/infer/answer_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/json/json_make.h"
#include "optimizations/bpe_encode/decode.h"

int64_t vlt_peak_rss_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
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

static json_t *choices_to_json(vlt_engine *engine)
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

static json_t *config_to_json(const vlt_tuned_loaded *state)
{
    return vlt_json_make("{s:s, s:o, s:o}", "status", state->status, "path",
                         state->path[0] ? vlt_json_name(state->path) : json_null(), "reason",
                         state->reason[0] ? vlt_json_name(state->reason) : json_null());
}

/* What does not change between answers, unless plans were made. */
static vlt_status refresh(vlt_answer_writer *writer, vlt_engine *engine, vlt_error *err)
{
    pthread_mutex_lock(&engine->prepare_lock);
    const int counts[2] = {engine->prepare_ledger.count, engine->ledger.count};
    pthread_mutex_unlock(&engine->prepare_lock);
    if (writer->choices && !memcmp(counts, writer->counts, sizeof counts)) {
        return VLT_OK;
    }
    json_t *fixed = vlt_json_make(
        "{s:o, s:o, s:s}", "config", config_to_json(&engine->config_state), "choices",
        choices_to_json(engine), "quality", vlt_quality_name(engine->quality));
    free(writer->choices);
    writer->choices = vlt_json_dump_as(fixed, JSON_EMBED, err);
    memcpy(writer->counts, counts, sizeof counts);
    json_decref(fixed);
    return writer->choices ? VLT_OK : VLT_STATUS_NOMEM;
}

static void put_real(vlt_buffer *out, double value)
{
    if (isfinite(value)) {
        const size_t first = out->bytes;
        vlt_buffer_print(out, "%.17g", value);
        if (!out->failed && !strpbrk(out->data + first, ".e")) {
            vlt_buffer_text(out, ".0"); /* a reader keeps it apart from integers */
        }
    } else {
        vlt_buffer_text(out, "null");
    }
}

/* What was moved since the last answer; null on the CPU. */
static void put_device(vlt_buffer *out, vlt_device *device)
{
    vlt_device_usage usage;
    if (!device) {
        vlt_buffer_text(out, "null");
        return;
    }
    vlt_device_usage_take(device, &usage);
    vlt_buffer_text(out, "{\"name\": ");
    vlt_buffer_json_string(out, device->name, strlen(device->name));
    vlt_buffer_print(out, ", \"bytes_to_device\": %lld, \"bytes_to_host\": %lld, \"overlap\": ",
                     (long long)usage.bytes_to, (long long)usage.bytes_from);
    put_real(out, usage.overlap);
    vlt_buffer_text(out, ", \"efficiency\": ");
    put_real(out, usage.efficiency);
    vlt_buffer_text(out, "}");
}

static void put_images(vlt_buffer *out, const vlt_response *response)
{
    for (int i = 0; i < response->image_count; i++) {
        const vlt_response_image *image = &response->images[i];
        vlt_buffer_print(
            out, "%s{\"kind\": \"%s\", \"grid_thw\": [%lld, %lld, %lld], \"tokens\": %lld}",
            i ? ", " : "", image->video ? "video" : "image", (long long)image->grid_thw[0],
            (long long)image->grid_thw[1], (long long)image->grid_thw[2], (long long)image->tokens);
    }
}

static void put_timings(vlt_buffer *out, const vlt_timings *timings)
{
    const struct {
        const char *name;
        double ms;
    } time[] = {{"load", timings->load},
                {"image_decode", timings->image_decode},
                {"preprocess", timings->preprocess},
                {"tokenize", timings->tokenize},
                {"vision", timings->vision},
                {"prefill", timings->prefill},
                {"decode", timings->decode},
                {"other", timings->other},
                {"total", timings->total},
                {"overlap", timings->overlap}};
    for (size_t i = 0; i < sizeof time / sizeof *time; i++) {
        vlt_buffer_print(out, "%s\"%s\": ", i ? ", " : "", time[i].name);
        put_real(out, time[i].ms);
    }
}

static vlt_status put_logprobs(vlt_buffer *out, const vlt_engine *engine,
                               const vlt_response *response, vlt_error *err)
{
    json_t *list = logprobs_to_json(engine, response);
    char *text = vlt_json_dump(list, err);
    vlt_buffer_print(out, ", \"logprobs\": %s", text ? text : "");
    json_decref(list);
    free(text);
    return text ? VLT_OK : VLT_STATUS_NOMEM;
}

/* The text is of whole characters: the decoder sees to it. */
static void put_members(vlt_buffer *out, vlt_engine *engine, const vlt_response *response,
                        const char *fixed)
{
    const double steps = (double)(response->id_count - 1);
    const double seconds = response->timings.decode / 1e3;
    vlt_buffer_text(out, "\"text\": ");
    vlt_buffer_json_string(out, response->text, response->text_bytes);
    vlt_buffer_text(out, ", \"ids\": ");
    vlt_buffer_json_ids(out, response->ids, (size_t)response->id_count);
    vlt_buffer_text(out, ", \"prompt_ids\": ");
    vlt_buffer_json_ids(out, response->prompt_ids, (size_t)response->prompt_count);
    vlt_buffer_print(out, ", \"rope_delta\": %lld, \"finish\": \"%s\", \"images\": [",
                     (long long)response->rope_delta, vlt_finish_name(response->finish));
    put_images(out, response);
    vlt_buffer_text(out, "], ");
    vlt_buffer_text(out, fixed);
    vlt_buffer_text(out, ", \"timings_ms\": {");
    put_timings(out, &response->timings);
    vlt_buffer_text(out, "}, \"decode_tokens_per_s\": ");
    put_real(out, steps > 0 && seconds > 0 ? steps / seconds : NAN);
    vlt_buffer_print(out,
                     ", \"cached_tokens\": %lld, \"peak_rss_bytes\": %lld, \"seed\": %lld, "
                     "\"device\": ",
                     (long long)response->cached_count, (long long)vlt_peak_rss_bytes(),
                     (long long)response->seed);
    put_device(out, engine->device);
    vlt_buffer_text(out, ", ");
    vlt_services_put_json(out, engine);
}

vlt_status vlt_answer_write(vlt_answer_writer *writer, const char *id, vlt_engine *engine,
                            const vlt_response *response, vlt_error *err)
{
    vlt_buffer *out = &writer->text;
    out->bytes = 0;
    out->failed = false;
    vlt_status status = refresh(writer, engine, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_buffer_text(out, "{");
    if (id) {
        vlt_buffer_print(out, "\"id\": %s, ", id);
    }
    put_members(out, engine, response, writer->choices);
    if (response->logprob_top) {
        status = put_logprobs(out, engine, response, err);
    }
    vlt_buffer_text(out, "}");
    return status == VLT_OK && out->failed
               ? vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the answer as JSON")
               : status;
}

void vlt_answer_writer_release(vlt_answer_writer *writer)
{
    free(writer->text.data);
    free(writer->choices);
    *writer = (vlt_answer_writer){0};
}
