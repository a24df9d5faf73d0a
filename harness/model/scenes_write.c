#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/model/scenes.h"
#include "optimizations/core/memory.h"

enum { COUNT_MAX = 1000000, PATH_BYTES = 4096 };

static vlt_status make_folder(const char *folder, vlt_error *err)
{
    struct stat info;
    if (mkdir(folder, 0777) == 0) {
        return VLT_OK;
    }
    int cause = errno;
    if (cause == EEXIST && stat(folder, &info) == 0 && S_ISDIR(info.st_mode)) {
        return VLT_OK;
    }
    return vlt_fail(err, VLT_STATUS_IO, "folder '%s': %s", folder,
                    cause == EEXIST ? "a file of that name is there" : strerror(cause));
}

static vlt_status join(const char *folder, const char *name, char path[PATH_BYTES], vlt_error *err)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    if (length >= PATH_BYTES) {
        return vlt_fail(err, VLT_STATUS_USAGE, "folder '%s': path of %d bytes, limit %d", folder,
                        length, PATH_BYTES - 1);
    }
    return VLT_OK;
}

static vlt_status write_picture(const char *folder, const vlt_scenes_options *options,
                                int64_t index, FILE *lines, vlt_error *err)
{
    vlt_scene scene;
    uint8_t *jpeg = NULL;
    size_t jpeg_bytes;
    char name[64], path[PATH_BYTES];
    snprintf(name, sizeof name, "scene-%03lld.jpg", (long long)index);
    vlt_status status = join(folder, name, path, err);
    if (status == VLT_OK) {
        status = vlt_scene_jpeg(options->seed, (uint64_t)index, options->width, options->height,
                                &scene, &jpeg, &jpeg_bytes, err);
    }
    if (status == VLT_OK) {
        status = vlt_write_file(path, jpeg, jpeg_bytes, err);
    }
    if (status == VLT_OK) {
        json_t *line = vlt_json_make("{s:s, s:s, s:s}", "image", name, "question", scene.question,
                                     "answer", scene.answer);
        status = vlt_json_print(line, true, lines, err);
        json_decref(line);
    }
    vlt_free(jpeg);
    return status;
}

static vlt_status write_pictures(const char *folder, const vlt_scenes_options *options, FILE *lines,
                                 vlt_error *err)
{
    vlt_status status = make_folder(folder, err);
    for (int64_t i = 0; i < options->count && status == VLT_OK; i++) {
        if (options->stop && options->stop(options->user, i)) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted after %lld of %lld scenes",
                            (long long)i, (long long)options->count);
        }
        status = write_picture(folder, options, i, lines, err);
    }
    return status;
}

vlt_status vlt_scenes_write(const char *folder, const vlt_scenes_options *given, vlt_error *err)
{
    vlt_scenes_options options = *given;
    options.width = options.width ? options.width : VLT_SCENE_SIDE;
    options.height = options.height ? options.height : VLT_SCENE_SIDE;
    if (options.count < 1 || options.count > COUNT_MAX) {
        return vlt_fail(err, VLT_STATUS_USAGE, "scenes: count %lld, expected 1 to %d",
                        (long long)options.count, COUNT_MAX);
    }
    vlt_status status = vlt_scene_check_size(options.width, options.height, err);
    if (status != VLT_OK) {
        return status;
    }
    char *text = NULL, path[PATH_BYTES];
    size_t text_bytes = 0;
    FILE *lines = open_memstream(&text, &text_bytes);
    if (!lines) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "scenes: out of memory");
    }
    status = write_pictures(folder, &options, lines, err);
    if (fclose(lines) != 0 && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "scenes: out of memory");
    }
    if (status == VLT_OK) {
        status = join(folder, "scenes.jsonl", path, err);
    }
    if (status == VLT_OK) {
        status = vlt_write_file(path, text, text_bytes, err);
    }
    free(text);
    return status;
}
