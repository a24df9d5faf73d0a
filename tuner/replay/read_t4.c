/* T4 results: an array of settings with their runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/replay/read_internal.h"

/* The parameters are those of the first result. */
static vlt_status read_names(vlt_reading *reading, const vlt_tree *configuration)
{
    vlt_status status = VLT_OK;
    for (uint32_t i = 0; i < configuration->count && status == VLT_OK; i++) {
        char *name = vlt_reading_name(reading, vlt_tree_key(configuration, i));
        status = name ? vlt_recording_parameter(reading->recording, name, reading->place,
                                                reading->err)
                      : VLT_STATUS_INPUT;
        free(name);
    }
    return status;
}

static vlt_status read_configuration(vlt_reading *reading, const vlt_tree *configuration)
{
    int count = vlt_recording_parameter_count(reading->recording);
    if (!configuration || configuration->type != VLT_TREE_OBJECT || configuration->count == 0) {
        return vlt_reading_fail(reading, "configuration is %s, expected an object of parameters",
                                configuration && configuration->type == VLT_TREE_OBJECT
                                    ? "empty"
                                    : vlt_tree_quoted(configuration).text);
    }
    vlt_status status = VLT_OK;
    if (!count) {
        status = read_names(reading, configuration);
        count = vlt_recording_parameter_count(reading->recording);
    }
    for (int i = 0; i < count && status == VLT_OK; i++) {
        const vlt_tree *value = NULL;
        status = vlt_reading_member(reading, configuration, i, &value);
        status = status == VLT_OK ? vlt_reading_value(reading, i, value) : status;
    }
    if (status == VLT_OK && configuration->count != (uint32_t)count) {
        status = vlt_reading_fail(reading, "configuration has %u parameters, results[0] has %d",
                                  configuration->count, count);
    }
    return status;
}

/* Is it the name of a measured time? */
static bool is_time(const vlt_tree *name)
{
    return name && name->type == VLT_TREE_STRING &&
           ((name->length >= 4 && !memcmp(name->text, "time", 4)) ||
            (name->length >= 7 && !memcmp(name->text, "runtime", 7)));
}

static vlt_status read_unit(vlt_reading *reading, const vlt_tree *unit)
{
    if (!unit || unit->type != VLT_TREE_STRING) {
        return VLT_OK;
    }
    char *text = vlt_reading_name(reading, unit);
    vlt_status status = text ? vlt_recording_unit(reading->recording, text, reading->place,
                                                  reading->err)
                             : VLT_STATUS_INPUT;
    free(text);
    return status;
}

/* Units of the times; where there are no raw runs, the measured time stands for them. */
static vlt_status read_measurements(vlt_reading *reading, const vlt_tree *result)
{
    const vlt_tree *all = vlt_tree_get(result, "measurements");
    bool runs = reading->run_count > 0;
    vlt_status status = VLT_OK;
    for (uint32_t i = 0; all && all->type == VLT_TREE_ARRAY && i < all->count && status == VLT_OK;
         i++) {
        const vlt_tree *one = &all->child[i];
        if (is_time(vlt_tree_get(one, "name"))) {
            status = read_unit(reading, vlt_tree_get(one, "unit"));
            if (!runs && !reading->run_count) {
                vlt_reading_run(reading, vlt_tree_get(one, "value"));
            }
        }
    }
    return status;
}

static vlt_status read_result(vlt_reading *reading, const vlt_tree *result)
{
    if (result->type != VLT_TREE_OBJECT) {
        return vlt_reading_fail(reading, "is %s, expected an object", vlt_tree_quoted(result).text);
    }
    const vlt_tree *validity = vlt_tree_get(result, "invalidity");
    if (!validity || validity->type != VLT_TREE_STRING) {
        return vlt_reading_fail(reading, "invalidity is %s, expected a text such as \"correct\"",
                                vlt_tree_quoted(validity).text);
    }
    vlt_validity valid = vlt_validity_find(validity->text, validity->length);
    const vlt_tree *times = vlt_tree_get(result, "times");
    vlt_status status = read_configuration(reading, vlt_tree_get(result, "configuration"));
    reading->run_count = 0;
    if (status == VLT_OK && valid == VLT_VALIDITY_CORRECT) {
        status = vlt_reading_runs(reading, vlt_tree_get(times, "runtimes"), "times.runtimes");
    }
    status = status == VLT_OK ? read_measurements(reading, result) : status;
    if (status != VLT_OK) {
        return status;
    }
    if (valid == VLT_VALIDITY_CORRECT && !reading->run_count) {
        return vlt_reading_fail(reading, "it is correct, but has no time");
    }
    return vlt_recording_add(reading->recording, reading->value, valid, reading->run,
                             valid == VLT_VALIDITY_CORRECT ? reading->run_count : 0, reading->err);
}

/* Texts of the metadata, beside the unit; what is beyond the limit is passed over. */
static vlt_status read_facts(vlt_reading *reading, const vlt_tree *metadata)
{
    vlt_status status = VLT_OK;
    uint32_t count = metadata && metadata->type == VLT_TREE_OBJECT ? metadata->count : 0;
    for (uint32_t i = 0; i < count && i < VLT_RECORDED_FACT_MAX && status == VLT_OK; i++) {
        const vlt_tree *key = vlt_tree_key(metadata, i), *value = vlt_tree_value(metadata, i);
        if (value->type != VLT_TREE_STRING || vlt_tree_is(key, "timeunit")) {
            continue;
        }
        char *name = vlt_reading_name(reading, key);
        char *text = name ? vlt_reading_name(reading, value) : NULL;
        status = text ? vlt_recording_set_fact(reading->recording, name, text, reading->err)
                      : VLT_STATUS_INPUT;
        free(name);
        free(text);
    }
    return status;
}

vlt_status vlt_read_t4(vlt_reading *reading, const vlt_tree *root)
{
    const vlt_tree *results = vlt_tree_get(root, "results");
    if (results->type != VLT_TREE_ARRAY || !results->count) {
        return vlt_reading_fail(reading, "results is %s, expected an array of settings",
                                results->type == VLT_TREE_ARRAY ? "empty"
                                                                : vlt_tree_quoted(results).text);
    }
    vlt_utf8_format(reading->place, sizeof reading->place, "%s: metadata", reading->name);
    const vlt_tree *metadata = vlt_tree_get(root, "metadata");
    vlt_status status = read_unit(reading, vlt_tree_get(metadata, "timeunit"));
    status = status == VLT_OK ? read_facts(reading, metadata) : status;
    for (uint32_t i = 0; i < results->count && status == VLT_OK; i++) {
        vlt_utf8_format(reading->place, sizeof reading->place, "%s: results[%u]", reading->name, i);
        status = read_result(reading, &results->child[i]);
    }
    return status;
}
