/* tuned_place.h: where a tuned config of a model and this machine lies. */
#ifndef VLT_HARNESS_TUNED_PLACE_H
#define VLT_HARNESS_TUNED_PLACE_H

#include "harness/config/tuned_key.h"
#include "optimizations/core/quality.h"

/* $XDG_CONFIG_HOME/vltune/MODEL-MACHINE[-QUALITY].toml: the first eight hexadecimal digits of the
 * model's hash and of that of the machine's hardware facts; no quality part for exact. *path:
 * owned. *homeless as vlt_place_path. */
vlt_status vlt_tuned_place(const vlt_tuned_key *key, vlt_quality quality, char **path,
                           bool *homeless, vlt_error *err);

/* Makes the folder of a path, for the owner alone, where it is missing. */
vlt_status vlt_tuned_place_make(const char *path, vlt_error *err);

#endif
