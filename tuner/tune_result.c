/* The result as plain data, from the state of a run. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"
#include "tuner/tune_result.h"

void vlt_tuner_note(vlt_tuner *tuner, const char *format, ...)
{
    vlt_report *result = tuner->result;
    void *grown = realloc(result->note, (size_t)(result->note_count + 1) * sizeof *result->note);
    if (grown) { /* a note that does not fit is lost, nothing else */
        va_list args;
        result->note = grown;
        va_start(args, format);
        vlt_utf8_vformat(result->note[result->note_count++], sizeof *result->note, format, args);
        va_end(args);
    }
}

static void fill_row(const vlt_tuner *tuner, const vlt_tune_item *item, double request_ns,
                     vlt_report_row *row)
{
    bool differs = vlt_item_differs(item);
    *row = (vlt_report_row){
        .baseline_ns = item->baseline_ns,
        .default_ns = item->default_ns,
        .tuned_ns = differs ? item->tuned_ns : item->default_ns,
        .over_default = vlt_item_over_default(item),
        .over_baseline = item->over_baseline,
        .is_default = !differs,
        .trials = item->trials,
        .failed = item->failed,
        .settings = isnan(item->default_ns) ? 0 : vlt_search_settings(&item->search),
        .share = NAN,
        .reverted = item->reverted};
    if (!differs || vlt_setting_equal(&item->choice, &item->counted)) {
        vlt_utf8_format(row->counted, sizeof row->counted, "%s", item->counted_text[differs]);
    }
    vlt_utf8_format(row->op, sizeof row->op, "%s", item->met.op);
    vlt_utf8_format(row->bucket, sizeof row->bucket, "%s", item->met.bucket);
    vlt_utf8_format(row->shape, sizeof row->shape, "%s", item->met.problem);
    if (item->kind == VLT_TUNE_LEAF && isfinite(item->default_ns) && request_ns > 0) {
        row->share = vlt_item_weight(item, false) / request_ns;
    }
    vlt_setting_format(item->decided ? &item->choice : &item->search.incumbent, row->choice,
                       sizeof row->choice);
    if (item->decided) {
        vlt_utf8_format(row->reason, sizeof row->reason, "%s", item->reason);
    } else {
        bool complete = tuner->result->end == VLT_TUNE_COMPLETE;
        vlt_utf8_format(row->reason, sizeof row->reason, "%s%s",
                        item->broken ? ""
                        : complete   ? "not decided, the default is used: "
                                     : "not decided within the budget, the default is used: ",
                        item->why[0]             ? item->why
                        : item->search.count > 0 ? "nothing was certain yet"
                        : complete               ? "too small a part of a request to try others"
                                                 : "no other setting was tried");
    }
}

static int by_share(const void *left, const void *right)
{
    const vlt_report_row *a = left, *b = right;
    double share_a = isnan(a->share) ? -1 : a->share, share_b = isnan(b->share) ? -1 : b->share;
    if (share_a != share_b) {
        return share_a > share_b ? -1 : 1;
    }
    int order = strcmp(a->op, b->op);
    return order ? order : strcmp(a->bucket, b->bucket);
}

vlt_status vlt_tuner_fill_rows(vlt_tuner *tuner, vlt_error *err)
{
    vlt_report *result = tuner->result;
    result->row = calloc((size_t)tuner->item_count + 1, sizeof *result->row);
    if (!result->row) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "result: out of memory");
    }
    int untouched = 0;
    for (int i = 0; i < tuner->item_count; i++) {
        if (tuner->item[i].trials == 0) {
            untouched++;
        } else {
            result->seeds += tuner->item[i].search.proposed;
            fill_row(tuner, &tuner->item[i], vlt_tuner_request_ns(tuner),
                     &result->row[result->row_count++]);
        }
    }
    if (untouched) {
        vlt_tuner_note(tuner,
                       "%d problems with the smallest shares of the time were not tried: their "
                       "default variants are used",
                       untouched);
    }
    qsort(result->row, (size_t)result->row_count, sizeof *result->row, by_share);
    return VLT_OK;
}
