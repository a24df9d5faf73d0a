/* A report read from JSON, which may come from somebody's database. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "reports/report_json.h"

/* Into char out[out_bytes]: "" where there is none. */
#define GET_TEXT(object, key, out) get_text(object, key, out, sizeof(out))

static void get_text(const json_t *object, const char *key, char *out, size_t out_bytes)
{
    const char *text = json_string_value(json_object_get(object, key));
    vlt_utf8_format(out, out_bytes, "%s", text ? text : "");
}

static double get_real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static int64_t get_int(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* Place of the text under the key among `count` names, some of them NULL; -1: none of them. */
static int get_named(const json_t *object, const char *key, const char *(*name)(int index),
                     int count)
{
    const char *text = json_string_value(json_object_get(object, key));
    for (int i = 0; text && i < count; i++) {
        if (name(i) && !strcmp(name(i), text)) {
            return i;
        }
    }
    return -1;
}

static const char *verdict_name(int index)
{
    return vlt_verdict_name((vlt_verdict)index);
}

static const char *how_name(int index)
{
    return vlt_tune_how_name((vlt_tune_how)index);
}

static const char *end_name(int index)
{
    return vlt_tune_end_name((vlt_tune_end)index);
}

static vlt_report_comparison comparison_from_json(const json_t *object)
{
    int verdict = get_named(object, "verdict", verdict_name, VLT_VERDICT_SAME + 1);
    int how = get_named(object, "how", how_name, VLT_TUNE_COMPOSED + 1);
    return (vlt_report_comparison){.ratio = get_real(object, "ratio"),
                                   .low = get_real(object, "low"),
                                   .high = get_real(object, "high"),
                                   .known = verdict >= 0,
                                   .verdict = verdict >= 0 ? (vlt_verdict)verdict
                                                           : VLT_VERDICT_INCONCLUSIVE,
                                   .how = how >= 0 ? (vlt_tune_how)how : VLT_TUNE_UNKNOWN};
}

static void row_from_json(const json_t *object, vlt_report_row *row)
{
    *row = (vlt_report_row){
        .baseline_ns = get_real(object, "baseline_ns"),
        .tuned_ns = get_real(object, "tuned_ns"),
        .default_ns = get_real(object, "default_ns"),
        .trials = get_int(object, "trials"),
        .share = get_real(object, "share"),
        .is_default = json_is_true(json_object_get(object, "is_default")),
        .settings = get_int(object, "settings"),
        .over_baseline = comparison_from_json(object),
        .over_default = comparison_from_json(json_object_get(object, "over_default")),
    };
    row->over_baseline.low = get_real(object, "ratio_low");
    row->over_baseline.high = get_real(object, "ratio_high");
    row->over_baseline.how = comparison_from_json(json_object_get(object, "over_baseline")).how;
    GET_TEXT(object, "op", row->op);
    GET_TEXT(object, "shape", row->shape);
    GET_TEXT(object, "choice", row->choice);
    GET_TEXT(object, "reason", row->reason);
    GET_TEXT(object, "counted", row->counted);
}

/* The list under the key and its length, at most `limit`. */
static vlt_status get_list(const json_t *document, const char *key, int limit, const json_t **out,
                           int *count, vlt_error *err)
{
    *out = json_object_get(document, key);
    *count = (int)json_array_size(*out);
    if (!json_is_array(*out) || json_array_size(*out) > (size_t)limit) {
        return vlt_fail(err, VLT_STATUS_INPUT, "report: key '%s' is %s", key,
                        *out ? "no list, or too long" : "missing");
    }
    return VLT_OK;
}

static vlt_status rows_from_json(const json_t *document, vlt_report *out, vlt_error *err)
{
    enum { ROWS_MAX = 10000 };
    const json_t *list;
    int count;
    vlt_status status = get_list(document, "rows", ROWS_MAX, &list, &count, err);
    if (status != VLT_OK) {
        return status;
    }
    out->row = calloc((size_t)count + 1, sizeof *out->row);
    if (!out->row) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "report: out of memory");
    }
    for (; out->row_count < count; out->row_count++) {
        row_from_json(json_array_get(list, (size_t)out->row_count), &out->row[out->row_count]);
    }
    return VLT_OK;
}

static vlt_status notes_from_json(const json_t *document, vlt_report *out, vlt_error *err)
{
    enum { NOTES_MAX = 10000 };
    const json_t *list;
    int count;
    vlt_status status = get_list(document, "notes", NOTES_MAX, &list, &count, err);
    if (status != VLT_OK) {
        return status;
    }
    out->note = calloc((size_t)count + 1, sizeof *out->note);
    if (!out->note) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "report: out of memory");
    }
    for (; out->note_count < count; out->note_count++) {
        const char *note = json_string_value(json_array_get(list, (size_t)out->note_count));
        vlt_utf8_format(out->note[out->note_count], sizeof *out->note, "%s", note ? note : "");
    }
    return VLT_OK;
}

static vlt_status phases_from_json(const json_t *document, vlt_report *out, vlt_error *err)
{
    const json_t *list;
    vlt_status status = get_list(document, "phases", VLT_TUNE_PHASE_MAX, &list, &out->phase_count,
                                 err);
    for (int i = 0; status == VLT_OK && i < out->phase_count; i++) {
        const json_t *phase = json_array_get(list, (size_t)i);
        out->phase[i] = (vlt_report_phase){.baseline_ms = get_real(phase, "baseline_ms"),
                                           .tuned_ms = get_real(phase, "tuned_ms"),
                                           .default_ms = get_real(phase, "default_ms")};
        GET_TEXT(phase, "name", out->phase[i].name);
    }
    out->phase_count = status == VLT_OK ? out->phase_count : 0;
    return status;
}

/* *out: a copy, NULL where there is no text. */
static vlt_status copy_text(const json_t *object, const char *key, char **out, vlt_error *err)
{
    const char *text = json_string_value(json_object_get(object, key));
    *out = text ? strdup(text) : NULL;
    return text && !*out ? vlt_fail(err, VLT_STATUS_NOMEM, "report: out of memory") : VLT_OK;
}

static vlt_status answers_from_json(const json_t *document, vlt_report *out, vlt_error *err)
{
    const json_t *list;
    int count;
    vlt_status status = get_list(document, "answers", VLT_TUNE_ANSWER_MAX, &list, &count, err);
    for (int i = 0; status == VLT_OK && i < count; i++) {
        const json_t *object = json_array_get(list, (size_t)i);
        vlt_report_answer *answer = &out->answer[out->answer_count++];
        GET_TEXT(object, "image", answer->image);
        status = copy_text(object, "question", &answer->question, err);
        status = status == VLT_OK ? copy_text(object, "baseline", &answer->baseline, err) : status;
        status = status == VLT_OK ? copy_text(object, "tuned", &answer->tuned, err) : status;
        status = status == VLT_OK ? copy_text(object, "truth", &answer->truth, err) : status;
    }
    return status;
}

static void loss_from_json(const json_t *object, vlt_report_loss *loss)
{
    const char *quality = json_string_value(json_object_get(object, "quality"));
    if (quality && vlt_quality_parse(quality, &loss->quality, NULL) == VLT_OK) {
        loss->max_kl = get_real(object, "max_kl");
        loss->measured = (vlt_whole_divergence){.scenes = get_int(object, "scenes"),
                                                .steps = get_int(object, "steps"),
                                                .agreed = get_int(object, "agreed"),
                                                .kl_mean = get_real(object, "kl_mean"),
                                                .kl_max = get_real(object, "kl_max")};
    }
}

static void scalars_from_json(const json_t *document, vlt_report *out)
{
    const json_t *accuracy = json_object_get(document, "accuracy");
    GET_TEXT(document, "machine", out->machine);
    GET_TEXT(document, "model", out->model);
    GET_TEXT(document, "correctness", out->correctness);
    GET_TEXT(document, "config", out->config_path);
    GET_TEXT(document, "db", out->db_path);
    GET_TEXT(document, "page", out->page_path);
    out->seconds = get_real(document, "seconds");
    out->budget_s = get_real(document, "budget_seconds");
    out->trials = get_int(document, "trials");
    out->seeds = get_int(document, "seeds");
    out->accuracy_total = get_int(accuracy, "total");
    out->accuracy_baseline = get_int(accuracy, "baseline");
    out->accuracy_default = get_int(accuracy, "default");
    out->accuracy_tuned = get_int(accuracy, "tuned");
    out->peak_baseline_bytes = get_real(document, "peak_baseline_bytes");
    out->peak_default_bytes = get_real(document, "peak_default_bytes");
    out->peak_tuned_bytes = get_real(document, "peak_tuned_bytes");
    out->depth = (int)get_int(document, "depth");
    loss_from_json(json_object_get(document, "loss"), &out->loss);
    row_from_json(json_object_get(document, "end_to_end"), &out->end_to_end);
}

static void trust_from_json(const json_t *facts, vlt_report *out)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)facts, name, value)
    {
        const char *text = json_string_value(value);
        out->trust = out->trust ? out->trust : json_object();
        vlt_json_set(&out->trust, name, text ? vlt_json_name(text) : json_null());
    }
}

vlt_status vlt_report_from_json(const json_t *document, vlt_report *out, vlt_error *err)
{
    *out = (vlt_report){0};
    int end = get_named(document, "status", end_name, VLT_TUNE_INTERRUPTED + 1);
    if (end < 0 || !json_is_object(json_object_get(document, "end_to_end"))) {
        return vlt_fail(err, VLT_STATUS_INPUT, "report: not a report of vltune tune");
    }
    out->end = (vlt_tune_end)end;
    scalars_from_json(document, out);
    trust_from_json(json_object_get(document, "trust"), out);
    vlt_status status = rows_from_json(document, out, err);
    if (status == VLT_OK) {
        status = phases_from_json(document, out, err);
    }
    if (status == VLT_OK) {
        status = answers_from_json(document, out, err);
    }
    if (status == VLT_OK) {
        status = notes_from_json(document, out, err);
    }
    return status;
}
