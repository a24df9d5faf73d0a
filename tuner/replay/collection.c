#include "tuner/replay/collection.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tuner/replay/gzip.h"
#include "tuner/replay/t1.h"

/* Of a file, unpacked. */
static const size_t bytes_max = (size_t)1 << 30;

enum { PATH_BYTES = 4096, NAME_BYTES = 256 };

typedef struct names {
    char **name; /* owned */
    int count;
} names;

typedef struct reading {
    vlt_collection *collection;
    vlt_restriction *where;
    void (*progress)(void *user, const char *path);
    void *user;
    vlt_error *err;
} reading;

static vlt_status no_memory(const char *path, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
}

static void release_names(names *list)
{
    for (int i = 0; i < list->count; i++) {
        free(list->name[i]);
    }
    free(list->name);
    *list = (names){0};
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_bytes = strlen(text), end_bytes = strlen(end);
    return text_bytes >= end_bytes && !strcmp(text + text_bytes - end_bytes, end);
}

static vlt_status add_note(vlt_collection *collection, vlt_error *err, const char *format, ...)
    VLT_PRINTF(3, 4);

static vlt_status add_note(vlt_collection *collection, vlt_error *err, const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    void *grown = length < 0 ? NULL
                             : realloc(collection->note, (size_t)(collection->note_count + 1) *
                                                             sizeof *collection->note);
    if (!grown) {
        free(length < 0 ? NULL : text);
        return no_memory("recorded spaces", err);
    }
    collection->note = grown;
    collection->note[collection->note_count++] = text;
    return VLT_OK;
}

/* A file of spaces that is still packed, and how that is told. */
static vlt_status note_packed(reading *r, const char *directory, const char *name)
{
    return add_note(r->collection, r->err, "%s/%s is packed: unpack it first (unxz, tar xf)",
                    directory, name);
}

/* Names in a folder that are folders themselves, or files of ours; sorted. What is packed in a way
 * that is not read becomes a note. */
static vlt_status list_folder(reading *r, const char *directory, bool folders, names *out)
{
    vlt_error *err = r->err;
    vlt_status status = VLT_OK;
    DIR *folder = opendir(directory);
    *out = (names){0};
    if (!folder) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s", directory, strerror(errno));
    }
    for (const struct dirent *entry; status == VLT_OK && (entry = readdir(folder));) {
        char path[PATH_BYTES];
        struct stat info;
        int length = snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (!folders && ends_with(entry->d_name, ".xz")) {
            status = note_packed(r, directory, entry->d_name);
            continue;
        }
        if (entry->d_name[0] == '.' || length >= (int)sizeof path || stat(path, &info) != 0 ||
            (folders
                 ? !S_ISDIR(info.st_mode)
                 : !ends_with(entry->d_name, ".json") && !ends_with(entry->d_name, ".json.gz"))) {
            continue;
        }
        void *grown = realloc(out->name, (size_t)(out->count + 1) * sizeof *out->name);
        out->name = grown ? grown : out->name;
        char *copy = grown ? strdup(entry->d_name) : NULL;
        if (!copy) {
            status = no_memory(directory, err);
            continue;
        }
        out->name[out->count++] = copy;
    }
    closedir(folder);
    if (out->count > 1) {
        qsort(out->name, (size_t)out->count, sizeof *out->name, compare_names);
    }
    return status;
}

/* "A100" of "A100_T4.json.gz"; names of files fit. */
static void machine_of(const char *file, char machine[NAME_BYTES])
{
    static const char *const ends[] = {".gz", ".json", "_T4", "-T4"};
    size_t bytes = strlen(file) < NAME_BYTES ? strlen(file) : NAME_BYTES - 1;
    memcpy(machine, file, bytes);
    machine[bytes] = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (ends_with(machine, ends[i])) {
            machine[strlen(machine) - strlen(ends[i])] = 0;
        }
    }
}

static bool is_t4_name(const char *file)
{
    char machine[NAME_BYTES];
    machine_of(file, machine);
    char next = file[strlen(machine)];
    return next == '_' || next == '-';
}

/* Is there another file of the same machine that goes before this one? */
static bool is_twin(const names *files, int index)
{
    char machine[NAME_BYTES], other[NAME_BYTES];
    machine_of(files->name[index], machine);
    for (int i = 0; i < files->count; i++) {
        machine_of(files->name[i], other);
        bool better = is_t4_name(files->name[i]) > is_t4_name(files->name[index]) ||
                      (is_t4_name(files->name[i]) == is_t4_name(files->name[index]) && i < index);
        if (i != index && !strcmp(machine, other) && better) {
            return true;
        }
    }
    return false;
}

static vlt_status keep(reading *r, vlt_recorded *recorded)
{
    vlt_collection *collection = r->collection;
    size_t bytes = (size_t)(collection->count + 1) * sizeof *collection->space;
    void *grown = realloc(collection->space, bytes);
    if (!grown) {
        vlt_recorded_destroy(recorded);
        return no_memory("recorded spaces", r->err);
    }
    collection->space = grown;
    collection->space[collection->count++] = recorded;
    return VLT_OK;
}

/* Named as results and none, or results of a part of the space. */
static vlt_status note_reading(reading *r, const vlt_recording *recording, vlt_record_kind kind,
                               const char *path)
{
    const char *file = strrchr(path, '/'), *fact;
    file = file ? file + 1 : path;
    if (kind != VLT_RECORD_T4 && kind != VLT_RECORD_CACHE) {
        return is_t4_name(file)
                   ? add_note(r->collection, r->err, "%s: no T4 results, passed over", path)
                   : VLT_OK;
    }
    fact = vlt_recording_fact(recording, VLT_RECORDED_SETTINGS_FACT);
    const unsigned long long settings = fact ? strtoull(fact, NULL, 10) : 0;
    const size_t rows = vlt_recording_row_count(recording);
    return rows < settings
               ? add_note(r->collection, r->err,
                          "%s: %zu of %llu settings are recorded, the best may not be among them",
                          path, rows, settings)
               : VLT_OK;
}

/* Reads one file; `t1` is the text of the kernel's T1 file, "" where there is none. */
static vlt_status read_file(reading *r, const char *path, const char *kernel, const char *machine,
                            const char *t1_path, const char *t1, size_t t1_bytes)
{
    char *text;
    size_t bytes;
    vlt_recording *recording = NULL;
    vlt_recorded *recorded = NULL;
    vlt_record_kind kind = VLT_RECORD_OTHER;
    if (r->progress) {
        r->progress(r->user, path);
    }
    vlt_status status = vlt_read_gzip(path, bytes_max, &text, &bytes, r->err);
    if (status == VLT_OK) {
        status = vlt_recording_create(kernel, machine, &recording, r->err);
    }
    if (status == VLT_OK) {
        status = vlt_recording_read(recording, text, bytes, path, &kind, r->err);
    }
    free(text);
    if (status == VLT_OK) {
        status = note_reading(r, recording, kind, path);
    }
    bool is_space = kind == VLT_RECORD_T4 || kind == VLT_RECORD_CACHE;
    if (status == VLT_OK && is_space && t1_bytes) {
        status = vlt_t1_order(t1, t1_bytes, t1_path, recording, r->err);
    }
    if (status == VLT_OK && is_space) {
        status = vlt_recording_finish(recording, r->where, path, &recorded, r->err);
    }
    vlt_recording_destroy(recording);
    return status == VLT_OK && recorded ? keep(r, recorded) : status;
}

static vlt_status read_kernel(reading *r, const char *directory, const char *kernel)
{
    names files;
    char t1_path[PATH_BYTES] = "", *t1 = NULL;
    size_t t1_bytes = 0;
    vlt_status status = list_folder(r, directory, false, &files);
    for (int i = 0; i < files.count && status == VLT_OK; i++) {
        if (!strcmp(files.name[i], "T1.json") || !strcmp(files.name[i], "T1.json.gz")) {
            free(t1);
            t1 = NULL;
            if (snprintf(t1_path, sizeof t1_path, "%s/%s", directory, files.name[i]) <
                (int)sizeof t1_path) {
                status = vlt_read_gzip(t1_path, bytes_max, &t1, &t1_bytes, r->err);
            }
        }
    }
    for (int i = 0; i < files.count && status == VLT_OK; i++) {
        char path[PATH_BYTES], machine[NAME_BYTES];
        int length = snprintf(path, sizeof path, "%s/%s", directory, files.name[i]);
        bool is_t1 = !strncmp(files.name[i], "T1.json", 7);
        if (length < (int)sizeof path && !is_t1 && !is_twin(&files, i)) {
            machine_of(files.name[i], machine);
            status = read_file(r, path, kernel, machine, t1_path, t1, t1_bytes);
        }
    }
    free(t1);
    release_names(&files);
    return status;
}

/* The last name of a path. */
static void base_name(const char *path, char name[NAME_BYTES])
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    size_t bytes = end - begin < NAME_BYTES ? end - begin : NAME_BYTES - 1;
    memcpy(name, path + begin, bytes);
    name[bytes] = 0;
}

static int compare_spaces(const void *a, const void *b)
{
    const vlt_recorded *x = *(vlt_recorded *const *)a, *y = *(vlt_recorded *const *)b;
    return strcmp(vlt_domain_name(x->domain), vlt_domain_name(y->domain));
}

vlt_status vlt_collection_read(const char *directory, vlt_restriction *where,
                               void (*progress)(void *user, const char *path), void *user,
                               vlt_collection *out, vlt_error *err)
{
    names folders;
    reading r = {out, where, progress, user, err};
    *out = (vlt_collection){0};
    vlt_status status = list_folder(&r, directory, true, &folders);
    for (int i = 0; i < folders.count && status == VLT_OK; i++) {
        char path[PATH_BYTES];
        if (snprintf(path, sizeof path, "%s/%s", directory, folders.name[i]) < (int)sizeof path) {
            status = read_kernel(&r, path, folders.name[i]);
        }
    }
    if (status == VLT_OK && !folders.count) {
        char kernel[NAME_BYTES];
        base_name(directory, kernel);
        status = read_kernel(&r, directory, kernel);
    }
    release_names(&folders);
    if (status == VLT_OK && where) {
        status = vlt_restriction_check(where, err);
    }
    if (status == VLT_OK && !out->count) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: no recorded space (DIR/KERNEL/MACHINE.json, T4 results or Kernel "
                          "Tuner caches)%s%s",
                          directory, out->note_count ? "; " : "",
                          out->note_count ? out->note[0] : "");
    }
    if (status != VLT_OK) {
        vlt_collection_release(out);
        return status;
    }
    qsort(out->space, (size_t)out->count, sizeof *out->space, compare_spaces);
    return VLT_OK;
}

void vlt_collection_release(vlt_collection *collection)
{
    for (int i = 0; i < collection->count; i++) {
        vlt_recorded_destroy(collection->space[i]);
    }
    for (int i = 0; i < collection->note_count; i++) {
        free(collection->note[i]);
    }
    free(collection->note);
    free(collection->space);
    *collection = (vlt_collection){0};
}
