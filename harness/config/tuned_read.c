#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/toml_shim.h"
#include "harness/config/tuned.h"
#include "harness/files/file_kind.h"
#include "harness/json/json.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/utf8_text.h"

struct reader {
    const char *name;
    vlt_tuned_warning *warn;
    void *user;
    vlt_tuned_config *config;
    vlt_error *err;
};

VLT_PRINTF(2, 3) static void warn(const struct reader *reader, const char *format, ...)
{
    char message[VLT_ERROR_BYTES];
    va_list args;
    if (reader->warn) {
        va_start(args, format);
        vlt_utf8_vformat(message, sizeof message, format, args);
        va_end(args);
        reader->warn(reader->user, message);
    }
}

/* Keys of a table that nobody reads. */
struct known {
    const struct reader *reader;
    const char *where;
    const char *keys; /* " a b c " */
};

static bool warn_unknown(void *user, const char *key, const vlt_toml_value *value)
{
    const struct known *known = user;
    char word[64];
    int length = snprintf(word, sizeof word, " %s ", key);
    if (length >= (int)sizeof word || strchr(key, ' ') || !strstr(known->keys, word)) {
        warn(known->reader, "%s:%d: unknown key '%s' in %s is ignored", known->reader->name,
             vlt_toml_line(value), vlt_quoted_word(key).text, known->where);
    }
    return true;
}

static void check_keys(const struct reader *reader, const vlt_toml_value *table, const char *where,
                       const char *keys)
{
    struct known known = {reader, where, keys};
    vlt_toml_each(table, warn_unknown, &known);
}

static vlt_status bad(const struct reader *reader, const vlt_toml_value *value, const char *key,
                      const char *expected)
{
    return vlt_fail(reader->err, VLT_STATUS_INPUT, "%s:%d: key '%s' must be %s", reader->name,
                    vlt_toml_line(value), key, expected);
}

static vlt_status missing(const struct reader *reader, const vlt_toml_value *table, const char *key)
{
    return vlt_fail(reader->err, VLT_STATUS_INPUT, "%s:%d: key '%s' is missing", reader->name,
                    vlt_toml_line(table), key);
}

/* Text into out[bytes]; control characters are refused: names and reasons are single lines. */
static vlt_status read_text(const struct reader *reader, const vlt_toml_value *table,
                            const char *key, bool required, char *out, size_t bytes)
{
    const vlt_toml_value *value = vlt_toml_get(table, key);
    const char *text;
    size_t length;
    out[0] = '\0';
    if (!value) {
        return required ? missing(reader, table, key) : VLT_OK;
    }
    if (!vlt_toml_string(value, &text, &length)) {
        return bad(reader, value, key, "a string");
    }
    if (length >= bytes) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT,
                        "%s:%d: key '%s' has %zu bytes, expected below %zu", reader->name,
                        vlt_toml_line(value), key, length, bytes);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) {
            return bad(reader, value, key, "a string without control characters");
        }
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return VLT_OK;
}

static vlt_status read_positive(const struct reader *reader, const vlt_toml_value *table,
                                const char *key, double *out)
{
    const vlt_toml_value *value = vlt_toml_get(table, key);
    *out = NAN;
    if (value && (!vlt_toml_real(value, out) || !isfinite(*out) || *out < 0)) {
        return bad(reader, value, key, "a number that is not negative");
    }
    return VLT_OK;
}

static vlt_status read_hash(const struct reader *reader, const vlt_toml_value *table,
                            const char *key, uint64_t *out)
{
    char text[24];
    vlt_status status = read_text(reader, table, key, true, text, sizeof text);
    if (status == VLT_OK && (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)) {
        return bad(reader, vlt_toml_get(table, key), key, "16 hexadecimal digits");
    }
    *out = status == VLT_OK ? strtoull(text, NULL, 16) : 0;
    return status;
}

static vlt_status read_decision(const struct reader *reader, const vlt_toml_value *table)
{
    vlt_tuned_decision d = {0};
    vlt_status status;
    if (vlt_toml_type_of(table) != VLT_TOML_TABLE) {
        return bad(reader, table, "decision", "a list of tables");
    }
    if ((status = read_text(reader, table, "op", true, d.op, sizeof d.op)) != VLT_OK ||
        (status = read_text(reader, table, "bucket", true, d.bucket, sizeof d.bucket)) != VLT_OK ||
        (status = read_text(reader, table, "variant", true, d.variant, sizeof d.variant)) !=
            VLT_OK ||
        (status = read_text(reader, table, "knobs", false, d.knobs, sizeof d.knobs)) != VLT_OK ||
        (status = read_positive(reader, table, "baseline_ns", &d.baseline_ns)) != VLT_OK ||
        (status = read_positive(reader, table, "default_ns", &d.default_ns)) != VLT_OK ||
        (status = read_positive(reader, table, "over_default", &d.over_default)) != VLT_OK ||
        (status = read_positive(reader, table, "speedup", &d.speedup)) != VLT_OK ||
        (status = read_positive(reader, table, "speedup_low", &d.speedup_low)) != VLT_OK ||
        (status = read_positive(reader, table, "speedup_high", &d.speedup_high)) != VLT_OK ||
        (status = read_text(reader, table, "evidence", false, d.evidence, sizeof d.evidence)) !=
            VLT_OK ||
        (status = read_text(reader, table, "reason", false, d.reason, sizeof d.reason)) != VLT_OK) {
        return status;
    }
    if (vlt_tuned_config_find(reader->config, d.op, d.bucket)) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT, "%s:%d: a second decision for %s '%s'",
                        reader->name, vlt_toml_line(table), d.op, d.bucket);
    }
    check_keys(reader, table, "[[decision]]",
               " op bucket variant knobs baseline_ns default_ns over_default speedup speedup_low "
               "speedup_high evidence "
               "reason ");
    return vlt_tuned_config_set(reader->config, &d, reader->err);
}

/* The members of a table as parts; order of the keys, so formatting sorts them. */
struct parts_reader {
    const struct reader *reader;
    const vlt_toml_value *table;
    vlt_tuned_parts *parts;
    vlt_status status;
};

static bool read_part(void *user, const char *key, const vlt_toml_value *value)
{
    struct parts_reader *r = user;
    char text[VLT_TUNED_VALUE_BYTES];
    if (strlen(key) >= VLT_TUNED_NAME_BYTES || r->parts->count == VLT_TUNED_PART_MAX) {
        r->status = bad(r->reader, value, "fingerprint", "of short names and at most 48 parts");
    } else if (strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(key) || !key[0]) {
        r->status = bad(r->reader, value, "fingerprint", "of names in a-z, 0-9 and _");
    } else {
        r->status = read_text(r->reader, r->table, key, true, text, sizeof text);
        if (r->status == VLT_OK) {
            vlt_tuned_parts_add(r->parts, key, text);
        }
    }
    return r->status == VLT_OK;
}

static vlt_status read_parts(const struct reader *reader, const vlt_toml_value *fingerprint,
                             const char *which, vlt_tuned_parts *parts)
{
    const vlt_toml_value *table = vlt_toml_get(fingerprint, which);
    struct parts_reader r = {reader, table, parts, VLT_OK};
    if (!table || vlt_toml_type_of(table) != VLT_TOML_TABLE) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT, "%s: table [fingerprint.%s] is missing",
                        reader->name, which);
    }
    vlt_toml_each(table, read_part, &r);
    return r.status;
}

static vlt_status read_quality(const struct reader *reader, const vlt_toml_value *root)
{
    char text[16];
    const char *key = "quality";
    vlt_status status = read_text(reader, root, key, false, text, sizeof text);
    if (status == VLT_OK && text[0] &&
        vlt_quality_parse(text, &reader->config->quality, NULL) != VLT_OK) {
        return bad(reader, vlt_toml_get(root, key), key, "exact, bf16, int8 or int4");
    }
    return status;
}

static vlt_status read_measured(const struct reader *reader, const vlt_toml_value *root)
{
    const vlt_toml_value *table = vlt_toml_get(root, "measured");
    const vlt_toml_value *threads = vlt_toml_get(table, "threads");
    vlt_tuned_config *config = reader->config;
    int64_t count = 0;
    vlt_status status;
    if (table && vlt_toml_type_of(table) != VLT_TOML_TABLE) {
        return bad(reader, table, "measured", "a table");
    }
    if (threads && (!vlt_toml_integer(threads, &count) || count < 1 || count > 1024)) {
        return bad(reader, threads, "threads", "a count of threads, 1 to 1024");
    }
    config->threads = (int)count;
    check_keys(reader, table, "[measured]",
               " over_default over_default_low over_default_high how threads ");
    if ((status = read_positive(reader, table, "over_default", &config->over_default)) != VLT_OK ||
        (status = read_positive(reader, table, "over_default_low", &config->over_default_low)) !=
            VLT_OK ||
        (status = read_positive(reader, table, "over_default_high", &config->over_default_high)) !=
            VLT_OK) {
        return status;
    }
    return read_text(reader, table, "how", false, config->how, sizeof config->how);
}

static vlt_status read_header(const struct reader *reader, const vlt_toml_value *root)
{
    const vlt_toml_value *schema = vlt_toml_get(root, "schema");
    const vlt_toml_value *model = vlt_toml_get(root, "model");
    const vlt_toml_value *fingerprint = vlt_toml_get(root, "fingerprint");
    vlt_tuned_config *config = reader->config;
    int64_t version = 0;
    vlt_status status;
    if (!schema || !vlt_toml_integer(schema, &version)) {
        return schema
                   ? bad(reader, schema, "schema", "an integer")
                   : vlt_fail(reader->err, VLT_STATUS_INPUT,
                              "%s: key 'schema' is missing, this is no tuned config", reader->name);
    }
    if (version != VLT_TUNED_SCHEMA) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT, "%s:%d: schema %lld, expected %d",
                        reader->name, vlt_toml_line(schema), (long long)version, VLT_TUNED_SCHEMA);
    }
    if (!model || vlt_toml_type_of(model) != VLT_TOML_TABLE) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT, "%s: table [model] is missing",
                        reader->name);
    }
    check_keys(reader, root, "the file",
               " schema quality model measured fingerprint decision end ");
    check_keys(reader, model, "[model]", " name hash ");
    check_keys(reader, fingerprint, "[fingerprint]", " hard soft ");
    if ((status = read_quality(reader, root)) != VLT_OK ||
        (status = read_text(reader, model, "name", true, config->model_name,
                            sizeof config->model_name)) != VLT_OK ||
        (status = read_hash(reader, model, "hash", &config->key.model_hash)) != VLT_OK ||
        (status = read_measured(reader, root)) != VLT_OK ||
        (status = read_parts(reader, fingerprint, "hard", &config->key.hard)) != VLT_OK ||
        (status = read_parts(reader, fingerprint, "soft", &config->key.soft)) != VLT_OK) {
        return status;
    }
    return VLT_OK;
}

/* The last line holds the digest of everything before it. Editors and mail add and take line feeds
 * at the end of a file: nothing behind the digest counts. */
static bool digest_holds(const char *text, size_t bytes, uint64_t digest)
{
    while (bytes > 0 && isspace((unsigned char)text[bytes - 1])) {
        bytes--;
    }
    size_t line = bytes;
    while (line > 0 && text[line - 1] != '\n') {
        line--;
    }
    return bytes - line > 6 && !memcmp(text + line, "digest", 6) &&
           vlt_hash_bytes(text, line, 0) == digest;
}

static vlt_status read_end(const struct reader *reader, const vlt_toml_value *root,
                           const char *text, size_t bytes)
{
    const vlt_toml_value *end = vlt_toml_get(root, "end");
    const vlt_toml_value *decisions = vlt_toml_get(end, "decisions");
    int64_t count = 0;
    uint64_t digest;
    if (!end || vlt_toml_type_of(end) != VLT_TOML_TABLE || !decisions ||
        !vlt_toml_get(end, "digest")) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT,
                        "%s: cut after %zu bytes: the closing table [end] is missing or not whole",
                        reader->name, bytes);
    }
    if (!vlt_toml_integer(decisions, &count) || count < 0) {
        return bad(reader, decisions, "decisions", "a count");
    }
    vlt_status status = read_hash(reader, end, "digest", &digest);
    if (status != VLT_OK) {
        return status;
    }
    check_keys(reader, end, "[end]", " decisions digest ");
    reader->config->edited = count != reader->config->count || !digest_holds(text, bytes, digest);
    if (reader->config->edited) {
        warn(reader,
             "%s was edited by hand (its digest differs): the choices are used, what it says about "
             "speed no longer holds; vltune tune measures anew",
             reader->name);
    }
    return VLT_OK;
}

static vlt_status read_decisions(const struct reader *reader, const vlt_toml_value *root)
{
    const vlt_toml_value *list = vlt_toml_get(root, "decision");
    vlt_status status = VLT_OK;
    if (list && vlt_toml_type_of(list) != VLT_TOML_ARRAY) {
        return bad(reader, list, "decision", "a list of tables");
    }
    if (vlt_toml_count(list) > VLT_TUNED_DECISIONS_MAX) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT, "%s: %zu decisions, expected at most %d",
                        reader->name, vlt_toml_count(list), VLT_TUNED_DECISIONS_MAX);
    }
    for (size_t i = 0; i < vlt_toml_count(list) && status == VLT_OK; i++) {
        status = read_decision(reader, vlt_toml_at(list, i));
    }
    return status;
}

vlt_status vlt_tuned_parse(const char *text, size_t bytes, const char *name,
                           vlt_tuned_warning *warning, void *user, vlt_tuned_config *out,
                           vlt_error *err)
{
    struct reader reader = {name, warning, user, out, err};
    vlt_toml_error error;
    *out = (vlt_tuned_config){0};
    if (bytes == 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: empty (0 bytes), expected a tuned config",
                        name);
    }
    if (bytes > VLT_TUNED_BYTES_MAX) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: %zu bytes, expected 1 to %d", name, bytes,
                        VLT_TUNED_BYTES_MAX);
    }
    if (vlt_is_database_text(text, bytes)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: a database, expected a tuned config", name);
    }
    vlt_toml *document = vlt_toml_parse(text, bytes, &error);
    if (!document) {
        return error.line ? vlt_fail(err, VLT_STATUS_INPUT, "%s:%d:%d: %s", name, error.line,
                                     error.column, error.what)
                          : vlt_fail(err, VLT_STATUS_NOMEM, "%s: %s", name, error.what);
    }
    const vlt_toml_value *root = vlt_toml_root(document);
    vlt_status status = read_header(&reader, root);
    if (status == VLT_OK) {
        status = read_decisions(&reader, root);
    }
    if (status == VLT_OK) {
        status = read_end(&reader, root, text, bytes);
    }
    vlt_toml_destroy(document);
    if (status != VLT_OK) {
        vlt_tuned_config_release(out);
    }
    return status;
}

vlt_status vlt_tuned_read(const char *path, vlt_tuned_warning *warning, void *user,
                          vlt_tuned_config *out, vlt_error *err)
{
    char *text;
    size_t bytes;
    *out = (vlt_tuned_config){0};
    vlt_status status = vlt_read_file(path, VLT_TUNED_BYTES_MAX, &text, &bytes, err);
    if (status == VLT_OK) {
        status = vlt_tuned_parse(text, bytes, path, warning, user, out, err);
        free(text);
    }
    return status;
}
