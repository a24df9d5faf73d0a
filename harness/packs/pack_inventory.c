#include "harness/packs/pack_inventory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* False for a file that is none, or not ours; one that is gone by now counts as whole. */
static bool read_header(const vlt_pack_folder *folder, const char *name, vlt_pack_header *out,
                        bool *gone)
{
    struct stat info;
    int fd;
    *gone = false;
    if (vlt_pack_folder_open_file(folder, name, &fd, &info, NULL) != VLT_OK) {
        return false;
    }
    if (fd < 0) {
        *gone = true;
        return true;
    }
    bool whole = vlt_pack_header_read(fd, (uint64_t)info.st_size, out, NULL) == VLT_OK;
    close(fd);
    return whole;
}

static vlt_pack_group *find_group(vlt_pack_inventory *out, const vlt_pack_header *header)
{
    for (int i = 0; i < out->count; i++) {
        if (!strcmp(out->group[i].model, header->model) &&
            !strcmp(out->group[i].kind, header->kind)) {
            return &out->group[i];
        }
    }
    vlt_pack_group *grown = realloc(out->group, ((size_t)out->count + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    out->group = grown;
    vlt_pack_group *group = &grown[out->count++];
    memset(group, 0, sizeof *group);
    memcpy(group->model, header->model, sizeof group->model);
    memcpy(group->kind, header->kind, sizeof group->kind);
    return group;
}

static vlt_status add_pack(const vlt_pack_folder *folder, const vlt_pack_entry *entry,
                           vlt_pack_inventory *out, vlt_error *err)
{
    vlt_pack_header header;
    bool gone;
    if (!read_header(folder, entry->name, &header, &gone)) {
        out->damaged++;
        return VLT_OK;
    }
    if (gone) {
        return VLT_OK;
    }
    vlt_pack_group *group = find_group(out, &header);
    if (!group) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", folder->shown);
    }
    group->count++;
    group->bytes += entry->bytes;
    group->used_ns = entry->used_ns > group->used_ns ? entry->used_ns : group->used_ns;
    return VLT_OK;
}

static int by_use(const void *left, const void *right)
{
    const vlt_pack_group *a = left, *b = right;
    int order = (a->used_ns < b->used_ns) - (a->used_ns > b->used_ns);
    return order ? order : strcmp(a->model, b->model);
}

vlt_status vlt_pack_inventory_read(const vlt_pack_folder *folder, vlt_pack_inventory *out,
                                   vlt_error *err)
{
    vlt_pack_entry *list = NULL;
    int count = 0;
    *out = (vlt_pack_inventory){0};
    vlt_status status = vlt_pack_folder_list(folder, &list, &count, &out->others, err);
    for (int i = 0; i < count && status == VLT_OK; i++) {
        out->bytes += list[i].bytes;
        out->hashes += list[i].kind == VLT_PACK_ENTRY_HASHES;
        if (list[i].kind == VLT_PACK_ENTRY_PACK) {
            status = add_pack(folder, &list[i], out, err);
        }
    }
    free(list);
    if (status == VLT_OK && out->count) {
        qsort(out->group, (size_t)out->count, sizeof *out->group, by_use);
    }
    return status;
}

void vlt_pack_inventory_release(vlt_pack_inventory *inventory)
{
    free(inventory->group);
    *inventory = (vlt_pack_inventory){0};
}
