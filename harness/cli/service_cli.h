/* service_cli.h: options of what an engine keeps and does beside computing; its state as JSON. */
#ifndef VLT_HARNESS_SERVICE_CLI_H
#define VLT_HARNESS_SERVICE_CLI_H

#include "harness/cli/cli.h"
#include "harness/infer/engine.h"
#include "harness/json/buffer.h"

/* Rows for the table of a command that answers requests. */
#define VLT_SERVICE_CLI_OPTIONS                                                                  \
    {"tokenize-threads", "N",                                                                    \
     "threads that encode a long text (default: as tuned, else 0: as --threads)", 0,             \
     VLT_INT(0, 1024)},                                                                          \
        {"tokenize-chunk", "BYTES",                                                              \
         "pieces of a long text, 256 to 256M (default: as tuned, else 64K)", 0, VLT_BYTES},      \
        {"tokenize-cache", "BYTES",                                                              \
         "ids of texts kept at most (default: as tuned, else 8M; 0: off)", 0, VLT_BYTES},        \
        {"preprocess-threads", "N",                                                              \
         "threads that decode and resize (default: as tuned, else 0: as --threads)", 0,          \
         VLT_INT(0, 1024)},                                                                      \
        {"embedding-cache", "BYTES",                                                             \
         "pictures and rows kept for later, at most (default 256M, 0: off)", 0, VLT_BYTES},      \
        {"memory-limit", "BYTES",                                                                \
         "memory to stay below; pages of files, mapped weights among them, do not count "        \
         "(default: what the machine allows)",                                                   \
         0, VLT_BYTES},                                                                          \
        {"memory-low", "PERCENT", "left of the limit: keep and begin less (default 10)", 0,      \
         VLT_REAL(0, 100)},                                                                      \
        {"memory-critical", "PERCENT", "left of the limit: keep nothing (default 4)", 0,         \
         VLT_REAL(0, 100)},                                                                      \
        {"trace", "FILE", "write what happened when (Chrome trace JSON, for Perfetto)", 0,       \
         VLT_OUTPUT},                                                                            \
        {"monitor-interval", "TIME", "between looks at memory, 10ms to 1h (default 100ms)", 0,   \
         VLT_TIME},                                                                              \
    {                                                                                            \
        "cleanup-interval", "TIME", "between giving freed memory back, 10ms to 1h (default 1s)", \
            0, VLT_TIME                                                                          \
    }

/* What the values must be to each other and to the engine: USAGE, before any input is read. */
vlt_status vlt_service_cli_check(const vlt_cli *cli, vlt_error *err);

vlt_service_options vlt_service_cli_options(const vlt_cli *cli);

/* Writes the file of --trace, where it is given; status: how the command fared, which is the result
 * unless writing fails. engine may be NULL. */
vlt_status vlt_service_cli_trace(const vlt_cli *cli, vlt_engine *engine, vlt_status status,
                                 vlt_error *err);

#endif
