/* tune_replay.h: `vltune tune --replay`. */
#ifndef VLT_REPORTS_TUNE_REPLAY_H
#define VLT_REPORTS_TUNE_REPLAY_H

#include "harness/cli/cli.h"

enum { VLT_REPLAY_SEEDS_MAX = 100000 };

vlt_status vlt_tune_check_evaluations(const vlt_cli *cli, const char *text, vlt_error *err);
vlt_status vlt_tune_check_strategy(const vlt_cli *cli, const char *text, vlt_error *err);
vlt_status vlt_tune_replay(vlt_cli *cli, vlt_error *err);

#endif
