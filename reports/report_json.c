#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "optimizations/core/memory.h"
#include "reports/report.h"

static void put_text(json_t **object, const char *key, const char *text)
{
    vlt_json_set(object, key, text ? vlt_json_name(text) : json_null());
}

static void put_real(json_t **object, const char *key, double value)
{
    vlt_json_set(object, key, vlt_json_real(value));
}

static void put_int(json_t **object, const char *key, int64_t value)
{
    vlt_json_set(object, key, json_integer(value));
}

static json_t *comparison_to_json(const vlt_report_comparison *c)
{
    bool known = c->verdict && c->ratio > 0;
    json_t *object = json_object();
    put_real(&object, "ratio", known ? c->ratio : NAN);
    put_real(&object, "low", known && c->low > 0 ? c->low : NAN);
    put_real(&object, "high", known && c->high > 0 ? c->high : NAN);
    put_text(&object, "verdict", known ? c->verdict : NULL);
    put_text(&object, "how", known ? c->how : NULL);
    return object;
}

static json_t *row_to_json(const vlt_report_row *row)
{
    json_t *object = json_object();
    put_text(&object, "op", row->op);
    put_text(&object, "shape", row->shape);
    put_real(&object, "baseline_ns", row->baseline_ns);
    put_real(&object, "tuned_ns", row->tuned_ns);
    put_real(&object, "ratio", row->ratio);
    put_real(&object, "ratio_low", row->ratio_low);
    put_real(&object, "ratio_high", row->ratio_high);
    put_text(&object, "verdict", row->verdict);
    put_text(&object, "choice", row->choice);
    put_text(&object, "reason", row->reason);
    put_int(&object, "trials", row->trials);
    put_real(&object, "share", row->share);
    put_real(&object, "default_ns", row->default_ns > 0 ? row->default_ns : NAN);
    vlt_json_set(&object, "is_default", json_boolean(row->is_default));
    put_int(&object, "settings", row->settings);
    put_text(&object, "counted", row->counted);
    const vlt_report_comparison over_baseline = {row->ratio, row->ratio_low, row->ratio_high,
                                                 row->verdict, row->how};
    vlt_json_set(&object, "over_default", comparison_to_json(&row->over_default));
    vlt_json_set(&object, "over_baseline", comparison_to_json(&over_baseline));
    return object;
}

static json_t *facts_to_json(const vlt_report_fact *fact, int count)
{
    json_t *object = json_object();
    for (int i = 0; i < count; i++) {
        put_text(&object, fact[i].name, fact[i].value);
    }
    return object;
}

static json_t *loss_to_json(const vlt_report_loss *loss)
{
    json_t *object = json_object();
    put_text(&object, "quality", loss->quality);
    put_int(&object, "scenes", loss->scenes);
    put_int(&object, "steps", loss->steps);
    put_int(&object, "agreed", loss->agreed);
    put_real(&object, "kl_mean", loss->kl_mean);
    put_real(&object, "kl_max", loss->kl_max);
    put_real(&object, "max_kl", loss->max_kl);
    return object;
}

json_t *vlt_report_to_json(const vlt_report *report)
{
    json_t *document = json_object(), *rows = json_array(), *phases = json_array();
    json_t *answers = json_array(), *notes = json_array(), *accuracy = json_object();
    put_text(&document, "machine", report->machine);
    put_text(&document, "model", report->model);
    put_text(&document, "status", report->status);
    put_real(&document, "seconds", report->seconds);
    put_real(&document, "budget_seconds", report->budget_seconds);
    put_int(&document, "trials", report->trials);
    put_int(&document, "seeds", report->seeds);
    for (int i = 0; i < report->row_count; i++) {
        vlt_json_append(&rows, row_to_json(&report->row[i]));
    }
    vlt_json_set(&document, "rows", rows);
    vlt_json_set(&document, "end_to_end", row_to_json(&report->end_to_end));
    put_text(&document, "correctness", report->correctness);
    for (int i = 0; i < report->phase_count; i++) {
        json_t *phase = json_object();
        put_text(&phase, "name", report->phase[i].name);
        put_real(&phase, "baseline_ms", report->phase[i].baseline_ms);
        put_real(&phase, "tuned_ms", report->phase[i].tuned_ms);
        put_real(&phase, "default_ms",
                 report->phase[i].default_ms > 0 ? report->phase[i].default_ms : NAN);
        vlt_json_append(&phases, phase);
    }
    vlt_json_set(&document, "phases", phases);
    for (int i = 0; i < report->answer_count; i++) {
        const vlt_report_answer *answer = &report->answer[i];
        json_t *object = json_object();
        put_text(&object, "image", answer->image);
        put_text(&object, "question", answer->question);
        put_text(&object, "baseline", answer->baseline);
        put_text(&object, "tuned", answer->tuned);
        put_text(&object, "truth", answer->truth);
        vlt_json_append(&answers, object);
    }
    vlt_json_set(&document, "answers", answers);
    put_int(&accuracy, "total", report->accuracy_total);
    put_int(&accuracy, "baseline", report->accuracy_baseline);
    put_int(&accuracy, "default", report->accuracy_default);
    put_int(&accuracy, "tuned", report->accuracy_tuned);
    vlt_json_set(&document, "accuracy", accuracy);
    if (report->loss.quality) {
        vlt_json_set(&document, "loss", loss_to_json(&report->loss));
    }
    put_real(&document, "peak_baseline_bytes", report->peak_baseline_bytes);
    put_real(&document, "peak_default_bytes",
             report->peak_default_bytes > 0 ? report->peak_default_bytes : NAN);
    put_real(&document, "peak_tuned_bytes", report->peak_tuned_bytes);
    put_int(&document, "depth", report->depth);
    vlt_json_set(&document, "facts", facts_to_json(report->fact, report->fact_count));
    vlt_json_set(&document, "trust", facts_to_json(report->trust, report->trust_count));
    for (int i = 0; i < report->note_count; i++) {
        vlt_json_append(&notes, vlt_json_name(report->note[i]));
    }
    vlt_json_set(&document, "notes", notes);
    put_text(&document, "config", report->config_path);
    put_text(&document, "db", report->db_path);
    put_text(&document, "page", report->page_path);
    return document;
}

static const char *get_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
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

static vlt_report_comparison comparison_from_json(const json_t *object)
{
    return (vlt_report_comparison){.ratio = get_real(object, "ratio"),
                                   .low = get_real(object, "low"),
                                   .high = get_real(object, "high"),
                                   .verdict = get_text(object, "verdict"),
                                   .how = get_text(object, "how")};
}

static vlt_report_row row_from_json(const json_t *object)
{
    return (vlt_report_row){
        .op = get_text(object, "op"),
        .shape = get_text(object, "shape"),
        .baseline_ns = get_real(object, "baseline_ns"),
        .tuned_ns = get_real(object, "tuned_ns"),
        .ratio = get_real(object, "ratio"),
        .ratio_low = get_real(object, "ratio_low"),
        .ratio_high = get_real(object, "ratio_high"),
        .verdict = get_text(object, "verdict"),
        .choice = get_text(object, "choice"),
        .reason = get_text(object, "reason"),
        .trials = get_int(object, "trials"),
        .share = get_real(object, "share"),
        .default_ns = get_real(object, "default_ns"),
        .is_default = json_is_true(json_object_get(object, "is_default")),
        .settings = get_int(object, "settings"),
        .how = get_text(json_object_get(object, "over_baseline"), "how"),
        .over_default = comparison_from_json(json_object_get(object, "over_default")),
    };
}

/* Room for the elements of an array or object member, counted into *count. */
static vlt_status make_room(const json_t *document, const char *key, size_t element_bytes,
                            void **out, int *count, vlt_error *err)
{
    const json_t *list = json_object_get(document, key);
    size_t size = json_is_array(list) ? json_array_size(list) : json_object_size(list);
    if (!list || size > 100000) {
        return vlt_fail(err, VLT_STATUS_INPUT, "report: key '%s' is %s", key,
                        list ? "too long" : "missing");
    }
    *count = (int)size;
    return vlt_alloc(size * element_bytes, out, err);
}

static vlt_status facts_from_json(const json_t *document, const char *key, vlt_report_fact **fact,
                                  int *count, vlt_error *err)
{
    const char *name;
    json_t *value;
    vlt_status status = make_room(document, key, sizeof **fact, (void **)fact, count, err);
    if (status == VLT_OK) {
        int i = 0;
        json_object_foreach(json_object_get(document, key), name, value)
        {
            (*fact)[i++] = (vlt_report_fact){.name = name, .value = json_string_value(value)};
        }
    }
    return status;
}

static vlt_status lists_from_json(vlt_report *out, vlt_error *err)
{
    const json_t *document = out->document;
    vlt_status status;
    void *room;
    if ((status = make_room(document, "rows", sizeof *out->row, &room, &out->row_count, err))) {
        return status;
    }
    out->row = room;
    for (int i = 0; i < out->row_count; i++) {
        out->row[i] = row_from_json(json_array_get(json_object_get(document, "rows"), (size_t)i));
    }
    if ((status = make_room(document, "phases", sizeof *out->phase, &room, &out->phase_count,
                            err))) {
        return status;
    }
    out->phase = room;
    for (int i = 0; i < out->phase_count; i++) {
        const json_t *phase = json_array_get(json_object_get(document, "phases"), (size_t)i);
        out->phase[i] = (vlt_report_phase){.name = get_text(phase, "name"),
                                           .baseline_ms = get_real(phase, "baseline_ms"),
                                           .tuned_ms = get_real(phase, "tuned_ms"),
                                           .default_ms = get_real(phase, "default_ms")};
    }
    if ((status = make_room(document, "answers", sizeof *out->answer, &room, &out->answer_count,
                            err))) {
        return status;
    }
    out->answer = room;
    for (int i = 0; i < out->answer_count; i++) {
        const json_t *answer = json_array_get(json_object_get(document, "answers"), (size_t)i);
        out->answer[i] = (vlt_report_answer){.image = get_text(answer, "image"),
                                             .question = get_text(answer, "question"),
                                             .baseline = get_text(answer, "baseline"),
                                             .tuned = get_text(answer, "tuned"),
                                             .truth = get_text(answer, "truth")};
    }
    if ((status = make_room(document, "notes", sizeof *out->note, &room, &out->note_count, err))) {
        return status;
    }
    out->note = room;
    for (int i = 0; i < out->note_count; i++) {
        const char *note = json_string_value(
            json_array_get(json_object_get(document, "notes"), (size_t)i));
        out->note[i] = note ? note : "";
    }
    return VLT_OK;
}

static vlt_report_loss loss_from_json(const json_t *loss)
{
    if (!loss) {
        return (vlt_report_loss){.quality = NULL};
    }
    return (vlt_report_loss){.quality = get_text(loss, "quality"),
                             .scenes = get_int(loss, "scenes"),
                             .steps = get_int(loss, "steps"),
                             .agreed = get_int(loss, "agreed"),
                             .kl_mean = get_real(loss, "kl_mean"),
                             .kl_max = get_real(loss, "kl_max"),
                             .max_kl = get_real(loss, "max_kl")};
}

vlt_status vlt_report_from_json(const json_t *document, vlt_report *out, vlt_error *err)
{
    *out = (vlt_report){0};
    if (!json_is_object(document) || !json_is_object(json_object_get(document, "end_to_end"))) {
        return vlt_fail(err, VLT_STATUS_INPUT, "report: not a report of vltune tune");
    }
    out->document = json_deep_copy(document);
    document = out->document;
    const json_t *accuracy = json_object_get(document, "accuracy");
    out->machine = get_text(document, "machine");
    out->model = get_text(document, "model");
    out->status = get_text(document, "status");
    out->seconds = get_real(document, "seconds");
    out->budget_seconds = get_real(document, "budget_seconds");
    out->trials = get_int(document, "trials");
    out->seeds = get_int(document, "seeds");
    out->end_to_end = row_from_json(json_object_get(document, "end_to_end"));
    out->correctness = get_text(document, "correctness");
    out->accuracy_total = get_int(accuracy, "total");
    out->accuracy_baseline = get_int(accuracy, "baseline");
    out->accuracy_default = get_int(accuracy, "default");
    out->accuracy_tuned = get_int(accuracy, "tuned");
    out->loss = loss_from_json(json_object_get(document, "loss"));
    out->peak_baseline_bytes = get_real(document, "peak_baseline_bytes");
    out->peak_default_bytes = get_real(document, "peak_default_bytes");
    out->peak_tuned_bytes = get_real(document, "peak_tuned_bytes");
    out->depth = (int)get_int(document, "depth");
    out->config_path = get_text(document, "config");
    out->db_path = get_text(document, "db");
    out->page_path = get_text(document, "page");
    vlt_status status = lists_from_json(out, err);
    if (status == VLT_OK) {
        status = facts_from_json(document, "facts", &out->fact, &out->fact_count, err);
    }
    if (status == VLT_OK) {
        status = facts_from_json(document, "trust", &out->trust, &out->trust_count, err);
    }
    if (status != VLT_OK) {
        vlt_report_release(out);
    }
    return status;
}

void vlt_report_release(vlt_report *report)
{
    vlt_free(report->row);
    vlt_free(report->phase);
    vlt_free(report->answer);
    vlt_free(report->fact);
    vlt_free(report->trust);
    vlt_free(report->note);
    json_decref(report->document);
    *report = (vlt_report){0};
}
