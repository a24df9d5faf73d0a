/* pack_cache_cli.h: --pack-cache, and the line that says what a command's children have kept. */
#ifndef VLT_HARNESS_PACK_CACHE_CLI_H
#define VLT_HARNESS_PACK_CACHE_CLI_H

#include "harness/cli/cli.h"

/* A row for the table of a command that opens engines; limits: .only or .needs. */
#define VLT_PACK_CACHE_CLI_OPTION(limits)                                                       \
    {                                                                                           \
        "pack-cache", "BYTES", "rounded weights kept on disk at most (default 8G, 0: none)", 0, \
            VLT_BYTES, limits                                                                   \
    }

/* As vlt_engine_options.pack_cache has it: 0 where the option is not given. */
int64_t vlt_pack_cache_cli_bytes(const vlt_cli *cli);

/* Engines in child processes have no voice: what lies in the folder afterwards and did not before
 * is what they have kept. */
typedef struct vlt_pack_cache_watch vlt_pack_cache_watch;

vlt_pack_cache_watch *vlt_pack_cache_cli_watch(void); /* NULL: out of memory, which is fine below */
void vlt_pack_cache_cli_say(const vlt_cli *cli, vlt_pack_cache_watch *watch); /* and releases it */

#endif
