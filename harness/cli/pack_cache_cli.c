#include "harness/cli/pack_cache_cli.h"

#include <stdlib.h>
#include <string.h>

#include "harness/packs/pack_cache.h"
#include "harness/packs/pack_folder.h"

int64_t vlt_pack_cache_cli_bytes(const vlt_cli *cli)
{
    int64_t bytes = vlt_cli_bytes(cli, "pack-cache", 0);
    return bytes || !vlt_cli_count(cli, "pack-cache") ? bytes : -1;
}

struct vlt_pack_cache_watch {
    vlt_pack_entry *entry; /* packs, by name */
    int count;
};

static int by_name(const void *left, const void *right)
{
    const vlt_pack_entry *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* Nothing where the folder is not there, or not ours. */
static void look(vlt_pack_folder *folder, vlt_pack_cache_watch *watch)
{
    if (vlt_pack_folder_open(false, folder, NULL, NULL) == VLT_OK && folder->fd >= 0 &&
        vlt_pack_folder_list(folder, &watch->entry, &watch->count, NULL, NULL) == VLT_OK &&
        watch->count) {
        qsort(watch->entry, (size_t)watch->count, sizeof *watch->entry, by_name);
    }
}

vlt_pack_cache_watch *vlt_pack_cache_cli_watch(void)
{
    vlt_pack_folder folder;
    vlt_pack_cache_watch *watch = calloc(1, sizeof *watch);
    if (watch) {
        look(&folder, watch);
        vlt_pack_folder_close(&folder);
    }
    return watch;
}

void vlt_pack_cache_cli_say(const vlt_cli *cli, vlt_pack_cache_watch *watch)
{
    vlt_pack_folder folder;
    vlt_pack_cache_watch now = {0};
    uint64_t bytes = 0;
    char text[32];
    if (!watch) {
        return;
    }
    look(&folder, &now);
    for (int i = 0; i < now.count; i++) {
        if (now.entry[i].kind == VLT_PACK_ENTRY_PACK &&
            !(watch->count && bsearch(&now.entry[i], watch->entry, (size_t)watch->count,
                                      sizeof *now.entry, by_name))) {
            bytes += now.entry[i].bytes;
        }
    }
    if (bytes) {
        vlt_pack_cache_bytes(bytes, text, sizeof text);
        vlt_cli_info(cli, "packed weights kept: %s in %s", text, folder.shown);
    }
    vlt_pack_folder_close(&folder);
    free(now.entry);
    free(watch->entry);
    free(watch);
}
