/* Which file applies, and what the inference path is told about it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/config/tuned.h"
#include "harness/config/tuned_place.h"
#include "optimizations/core/knob.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/pipeline/pipeline.h"

static vlt_status conclude(vlt_tuned_loaded *out, const char *status, const char *path,
                           const char *format, ...) VLT_PRINTF(4, 5);

static vlt_status conclude(vlt_tuned_loaded *out, const char *status, const char *path,
                           const char *format, ...)
{
    va_list args;
    out->status = status;
    out->threads = 0;
    out->quality = VLT_QUALITY_EXACT;
    memcpy(out->path, path, strlen(path) + 1); /* it could be opened, or is one of find's */
    va_start(args, format);
    vlt_utf8_vformat(out->reason, sizeof out->reason, format, args);
    va_end(args);
    return VLT_OK;
}

static void warn(const vlt_tuned_request *request, const char *message)
{
    if (request->warn) {
        request->warn(request->warn_user, message);
    }
}

/* The places to look, in order: the user's own, of the quality and of exact, then beside the model.
 * NULL in *path: none of that number. */
static vlt_status candidate(const vlt_tuned_request *request, const vlt_tuned_key *key, int index,
                            char **path, vlt_error *err)
{
    bool exact = request->quality == VLT_QUALITY_EXACT;
    *path = NULL;
    if (index == 0 || (index == 1 && !exact)) {
        return vlt_tuned_place(key, index == 0 ? request->quality : VLT_QUALITY_EXACT, path, NULL,
                               err);
    }
    if (index == (exact ? 1 : 2) && request->directory &&
        asprintf(path, "%s/tuned.toml", request->directory) < 0) {
        *path = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "tuned config: out of memory");
    }
    return VLT_OK;
}

/* How to get a config that applies. */
static void repair(const vlt_tuned_request *request, char *text, size_t text_bytes)
{
    const char *directory = request->directory ? request->directory : "DIR";
    const bool exact = request->quality == VLT_QUALITY_EXACT;
    vlt_utf8_format(text, text_bytes, "run: vltune tune %s%s%s%s%s", directory,
                    request->config ? " -o " : "", request->config ? request->config : "",
                    exact ? "" : " --quality ", exact ? "" : vlt_quality_name(request->quality));
}

/* Places of memory that this machine does not have. What cannot be resolved is somebody else's to
 * say. */
static bool is_possible(const vlt_tuned_request *request, const vlt_tuned_config *config,
                        char *reason)
{
    for (int i = 0; i < config->count && request->caps; i++) {
        const vlt_tuned_decision *decision = &config->decision[i];
        const bool services = vlt_registry_find_op(decision->op) == &vlt_op_pipeline;
        const vlt_variant *variant =
            services ? vlt_registry_find_variant(&vlt_op_pipeline, decision->variant) : NULL;
        vlt_binding binding;
        if (variant && vlt_binding_parse(variant, decision->knobs, &binding, NULL) == VLT_OK &&
            !vlt_pipeline_is_possible(variant, &binding, request->caps, reason)) {
            return false;
        }
    }
    return true;
}

/* Reads one file. VLT_OK with out->status "tuned" or "mismatch". */
static vlt_status consider(const vlt_tuned_request *request, const vlt_tuned_key *key,
                           const char *path, vlt_choices *choices, vlt_tuned_loaded *out,
                           vlt_error *err)
{
    vlt_tuned_config config;
    char why[800], fix[VLT_TUNED_SAID_BYTES];
    vlt_status status = vlt_tuned_read(path, request->warn, request->warn_user, &config, err);
    if (status != VLT_OK) {
        return status;
    }
    repair(request, fix, sizeof fix);
    if (!vlt_tuned_key_applies(&config.key, key, why, sizeof why)) {
        status = conclude(out, "mismatch", path, "%s; %s", why, fix);
        goto done;
    }
    if (config.quality > request->quality) {
        status = conclude(out, "mismatch", path, "tuned for --quality %s, this run has %s; %s",
                          vlt_quality_name(config.quality), vlt_quality_name(request->quality),
                          fix);
        goto done;
    }
    if (!is_possible(request, &config, why)) {
        status = conclude(out, "mismatch", path, "%s %s; %s", vlt_op_pipeline.name, why, fix);
        goto done;
    }
    if (config.count == 0) {
        status = conclude(out, "default", path, "it holds no decision, so nothing is tuned; %s",
                          fix);
        goto done;
    }
    status = vlt_tuned_choices(&config, path, choices, err);
    if (status != VLT_OK) {
        goto done;
    }
    int drift = vlt_tuned_key_drift(&config.key, key, why, sizeof why);
    if (drift > 0) {
        conclude(out, "tuned", path, "%d decisions; since then %s%s", config.count, why,
                 drift > 1 ? " and more changed" : "");
    } else {
        conclude(out, "tuned", path, "%d decisions for this machine and model%s", config.count,
                 config.edited ? ", edited by hand" : "");
    }
    out->threads = config.threads;
    out->quality = config.quality;
done:
    vlt_tuned_config_release(&config);
    return status;
}

/* One place where a file was found: what is broken or for another machine is said, and the next
 * place is looked at. */
static vlt_status try_place(const vlt_tuned_request *request, const vlt_tuned_key *key,
                            const char *path, vlt_choices *choices, vlt_tuned_loaded *out,
                            vlt_error *err)
{
    char message[VLT_ERROR_BYTES + 64];
    vlt_tuned_loaded found;
    vlt_error failure = {0};
    vlt_status status = consider(request, key, path, choices, &found, &failure);
    if (status == VLT_STATUS_NOMEM) {
        return vlt_fail(err, status, "%s", failure.message);
    }
    if (status != VLT_OK) {
        vlt_utf8_format(message, sizeof message, "not used: %s", failure.message);
        warn(request, message);
        return out->path[0] ? VLT_OK : conclude(out, "default", path, "%s", message);
    }
    if (!strcmp(found.status, "tuned") || !out->path[0]) {
        *out = found;
    }
    return VLT_OK;
}

static vlt_status find(const vlt_tuned_request *request, const vlt_tuned_key *key,
                       vlt_choices *choices, vlt_tuned_loaded *out, vlt_error *err)
{
    if (request->config) {
        return consider(request, key, request->config, choices, out, err);
    }
    char fix[VLT_TUNED_SAID_BYTES];
    repair(request, fix, sizeof fix);
    conclude(out, "default", "", "no tuned config was found; %s", fix);
    for (int i = 0;; i++) {
        char *path;
        vlt_status status = candidate(request, key, i, &path, err);
        if (status != VLT_OK || !path) {
            return status;
        }
        bool there = access(path, F_OK) == 0 && strlen(path) < VLT_TUNED_PATH_BYTES;
        if (there) {
            status = try_place(request, key, path, choices, out, err);
        }
        free(path);
        if (status != VLT_OK || !strcmp(out->status, "tuned")) {
            return status;
        }
    }
}

vlt_status vlt_tuned_load(const vlt_tuned_request *request, vlt_choices *choices,
                          vlt_tuned_loaded *out, vlt_error *err)
{
    vlt_status status = VLT_OK;
    vlt_tuned_key *key = NULL;
    char fix[VLT_TUNED_SAID_BYTES];
    *out = (vlt_tuned_loaded){.status = "default"};
    if (request->baseline || request->no_config) {
        conclude(out, request->baseline ? "baseline" : "default", "", "%s was asked for",
                 request->baseline ? "the baseline of every operator" : "no tuned config");
        goto done;
    }
    key = malloc(sizeof *key);
    if (!key) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tuned config: out of memory");
    }
    status = request->key ? VLT_OK : vlt_tuned_key_here(request->model_hash, key, err);
    if (status == VLT_OK) {
        status = find(request, request->key ? request->key : key, choices, out, err);
    }
done:
    free(key);
    if (status == VLT_OK && request->require && !strcmp(out->status, "tuned") &&
        out->quality != request->quality) {
        repair(request, fix, sizeof fix);
        return vlt_fail(err, VLT_STATUS_STALE,
                        "a tuned config for --quality %s is required: %s is tuned for %s; %s",
                        vlt_quality_name(request->quality), out->path,
                        vlt_quality_name(out->quality), fix);
    }
    if (status == VLT_OK && request->require && strcmp(out->status, "tuned") != 0) {
        repair(request, fix, sizeof fix);
        status = vlt_fail(err, VLT_STATUS_STALE, "a tuned config is required: %s%s%s%s%s",
                          out->path, out->path[0] ? ": " : "", out->reason,
                          strstr(out->reason, "run: ") ? "" : "; ",
                          strstr(out->reason, "run: ") ? "" : fix);
    }
    if (status == VLT_OK && !strcmp(out->status, "mismatch")) {
        char message[VLT_QUOTED_PATH_BYTES + VLT_TUNED_SAID_BYTES + 64];
        vlt_utf8_format(message, sizeof message, "%s: %s; default variants are used", out->path,
                        out->reason);
        warn(request, message);
    }
    return status;
}
