#include "reports/report_json.h"

#include <math.h>

#include "harness/json/json_make.h"
#include "reports/report_text.h"

/* NULL and "": null */
static void put_text(json_t **object, const char *key, const char *text)
{
    vlt_json_set(object, key, vlt_report_known(text) ? vlt_json_name(text) : json_null());
}

static void put_real(json_t **object, const char *key, double value)
{
    vlt_json_set(object, key, vlt_json_real(value));
}

static void put_positive(json_t **object, const char *key, double value)
{
    put_real(object, key, value > 0 ? value : NAN);
}

static void put_int(json_t **object, const char *key, int64_t value)
{
    vlt_json_set(object, key, json_integer(value));
}

static json_t *comparison_to_json(const vlt_report_comparison *c)
{
    bool known = c->known && c->ratio > 0;
    json_t *object = json_object();
    put_real(&object, "ratio", known ? c->ratio : NAN);
    put_positive(&object, "low", known ? c->low : NAN);
    put_positive(&object, "high", known ? c->high : NAN);
    put_text(&object, "verdict", known ? vlt_report_verdict(c) : NULL);
    put_text(&object, "how", known ? vlt_tune_how_name(c->how) : NULL);
    return object;
}

static json_t *row_to_json(const vlt_report_row *row)
{
    json_t *object = json_object();
    put_text(&object, "op", row->op);
    put_text(&object, "shape", row->shape);
    put_real(&object, "baseline_ns", row->baseline_ns);
    put_real(&object, "tuned_ns", row->tuned_ns);
    put_real(&object, "ratio", row->over_baseline.ratio);
    put_real(&object, "ratio_low", row->over_baseline.low);
    put_real(&object, "ratio_high", row->over_baseline.high);
    put_text(&object, "verdict", vlt_report_verdict(&row->over_baseline));
    put_text(&object, "choice", row->choice);
    put_text(&object, "reason", row->reason);
    put_int(&object, "trials", row->trials);
    put_real(&object, "share", row->share);
    put_positive(&object, "default_ns", row->default_ns);
    vlt_json_set(&object, "is_default", json_boolean(row->is_default));
    put_int(&object, "settings", row->settings);
    put_text(&object, "counted", row->counted);
    vlt_json_set(&object, "over_default", comparison_to_json(&row->over_default));
    vlt_json_set(&object, "over_baseline", comparison_to_json(&row->over_baseline));
    return object;
}

static json_t *rows_to_json(const vlt_report *report)
{
    json_t *rows = json_array();
    for (int i = 0; i < report->row_count; i++) {
        vlt_json_append(&rows, row_to_json(&report->row[i]));
    }
    return rows;
}

static json_t *phases_to_json(const vlt_report *report)
{
    json_t *phases = json_array();
    for (int i = 0; i < report->phase_count; i++) {
        json_t *phase = json_object();
        put_text(&phase, "name", report->phase[i].name);
        put_real(&phase, "baseline_ms", report->phase[i].baseline_ms);
        put_real(&phase, "tuned_ms", report->phase[i].tuned_ms);
        put_positive(&phase, "default_ms", report->phase[i].default_ms);
        vlt_json_append(&phases, phase);
    }
    return phases;
}

static json_t *answers_to_json(const vlt_report *report)
{
    json_t *answers = json_array();
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
    return answers;
}

static json_t *accuracy_to_json(const vlt_report *report)
{
    json_t *accuracy = json_object();
    put_int(&accuracy, "total", report->accuracy_total);
    put_int(&accuracy, "baseline", report->accuracy_baseline);
    put_int(&accuracy, "default", report->accuracy_default);
    put_int(&accuracy, "tuned", report->accuracy_tuned);
    return accuracy;
}

static json_t *loss_to_json(const vlt_report_loss *loss)
{
    json_t *object = json_object();
    put_text(&object, "quality", vlt_quality_name(loss->quality));
    put_int(&object, "scenes", loss->measured.scenes);
    put_int(&object, "steps", loss->measured.steps);
    put_int(&object, "agreed", loss->measured.agreed);
    put_real(&object, "kl_mean", loss->measured.kl_mean);
    put_real(&object, "kl_max", loss->measured.kl_max);
    put_real(&object, "max_kl", loss->max_kl);
    return object;
}

json_t *vlt_report_to_json(const vlt_report *report)
{
    json_t *document = json_object(), *notes = json_array();
    put_text(&document, "machine", report->machine);
    put_text(&document, "model", report->model);
    put_text(&document, "status", vlt_tune_end_name(report->end));
    put_real(&document, "seconds", report->seconds);
    put_real(&document, "budget_seconds", report->budget_s);
    put_int(&document, "trials", report->trials);
    put_int(&document, "seeds", report->seeds);
    vlt_json_set(&document, "rows", rows_to_json(report));
    vlt_json_set(&document, "end_to_end", row_to_json(&report->end_to_end));
    put_text(&document, "correctness", report->correctness);
    vlt_json_set(&document, "phases", phases_to_json(report));
    vlt_json_set(&document, "answers", answers_to_json(report));
    vlt_json_set(&document, "accuracy", accuracy_to_json(report));
    if (report->loss.quality != VLT_QUALITY_EXACT) {
        vlt_json_set(&document, "loss", loss_to_json(&report->loss));
    }
    put_real(&document, "peak_baseline_bytes", report->peak_baseline_bytes);
    put_positive(&document, "peak_default_bytes", report->peak_default_bytes);
    put_real(&document, "peak_tuned_bytes", report->peak_tuned_bytes);
    put_int(&document, "depth", report->depth);
    vlt_json_set(&document, "facts", json_object());
    vlt_json_set(&document, "trust", report->trust ? json_deep_copy(report->trust) : json_object());
    for (int i = 0; i < report->note_count; i++) {
        vlt_json_append(&notes, vlt_json_name(report->note[i]));
    }
    vlt_json_set(&document, "notes", notes);
    put_text(&document, "config", report->config_path);
    put_text(&document, "db", report->db_path);
    put_text(&document, "page", report->page_path);
    return document;
}
