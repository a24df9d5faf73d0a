#include "tuner/pack/seeds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/toml_shim.h"
#include "harness/config/tuned.h"
#include "harness/files/file_kind.h"
#include "harness/json/json.h"
#include "tuner/store/store.h"
#include "tuner/store/store_best.h"

void vlt_seeds_release(vlt_seeds *seeds)
{
    free(seeds->seed);
    *seeds = (vlt_seeds){0};
}

vlt_status vlt_seeds_add(vlt_seeds *seeds, const vlt_seed *seed, vlt_error *err)
{
    if (seeds->count == VLT_SEEDS_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "more than %d seeds", VLT_SEEDS_MAX);
    }
    if (seeds->count == seeds->capacity) {
        int capacity = seeds->capacity ? 2 * seeds->capacity : 64;
        void *grown = realloc(seeds->seed, (size_t)capacity * sizeof *seeds->seed);
        if (!grown) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "seeds: out of memory");
        }
        seeds->seed = grown;
        seeds->capacity = capacity;
    }
    seeds->seed[seeds->count++] = *seed;
    return VLT_OK;
}

/* Copies a text that must fit and hold nothing that a pack could not say; else false. */
static bool copy(char *to, size_t to_bytes, const char *from)
{
    size_t bytes = strlen(from);
    if (bytes >= to_bytes) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)from[i] < ' ' || strchr("\"\\\x7f", from[i])) {
            return false;
        }
    }
    memcpy(to, from, bytes + 1);
    return true;
}

static vlt_status from_config(const char *text, size_t bytes, const char *path, vlt_seeds *out,
                              vlt_error *err)
{
    vlt_tuned_config config = {.count = 0};
    vlt_status status = vlt_tuned_parse(text, bytes, path, NULL, NULL, &config, err);
    const char *cpu = status == VLT_OK ? vlt_tuned_parts_get(&config.key.hard, "cpu") : NULL;
    const char *isa = status == VLT_OK ? vlt_tuned_parts_get(&config.key.hard, "isa") : NULL;
    if (cpu) {
        copy(out->source, sizeof out->source, cpu);
    }
    if (isa) {
        copy(out->isa, sizeof out->isa, isa);
    }
    for (int i = 0; i < config.count && status == VLT_OK; i++) {
        const vlt_tuned_decision *decision = &config.decision[i];
        vlt_seed seed = {.cost = 0};
        if (copy(seed.op, sizeof seed.op, decision->op) &&
            copy(seed.bucket, sizeof seed.bucket, decision->bucket) &&
            copy(seed.variant, sizeof seed.variant, decision->variant) &&
            copy(seed.knobs, sizeof seed.knobs, decision->knobs)) {
            status = vlt_seeds_add(out, &seed, err);
        }
    }
    vlt_tuned_config_release(&config);
    return status;
}

struct keep {
    vlt_seeds *seeds;
    vlt_status status;
    vlt_error *err;
};

static bool keep_best(void *user, const vlt_store_best *best)
{
    struct keep *keep = user;
    vlt_seed seed = {.cost = best->log_ratio};
    if (!isfinite(best->log_ratio) || !copy(seed.op, sizeof seed.op, best->op) ||
        !copy(seed.bucket, sizeof seed.bucket, best->bucket) ||
        !copy(seed.variant, sizeof seed.variant, best->variant) ||
        !copy(seed.knobs, sizeof seed.knobs, best->knobs)) {
        return true;
    }
    if (!keep->seeds->source[0]) {
        copy(keep->seeds->source, sizeof keep->seeds->source, best->machine);
        copy(keep->seeds->isa, sizeof keep->seeds->isa, best->isa);
    }
    keep->status = vlt_seeds_add(keep->seeds, &seed, keep->err);
    return keep->status == VLT_OK;
}

/* Costs are told over the default: made those over the best of the bucket. Rows of a bucket come
 * one after the other, best first. */
static void relate_costs(vlt_seeds *seeds)
{
    double best = 0;
    for (int i = 0; i < seeds->count; i++) {
        vlt_seed *seed = &seeds->seed[i];
        bool same = i > 0 && !strcmp(seed->op, seed[-1].op) &&
                    !strcmp(seed->bucket, seed[-1].bucket);
        best = same ? best : seed->cost;
        seed->cost -= best;
    }
}

static vlt_status from_store(const char *path, vlt_seeds *out, vlt_error *err)
{
    vlt_store *store;
    vlt_status status = vlt_store_open(path, VLT_STORE_READ, &store, err);
    if (status != VLT_OK) {
        return status;
    }
    struct keep keep = {out, VLT_OK, err};
    status = vlt_store_each_best(store, keep_best, &keep, err);
    vlt_store_close(store);
    relate_costs(out);
    return status == VLT_OK ? keep.status : status;
}

/* Is a text of TOML a pack? It has seeds, or nothing of what a tuned config begins with. */
static bool is_pack(const char *text, size_t bytes)
{
    static const char *const parts[] = {"model", "fingerprint", "decision", "end"};
    vlt_toml_error error;
    vlt_toml *document = vlt_toml_parse(text, bytes, &error);
    if (!document) { /* cut or damaged: the reader says where */
        return strstr(text, "[[seed]]") != NULL && strstr(text, "[[decision]]") == NULL;
    }
    const vlt_toml_value *root = vlt_toml_root(document);
    bool pack = vlt_toml_get(root, "schema") != NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        pack = pack && !vlt_toml_get(root, parts[i]);
    }
    pack = pack || (vlt_toml_get(root, "seed") && !vlt_toml_get(root, "decision"));
    vlt_toml_destroy(document);
    return pack;
}

vlt_status vlt_seeds_read(const char *path, vlt_seeds *out, vlt_error *err)
{
    char *text;
    size_t bytes;
    *out = (vlt_seeds){0};
    if (vlt_is_database(path)) {
        vlt_status status = from_store(path, out, err);
        if (status != VLT_OK) {
            vlt_seeds_release(out);
        }
        return status;
    }
    vlt_status status = vlt_read_file(path, VLT_TUNED_BYTES_MAX, &text, &bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    status = is_pack(text, bytes) ? vlt_seeds_parse(text, bytes, path, out, err)
                                  : from_config(text, bytes, path, out, err);
    free(text);
    if (status != VLT_OK) {
        vlt_seeds_release(out);
    }
    return status;
}
