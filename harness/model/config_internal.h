/* config_internal.h: what the readers of config.json and generation_config.json share. */
#ifndef VLT_HARNESS_CONFIG_INTERNAL_H
#define VLT_HARNESS_CONFIG_INTERNAL_H

#include "harness/json/json.h"
#include "harness/model/config.h"

/* eos_token_id: an id or a list of ids below vocab; absent or null leaves *out untouched. */
vlt_status vlt_eos_read(const json_t *object, const char *name, int64_t vocab, vlt_eos *out,
                        vlt_error *err);

#endif
