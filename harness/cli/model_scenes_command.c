#include <stdio.h>

#include "harness/cli/model_commands.h"
#include "harness/model/scenes.h"

enum { COUNT_DEFAULT = 100, COUNT_MAX = 1000000 };

static vlt_status read_size(const vlt_cli *cli, vlt_scenes_options *options, vlt_error *err)
{
    const char *text = vlt_cli_text(cli, "size", NULL);
    int used = 0;
    if (text && (sscanf(text, "%5dx%5d%n", &options->width, &options->height, &used) != 2 ||
                 text[used] || options->width < 1 || options->height < 1)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "--size '%s', expected WIDTHxHEIGHT", text);
    }
    return VLT_OK;
}

static bool stop(void *user, int64_t done)
{
    const vlt_cli *cli = user;
    if (done % 64 == 0) {
        vlt_cli_progress(cli, "drawing scene %lld", (long long)done);
    }
    return vlt_cli_interrupted();
}

vlt_status vlt_model_scenes_command(vlt_cli *cli, vlt_error *err)
{
    vlt_scenes_options options = {.stop = stop, .user = cli};
    const char *folder = vlt_cli_operand(cli, 1);
    int64_t seed = 0;
    vlt_status status = vlt_cli_int(cli, "count", 1, COUNT_MAX, COUNT_DEFAULT, &options.count, err);
    if (status == VLT_OK) {
        status = vlt_cli_int(cli, "seed", 0, INT64_MAX, 0, &seed, err);
    }
    if (status == VLT_OK) {
        status = read_size(cli, &options, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    options.seed = (uint64_t)seed;
    status = vlt_scenes_write(folder, &options, err);
    vlt_cli_progress(cli, NULL);
    if (status == VLT_OK) {
        vlt_cli_info(cli, "%lld scenes in %s", (long long)options.count, folder);
    }
    return status;
}
