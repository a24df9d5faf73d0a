/* bench_selfcheck.h: `vltune bench --self-check`. */
#ifndef VLT_REPORTS_BENCH_SELFCHECK_H
#define VLT_REPORTS_BENCH_SELFCHECK_H

#include "harness/cli/cli.h"

/* Runs it with the options --self-check, --long, --table, --budget and --threads of `bench`. */
vlt_status vlt_bench_selfcheck(vlt_cli *cli, vlt_error *err);

#endif
