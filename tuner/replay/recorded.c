/* From rows to a space. */
#include "tuner/replay/recorded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/replay/recording_internal.h"

static vlt_status no_memory(const char *place, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", place);
}

void vlt_recorded_destroy(vlt_recorded *recorded)
{
    if (!recorded) {
        return;
    }
    uint64_t count = recorded->domain && recorded->record ? vlt_domain_count(recorded->domain) : 0;
    for (uint64_t i = 0; i < count; i++) {
        free(recorded->record[i].run);
    }
    free(recorded->record);
    free(recorded->kernel);
    free(recorded->machine);
    vlt_domain_destroy(recorded->domain);
    free(recorded);
}

/* Digits of the domain for the rows of the recording: values are ascending there. */
static uint16_t *sorted_digits(const vlt_recording *recording)
{
    size_t columns = (size_t)recording->column_count;
    uint16_t *digits = malloc(recording->row_count * columns * sizeof *digits + 1);
    for (size_t c = 0; c < columns && digits; c++) {
        const vlt_recording_column *column = &recording->column[c];
        uint16_t *place = malloc((size_t)column->count * sizeof *place + 1);
        if (!place) {
            free(digits);
            return NULL;
        }
        for (int v = 0; v < column->count; v++) {
            place[column->order[v]] = (uint16_t)v;
        }
        for (size_t r = 0; r < recording->row_count; r++) {
            digits[r * columns + c] = place[recording->digit[r * columns + c]];
        }
        free(place);
    }
    return digits;
}

static vlt_status make_domain(const vlt_recording *recording, vlt_restriction *restriction,
                              const uint16_t *digits, vlt_domain **out, vlt_error *err)
{
    char name[512];
    vlt_utf8_format(name, sizeof name, "%s/%s", recording->kernel, recording->machine);
    vlt_status status = vlt_domain_create(name, out, err);
    for (int i = 0; i < recording->column_count && status == VLT_OK; i++) {
        const vlt_recording_column *column = &recording->column[i];
        status = vlt_domain_add(*out, column->name, column->value, column->count, column->kind,
                                err);
    }
    if (status == VLT_OK && restriction) {
        status = vlt_restriction_apply(restriction, *out, err);
    }
    return status == VLT_OK ? vlt_domain_build_listed(*out, digits, recording->row_count, err)
                            : status;
}

/* Adds the runs of one row to the record of its setting. */
static vlt_status add_row(vlt_record *record, const vlt_recording *recording,
                          const vlt_recorded_row *row, const char *place, vlt_error *err)
{
    size_t before = (size_t)record->run_count, more = (size_t)row->run_count;
    if (more) {
        double *run = realloc(record->run, (before + more) * sizeof *run);
        if (!run) {
            return no_memory(place, err);
        }
        memcpy(run + before, recording->run + row->first_run, more * sizeof *run);
        record->run = run;
        record->run_count += row->run_count;
    }
    if (row->validity != VLT_VALIDITY_CORRECT) {
        record->validity = row->validity;
    }
    return VLT_OK;
}

static void finish_records(vlt_recorded *recorded)
{
    double best = INFINITY;
    for (uint64_t i = 0; i < vlt_domain_count(recorded->domain); i++) {
        vlt_record *record = &recorded->record[i];
        record->mean = INFINITY;
        if (record->validity == VLT_VALIDITY_CORRECT && record->run_count) {
            double sum = 0;
            for (int r = 0; r < record->run_count; r++) {
                sum += record->run[r];
            }
            record->mean = sum / record->run_count;
            recorded->correct++;
        }
        if (record->mean < best) {
            best = record->mean;
            recorded->best = i;
        }
    }
}

static vlt_status fill(vlt_recorded *recorded, const vlt_recording *recording,
                       const uint16_t *digits, const char *place, vlt_error *err)
{
    vlt_status status = VLT_OK;
    recorded->record = calloc((size_t)vlt_domain_count(recorded->domain), sizeof *recorded->record);
    recorded->kernel = strdup(recording->kernel);
    recorded->machine = strdup(recording->machine);
    if (!recorded->record || !recorded->kernel || !recorded->machine) {
        return no_memory(place, err);
    }
    memcpy(recorded->unit, recording->unit, sizeof recorded->unit);
    for (size_t r = 0; r < recording->row_count && status == VLT_OK; r++) {
        uint64_t setting = vlt_domain_find(recorded->domain,
                                           digits + r * (size_t)recording->column_count);
        if (setting != VLT_SETTING_NONE) { /* else the restriction left it out */
            status = add_row(&recorded->record[setting], recording, &recording->row[r], place, err);
        }
    }
    finish_records(recorded);
    if (status == VLT_OK && recorded->correct == 0) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: no setting is correct, of %llu", place,
                          (unsigned long long)vlt_domain_count(recorded->domain));
    }
    return status;
}

vlt_status vlt_recording_finish(const vlt_recording *recording, vlt_restriction *restriction,
                                const char *place, vlt_recorded **out, vlt_error *err)
{
    *out = NULL;
    if (!recording->row_count || !recording->column_count) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: no setting was recorded", place);
    }
    vlt_recorded *recorded = calloc(1, sizeof *recorded);
    uint16_t *digits = recorded ? sorted_digits(recording) : NULL;
    vlt_status status = digits ? make_domain(recording, restriction, digits, &recorded->domain, err)
                               : no_memory(place, err);
    if (status == VLT_OK) {
        status = fill(recorded, recording, digits, place, err);
    }
    free(digits);
    if (status != VLT_OK) {
        vlt_recorded_destroy(recorded);
        return restriction ? vlt_restriction_blame(restriction, status, err) : status;
    }
    *out = recorded;
    return VLT_OK;
}
