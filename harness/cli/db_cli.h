/* db_cli.h: the database of every command: --db, else vltune.db in the user's data folder. */
#ifndef VLT_HARNESS_DB_CLI_H
#define VLT_HARNESS_DB_CLI_H

#include "harness/cli/cli.h"

enum { VLT_DB_PATH_BYTES = 4096 }; /* PATH_MAX: what is longer cannot be opened */

/* named: as an operand, NULL: none. Without HOME the current folder stands for it, which is said.
 * make: the folder is made where it is missing. USAGE: longer than a path can be. */
vlt_status vlt_db_cli_path(const vlt_cli *cli, const char *named, bool make,
                           char path[VLT_DB_PATH_BYTES], vlt_error *err);

#endif
