#include "reports/report_tune.h"

#include "optimizations/core/memory.h"

/* "" stands for unknown in the tuner's result */
static const char *known(const char *text)
{
    return text[0] ? text : NULL;
}

static vlt_report_row row_of(const vlt_tune_row *row)
{
    const vlt_tune_comparison *base = &row->over_baseline, *over = &row->over_default;
    return (vlt_report_row){
        .op = row->op,
        .shape = known(row->shape),
        .baseline_ns = row->baseline_ns,
        .default_ns = row->default_ns,
        .tuned_ns = row->tuned_ns,
        .ratio = base->ratio,
        .ratio_low = base->low,
        .ratio_high = base->high,
        .verdict = base->known ? vlt_verdict_name(base->verdict) : NULL,
        .how = vlt_tune_how_name(base->how),
        .over_default = {.ratio = over->ratio,
                         .low = over->low,
                         .high = over->high,
                         .verdict = over->known ? vlt_verdict_name(over->verdict) : NULL,
                         .how = vlt_tune_how_name(over->how)},
        .is_default = row->is_default,
        .choice = known(row->choice),
        .reason = known(row->reason),
        .counted = known(row->counted),
        .trials = row->trials,
        .settings = row->settings,
        .share = row->share,
    };
}

static vlt_status copy_lists(const vlt_tune_result *result, vlt_report *out, vlt_error *err)
{
    void *rows, *phases, *answers, *notes;
    vlt_status status;
    if ((status = vlt_alloc((size_t)result->row_count * sizeof *out->row, &rows, err))) {
        return status;
    }
    out->row = rows;
    if ((status = vlt_alloc((size_t)result->phase_count * sizeof *out->phase, &phases, err))) {
        return status;
    }
    out->phase = phases;
    if ((status = vlt_alloc((size_t)result->answer_count * sizeof *out->answer, &answers, err))) {
        return status;
    }
    out->answer = answers;
    if ((status = vlt_alloc((size_t)result->note_count * sizeof *out->note, &notes, err))) {
        return status;
    }
    out->note = notes;
    for (; out->row_count < result->row_count; out->row_count++) {
        out->row[out->row_count] = row_of(&result->row[out->row_count]);
    }
    for (; out->phase_count < result->phase_count; out->phase_count++) {
        const vlt_tune_phase *phase = &result->phase[out->phase_count];
        out->phase[out->phase_count] = (vlt_report_phase){phase->name, phase->baseline_ms,
                                                          phase->tuned_ms, phase->default_ms};
    }
    for (; out->answer_count < result->answer_count; out->answer_count++) {
        const vlt_tune_answer *answer = &result->answer[out->answer_count];
        out->answer[out->answer_count] = (vlt_report_answer){.image = answer->image,
                                                             .question = answer->question,
                                                             .baseline = known(answer->baseline),
                                                             .tuned = known(answer->tuned),
                                                             .truth = known(answer->truth)};
    }
    for (; out->note_count < result->note_count; out->note_count++) {
        out->note[out->note_count] = result->note[out->note_count];
    }
    return VLT_OK;
}

static vlt_report_loss loss_of(const vlt_tune_loss *loss)
{
    const vlt_whole_divergence *m = &loss->measured;
    bool rounds = loss->quality != VLT_QUALITY_EXACT;
    return (vlt_report_loss){.quality = rounds ? vlt_quality_name(loss->quality) : NULL,
                             .scenes = m->scenes,
                             .steps = m->steps,
                             .agreed = m->agreed,
                             .kl_mean = m->kl_mean,
                             .kl_max = m->kl_max,
                             .max_kl = loss->max_kl};
}

vlt_status vlt_report_from_tune(const vlt_tune_result *result, const char *page_path,
                                vlt_report *out, vlt_error *err)
{
    *out = (vlt_report){.machine = known(result->machine),
                        .model = known(result->model),
                        .status = vlt_tune_end_name(result->end),
                        .seconds = result->seconds,
                        .budget_seconds = result->budget_s,
                        .trials = result->trials,
                        .seeds = result->seeds,
                        .correctness = known(result->correctness),
                        .accuracy_total = result->accuracy_total,
                        .accuracy_baseline = result->accuracy_baseline,
                        .accuracy_default = result->accuracy_default,
                        .accuracy_tuned = result->accuracy_tuned,
                        .loss = loss_of(&result->loss),
                        .depth = result->depth,
                        .peak_default_bytes = result->peak_default_bytes,
                        .peak_baseline_bytes = result->peak_baseline_bytes,
                        .peak_tuned_bytes = result->peak_tuned_bytes,
                        .config_path = known(result->config_path),
                        .db_path = known(result->db_path),
                        .page_path = page_path};
    if (result->end_to_end.op[0]) {
        out->end_to_end = row_of(&result->end_to_end);
    }
    vlt_status status = copy_lists(result, out, err);
    if (status != VLT_OK) {
        vlt_report_release(out);
    }
    return status;
}
