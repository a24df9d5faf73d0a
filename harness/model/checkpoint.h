/* checkpoint.h: a model on disk, asked by meaning: its config, its tokenizer, the weight of layer 7
 * that makes keys.
 *
 * What knows files is a container: it decides by a look whether a path is one of its kind, and
 * brings a table of the names under which it keeps each role. Everything above asks for roles, so a
 * further container is a reader and its table: containers.def has a line for each. Checks, messages
 * and hashes are those of the container; all of them name its own words for things.
 *
 * The order of use is that of an engine's opening: open, config, generation, map, weights
 * (weights.h asks for the roles), tokenizer, processor. After map, any number of threads may read.
 */
#ifndef VLT_HARNESS_CHECKPOINT_H
#define VLT_HARNESS_CHECKPOINT_H

#include "harness/model/config.h"
#include "harness/model/generation_config.h"
#include "harness/model/processor.h"
#include "harness/model/safetensors.h"
#include "harness/model/tokenizer.h"

/* X(code): what a tensor is for. Those of a layer, a block or a deepstack merger have an index. */
#define VLT_ROLE_MAP(X)                        \
    X(EMBED)                                   \
    X(HEAD) /* absent: the embedding serves */ \
    X(FINAL_NORM)                              \
    X(LAYER_INPUT_NORM)                        \
    X(LAYER_POST_NORM)                         \
    X(LAYER_Q_NORM)                            \
    X(LAYER_K_NORM)                            \
    X(LAYER_Q)                                 \
    X(LAYER_K)                                 \
    X(LAYER_V)                                 \
    X(LAYER_O)                                 \
    X(LAYER_GATE)                              \
    X(LAYER_UP)                                \
    X(LAYER_DOWN)                              \
    X(PATCH)                                   \
    X(PATCH_BIAS)                              \
    X(POSITION)                                \
    X(BLOCK_NORM1)                             \
    X(BLOCK_NORM1_BIAS)                        \
    X(BLOCK_NORM2)                             \
    X(BLOCK_NORM2_BIAS)                        \
    X(BLOCK_QKV)                               \
    X(BLOCK_QKV_BIAS)                          \
    X(BLOCK_PROJ)                              \
    X(BLOCK_PROJ_BIAS)                         \
    X(BLOCK_FC1)                               \
    X(BLOCK_FC1_BIAS)                          \
    X(BLOCK_FC2)                               \
    X(BLOCK_FC2_BIAS)                          \
    X(MERGER_NORM)                             \
    X(MERGER_NORM_BIAS)                        \
    X(MERGER_FC1)                              \
    X(MERGER_FC1_BIAS)                         \
    X(MERGER_FC2)                              \
    X(MERGER_FC2_BIAS)                         \
    X(DEEPSTACK_NORM)                          \
    X(DEEPSTACK_NORM_BIAS)                     \
    X(DEEPSTACK_FC1)                           \
    X(DEEPSTACK_FC1_BIAS)                      \
    X(DEEPSTACK_FC2)                           \
    X(DEEPSTACK_FC2_BIAS)

typedef enum vlt_role {
#define VLT_ROLE_ENUM(code) VLT_ROLE_##code,
    VLT_ROLE_MAP(VLT_ROLE_ENUM)
#undef VLT_ROLE_ENUM
        VLT_ROLE_COUNT
} vlt_role;

typedef struct vlt_checkpoint vlt_checkpoint;

/* One kind of files. Functions fill *out and may use checkpoint->path and ->state. */
typedef struct vlt_container {
    const char *kind;
    bool (*claims)(const char *path); /* by a look at names and first bytes */

    vlt_status (*config)(const vlt_checkpoint *checkpoint, vlt_model_config *out, vlt_error *err);
    vlt_status (*generation)(const vlt_checkpoint *checkpoint, const vlt_model_config *config,
                             vlt_generation_config *out, vlt_error *err);
    vlt_status (*tokenizer)(const vlt_checkpoint *checkpoint, vlt_tokenizer **out, vlt_error *err);
    vlt_status (*processor)(const vlt_checkpoint *checkpoint, vlt_processor *out, vlt_error *err);
    vlt_status (*chat_template)(const vlt_checkpoint *checkpoint, vlt_error *err); /* as
                                                        vlt_chat_template_check */

    vlt_status (*map)(vlt_checkpoint *checkpoint, vlt_error *err); /* the weights, into ->state */
    void (*unmap)(vlt_checkpoint *checkpoint);                     /* also after a failed map */

    /* The rest after map. name: under which the role is looked for, for messages too. */
    void (*name)(const vlt_checkpoint *checkpoint, vlt_role role, int64_t index, char *text,
                 size_t text_bytes);
    const vlt_tensor *(*find)(const vlt_checkpoint *checkpoint, const char *name); /* NULL: none */
    int (*count)(const vlt_checkpoint *checkpoint);
    const vlt_tensor *(*at)(const vlt_checkpoint *checkpoint, int index);
    int (*file_count)(const vlt_checkpoint *checkpoint);
    vlt_safetensors_file (*file_at)(const vlt_checkpoint *checkpoint, int index);
    uint64_t (*claimed_bytes)(const vlt_checkpoint *checkpoint); /* 0: none are claimed */
    uint64_t (*hash)(const vlt_checkpoint *checkpoint);          /* what tells models apart */
} vlt_container;

struct vlt_checkpoint {
    const vlt_container *container;
    char *path;  /* owned */
    void *state; /* the container's */
};

/* The container that claims the path, else the published one, whose errors say what is missing.
 * Nothing is read yet. */
vlt_status vlt_checkpoint_open(const char *path, vlt_checkpoint **out, vlt_error *err);
vlt_status vlt_checkpoint_open_with(const vlt_container *container, const char *path,
                                    vlt_checkpoint **out, vlt_error *err);
void vlt_checkpoint_close(vlt_checkpoint *checkpoint); /* NULL is fine; ends every view */

/* The tensor of a role, or NULL. index: of the layer, block or merger; else 0. */
const vlt_tensor *vlt_checkpoint_tensor(const vlt_checkpoint *checkpoint, vlt_role role,
                                        int64_t index);
uint64_t vlt_checkpoint_data_bytes(const vlt_checkpoint *checkpoint); /* of all tensors */

/* open, map, hash, close. */
vlt_status vlt_checkpoint_hash_of(const char *path, uint64_t *out, vlt_error *err);

extern const vlt_container vlt_container_published;

#endif
