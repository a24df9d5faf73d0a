#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/tuned.h"
#include "harness/json/buffer.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "optimizations/core/hash.h"

/* key = "value" as a TOML basic string; bytes that are no UTF-8 as the text \xNN. */
static void put_string(vlt_buffer *text, const char *key, const char *value)
{
    vlt_buffer_print(text, "%s = \"", key);
    json_t *clean = vlt_json_name(value);
    const char *c = clean ? json_string_value(clean) : "";
    for (; *c; c++) {
        if (*c == '"' || *c == '\\') {
            vlt_buffer_print(text, "\\%c", *c);
        } else if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            vlt_buffer_print(text, "\\u%04X", (unsigned)(unsigned char)*c);
        } else {
            vlt_buffer_print(text, "%c", *c);
        }
    }
    text->failed |= !clean;
    json_decref(clean);
    vlt_buffer_print(text, "\"\n");
}

/* Shortest of "%.*g" that reads back equal at the precision people need: 6 digits. TOML wants a
 * point or an exponent in a real. */
static void put_real(vlt_buffer *text, const char *key, double value)
{
    char number[40];
    if (!isfinite(value) || value <= 0) {
        return; /* what was not measured is absent */
    }
    snprintf(number, sizeof number, "%.6g", value);
    vlt_buffer_print(text, "%s = %s%s\n", key, number, strpbrk(number, ".e") ? "" : ".0");
}

static void put_parts(vlt_buffer *text, const char *table, const vlt_tuned_parts *parts)
{
    vlt_buffer_print(text, "\n[%s]\n", table);
    for (int i = 0; i < parts->count; i++) {
        put_string(text, parts->part[i].name, parts->part[i].value);
    }
}

static void put_decision(vlt_buffer *text, const vlt_tuned_decision *decision)
{
    vlt_buffer_print(text, "\n[[decision]]\n");
    put_string(text, "op", decision->op);
    put_string(text, "bucket", decision->bucket);
    put_string(text, "variant", decision->variant);
    if (decision->knobs[0]) {
        put_string(text, "knobs", decision->knobs);
    }
    put_real(text, "baseline_ns", decision->baseline_ns);
    put_real(text, "default_ns", decision->default_ns);
    put_real(text, "over_default", decision->over_default);
    put_real(text, "speedup", decision->speedup);
    put_real(text, "speedup_low", decision->speedup_low);
    put_real(text, "speedup_high", decision->speedup_high);
    if (decision->evidence[0]) {
        put_string(text, "evidence", decision->evidence);
    }
    put_string(text, "reason", decision->reason);
}

static void put_measured(vlt_buffer *text, const vlt_tuned_config *config)
{
    if (!config->how[0] && config->threads <= 0) {
        return;
    }
    vlt_buffer_print(text, "\n[measured]\n");
    put_real(text, "over_default", config->over_default);
    put_real(text, "over_default_low", config->over_default_low);
    put_real(text, "over_default_high", config->over_default_high);
    if (config->how[0]) {
        put_string(text, "how", config->how);
    }
    if (config->threads > 0) {
        vlt_buffer_print(text, "threads = %d\n", config->threads);
    }
}

static int by_op_and_bucket(const void *left, const void *right)
{
    const vlt_tuned_decision *const *a = left, *const *b = right;
    int order = strcmp((*a)->op, (*b)->op);
    return order ? order : strcmp((*a)->bucket, (*b)->bucket);
}

static const char banner[] =
    "# vltune tuned config: which variant does which problem, on one machine, for one model.\n"
    "# Written by `vltune tune`; `vltune explain` tells why. Edited by hand it is still used, "
    "with\n"
    "# a warning, because what it says about speed is then no longer what was measured.\n";

vlt_status vlt_tuned_format(const vlt_tuned_config *config, char **out, size_t *bytes,
                            vlt_error *err)
{
    vlt_buffer text = {0};
    char hash[24];
    *out = NULL;
    const vlt_tuned_decision **order = calloc((size_t)config->count + 1, sizeof *order);
    text.failed = !order;
    for (int i = 0; i < config->count && order; i++) {
        order[i] = &config->decision[i];
    }
    if (order) {
        qsort(order, (size_t)config->count, sizeof *order, by_op_and_bucket);
    }
    vlt_buffer_print(&text, "%sschema = %d\n", banner, VLT_TUNED_SCHEMA);
    if (config->quality != VLT_QUALITY_EXACT) {
        put_string(&text, "quality", vlt_quality_name(config->quality));
    }
    vlt_buffer_print(&text, "\n[model]\n");
    put_string(&text, "name", config->model_name);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)config->key.model_hash);
    put_string(&text, "hash", hash);
    put_measured(&text, config);
    put_parts(&text, "fingerprint.hard", &config->key.hard);
    put_parts(&text, "fingerprint.soft", &config->key.soft);
    for (int i = 0; i < config->count && order; i++) {
        put_decision(&text, order[i]);
    }
    vlt_buffer_print(&text, "\n[end]\ndecisions = %d\n", config->count);
    uint64_t digest = text.data ? vlt_hash_bytes(text.data, text.bytes, 0) : 0;
    vlt_buffer_print(&text, "digest = \"%016llx\"\n", (unsigned long long)digest);
    free(order);
    if (text.failed) {
        free(text.data);
        return vlt_fail(err, VLT_STATUS_NOMEM, "tuned config: out of memory");
    }
    *out = text.data;
    *bytes = text.bytes;
    return VLT_OK;
}

vlt_status vlt_tuned_write(const vlt_tuned_config *config, const char *path, vlt_error *err)
{
    char *text;
    size_t bytes;
    vlt_status status = vlt_tuned_format(config, &text, &bytes, err);
    if (status == VLT_OK) {
        status = vlt_write_file(path, text, bytes, err);
        free(text);
    }
    return status;
}
