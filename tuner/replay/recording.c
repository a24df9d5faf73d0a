#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/replay/recording_internal.h"

static const char *const validity_names[] = {
#define NAME_OF(code, name) name,
    VLT_VALIDITY_MAP(NAME_OF)
#undef NAME_OF
};

const char *vlt_validity_name(vlt_validity validity)
{
    return validity_names[validity];
}

vlt_validity vlt_validity_find(const char *name, size_t bytes)
{
    for (int i = 0; i < (int)(sizeof validity_names / sizeof *validity_names); i++) {
        if (strlen(validity_names[i]) == bytes && !memcmp(validity_names[i], name, bytes)) {
            return (vlt_validity)i;
        }
    }
    return VLT_VALIDITY_RUNTIME;
}

static vlt_status no_memory(const vlt_recording *recording, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "%s/%s: out of memory", recording->kernel,
                    recording->machine);
}

vlt_status vlt_recording_create(const char *kernel, const char *machine, vlt_recording **out,
                                vlt_error *err)
{
    vlt_recording *recording = calloc(1, sizeof *recording);
    *out = NULL;
    if (!recording || !(recording->kernel = strdup(kernel)) ||
        !(recording->machine = strdup(machine))) {
        vlt_recording_destroy(recording);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s/%s: out of memory", kernel, machine);
    }
    *out = recording;
    return VLT_OK;
}

void vlt_recording_destroy(vlt_recording *recording)
{
    if (!recording) {
        return;
    }
    for (int i = 0; i < recording->column_count; i++) {
        vlt_recording_column *column = &recording->column[i];
        for (int v = 0; v < column->count; v++) {
            if (column->value[v].kind == VLT_SCALAR_TEXT) {
                free((char *)column->value[v].text);
            }
        }
        free(column->value);
        free(column->order);
        free(column->name);
    }
    for (int i = 0; i < recording->fact_count; i++) {
        free(recording->fact[i].name);
        free(recording->fact[i].text);
    }
    free(recording->digit);
    free(recording->row);
    free(recording->run);
    free(recording->kernel);
    free(recording->machine);
    free(recording);
}

vlt_status vlt_recording_parameter(vlt_recording *recording, const char *name, const char *place,
                                   vlt_error *err)
{
    for (int i = 0; i < recording->column_count; i++) {
        if (!strcmp(recording->column[i].name, name)) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: parameter '%s' is named twice", place,
                            name);
        }
    }
    if (recording->column_count == VLT_DOMAIN_PARAMETER_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: more than %d parameters", place,
                        VLT_DOMAIN_PARAMETER_MAX);
    }
    vlt_recording_column *column = &recording->column[recording->column_count];
    *column = (vlt_recording_column){.name = strdup(name)};
    if (!column->name) {
        return no_memory(recording, err);
    }
    recording->column_count++;
    return VLT_OK;
}

int vlt_recording_parameter_count(const vlt_recording *recording)
{
    return recording->column_count;
}

const char *vlt_recording_parameter_name(const vlt_recording *recording, int index)
{
    return recording->column[index].name;
}

void vlt_recording_order(vlt_recording *recording, const char *name, vlt_order order)
{
    for (int i = 0; i < recording->column_count; i++) {
        if (!strcmp(recording->column[i].name, name)) {
            recording->column[i].kind = order;
        }
    }
}

/* Adds a new value behind the others, and its place in the order. */
static vlt_status insert_value(vlt_recording *recording, vlt_recording_column *column, int place,
                               const vlt_scalar *value, vlt_error *err)
{
    if (column->count == VLT_DOMAIN_VALUE_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s/%s: parameter '%s' has more than %d values",
                        recording->kernel, recording->machine, column->name, VLT_DOMAIN_VALUE_MAX);
    }
    if (column->count == column->capacity) {
        int capacity = column->capacity ? 2 * column->capacity : 16;
        void *values = realloc(column->value, (size_t)capacity * sizeof *column->value);
        column->value = values ? values : column->value;
        void *order = realloc(column->order, (size_t)capacity * sizeof *column->order);
        column->order = order ? order : column->order;
        if (!values || !order) {
            return no_memory(recording, err);
        }
        column->capacity = capacity;
    }
    vlt_scalar copy = *value;
    if (copy.kind == VLT_SCALAR_TEXT && !(copy.text = strdup(copy.text))) {
        return no_memory(recording, err);
    }
    memmove(column->order + place + 1, column->order + place,
            (size_t)(column->count - place) * sizeof *column->order);
    column->order[place] = (uint16_t)column->count;
    column->value[column->count++] = copy;
    return VLT_OK;
}

/* The number of a value in its column, added where it is new. */
static vlt_status intern(vlt_recording *recording, int index, const vlt_scalar *value,
                         uint16_t *out, vlt_error *err)
{
    vlt_recording_column *column = &recording->column[index];
    int low = 0, high = column->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = vlt_scalar_compare(&column->value[column->order[middle]], value);
        if (order == 0) {
            *out = column->order[middle];
            return VLT_OK;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out = (uint16_t)column->count;
    return insert_value(recording, column, low, value, err);
}

/* Room for one more element of `bytes` in an array that doubles. */
static bool reserve(void **array, size_t count, size_t more, size_t *capacity, size_t bytes)
{
    size_t wanted = *capacity ? *capacity : 1024;
    while (wanted < count + more) {
        wanted *= 2;
    }
    void *grown = wanted == *capacity ? *array : realloc(*array, wanted * bytes);
    if (grown) {
        *array = grown;
        *capacity = wanted;
    }
    return grown != NULL;
}

vlt_status vlt_recording_add(vlt_recording *recording, const vlt_scalar *values,
                             vlt_validity validity, const double *runs, int run_count,
                             vlt_error *err)
{
    size_t columns = (size_t)recording->column_count, more = (size_t)run_count;
    if (!reserve((void **)&recording->digit, recording->row_count * columns, columns,
                 &recording->digit_capacity, sizeof *recording->digit) ||
        !reserve((void **)&recording->row, recording->row_count, 1, &recording->row_capacity,
                 sizeof *recording->row) ||
        !reserve((void **)&recording->run, recording->run_count, more, &recording->run_capacity,
                 sizeof *recording->run)) {
        return no_memory(recording, err);
    }
    uint16_t *digit = recording->digit + recording->row_count * columns;
    for (int i = 0; i < recording->column_count; i++) {
        vlt_status status = intern(recording, i, &values[i], &digit[i], err);
        if (status != VLT_OK) {
            return status;
        }
    }
    if (more) {
        memcpy(recording->run + recording->run_count, runs, more * sizeof *runs);
    }
    recording->row[recording->row_count++] = (vlt_recorded_row){validity, recording->run_count,
                                                                run_count};
    recording->run_count += more;
    return VLT_OK;
}

/* The usual name of a unit of time; others as they are. */
static const char *usual_unit(const char *unit)
{
    static const char *const names[][8] = {
        {"s", "sec", "secs", "second", "seconds"},
        {"ms", "msec", "millisecond", "milliseconds", "milisecond", "miliseconds"},
        {"us", "usec", "\xc2\xb5s", "\xce\xbcs", "microsecond", "microseconds"},
        {"ns", "nsec", "nanosecond", "nanoseconds"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t j = 0; j < 8 && names[i][j]; j++) {
            if (!strcasecmp(names[i][j], unit)) {
                return names[i][0];
            }
        }
    }
    return unit;
}

vlt_status vlt_recording_unit(vlt_recording *recording, const char *unit, const char *place,
                              vlt_error *err)
{
    const char *usual = usual_unit(unit);
    if (!*usual || !strcmp(recording->unit, usual)) {
        return VLT_OK;
    }
    if (recording->unit[0]) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: times in '%s', before in '%s'", place, unit,
                        recording->unit);
    }
    if (strlen(usual) >= sizeof recording->unit) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: a unit of %zu bytes, expected below %d", place,
                        strlen(usual), VLT_RECORDED_UNIT_BYTES);
    }
    memcpy(recording->unit, usual, strlen(usual) + 1);
    return VLT_OK;
}

static vlt_recording_note *find_fact(const vlt_recording *recording, const char *name)
{
    for (int i = 0; i < recording->fact_count; i++) {
        if (!strcmp(recording->fact[i].name, name)) {
            return (vlt_recording_note *)&recording->fact[i];
        }
    }
    return NULL;
}

vlt_status vlt_recording_set_fact(vlt_recording *recording, const char *name, const char *text,
                                  vlt_error *err)
{
    vlt_recording_note *found = find_fact(recording, name);
    if (!found && recording->fact_count == VLT_RECORDED_FACT_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s/%s: more than %d facts", recording->kernel,
                        recording->machine, VLT_RECORDED_FACT_MAX);
    }
    char *copy = strdup(text), *own_name = found ? NULL : strdup(name);
    if (!copy || (!found && !own_name)) {
        free(copy);
        free(own_name);
        return no_memory(recording, err);
    }
    if (!found) {
        found = &recording->fact[recording->fact_count++];
        found->name = own_name;
    } else {
        free(found->text);
    }
    found->text = copy;
    return VLT_OK;
}

const char *vlt_recording_fact(const vlt_recording *recording, const char *name)
{
    const vlt_recording_note *found = find_fact(recording, name);
    return found ? found->text : NULL;
}

size_t vlt_recording_row_count(const vlt_recording *recording)
{
    return recording->row_count;
}

int vlt_recording_row(const vlt_recording *recording, size_t row, vlt_scalar *values)
{
    for (int i = 0; i < recording->column_count; i++) {
        values[i] = recording->column[i]
                        .value[recording->digit[row * (size_t)recording->column_count + (size_t)i]];
    }
    return recording->row[row].run_count;
}
