/* service_cli.h: options of what an engine keeps and does beside computing; its state as JSON. */
#ifndef VLT_HARNESS_SERVICE_CLI_H
#define VLT_HARNESS_SERVICE_CLI_H

#include "harness/cli/cli.h"
#include "harness/infer/engine.h"
#include "harness/json/json.h"

/* Rows for the table of a command that answers requests. */
#define VLT_SERVICE_CLI_OPTIONS                                                                    \
    {                                                                                              \
        "embedding-cache", "BYTES", "embeddings of images kept at most (default 256M, 0: off)", 0, \
            VLT_BYTES                                                                              \
    }

vlt_service_options vlt_service_cli_options(const vlt_cli *cli);

/* "caches" of `run --json`. */
json_t *vlt_caches_to_json(const vlt_engine *engine);

#endif
