/* vltune cache: what is kept between runs and may be deleted at any time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/packs/pack_cache.h"
#include "harness/packs/pack_inventory.h"
#include "optimizations/core/utf8_text.h"

/* Local time; the machine's, for people. */
static void format_time(int64_t ns, const char *format, char *text, size_t text_bytes)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm parts;
    text[0] = '\0';
    if (localtime_r(&seconds, &parts)) {
        strftime(text, text_bytes, format, &parts);
    }
}

static json_t *group_to_json(const vlt_pack_group *group)
{
    char used[40];
    format_time(group->used_ns, "%Y-%m-%dT%H:%M:%S%z", used, sizeof used);
    return vlt_json_make("{s:o, s:o, s:i, s:I, s:s}", "model",
                         vlt_json_string(group->model, strlen(group->model)), "kind",
                         vlt_json_string(group->kind, strlen(group->kind)), "packs", group->count,
                         "bytes", (json_int_t)group->bytes, "last_used", used);
}

static vlt_status print_json(const vlt_pack_folder *folder, const vlt_pack_inventory *inventory,
                             vlt_error *err)
{
    json_t *list = json_array();
    for (int i = 0; i < inventory->count; i++) {
        vlt_json_append(&list, group_to_json(&inventory->group[i]));
    }
    json_t *object = vlt_json_make("{s:o, s:I, s:o, s:i, s:i, s:i}", "folder",
                                   vlt_json_string(folder->path, strlen(folder->path)), "bytes",
                                   (json_int_t)inventory->bytes, "packs", list, "hashes",
                                   inventory->hashes, "damaged", inventory->damaged, "others",
                                   inventory->others);
    vlt_status status = vlt_json_print(object, false, stdout, err);
    json_decref(object);
    return status;
}

static void print_text(const vlt_pack_folder *folder, const vlt_pack_inventory *inventory)
{
    char size[32], used[32];
    for (int i = 0; i < inventory->count; i++) {
        const vlt_pack_group *group = &inventory->group[i];
        vlt_pack_cache_bytes(group->bytes, size, sizeof size);
        format_time(group->used_ns, "%Y-%m-%d %H:%M", used, sizeof used);
        printf("%-16s  %5d packs  %7s  last used %s  %s\n", vlt_quoted_word(group->kind).text,
               group->count, size, used, vlt_quoted_path(group->model).text);
    }
    if (inventory->damaged) {
        printf("%d damaged, which the next run that needs them makes anew\n", inventory->damaged);
    }
    if (inventory->others) {
        printf("%d that are none of vltune's\n", inventory->others);
    }
    vlt_pack_cache_bytes(inventory->bytes, size, sizeof size);
    printf("%s in %s\n", inventory->bytes ? size : "nothing", vlt_quoted_path(folder->shown).text);
}

static vlt_status run_show(vlt_cli *cli, vlt_error *err)
{
    vlt_pack_folder folder;
    vlt_pack_inventory inventory = {0};
    vlt_status status = vlt_pack_folder_open(false, &folder, NULL, err);
    if (status == VLT_OK && folder.fd >= 0) {
        status = vlt_pack_inventory_read(&folder, &inventory, err);
    }
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        status = print_json(&folder, &inventory, err);
    } else if (status == VLT_OK) {
        print_text(&folder, &inventory);
    }
    vlt_pack_inventory_release(&inventory);
    vlt_pack_folder_close(&folder);
    return status;
}

/* What is being written stays, and what is none of ours. */
static vlt_status clear(const vlt_pack_folder *folder, int *removed, uint64_t *bytes, int *others,
                        vlt_error *err)
{
    vlt_pack_entry *list = NULL;
    int count = 0;
    vlt_status status = vlt_pack_folder_list(folder, &list, &count, others, err);
    for (int i = 0; i < count && status == VLT_OK; i++) {
        if (list[i].kind == VLT_PACK_ENTRY_NEW) {
            continue;
        }
        if (!vlt_pack_folder_remove(folder, list[i].name)) {
            status = vlt_fail(err, VLT_STATUS_IO, "%s/%s: cannot be removed", folder->shown,
                              list[i].name);
        } else {
            *removed += 1;
            *bytes += list[i].bytes;
        }
    }
    free(list);
    return status;
}

static vlt_status run_clear(vlt_cli *cli, vlt_error *err)
{
    vlt_pack_folder folder;
    int removed = 0, others = 0;
    uint64_t bytes = 0;
    char size[32];
    vlt_status status = vlt_pack_folder_open(false, &folder, NULL, err);
    if (status == VLT_OK && folder.fd >= 0) {
        status = clear(&folder, &removed, &bytes, &others, err);
        if (status == VLT_OK) {
            (void)!rmdir(folder.path); /* unless something is in it */
        }
    }
    vlt_pack_cache_bytes(bytes, size, sizeof size);
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        json_t *object = vlt_json_make("{s:o, s:i, s:I, s:i}", "folder",
                                       vlt_json_string(folder.path, strlen(folder.path)), "removed",
                                       removed, "bytes", (json_int_t)bytes, "others", others);
        status = vlt_json_print(object, false, stdout, err);
        json_decref(object);
    } else if (status == VLT_OK) {
        printf("%d files removed, %s, from %s\n", removed, size,
               vlt_quoted_path(folder.shown).text);
        if (others) {
            printf("%d that are none of vltune's stay\n", others);
        }
    }
    vlt_pack_folder_close(&folder);
    return status;
}

static const vlt_subcommand subcommands[] = {
    {"show", "", 0, 0, VLT_WITH_JSON, run_show},
    {"clear", "", 0, 0, VLT_WITH_JSON, run_clear},
};

VLT_COMMAND(
    cache, .operands = "show|clear",
    .summary = "show or remove what is kept between runs: rounded weights",
    .details = "cache show     packed weights by model and arrangement, with sizes and last use\n"
               "cache clear    removes them; files that are none of vltune's stay\n"
               "They are in $XDG_CACHE_HOME/vltune/packs (default ~/.cache/vltune/packs), for the\n"
               "owner alone, and may be deleted at any time: the next run that needs them packs\n"
               "anew. How much may be kept is said by --pack-cache of the commands that run.",
    .examples = "cache show\n"
                "cache show --json\n"
                "cache clear",
    .with = VLT_WITH_JSON, .operand_min = 1, .operand_max = 1, .subcommands = subcommands,
    .subcommand_count = sizeof subcommands / sizeof *subcommands);
