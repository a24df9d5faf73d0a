/* plan_cli.h: what commands that run operators without an engine prepare their plans in: the
 * machine, --threads, the tuned config of the folder, --force and --baseline. */
#ifndef VLT_HARNESS_PLAN_CLI_H
#define VLT_HARNESS_PLAN_CLI_H

#include "harness/cli/cli.h"
#include "harness/machine/machine.h"
#include "harness/machine/memory_gauge.h"
#include "optimizations/core/context.h"

typedef struct vlt_plan_cli {
    vlt_machine *machine;
    vlt_threads *threads;
    vlt_choices choices;
    vlt_ledger ledger;
    vlt_memory_gauge memory;
    vlt_context context; /* warnings go to stderr */
} vlt_plan_cli;

/* Fills *plan_cli (started as {0}) as the options say. `folder` is the model's: a config belongs to
 * a model, so a folder without weights has none, unless --config names one. On failure _stop is
 * still to be called. */
vlt_status vlt_plan_cli_start(vlt_cli *cli, const char *folder, vlt_plan_cli *plan_cli,
                              vlt_error *err);

/* When all plans are gone. status: how the command fared; where it fared well, forced operators
 * that it never met are warned of. */
void vlt_plan_cli_stop(vlt_plan_cli *plan_cli, vlt_status status);

#endif
