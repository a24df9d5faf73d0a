/* Packs: seeds as a small TOML. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/toml_shim.h"
#include "harness/json/buffer.h"
#include "tuner/pack/seeds.h"

enum { SCHEMA = 1 };

/* Beyond this cost over the best of its bucket a setting did not do well. */
static const double well = 0.2;

/* No logarithm of two times comes near it. */
static const double cost_max = 1000;

static vlt_status fail(const char *name, const vlt_toml_value *value, const char *what,
                       vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_INPUT, "%s: line %d: %s", name,
                    value ? vlt_toml_line(value) : 1, what);
}

/* A text without control characters that fits; what may stand in quotes as it is. */
static bool read_text(const vlt_toml_value *value, char *out, size_t out_bytes)
{
    const char *text;
    size_t bytes;
    if (!vlt_toml_string(value, &text, &bytes) || bytes >= out_bytes) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == '"' || text[i] == '\\' || text[i] == 0x7f) {
            return false;
        }
    }
    memcpy(out, text, bytes);
    out[bytes] = 0;
    return true;
}

static vlt_status read_seed(const vlt_toml_value *entry, const char *name, vlt_seeds *out,
                            vlt_error *err)
{
    vlt_seed seed = {.cost = 0};
    if (vlt_toml_type_of(entry) != VLT_TOML_TABLE) {
        return fail(name, entry, "'seed' is no array of tables", err);
    }
    if (!read_text(vlt_toml_get(entry, "op"), seed.op, sizeof seed.op) || !seed.op[0]) {
        return fail(name, entry, "a seed without 'op', a short text", err);
    }
    if (!read_text(vlt_toml_get(entry, "bucket"), seed.bucket, sizeof seed.bucket) ||
        !seed.bucket[0]) {
        return fail(name, entry, "a seed without 'bucket', a short text", err);
    }
    if (!read_text(vlt_toml_get(entry, "variant"), seed.variant, sizeof seed.variant) ||
        !seed.variant[0]) {
        return fail(name, entry, "a seed without 'variant', a short text", err);
    }
    const vlt_toml_value *knobs = vlt_toml_get(entry, "knobs");
    const vlt_toml_value *cost = vlt_toml_get(entry, "cost");
    if (knobs && !read_text(knobs, seed.knobs, sizeof seed.knobs)) {
        return fail(name, knobs, "'knobs' is no short text", err);
    }
    if (cost && (!vlt_toml_real(cost, &seed.cost) || !(seed.cost >= 0 && seed.cost <= cost_max))) {
        return fail(name, cost, "'cost' is no number from 0 to 1000", err);
    }
    return vlt_seeds_add(out, &seed, err);
}

static vlt_status read_pack(const vlt_toml_value *root, const char *name, vlt_seeds *out,
                            vlt_error *err)
{
    int64_t schema;
    const vlt_toml_value *seeds = vlt_toml_get(root, "seed"), *first = vlt_toml_get(root, "schema");
    if (!vlt_toml_integer(first, &schema) || schema != SCHEMA) {
        return fail(name, first, "'schema' is not 1", err);
    }
    const vlt_toml_value *machine = vlt_toml_get(root, "machine");
    if (machine && !read_text(machine, out->source, sizeof out->source)) {
        return fail(name, machine, "'machine' is no short text", err);
    }
    const vlt_toml_value *isa = vlt_toml_get(root, "isa");
    if (isa && !read_text(isa, out->isa, sizeof out->isa)) {
        return fail(name, isa, "'isa' is no short text", err);
    }
    if (!seeds || vlt_toml_type_of(seeds) != VLT_TOML_ARRAY) {
        return fail(name, seeds, "'seed' is no array of tables", err);
    }
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < vlt_toml_count(seeds) && status == VLT_OK; i++) {
        status = read_seed(vlt_toml_at(seeds, i), name, out, err);
    }
    return status;
}

vlt_status vlt_seeds_parse(const char *text, size_t bytes, const char *name, vlt_seeds *out,
                           vlt_error *err)
{
    vlt_toml_error error;
    *out = (vlt_seeds){0};
    vlt_toml *document = vlt_toml_parse(text, bytes, &error);
    if (!document) {
        return error.line ? vlt_fail(err, VLT_STATUS_INPUT, "%s: line %d, column %d: %s", name,
                                     error.line, error.column, error.what)
                          : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    vlt_status status = read_pack(vlt_toml_root(document), name, out, err);
    vlt_toml_destroy(document);
    if (status != VLT_OK) {
        vlt_seeds_release(out);
    }
    return status;
}

static int compare_seeds(const void *a, const void *b)
{
    const vlt_seed *x = a, *y = b;
    int order = strcmp(x->op, y->op);
    order = order ? order : strcmp(x->bucket, y->bucket);
    order = order ? order : (x->cost > y->cost) - (x->cost < y->cost);
    order = order ? order : strcmp(x->variant, y->variant);
    return order ? order : strcmp(x->knobs, y->knobs);
}

/* A cost as its four decimals read back, so that what is sorted here stays sorted there. */
static double as_written(double cost)
{
    return round(cost * 1e4) / 1e4;
}

vlt_status vlt_seeds_format(const vlt_seeds *seeds, int top, char **text, size_t *bytes,
                            vlt_error *err)
{
    vlt_buffer buffer = {0};
    vlt_seed *sorted = malloc(((size_t)seeds->count + 1) * sizeof *sorted);
    if (!sorted) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "seeds: out of memory");
    }
    if (seeds->count) {
        memcpy(sorted, seeds->seed, (size_t)seeds->count * sizeof *sorted);
        for (int i = 0; i < seeds->count; i++) {
            sorted[i].cost = as_written(sorted[i].cost);
        }
        qsort(sorted, (size_t)seeds->count, sizeof *sorted, compare_seeds);
    }
    vlt_buffer_print(&buffer, "schema = %d\nmachine = \"%s\"\nisa = \"%s\"\n", SCHEMA,
                     seeds->source, seeds->isa);
    for (int i = 0, rank = 0, first = 0; i < seeds->count; i++) {
        const vlt_seed *seed = &sorted[i];
        bool same = i > 0 && !strcmp(seed->op, seed[-1].op) &&
                    !strcmp(seed->bucket, seed[-1].bucket);
        rank = same ? rank + 1 : 0;
        first = same ? first : i;
        if (rank < top && seed->cost - sorted[first].cost <= well) {
            vlt_buffer_print(&buffer,
                             "\n[[seed]]\nop = \"%s\"\nbucket = \"%s\"\nvariant = \"%s\"\nknobs = "
                             "\"%s\"\ncost = %.4f\n",
                             seed->op, seed->bucket, seed->variant, seed->knobs, seed->cost);
        }
    }
    if (!seeds->count) {
        vlt_buffer_text(&buffer, "seed = []\n");
    }
    free(sorted);
    if (buffer.failed) {
        free(buffer.data);
        return vlt_fail(err, VLT_STATUS_NOMEM, "seeds: out of memory");
    }
    *text = buffer.data;
    *bytes = buffer.bytes;
    return VLT_OK;
}
