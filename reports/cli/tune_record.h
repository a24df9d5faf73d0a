/* tune_record.h: `vltune tune --record`. */
#ifndef VLT_REPORTS_TUNE_RECORD_H
#define VLT_REPORTS_TUNE_RECORD_H

#include "harness/cli/cli.h"

vlt_status vlt_tune_record(vlt_cli *cli, vlt_error *err);

#endif
