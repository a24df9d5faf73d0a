#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/cli/model_commands.h"
#include "harness/json/json_make.h"
#include "harness/model/scenes.h"
#include "optimizations/core/utf8_text.h"

enum { COUNT_DEFAULT = 100 };

vlt_status vlt_model_scenes_read_size(const char *text, int *width, int *height, vlt_error *err)
{
    int used = 0;
    if (sscanf(text, "%5dx%5d%n", width, height, &used) != 2 || text[used] || *width < 1 ||
        *height < 1) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected WIDTHxHEIGHT", text);
    }
    return vlt_scene_check_size(*width, *height, err);
}

static vlt_status print_json(const char *folder, const vlt_scenes_options *options, vlt_error *err)
{
    json_t *object = vlt_json_make("{s:o, s:I, s:I}", "directory", vlt_json_name(folder), "count",
                                   (json_int_t)options->count, "seed", (json_int_t)options->seed);
    vlt_status status = vlt_json_print(object, false, stdout, err);
    json_decref(object);
    return status;
}

static bool stop(void *user, int64_t done)
{
    const vlt_cli *cli = user;
    if (done % 64 == 0) {
        vlt_cli_progress(cli, "drawing scene %lld", (long long)done);
    }
    return vlt_cli_interrupted();
}

/* Somebody's set would be replaced, in part where it is the larger one. */
static vlt_status check_folder(const char *folder, vlt_error *err)
{
    DIR *listing = opendir(folder);
    vlt_status status = VLT_OK;
    for (const struct dirent *entry;
         listing && status == VLT_OK && (entry = readdir(listing)) != NULL;) {
        int64_t number;
        int used = 0;
        bool picture = sscanf(entry->d_name, "scene-%19" SCNd64 ".jpg%n", &number, &used) == 1 &&
                       used > 0 && !entry->d_name[used];
        if (picture || !strcmp(entry->d_name, "scenes.jsonl")) {
            status = vlt_fail(err, VLT_STATUS_USAGE,
                              "model scenes: %s has scenes already (%s), expected another folder",
                              vlt_quoted_path(folder).text, entry->d_name);
        }
    }
    if (listing) {
        closedir(listing);
    }
    return status;
}

vlt_status vlt_model_scenes_command(vlt_cli *cli, vlt_error *err)
{
    vlt_scenes_options options = {.stop = stop,
                                  .user = cli,
                                  .seed = (uint64_t)vlt_cli_int(cli, "seed", 0),
                                  .count = vlt_cli_int(cli, "count", COUNT_DEFAULT)};
    const char *folder = vlt_cli_operand(cli, 1), *size = vlt_cli_text(cli, "size", NULL);
    vlt_status status = size
                            ? vlt_model_scenes_read_size(size, &options.width, &options.height, err)
                            : VLT_OK;
    if (status == VLT_OK) {
        status = check_folder(folder, err);
    }
    if (status == VLT_OK) {
        status = vlt_scenes_write(folder, &options, err);
    }
    vlt_cli_progress(cli, NULL);
    if (status == VLT_OK) {
        vlt_cli_info(cli, "%lld scenes in %s", (long long)options.count, folder);
    }
    return status == VLT_OK && vlt_cli_flag(cli, "json") ? print_json(folder, &options, err)
                                                         : status;
}
