#include "harness/model/make.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "harness/files/temp_folder.h"
#include "harness/model/make_internal.h"
#include "optimizations/core/memory.h"

enum { PATH_BYTES = 4096, DISK_SPARE_BYTES = 16 << 20 };

/* What all sizes share. */
#define TEXT_COMMON .position_max = 262144, .rope_theta = 5e6, .epsilon = 1e-6f
#define VISION_COMMON                                                                       \
    .patch = 16, .temporal = 2, .merge = 2, .channels = 3, .grid = 48, .rope_theta = 10000, \
    .deepstack_count = 3

static const vlt_make_model sizes[] = {
    {.size = "tiny",
     .config = {.text = {.width = 192,
                         .layers = 6,
                         .heads = 4,
                         .kv_heads = 2,
                         .head = 128,
                         .inner = 448,
                         .mrope_section = {24, 20, 20},
                         TEXT_COMMON},
                .vision = {.width = 128,
                           .blocks = 6,
                           .heads = 2,
                           .inner = 256,
                           .out = 192,
                           .deepstack = {1, 2, 4},
                           VISION_COMMON},
                .tied = true},
     .token_max = 2000,
     .pixels_min = 16384,
     .pixels_max = 262144},
    {.size = "small",
     .config = {.text = {.width = 768,
                         .layers = 8,
                         .heads = 8,
                         .kv_heads = 4,
                         .head = 128,
                         .inner = 2048,
                         .mrope_section = {24, 20, 20},
                         TEXT_COMMON},
                .vision = {.width = 512,
                           .blocks = 6,
                           .heads = 8,
                           .inner = 2048,
                           .out = 768,
                           .deepstack = {1, 2, 4},
                           VISION_COMMON},
                .tied = true},
     .token_max = 16384,
     .pixels_min = 65536,
     .pixels_max = 1048576},
    {.size = "2b",
     .config = {.text = {.width = 2048,
                         .layers = 28,
                         .heads = 16,
                         .kv_heads = 8,
                         .head = 128,
                         .inner = 6144,
                         .vocab = 151936,
                         .mrope_section = {24, 20, 20},
                         TEXT_COMMON},
                .vision = {.width = 1024,
                           .blocks = 24,
                           .heads = 16,
                           .inner = 4096,
                           .out = 2048,
                           .deepstack = {5, 11, 17},
                           VISION_COMMON},
                .tied = true},
     .token_max = 16384,
     .pixels_min = 65536,
     .pixels_max = 16777216},
};

vlt_status vlt_make_model_init(vlt_make_model *model, const char *size, uint64_t seed,
                               vlt_error *err)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (!strcmp(sizes[i].size, size)) {
            *model = sizes[i];
            model->seed = seed;
            return VLT_OK;
        }
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "size '%s', expected tiny, small or 2b", size);
}

vlt_status vlt_model_make_check_size(const char *size, vlt_error *err)
{
    vlt_make_model model;
    return vlt_make_model_init(&model, size, 0, err);
}

vlt_status vlt_make_text(const char *directory, const char *name, const char *text, size_t bytes,
                         vlt_error *err)
{
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s/%s: path of more than %d bytes", directory, name,
                        PATH_BYTES - 1);
    }
    return vlt_write_file(path, text, bytes, err);
}

vlt_status vlt_make_json(const char *directory, const char *name, json_t *value, vlt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    if (!value || !stream) {
        json_decref(value);
        if (stream) {
            fclose(stream);
        }
        free(text);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    vlt_status status = vlt_json_print(value, false, stream, err);
    if (fclose(stream) != 0 && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    if (status == VLT_OK) {
        status = vlt_make_text(directory, name, text, bytes, err);
    }
    free(text);
    json_decref(value);
    return status;
}

/* Entries of a folder beside . and .. */
static int count_entries(DIR *folder)
{
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    return count;
}

/* Nothing there, or an empty folder. */
static vlt_status check_free(const char *directory, vlt_error *err)
{
    DIR *folder = opendir(directory);
    if (!folder) {
        return errno == ENOENT ? VLT_OK
                               : vlt_fail(err, errno == ENOTDIR ? VLT_STATUS_USAGE : VLT_STATUS_IO,
                                          "folder '%s': %s", directory, strerror(errno));
    }
    int entries = count_entries(folder);
    closedir(folder);
    return entries == 0 ? VLT_OK
                        : vlt_fail(err, VLT_STATUS_USAGE,
                                   "folder '%s' has %d entries, expected none: nothing is "
                                   "overwritten",
                                   directory, entries);
}

static vlt_status check_disk(const char *directory, uint64_t need_bytes, vlt_error *err)
{
    struct statvfs disk;
    if (statvfs(directory, &disk) != 0) {
        return vlt_fail(err, VLT_STATUS_IO, "folder '%s': %s", directory, strerror(errno));
    }
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return free_bytes >= need_bytes
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_LIMIT,
                          "folder '%s': the checkpoint takes %llu MB, the disk has %llu MB free",
                          directory, (unsigned long long)(need_bytes / 1000000),
                          (unsigned long long)(free_bytes / 1000000));
}

static vlt_status fill(const vlt_make_model *model, const char *directory,
                       const vlt_make_options *options, vlt_make_result *result, vlt_error *err)
{
    vlt_make_list list;
    int tokens = model->trained.token_count + VLT_MAKE_ADDED;
    vlt_status status = vlt_make_list_init(&list, &model->config, tokens, err);
    *result = (vlt_make_result){
        .tensors = list.count, .tokens = tokens, .rows = (int)model->config.text.vocab};
    for (int i = 0; i < list.count; i++) {
        result->weights += vlt_tensor_elements(&list.entry[i].tensor);
    }
    result->data_bytes = (uint64_t)result->weights * vlt_dtype_bytes(VLT_DTYPE_BF16);
    if (status == VLT_OK) {
        status = check_disk(directory, result->data_bytes + DISK_SPARE_BYTES, err);
    }
    if (status == VLT_OK) {
        status = vlt_make_config_files(model, directory, err);
    }
    if (status == VLT_OK) {
        status = vlt_make_tokenizer_files(model, directory, err);
    }
    if (status == VLT_OK) {
        status = vlt_make_weights(model, directory, options, &list, err);
    }
    vlt_make_list_release(&list);
    return status;
}

/* Makes a folder beside `directory`, fills it, gives it the name. */
static vlt_status make_beside(const vlt_make_model *model, const char *directory,
                              const vlt_make_options *options, vlt_make_result *result,
                              vlt_error *err)
{
    vlt_temp_folder temporary = VLT_TEMP_FOLDER_NONE;
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/') {
        length--;
    }
    if (length > 1000) {
        return vlt_fail(err, VLT_STATUS_USAGE, "folder: path of %zu bytes, limit 1000", length);
    }
    char *name = strndup(directory, length);
    vlt_status status = name ? vlt_temp_folder_make_beside(name, &temporary, err)
                             : vlt_fail(err, VLT_STATUS_NOMEM, "folder: out of memory");
    if (status == VLT_OK) {
        status = fill(model, temporary.path, options, result, err);
    }
    if (status == VLT_OK) {
        status = vlt_temp_folder_keep(&temporary, name, err);
    }
    vlt_temp_folder_remove(&temporary);
    free(name);
    return status;
}

vlt_status vlt_model_make(const char *directory, const vlt_make_options *options,
                          vlt_make_result *result, vlt_error *err)
{
    vlt_make_model model;
    vlt_make_result ignored;
    vlt_status status = vlt_make_model_init(&model, options->size, options->seed, err);
    if (status == VLT_OK) {
        status = check_free(directory, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_make_train(&model, err);
    if (status == VLT_OK) {
        status = make_beside(&model, directory, options, result ? result : &ignored, err);
    }
    vlt_bpe_trained_release(&model.trained);
    return status;
}
