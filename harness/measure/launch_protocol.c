/* The texts between parent and child of a launch. */
#include <math.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "harness/measure/launch_internal.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

enum { PAIRS_MAX = 1 << 20, PAIR_FIELDS = 11 };

static const char request_name[] = "launch request", answer_name[] = "launch answer";

static json_t *side_to_json(const vlt_side *side)
{
    json_t *object = vlt_json_make("{s:s}", "what", side->what);
    vlt_json_set_bytes(&object, "library", side->library);
    return object;
}

json_t *vlt_launch_request_to_json(const vlt_side side[2], const vlt_launch_options *options)
{
    return vlt_json_make(
        "{s:o, s:o, s:I, s:I, s:i, s:f, s:i, s:s, s:I, s:b, s:b, s:b, s:s*, s:s*}", "a",
        side_to_json(&side[0]), "b", side_to_json(&side[1]), "seed",
        (json_int_t)(options->seed >> 1), "data_seed", (json_int_t)(options->data_seed >> 1),
        "pairs", options->pairs, "limit_s", options->limit_s, "threads", options->threads, "regime",
        vlt_regime_name(options->regime), "cold_bytes", (json_int_t)options->cold_bytes, "verify",
        options->verify, "a_is_reference", options->a_is_reference, "count", options->count,
        "quality", vlt_quality_unless_exact(options->quality), "device", options->device);
}

static vlt_status read_side(const json_t *document, const char *key, vlt_side *side, char **library,
                            vlt_error *err)
{
    const json_t *object;
    bool found;
    *side = (vlt_side){0};
    vlt_status status = vlt_json_object(document, request_name, key, &object, NULL, err);
    if (status == VLT_OK) {
        status = vlt_json_text(object, request_name, "what", &side->what, NULL, err);
    }
    if (status == VLT_OK) {
        status = vlt_json_bytes(object, request_name, "library", library, &found, err);
        side->library = *library;
    }
    return status;
}

vlt_status vlt_launch_request_from_json(const json_t *o, vlt_side side[2], char *library[2],
                                        vlt_launch_options *options, vlt_error *err)
{
    const char *name = request_name, *regime, *quality = NULL;
    int64_t seed, data_seed, pairs, threads, cold;
    bool found;
    vlt_status status;
    *options = (vlt_launch_options){0};
    library[0] = library[1] = NULL;
    if ((status = read_side(o, "a", &side[0], &library[0], err)) == VLT_OK &&
        (status = read_side(o, "b", &side[1], &library[1], err)) == VLT_OK &&
        (status = vlt_json_int(o, name, "seed", 0, INT64_MAX, &seed, NULL, err)) == VLT_OK &&
        (status = vlt_json_int(o, name, "data_seed", 0, INT64_MAX, &data_seed, NULL, err)) ==
            VLT_OK &&
        (status = vlt_json_int(o, name, "pairs", 0, PAIRS_MAX, &pairs, NULL, err)) == VLT_OK &&
        (status = vlt_json_double(o, name, "limit_s", 0, 1e6, &options->limit_s, NULL, err)) ==
            VLT_OK &&
        (status = vlt_json_int(o, name, "threads", 0, 1024, &threads, NULL, err)) == VLT_OK &&
        (status = vlt_json_int(o, name, "cold_bytes", 0, INT64_MAX, &cold, NULL, err)) == VLT_OK &&
        (status = vlt_json_bool(o, name, "verify", &options->verify, NULL, err)) == VLT_OK &&
        (status = vlt_json_bool(o, name, "a_is_reference", &options->a_is_reference, &found,
                                err)) == VLT_OK &&
        (status = vlt_json_bool(o, name, "count", &options->count, &found, err)) == VLT_OK &&
        (status = vlt_json_text(o, name, "quality", &quality, &found, err)) == VLT_OK &&
        (status = vlt_quality_parse(quality, &options->quality, err)) == VLT_OK &&
        (status = vlt_json_text(o, name, "regime", &regime, NULL, err)) == VLT_OK &&
        (status = vlt_json_text(o, name, "device", &options->device, &found, err)) == VLT_OK &&
        (status = vlt_regime_parse(regime, &options->regime, err)) == VLT_OK) {
        options->seed = (uint64_t)seed;
        options->data_seed = (uint64_t)data_seed;
        options->pairs = (int)pairs;
        options->threads = (int)threads;
        options->cold_bytes = (size_t)cold;
    }
    return status;
}

static json_t *pair_to_json(const vlt_pair *pair)
{
    return vlt_json_make("[I, I, I, I, i, i, i, i, o, i, i]", (json_int_t)pair->wall_ns[0],
                         (json_int_t)pair->wall_ns[1], (json_int_t)pair->cpu_ns[0],
                         (json_int_t)pair->cpu_ns[1], (int)pair->switches[0],
                         (int)pair->switches[1], (int)pair->faults[0], (int)pair->faults[1],
                         vlt_json_real((double)pair->pressure), pair->b_first, pair->flags);
}

json_t *vlt_launch_answer_to_json(vlt_status status, const vlt_error *err, const vlt_launch *launch)
{
    const vlt_pair_run *run = &launch->run;
    if (status != VLT_OK) {
        return vlt_json_make("{s:s, s:s}", "status", vlt_status_name(status), "message",
                             err->message);
    }
    json_t *pairs = json_array(), *cost = json_array();
    for (int i = 0; i < run->pair_count; i++) {
        vlt_json_append(&pairs, pair_to_json(&run->pair[i]));
    }
    for (int i = 0; i < 2 * VLT_LAUNCH_COSTS; i++) {
        vlt_json_append(&cost,
                        vlt_json_real(launch->cost[i / VLT_LAUNCH_COSTS][i % VLT_LAUNCH_COSTS]));
    }
    json_t *answer = vlt_json_make(
        "{s:s, s:I, s:i, s:o, s:o, s:o, s:f, s:f, s:s, s:s, s:o, s:o}", "status",
        vlt_status_name(status), "iterations", (json_int_t)run->iterations, "steadiness",
        (int)run->steadiness, "pressure", vlt_json_real(run->pressure), "steal",
        vlt_json_real(run->steal), "frequency_hz", vlt_json_real(run->frequency_hz), "overhead_ns",
        run->overhead_ns, "book_ns", run->book_ns, "note", launch->note, "unit", launch->unit,
        "cost", cost, "pairs", pairs);
    if (launch->counted.count) {
        vlt_json_set(&answer, "counters", vlt_counted_to_json(&launch->counted));
    }
    return answer;
}

static double real_or_nan(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static vlt_status read_pair(const json_t *array, vlt_pair *pair, vlt_error *err)
{
    json_int_t v[PAIR_FIELDS];
    if (json_array_size(array) != PAIR_FIELDS) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "%s: a pair of %zu fields, expected %d",
                        answer_name, json_array_size(array), PAIR_FIELDS);
    }
    for (size_t i = 0; i < PAIR_FIELDS; i++) {
        v[i] = json_integer_value(json_array_get(array, i));
    }
    *pair = (vlt_pair){.wall_ns = {(uint64_t)v[0], (uint64_t)v[1]},
                       .cpu_ns = {(uint64_t)v[2], (uint64_t)v[3]},
                       .switches = {(uint32_t)v[4], (uint32_t)v[5]},
                       .faults = {(uint32_t)v[6], (uint32_t)v[7]},
                       .pressure = (float)real_or_nan(json_array_get(array, 8)),
                       .b_first = (uint8_t)v[9],
                       .flags = (uint8_t)v[10]};
    if (pair->wall_ns[0] == 0 || pair->wall_ns[1] == 0) {
        pair->flags |= VLT_PAIR_CLOCK;
    }
    return VLT_OK;
}

static vlt_status read_run(const json_t *o, vlt_pair_run *run, vlt_error *err)
{
    const json_t *pairs = json_object_get(o, "pairs");
    size_t count = json_array_size(pairs);
    void *block = NULL;
    *run = (vlt_pair_run){
        .iterations = json_integer_value(json_object_get(o, "iterations")),
        .steadiness = (vlt_steadiness)json_integer_value(json_object_get(o, "steadiness")),
        .pressure = real_or_nan(json_object_get(o, "pressure")),
        .steal = real_or_nan(json_object_get(o, "steal")),
        .frequency_hz = real_or_nan(json_object_get(o, "frequency_hz")),
        .overhead_ns = real_or_nan(json_object_get(o, "overhead_ns")),
        .book_ns = real_or_nan(json_object_get(o, "book_ns"))};
    if (count == 0) {
        return VLT_OK; /* verification alone was asked for */
    }
    if (count > PAIRS_MAX || run->iterations < 1 || (unsigned)run->steadiness > VLT_STEADY_NO) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "%s: %zu pairs of %lld iterations", answer_name,
                        count, (long long)run->iterations);
    }
    vlt_status status = vlt_alloc(count * sizeof *run->pair, &block, err);
    run->pair = block;
    for (size_t i = 0; i < count && status == VLT_OK; i++) {
        status = read_pair(json_array_get(pairs, i), &run->pair[i], err);
        run->pair_count++;
    }
    return status == VLT_OK ? vlt_pair_summarise(run, err) : status;
}

static vlt_status status_named(const char *name)
{
    for (int i = 0; i < VLT_STATUS_COUNT; i++) {
        if (!strcmp(vlt_status_name((vlt_status)i), name)) {
            return (vlt_status)i;
        }
    }
    return VLT_STATUS_INTERNAL;
}

vlt_status vlt_launch_answer_from_json(const json_t *o, vlt_launch *launch, vlt_error *err)
{
    const char *text;
    bool found;
    *launch = (vlt_launch){0};
    vlt_status status = vlt_json_text(o, answer_name, "status", &text, NULL, err);
    if (status != VLT_OK) {
        return VLT_STATUS_INTERNAL;
    }
    vlt_status child = status_named(text);
    if (child != VLT_OK) {
        text = "no message";
        vlt_json_text(o, answer_name, "message", &text, &found, NULL);
        return vlt_fail(err, child, "%s", text);
    }
    const char *note = "", *unit = "";
    vlt_json_text(o, answer_name, "note", &note, &found, NULL);
    vlt_json_text(o, answer_name, "unit", &unit, &found, NULL);
    vlt_utf8_format(launch->note, sizeof launch->note, "%s", note);
    vlt_utf8_format(launch->unit, sizeof launch->unit, "%s", unit);
    for (size_t i = 0; i < (size_t)2 * VLT_LAUNCH_COSTS; i++) {
        launch->cost[i / VLT_LAUNCH_COSTS][i % VLT_LAUNCH_COSTS] = real_or_nan(
            json_array_get(json_object_get(o, "cost"), i));
    }
    vlt_counted_from_json(json_object_get(o, "counters"), &launch->counted);
    status = read_run(o, &launch->run, err);
    if (status != VLT_OK) {
        vlt_launch_release(launch);
    }
    return status;
}
