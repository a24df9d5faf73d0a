/* generation_config.h: generation_config.json: end tokens and the defaults of sampling.
 *
 * Without the file: greedy, temperature 1, top_k 50, top_p 1, no penalty, end tokens of
 * config.json. Sampling without an explicit top_k still cuts to 50, as in the reference.
 * Source: harness/model/README.md#sampling-defaults and #choosing-a-token.
 */
#ifndef VLT_HARNESS_GENERATION_CONFIG_H
#define VLT_HARNESS_GENERATION_CONFIG_H

#include "harness/model/config.h"

typedef struct vlt_generation_config {
    vlt_eos eos;
    bool sample;               /* do_sample; false: greedy */
    double temperature;        /* > 0 */
    int64_t top_k;             /* 0: off */
    double top_p;              /* (0, 1] */
    double min_p;              /* [0, 1] */
    double repetition_penalty; /* > 0 */
} vlt_generation_config;

/* Reads DIRECTORY/generation_config.json over the defaults; an absent file is fine. */
vlt_status vlt_generation_config_load(const char *directory, const vlt_model_config *model,
                                      vlt_generation_config *out, vlt_error *err);

#endif
