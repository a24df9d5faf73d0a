/* config.h: config.json of a dense Qwen3-VL checkpoint, read and checked.
 *
 * Both styles are accepted: rope_theta + rope_scaling (released files) and rope_parameters (files
 * saved again by transformers 5). Unknown keys are fine; a key that the computation needs is named
 * when it is missing; a value that contradicts another one is refused with both. Nothing falls back
 * to the defaults of a class, which differ between versions.
 * Source: harness/model/README.md#shapes.
 */
#ifndef VLT_HARNESS_CONFIG_H
#define VLT_HARNESS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

enum { VLT_DEEPSTACK_MAX = 16, VLT_EOS_MAX = 16 };

/* Ids that end a generation, in the order of the file, each once. */
typedef struct vlt_eos {
    int32_t id[VLT_EOS_MAX];
    int count;
} vlt_eos;

typedef struct vlt_text_config {
    int64_t width;    /* hidden_size */
    int64_t layers;   /* num_hidden_layers */
    int64_t heads;    /* query heads; heads * head may differ from width */
    int64_t kv_heads; /* divides heads */
    int64_t head;     /* elements of a head, even */
    int64_t inner;    /* intermediate_size */
    int64_t vocab;    /* rows of the embedding */
    int64_t position_max;
    double rope_theta;
    int64_t mrope_section[3]; /* slots of time, height, width; their sum is head / 2 */
    float epsilon;            /* of RMSNorm */
} vlt_text_config;

typedef struct vlt_vision_config {
    int64_t width;    /* hidden_size */
    int64_t blocks;   /* depth */
    int64_t heads;    /* num_heads; width / heads is a multiple of 4 */
    int64_t inner;    /* intermediate_size */
    int64_t out;      /* out_hidden_size, equal to the text width */
    int64_t patch;    /* pixels */
    int64_t temporal; /* frames of a patch */
    int64_t merge;    /* patches per side that become one token */
    int64_t channels; /* 3 */
    int64_t grid;     /* side of the learned position grid: sqrt(num_position_embeddings) */
    double rope_theta;
    int deepstack[VLT_DEEPSTACK_MAX]; /* block indices, ascending */
    int deepstack_count;              /* at most the text layers */
} vlt_vision_config;

typedef struct vlt_model_config {
    vlt_text_config text;
    vlt_vision_config vision;
    bool tied; /* what the flags say (top level first); the presence of the tensor goes first */
    int32_t image_token, video_token, vision_start_token, vision_end_token;
    vlt_eos eos; /* of the top level, else of text_config; may be empty */
} vlt_model_config;

/* Reads DIRECTORY/config.json. IO or INPUT; UNSUPPORTED for what is no dense Qwen3-VL model. */
vlt_status vlt_model_config_load(const char *directory, vlt_model_config *out, vlt_error *err);

/* The same from bytes; `name` stands in messages. */
vlt_status vlt_model_config_parse(const char *text, size_t bytes, const char *name,
                                  vlt_model_config *out, vlt_error *err);

/* Values of one patch row: channels * temporal * patch * patch. */
int64_t vlt_vision_config_patch_values(const vlt_vision_config *vision);

#endif
