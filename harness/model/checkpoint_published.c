/* The checkpoint as it is published: a folder of JSON files and safetensors. Source:
 * harness/model/README.md#checkpoint-files and #tensors.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/model/chat_template.h"
#include "harness/model/checkpoint.h"
#include "optimizations/core/utf8_text.h"

/* Towers were published under several prefixes; a name belongs to one of them, or stands alone. */
enum tower { ALONE, TEXT, VISION };

struct state {
    vlt_safetensors *tensors;
    const char *prefix[3]; /* of each tower, as this checkpoint has it */
};

static const char *const vision_prefixes[] = {"model.visual.", "visual."};
static const char *const text_prefixes[] = {"model.language_model.", "language_model.model.",
                                            "language_model.", "model."};
static const char *const head_names[] = {"lm_head.weight", "language_model.lm_head.weight",
                                         "model.lm_head.weight"};

static const struct {
    enum tower tower;
    const char *front, *back; /* around the index; back NULL: there is none */
} names[VLT_ROLE_COUNT] = {
    [VLT_ROLE_EMBED] = {TEXT, "embed_tokens.weight", NULL},
    [VLT_ROLE_HEAD] = {ALONE, "lm_head.weight", NULL},
    [VLT_ROLE_FINAL_NORM] = {TEXT, "norm.weight", NULL},
    [VLT_ROLE_LAYER_INPUT_NORM] = {TEXT, "layers.", ".input_layernorm.weight"},
    [VLT_ROLE_LAYER_POST_NORM] = {TEXT, "layers.", ".post_attention_layernorm.weight"},
    [VLT_ROLE_LAYER_Q_NORM] = {TEXT, "layers.", ".self_attn.q_norm.weight"},
    [VLT_ROLE_LAYER_K_NORM] = {TEXT, "layers.", ".self_attn.k_norm.weight"},
    [VLT_ROLE_LAYER_Q] = {TEXT, "layers.", ".self_attn.q_proj.weight"},
    [VLT_ROLE_LAYER_K] = {TEXT, "layers.", ".self_attn.k_proj.weight"},
    [VLT_ROLE_LAYER_V] = {TEXT, "layers.", ".self_attn.v_proj.weight"},
    [VLT_ROLE_LAYER_O] = {TEXT, "layers.", ".self_attn.o_proj.weight"},
    [VLT_ROLE_LAYER_GATE] = {TEXT, "layers.", ".mlp.gate_proj.weight"},
    [VLT_ROLE_LAYER_UP] = {TEXT, "layers.", ".mlp.up_proj.weight"},
    [VLT_ROLE_LAYER_DOWN] = {TEXT, "layers.", ".mlp.down_proj.weight"},
    [VLT_ROLE_PATCH] = {VISION, "patch_embed.proj.weight", NULL},
    [VLT_ROLE_PATCH_BIAS] = {VISION, "patch_embed.proj.bias", NULL},
    [VLT_ROLE_POSITION] = {VISION, "pos_embed.weight", NULL},
    [VLT_ROLE_BLOCK_NORM1] = {VISION, "blocks.", ".norm1.weight"},
    [VLT_ROLE_BLOCK_NORM1_BIAS] = {VISION, "blocks.", ".norm1.bias"},
    [VLT_ROLE_BLOCK_NORM2] = {VISION, "blocks.", ".norm2.weight"},
    [VLT_ROLE_BLOCK_NORM2_BIAS] = {VISION, "blocks.", ".norm2.bias"},
    [VLT_ROLE_BLOCK_QKV] = {VISION, "blocks.", ".attn.qkv.weight"},
    [VLT_ROLE_BLOCK_QKV_BIAS] = {VISION, "blocks.", ".attn.qkv.bias"},
    [VLT_ROLE_BLOCK_PROJ] = {VISION, "blocks.", ".attn.proj.weight"},
    [VLT_ROLE_BLOCK_PROJ_BIAS] = {VISION, "blocks.", ".attn.proj.bias"},
    [VLT_ROLE_BLOCK_FC1] = {VISION, "blocks.", ".mlp.linear_fc1.weight"},
    [VLT_ROLE_BLOCK_FC1_BIAS] = {VISION, "blocks.", ".mlp.linear_fc1.bias"},
    [VLT_ROLE_BLOCK_FC2] = {VISION, "blocks.", ".mlp.linear_fc2.weight"},
    [VLT_ROLE_BLOCK_FC2_BIAS] = {VISION, "blocks.", ".mlp.linear_fc2.bias"},
    [VLT_ROLE_MERGER_NORM] = {VISION, "merger.norm.weight", NULL},
    [VLT_ROLE_MERGER_NORM_BIAS] = {VISION, "merger.norm.bias", NULL},
    [VLT_ROLE_MERGER_FC1] = {VISION, "merger.linear_fc1.weight", NULL},
    [VLT_ROLE_MERGER_FC1_BIAS] = {VISION, "merger.linear_fc1.bias", NULL},
    [VLT_ROLE_MERGER_FC2] = {VISION, "merger.linear_fc2.weight", NULL},
    [VLT_ROLE_MERGER_FC2_BIAS] = {VISION, "merger.linear_fc2.bias", NULL},
    [VLT_ROLE_DEEPSTACK_NORM] = {VISION, "deepstack_merger_list.", ".norm.weight"},
    [VLT_ROLE_DEEPSTACK_NORM_BIAS] = {VISION, "deepstack_merger_list.", ".norm.bias"},
    [VLT_ROLE_DEEPSTACK_FC1] = {VISION, "deepstack_merger_list.", ".linear_fc1.weight"},
    [VLT_ROLE_DEEPSTACK_FC1_BIAS] = {VISION, "deepstack_merger_list.", ".linear_fc1.bias"},
    [VLT_ROLE_DEEPSTACK_FC2] = {VISION, "deepstack_merger_list.", ".linear_fc2.weight"},
    [VLT_ROLE_DEEPSTACK_FC2_BIAS] = {VISION, "deepstack_merger_list.", ".linear_fc2.bias"},
};

static bool claims(const char *path)
{
    (void)path;
    return true; /* the last one: its errors say what a checkpoint needs */
}

static const char *find_prefix(const vlt_safetensors *tensors, const char *const *prefix, int count,
                               const char *probe)
{
    char name[256];
    for (int i = 0; i < count; i++) {
        vlt_utf8_format(name, sizeof name, "%s%s", prefix[i], probe);
        if (vlt_safetensors_find(tensors, name)) {
            return prefix[i];
        }
    }
    return prefix[0]; /* its absence is then named in the published way */
}

static const vlt_safetensors *tensors_of(const vlt_checkpoint *checkpoint)
{
    return ((const struct state *)checkpoint->state)->tensors;
}

static vlt_status map(vlt_checkpoint *checkpoint, vlt_error *err)
{
    struct state *state = checkpoint->state = calloc(1, sizeof *state);
    if (!state) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", checkpoint->path);
    }
    vlt_status status = vlt_safetensors_open_checkpoint(checkpoint->path, &state->tensors, err);
    if (status == VLT_OK) {
        state->prefix[ALONE] = "";
        state->prefix[TEXT] = find_prefix(state->tensors, text_prefixes,
                                          sizeof text_prefixes / sizeof *text_prefixes,
                                          names[VLT_ROLE_EMBED].front);
        state->prefix[VISION] = find_prefix(state->tensors, vision_prefixes,
                                            sizeof vision_prefixes / sizeof *vision_prefixes,
                                            names[VLT_ROLE_PATCH].front);
    }
    return status;
}

static void unmap(vlt_checkpoint *checkpoint)
{
    struct state *state = checkpoint->state;
    if (state) {
        vlt_safetensors_close(state->tensors);
        free(state);
        checkpoint->state = NULL;
    }
}

static const char *head_name(const vlt_safetensors *tensors)
{
    for (size_t i = 0; i < sizeof head_names / sizeof *head_names; i++) {
        if (vlt_safetensors_find(tensors, head_names[i])) {
            return head_names[i];
        }
    }
    return head_names[0];
}

static void name(const vlt_checkpoint *checkpoint, vlt_role role, int64_t index, char *text,
                 size_t text_bytes)
{
    const struct state *state = checkpoint->state;
    const char *prefix = state->prefix[names[role].tower];
    if (role == VLT_ROLE_HEAD) {
        vlt_utf8_format(text, text_bytes, "%s", head_name(state->tensors));
    } else if (names[role].back) {
        vlt_utf8_format(text, text_bytes, "%s%s%lld%s", prefix, names[role].front, (long long)index,
                        names[role].back);
    } else {
        vlt_utf8_format(text, text_bytes, "%s%s", prefix, names[role].front);
    }
}

static vlt_status config(const vlt_checkpoint *checkpoint, vlt_model_config *out, vlt_error *err)
{
    return vlt_model_config_load(checkpoint->path, out, err);
}

static vlt_status generation(const vlt_checkpoint *checkpoint, const vlt_model_config *model,
                             vlt_generation_config *out, vlt_error *err)
{
    return vlt_generation_config_load(checkpoint->path, model, out, err);
}

static vlt_status tokenizer(const vlt_checkpoint *checkpoint, vlt_tokenizer **out, vlt_error *err)
{
    return vlt_tokenizer_load(checkpoint->path, out, err);
}

static vlt_status processor(const vlt_checkpoint *checkpoint, vlt_processor *out, vlt_error *err)
{
    return vlt_processor_load(checkpoint->path, out, err);
}

static vlt_status chat_template(const vlt_checkpoint *checkpoint, vlt_error *err)
{
    return vlt_chat_template_check(checkpoint->path, err);
}

static const vlt_tensor *find(const vlt_checkpoint *checkpoint, const char *tensor)
{
    return vlt_safetensors_find(tensors_of(checkpoint), tensor);
}

static int count(const vlt_checkpoint *checkpoint)
{
    return vlt_safetensors_count(tensors_of(checkpoint));
}

static const vlt_tensor *at(const vlt_checkpoint *checkpoint, int index)
{
    return vlt_safetensors_at(tensors_of(checkpoint), index);
}

static int file_count(const vlt_checkpoint *checkpoint)
{
    return vlt_safetensors_file_count(tensors_of(checkpoint));
}

static vlt_safetensors_file file_at(const vlt_checkpoint *checkpoint, int index)
{
    return vlt_safetensors_file_at(tensors_of(checkpoint), index);
}

static uint64_t claimed_bytes(const vlt_checkpoint *checkpoint)
{
    return vlt_safetensors_claimed_bytes(tensors_of(checkpoint));
}

static uint64_t hash(const vlt_checkpoint *checkpoint)
{
    return vlt_safetensors_hash(tensors_of(checkpoint));
}

const vlt_container vlt_container_published = {.kind = "published",
                                               .claims = claims,
                                               .config = config,
                                               .generation = generation,
                                               .tokenizer = tokenizer,
                                               .processor = processor,
                                               .chat_template = chat_template,
                                               .map = map,
                                               .unmap = unmap,
                                               .name = name,
                                               .find = find,
                                               .count = count,
                                               .at = at,
                                               .file_count = file_count,
                                               .file_at = file_at,
                                               .claimed_bytes = claimed_bytes,
                                               .hash = hash};
