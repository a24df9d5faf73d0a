/* make_internal.h: between the files that write a random checkpoint. */
#ifndef VLT_HARNESS_MAKE_INTERNAL_H
#define VLT_HARNESS_MAKE_INTERNAL_H

#include "harness/json/json.h"
#include "harness/model/bpe_train.h"
#include "harness/model/config.h"
#include "harness/model/make.h"
#include "harness/model/safetensors.h"

enum { VLT_MAKE_ADDED = 26 };

/* One of the added tokens of Qwen3-VL, in the order of their ids; `special` as released. */
typedef struct vlt_make_added {
    const char *text;
    bool special;
} vlt_make_added;

extern const vlt_make_added vlt_make_added_tokens[VLT_MAKE_ADDED];

/* Number of an added token, which is there. */
int vlt_make_find_added(const char *text);

/* What the files say, derived from a size and the trained tokenizer. */
typedef struct vlt_make_model {
    const char *size;
    uint64_t seed;
    vlt_model_config config;
    int32_t token_max;              /* base tokens that the tokenizer may have */
    int64_t pixels_min, pixels_max; /* of preprocessor_config.json */
    vlt_bpe_trained trained;        /* owned */
} vlt_make_model;

/* The model of a size, before training; USAGE names an unknown one. */
vlt_status vlt_make_model_init(vlt_make_model *model, const char *size, uint64_t seed,
                               vlt_error *err);

/* Trains the tokenizer and sets the ids and the embedding's rows in model->config. */
vlt_status vlt_make_train(vlt_make_model *model, vlt_error *err);

/* tokenizer.json, tokenizer_config.json, vocab.json, merges.txt, chat_template.json */
vlt_status vlt_make_tokenizer_files(const vlt_make_model *model, const char *directory,
                                    vlt_error *err);

/* config.json, generation_config.json, both preprocessor files, README.md */
vlt_status vlt_make_config_files(const vlt_make_model *model, const char *directory,
                                 vlt_error *err);

/* The tensors of the model, in the order of the file. A tensor without deviation is constant. */
typedef struct vlt_make_tensor {
    vlt_tensor tensor; /* name owned by the list */
    float deviation;
    float constant;
    int64_t random_elements; /* the ones behind them are 0 */
} vlt_make_tensor;

typedef struct vlt_make_list {
    vlt_make_tensor *entry; /* owned */
    int count;
    int capacity;
    bool failed; /* out of memory while it was filled */
} vlt_make_list;

/* `tokens`: ids that have a token. Rows of the embedding beyond them are zero, as padding is, so
 * that a random model says words, not ids without a token. */
vlt_status vlt_make_list_init(vlt_make_list *list, const vlt_model_config *config, int64_t tokens,
                              vlt_error *err);
void vlt_make_list_release(vlt_make_list *list);

/* model.safetensors */
vlt_status vlt_make_weights(const vlt_make_model *model, const char *directory,
                            const vlt_make_options *options, const vlt_make_list *list,
                            vlt_error *err);

/* Writes value, which it consumes, as DIRECTORY/NAME. */
vlt_status vlt_make_json(const char *directory, const char *name, json_t *value, vlt_error *err);
vlt_status vlt_make_text(const char *directory, const char *name, const char *text, size_t bytes,
                         vlt_error *err);

#endif
