#include "tuner/bench/contender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files/file_kind.h"
#include "harness/measure/prepared.h"
#include "harness/measure/probe.h"

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool is_library(const char *text)
{
    return ends_with(text, ".so") || strstr(text, ".so.") != NULL;
}

/* The library that an executable in build or bin folders was made with. */
static bool library_beside(const char *program, char *path, size_t path_bytes)
{
    static const char *const places[] = {"libvltune.so", "libvltune.so.0", "../lib/libvltune.so.0"};
    const char *slash = strrchr(program, '/');
    size_t folder = slash ? (size_t)(slash - program) + 1 : 0;
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(places[i]) + 1;
        if (folder + length <= path_bytes) {
            memcpy(path, program, folder);
            memcpy(path + folder, places[i], length);
            if (is_file(path)) {
                return true;
            }
        }
    }
    return false;
}

/* dlopen searches the system's folders for a name without a slash; here it is a file. */
static vlt_status set_path(vlt_contender *contender, const char *path, vlt_error *err)
{
    if (!is_file(path)) {
        const char *kind = vlt_path_kind(path);
        return vlt_fail(err, VLT_STATUS_INPUT, "'%s': %s%s", path,
                        kind ? kind : "there is no such file", kind ? ", expected a file" : "");
    }
    char *whole = realpath(path, NULL);
    size_t length = whole ? strlen(whole) : 0;
    vlt_status status = VLT_OK;
    if (!whole || length >= sizeof contender->path) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "'%s': cannot resolve the path", path);
    } else {
        memcpy(contender->path, whole, length + 1);
    }
    free(whole);
    return status;
}

/* Said once, before any stage; whether it can be loaded is found by who loads it. */
static vlt_status set_library(vlt_contender *contender, const char *path, vlt_error *err)
{
    vlt_status status = set_path(contender, path, err);
    if (status == VLT_OK && access(contender->path, R_OK) != 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "'%s': cannot be read: %s", path, strerror(errno));
    }
    if (status == VLT_OK && !vlt_is_elf(contender->path)) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "'%s': no shared library, it does not begin as ELF files do", path);
    }
    return status;
}

static vlt_status parse_program(const char *text, vlt_contender *contender, vlt_error *err)
{
    char library[VLT_CONTENDER_PATH_BYTES];
    contender->kind = VLT_CONTENDER_LIBRARY;
    if (!library_beside(text, library, sizeof library)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "'%s': there is no libvltune.so beside it", text);
    }
    return set_library(contender, library, err);
}

/* Does the text begin with the name of an operator? Then what is wrong is behind it. */
static bool names_operator(const char *text)
{
    char name[64];
    size_t length = strcspn(text, "/@:");
    if (length >= sizeof name) {
        return false;
    }
    memcpy(name, text, length);
    name[length] = '\0';
    return vlt_registry_find_op(name) != NULL;
}

/* What is no operator may have been meant as a file, which is there or not. */
static vlt_status refuse_unknown(const char *text, vlt_status status, vlt_error *err)
{
    const char *kind = names_operator(text) ? NULL : vlt_path_kind(text);
    if (kind) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "'%s': %s, expected OP[/VARIANT][@DIM=N,...], the libvltune.so of a build "
                        "(or a program beside it), a tuned config FILE.toml, db:RUN, baseline or "
                        "default",
                        text, kind);
    }
    if (!names_operator(text) && strchr(text, '/')) {
        return vlt_fail_in(err, status, "'%s': there is no such file; as a variant: ", text);
    }
    return status;
}

static vlt_status parse_variant(const char *text, vlt_error *err)
{
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    if (vlt_probe_named(text)) {
        return VLT_OK;
    }
    vlt_status status = vlt_what_parse(text, &problem, &variant, &binding, err);
    return status == VLT_OK ? VLT_OK : refuse_unknown(text, status, err);
}

vlt_status vlt_contender_parse(const char *text, vlt_contender *contender, vlt_error *err)
{
    *contender = (vlt_contender){.text = text};
    if (!strcmp(text, "baseline")) {
        contender->kind = VLT_CONTENDER_BASELINE;
        return VLT_OK;
    }
    if (!strcmp(text, "default")) {
        contender->kind = VLT_CONTENDER_DEFAULT;
        return VLT_OK;
    }
    if (!strncmp(text, "db:", 3)) {
        contender->kind = VLT_CONTENDER_STORED;
        return text[3] ? VLT_OK : vlt_fail(err, VLT_STATUS_USAGE, "'db:', expected db:RUN");
    }
    if (ends_with(text, ".toml")) {
        contender->kind = VLT_CONTENDER_CONFIG;
        return set_path(contender, text, err);
    }
    if (is_library(text)) {
        contender->kind = VLT_CONTENDER_LIBRARY;
        return set_library(contender, text, err);
    }
    if (vlt_is_database(text)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s': a database, expected db:RUN with --db '%s'",
                        text, text);
    }
    if (is_file(text) && access(text, X_OK) == 0) {
        return parse_program(text, contender, err);
    }
    contender->kind = VLT_CONTENDER_VARIANT;
    return parse_variant(text, err);
}
