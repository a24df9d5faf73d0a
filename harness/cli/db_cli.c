#include "harness/cli/db_cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/files/places.h"

static vlt_status join(const char *folder, const char *name, char path[VLT_DB_PATH_BYTES],
                       vlt_error *err)
{
    size_t length = strlen(folder), tail = strlen(name) + 1;
    if (length + tail > VLT_DB_PATH_BYTES) {
        return vlt_fail(err, VLT_STATUS_USAGE, "database: path of %zu bytes, expected below %d",
                        length + tail, VLT_DB_PATH_BYTES);
    }
    memcpy(path, folder, length);
    memcpy(path + length, name, tail);
    return VLT_OK;
}

vlt_status vlt_db_cli_path(const vlt_cli *cli, const char *named, bool make,
                           char path[VLT_DB_PATH_BYTES], vlt_error *err)
{
    char *base = NULL;
    bool homeless;
    named = named ? named : vlt_cli_text(cli, "db", NULL);
    if (named) {
        return join(named, "", path, err);
    }
    vlt_status status = vlt_place_path(VLT_PLACE_DATA, &base, &homeless, err);
    if (status == VLT_OK) {
        status = join(base, "/vltune", path, err);
    }
    if (status == VLT_OK && make) {
        status = vlt_place_make(path, err);
    }
    if (status == VLT_OK) {
        status = join(base, "/vltune/vltune.db", path, err);
    }
    if (status == VLT_OK) {
        status = vlt_cli_check_default_database(cli, path, err);
    }
    if (status == VLT_OK && homeless) {
        vlt_cli_info(cli, "without HOME the database is %s", path);
    }
    free(base);
    return status;
}
