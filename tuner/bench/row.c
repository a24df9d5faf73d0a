#include "tuner/bench/row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/model_subject.h"
#include "harness/measure/statistics.h"
#include "optimizations/core/utf8_text.h"

vlt_row *vlt_rows_add(vlt_rows *rows, vlt_error *err)
{
    if (rows->count == rows->capacity) {
        int capacity = rows->capacity ? rows->capacity * 2 : 16;
        vlt_row *row = realloc(rows->row, (size_t)capacity * sizeof *row);
        if (!row) {
            vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d rows", capacity);
            return NULL;
        }
        rows->row = row;
        rows->capacity = capacity;
    }
    vlt_row *row = &rows->row[rows->count++];
    *row = (vlt_row){
        .status = VLT_STATUS_UNMEASURED, .p_adjusted = NAN, .counted = {.roofline_share = NAN}};
    return row;
}

void vlt_rows_release(vlt_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        vlt_experiment_release(&rows->row[i].experiment);
    }
    free(rows->row);
    *rows = (vlt_rows){0};
}

static const char *shape_name(const vlt_problem *problem)
{
    const vlt_op *op = problem->op;
    for (int i = 0; i < op->shape_count; i++) {
        if (!memcmp(op->shapes[i].dim, problem->dim, sizeof problem->dim)) {
            return op->shapes[i].name;
        }
    }
    return NULL;
}

static void describe_side(char *text, size_t text_bytes, const vlt_side *side)
{
    if (vlt_model_subject_named(side->what)) {
        size_t used = side->library ? vlt_utf8_format(text, text_bytes, "%s: ", side->library) : 0;
        vlt_model_subject_describe(side->what, text + used, text_bytes - used);
        return;
    }
    vlt_utf8_format(text, text_bytes, "%s%s%s", side->library ? side->library : "",
                    side->library ? ": " : "", side->what);
}

void vlt_row_describe(vlt_row *row, const vlt_side side[2])
{
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    describe_side(row->baseline, sizeof row->baseline, &side[0]);
    describe_side(row->candidate, sizeof row->candidate, &side[1]);
    if (vlt_model_subject_named(side[1].what)) {
        snprintf(row->op, sizeof row->op, "end to end");
        return;
    }
    vlt_utf8_format(row->op, sizeof row->op, "%s",
                    vlt_quoted(side[1].what, strcspn(side[1].what, "/@:")).text);
    if (vlt_what_parse(side[1].what, &problem, &variant, &binding, NULL) != VLT_OK) {
        return;
    }
    const char *name = shape_name(&problem);
    vlt_problem_format(&problem, row->dims, sizeof row->dims);
    vlt_utf8_format(row->shape, sizeof row->shape, "%s", name ? name : row->dims);
    if (variant) {
        vlt_utf8_format(row->variant, sizeof row->variant, "%s", variant->name);
        vlt_binding_format(variant, &binding, row->knobs, sizeof row->knobs);
    }
}

static bool concerns_all(vlt_status status)
{
    return status == VLT_STATUS_INTERRUPTED || status == VLT_STATUS_IO;
}

vlt_status vlt_row_measure(vlt_row *row, const vlt_side side[2],
                           const vlt_experiment_options *options, vlt_error *err)
{
    vlt_error own = {0};
    vlt_row_describe(row, side);
    row->status = vlt_experiment_run(side, options, &row->experiment, &own);
    if (row->status == VLT_OK) {
        return VLT_OK;
    }
    vlt_utf8_format(row->invalid_reason, sizeof row->invalid_reason, "%s", own.message);
    return concerns_all(row->status) ? vlt_fail(err, row->status, "%s", own.message) : VLT_OK;
}

void vlt_row_count(vlt_row *row, const vlt_side *side, const vlt_launch_options *options,
                   const vlt_roofline *roofline)
{
    const vlt_experiment *experiment = &row->experiment;
    if (vlt_row_measured(row)) {
        const vlt_cost cost = {.flops = experiment->cost[1][0], .bytes = experiment->cost[1][1]};
        vlt_counted_side_measure(side, options, experiment->result.call_ns[1], &cost, roofline,
                                 &row->counted);
    }
}

bool vlt_row_measured(const vlt_row *row)
{
    return row->experiment.result.launches > 0;
}

bool vlt_row_mendable(const vlt_row *row)
{
    return vlt_status_exit_code(row->status) == 2 && row->status != VLT_STATUS_NOMEM;
}

void vlt_row_uncertainty(const vlt_row *row, const char *reason, char *text, size_t text_bytes)
{
    const double pressure = vlt_experiment_pressure(&row->experiment);
    vlt_utf8_format(text, text_bytes, "%s", reason);
    if (isfinite(pressure)) {
        vlt_utf8_format(text, text_bytes, "%s; CPUs were waited for %.0f %% of the time", reason,
                        100 * pressure);
    }
}

vlt_status vlt_rows_adjust(vlt_rows *rows, vlt_error *err)
{
    double *p = calloc(2 * (size_t)rows->count + 1, sizeof *p);
    if (!p) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d rows", rows->count);
    }
    double *adjusted = p + rows->count;
    int n = 0;
    for (int i = 0; i < rows->count; i++) {
        const vlt_judgement *judgement = &rows->row[i].experiment.result.judgement;
        if (vlt_row_measured(&rows->row[i])) {
            p[n++] = fmin(1, 2 * fmin(judgement->p_slower, judgement->p_faster));
        }
    }
    vlt_benjamini_hochberg(p, n, adjusted);
    for (int i = 0, k = 0; i < rows->count; i++) {
        rows->row[i].p_adjusted = vlt_row_measured(&rows->row[i]) ? adjusted[k++] : NAN;
    }
    free(p);
    return VLT_OK;
}

vlt_status vlt_rows_status(const vlt_rows *rows, vlt_error *err)
{
    const vlt_row *first_bad = NULL;
    bool any = false, mendable = rows->count > 0;
    for (int i = 0; i < rows->count; i++) {
        const vlt_row *row = &rows->row[i];
        if (row->status == VLT_STATUS_WRONG) {
            return vlt_fail(err, VLT_STATUS_WRONG, "%s", row->invalid_reason);
        }
        any |= vlt_row_measured(row);
        first_bad = !first_bad && !vlt_row_measured(row) ? row : first_bad;
        mendable = mendable && vlt_row_mendable(row);
    }
    if (any) {
        return VLT_OK;
    }
    return vlt_fail(err, mendable ? first_bad->status : VLT_STATUS_UNMEASURED, "%s",
                    first_bad ? first_bad->invalid_reason : "nothing was measured");
}
