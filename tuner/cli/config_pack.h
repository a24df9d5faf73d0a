/* config_pack.h: `vltune config pack`. */
#ifndef VLT_TUNER_CONFIG_PACK_H
#define VLT_TUNER_CONFIG_PACK_H

#include "harness/cli/cli.h"

vlt_status vlt_config_pack(vlt_cli *cli, vlt_error *err);

#endif
