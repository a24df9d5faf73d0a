/* Kernel Tuner cache files: one object of settings, times in ms. */
#include <stdio.h>
#include <stdlib.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/replay/read_internal.h"

/* Earlier versions wrote a very long time for what failed. */
static const double failed_time = 1e19;

static vlt_status read_names(vlt_reading *reading, const vlt_tree *root)
{
    const vlt_tree *keys = vlt_tree_get(root, "tune_params_keys");
    vlt_status status = VLT_OK;
    if (!keys || keys->type != VLT_TREE_ARRAY || keys->count == 0) {
        return vlt_reading_fail(reading, "tune_params_keys is %s, expected an array of names",
                                keys && keys->type == VLT_TREE_ARRAY ? "empty"
                                                                     : vlt_tree_quoted(keys).text);
    }
    vlt_utf8_format(reading->place, sizeof reading->place, "%s: tune_params_keys", reading->name);
    for (uint32_t i = 0; i < keys->count && status == VLT_OK; i++) {
        char *name = vlt_reading_name(reading, &keys->child[i]);
        status = name ? vlt_recording_parameter(reading->recording, name, reading->place,
                                                reading->err)
                      : VLT_STATUS_INPUT;
        free(name);
    }
    return status;
}

static vlt_status read_row(vlt_reading *reading, const vlt_tree *row)
{
    int count = vlt_recording_parameter_count(reading->recording);
    vlt_status status = VLT_OK;
    double time = 0;
    if (row->type != VLT_TREE_OBJECT) {
        return vlt_reading_fail(reading, "is %s, expected an object", vlt_tree_quoted(row).text);
    }
    for (int i = 0; i < count && status == VLT_OK; i++) {
        const vlt_tree *value = NULL;
        status = vlt_reading_member(reading, row, i, &value);
        status = status == VLT_OK ? vlt_reading_value(reading, i, value) : status;
    }
    const vlt_tree *measured = vlt_tree_get(row, "time");
    bool correct = vlt_tree_double(measured, &time) && time < failed_time;
    if (status == VLT_OK && !correct && (!measured || measured->type == VLT_TREE_NULL)) {
        return vlt_reading_fail(reading, "time is missing");
    }
    reading->run_count = 0;
    if (status == VLT_OK && correct) {
        status = vlt_reading_runs(reading, vlt_tree_get(row, "times"), "times");
        if (status == VLT_OK && !reading->run_count && !vlt_reading_run(reading, measured)) {
            status = vlt_reading_fail(reading, "time is %g, expected a time above 0", time);
        }
    }
    vlt_validity validity = correct ? VLT_VALIDITY_CORRECT
                            : vlt_tree_is(measured, "CompilationFailedConfig")
                                ? VLT_VALIDITY_COMPILE
                            : vlt_tree_is(measured, "InvalidConfig") ? VLT_VALIDITY_CONSTRAINTS
                                                                     : VLT_VALIDITY_RUNTIME;
    return status == VLT_OK ? vlt_recording_add(reading->recording, reading->value, validity,
                                                reading->run, reading->run_count, reading->err)
                            : status;
}

vlt_status vlt_read_cache(vlt_reading *reading, const vlt_tree *root)
{
    const vlt_tree *cache = vlt_tree_get(root, "cache");
    if (cache->type != VLT_TREE_OBJECT || !cache->count) {
        return vlt_reading_fail(reading, "cache is %s, expected an object of settings",
                                cache->type == VLT_TREE_OBJECT ? "empty"
                                                               : vlt_tree_quoted(cache).text);
    }
    vlt_status status = vlt_recording_unit(reading->recording, "ms", reading->place, reading->err);
    status = status == VLT_OK ? read_names(reading, root) : status;
    for (uint32_t i = 0; i < cache->count && status == VLT_OK; i++) {
        const vlt_tree *key = vlt_tree_key(cache, i);
        vlt_utf8_format(reading->place, sizeof reading->place, "%s: cache['%s']", reading->name,
                        vlt_quoted(key->text, key->length).text);
        status = read_row(reading, vlt_tree_value(cache, i));
    }
    return status;
}
