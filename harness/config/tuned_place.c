#include "harness/config/tuned_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/files/places.h"

vlt_status vlt_tuned_place(const vlt_tuned_key *key, vlt_quality quality, char **path,
                           bool *homeless, vlt_error *err)
{
    char *folder;
    bool exact = quality == VLT_QUALITY_EXACT;
    *path = NULL;
    vlt_status status = vlt_place_path(VLT_PLACE_CONFIG, &folder, homeless, err);
    if (status != VLT_OK) {
        return status;
    }
    if (asprintf(path, "%s/vltune/%08x-%08x%s%s.toml", folder, (unsigned)(key->model_hash >> 32),
                 (unsigned)(vlt_tuned_hardware_hash(key) >> 32), exact ? "" : "-",
                 exact ? "" : vlt_quality_name(quality)) < 0) {
        *path = NULL;
        status = vlt_fail(err, VLT_STATUS_NOMEM, "tuned config: out of memory");
    }
    free(folder);
    return status;
}

vlt_status vlt_tuned_place_make(const char *path, vlt_error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    if (!folder) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tuned config: out of memory");
    }
    vlt_status status = vlt_place_make(folder, err);
    free(folder);
    return status;
}
