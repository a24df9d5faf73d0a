#include "harness/model/checkpoint.h"

#include <stdlib.h>
#include <string.h>

static const vlt_container *const containers[] = {
#define VLT_CONTAINER(name) &vlt_container_##name,
#include "harness/model/containers.def"
#undef VLT_CONTAINER
};

vlt_status vlt_checkpoint_open_with(const vlt_container *container, const char *path,
                                    vlt_checkpoint **out, vlt_error *err)
{
    vlt_checkpoint *checkpoint = *out = calloc(1, sizeof *checkpoint);
    char *copy = checkpoint ? strdup(path) : NULL;
    if (!copy) {
        free(checkpoint);
        *out = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    *checkpoint = (vlt_checkpoint){.container = container, .path = copy};
    return VLT_OK;
}

vlt_status vlt_checkpoint_open(const char *path, vlt_checkpoint **out, vlt_error *err)
{
    const size_t last = sizeof containers / sizeof *containers - 1;
    size_t i = 0;
    while (i < last && !containers[i]->claims(path)) {
        i++;
    }
    return vlt_checkpoint_open_with(containers[i], path, out, err);
}

void vlt_checkpoint_close(vlt_checkpoint *checkpoint)
{
    if (checkpoint) {
        checkpoint->container->unmap(checkpoint);
        free(checkpoint->path);
        free(checkpoint);
    }
}

const vlt_tensor *vlt_checkpoint_tensor(const vlt_checkpoint *checkpoint, vlt_role role,
                                        int64_t index)
{
    char name[256];
    checkpoint->container->name(checkpoint, role, index, name, sizeof name);
    return checkpoint->container->find(checkpoint, name);
}

uint64_t vlt_checkpoint_data_bytes(const vlt_checkpoint *checkpoint)
{
    const vlt_container *container = checkpoint->container;
    uint64_t bytes = 0;
    for (int i = 0; i < container->count(checkpoint); i++) {
        bytes += container->at(checkpoint, i)->bytes;
    }
    return bytes;
}

vlt_status vlt_checkpoint_hash_of(const char *path, uint64_t *out, vlt_error *err)
{
    vlt_checkpoint *checkpoint = NULL;
    vlt_status status = vlt_checkpoint_open(path, &checkpoint, err);
    if (status == VLT_OK) {
        status = checkpoint->container->map(checkpoint, err);
    }
    if (status == VLT_OK) {
        *out = checkpoint->container->hash(checkpoint);
    }
    vlt_checkpoint_close(checkpoint);
    return status;
}
