#include "harness/model/weights.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Everything is walked twice: first to check and to plan the arena, then to fill it. The status
 * sticks, so that the walk reads as the list of tensors that it is. */
struct loader {
    const vlt_safetensors *tensors;
    const vlt_model_config *config;
    vlt_weights *weights;
    bool fill;
    const char *vision, *text; /* prefixes */
    char name[256];
    vlt_status status;
    vlt_error *err;
};

static const char *const vision_prefixes[] = {"model.visual.", "visual."};
static const char *const text_prefixes[] = {"model.language_model.", "language_model.model.",
                                            "language_model.", "model."};
static const char *const head_names[] = {"lm_head.weight", "language_model.lm_head.weight",
                                         "model.lm_head.weight"};

static const char *find_prefix(struct loader *loader, const char *const *prefix, int count,
                               const char *probe)
{
    for (int i = 0; i < count; i++) {
        snprintf(loader->name, sizeof loader->name, "%s%s", prefix[i], probe);
        if (vlt_safetensors_find(loader->tensors, loader->name)) {
            return prefix[i];
        }
    }
    return prefix[0]; /* its absence is then named in the published way */
}

static void set_name(struct loader *loader, const char *prefix, const char *format, ...)
    VLT_PRINTF(3, 4);

static void set_name(struct loader *loader, const char *prefix, const char *format, ...)
{
    va_list args;
    int length = snprintf(loader->name, sizeof loader->name, "%s", prefix);
    va_start(args, format);
    vsnprintf(loader->name + length, sizeof loader->name - (size_t)length, format, args);
    va_end(args);
}

/* The tensor loader->name with this shape in a dtype to compute with, or NULL with the status set.
 */
static const vlt_tensor *find(struct loader *loader, int rank, const int64_t *shape)
{
    if (loader->status != VLT_OK) {
        return NULL;
    }
    const vlt_tensor *tensor = vlt_safetensors_find(loader->tensors, loader->name);
    if (!tensor) {
        loader->status = vlt_fail(loader->err, VLT_STATUS_INPUT, "tensor '%s' is missing",
                                  loader->name);
        return NULL;
    }
    bool same = tensor->rank == rank && !memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape);
    if (!same) {
        char found[160], expected[160];
        vlt_tensor_shape_format(tensor->shape, tensor->rank, found, sizeof found);
        vlt_tensor_shape_format(shape, rank, expected, sizeof expected);
        loader->status = vlt_fail(loader->err, VLT_STATUS_INPUT,
                                  "tensor '%s': shape %s, expected %s", loader->name, found,
                                  expected);
        return NULL;
    }
    if (tensor->dtype != VLT_DTYPE_BF16 && tensor->dtype != VLT_DTYPE_F16 &&
        tensor->dtype != VLT_DTYPE_F32) {
        loader->status = vlt_fail(loader->err, VLT_STATUS_UNSUPPORTED,
                                  "tensor '%s': dtype %s, expected BF16, F16 or F32", loader->name,
                                  tensor->dtype_name);
        return NULL;
    }
    if (!loader->fill) {
        loader->weights->tensor_count++;
        loader->weights->value_count += vlt_tensor_elements(tensor);
    }
    return tensor;
}

/* loader->name as f32 [count] in the arena. */
static const float *vector(struct loader *loader, int64_t count)
{
    const vlt_tensor *tensor = find(loader, 1, &count);
    if (!tensor) {
        return NULL;
    }
    if (!loader->fill) {
        vlt_arena_reserve(&loader->weights->arena, (size_t)count, sizeof(float));
        return NULL;
    }
    float *out = vlt_arena_take(&loader->weights->arena, (size_t)count, sizeof(float));
    vlt_tensor_to_f32(tensor, 0, count, out);
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(out[i])) {
            loader->status = vlt_fail(loader->err, VLT_STATUS_INPUT,
                                      "tensor '%s': element %lld is %g, expected a finite number",
                                      loader->name, (long long)i, (double)out[i]);
            return NULL;
        }
    }
    return out;
}

/* A matrix of a layer; all of a layer must have the dtype of its first one. */
static const void *matrix(struct loader *loader, int64_t rows, int64_t columns, vlt_dtype *dtype)
{
    const int64_t shape[] = {rows, columns};
    const vlt_tensor *tensor = find(loader, 2, shape);
    if (!tensor) {
        return NULL;
    }
    if (*dtype != VLT_DTYPE_COUNT && *dtype != tensor->dtype) {
        loader->status = vlt_fail(loader->err, VLT_STATUS_UNSUPPORTED,
                                  "tensor '%s': dtype %s, expected %s as the layer's others",
                                  loader->name, tensor->dtype_name, vlt_dtype_name(*dtype));
    }
    *dtype = tensor->dtype;
    return tensor->data;
}

static vlt_linear_weights linear_of(const vlt_tensor *tensor, const float *bias, int64_t n,
                                    int64_t k)
{
    if (!tensor) {
        return (vlt_linear_weights){.n = n, .k = k};
    }
    return (vlt_linear_weights){.constants = {.weight = tensor->data, .bias = bias},
                                .dtype = tensor->dtype,
                                .n = n,
                                .k = k};
}

static void *list(struct loader *loader, int64_t count, size_t element_bytes)
{
    if (!loader->fill) {
        vlt_arena_reserve(&loader->weights->arena, (size_t)count, element_bytes);
        return NULL;
    }
    return vlt_arena_take(&loader->weights->arena, (size_t)count, element_bytes);
}

static void read_layer(struct loader *loader, int64_t index, vlt_layer_weights *out)
{
    const vlt_text_config *text = &loader->config->text;
    const int64_t q = text->heads * text->head, kv = text->kv_heads * text->head;
    const struct {
        const char *name;
        const float **out;
        int64_t count;
    } vectors[] = {
        {"input_layernorm", &out->constants.input_norm, text->width},
        {"post_attention_layernorm", &out->constants.post_norm, text->width},
        {"self_attn.q_norm", &out->constants.q_norm, text->head},
        {"self_attn.k_norm", &out->constants.k_norm, text->head},
    };
    const struct {
        const char *name;
        const void **out;
        int64_t rows, columns;
    } matrices[] = {
        {"self_attn.q_proj", &out->constants.q_weight, q, text->width},
        {"self_attn.k_proj", &out->constants.k_weight, kv, text->width},
        {"self_attn.v_proj", &out->constants.v_weight, kv, text->width},
        {"self_attn.o_proj", &out->constants.o_weight, text->width, q},
        {"mlp.gate_proj", &out->constants.gate_weight, text->inner, text->width},
        {"mlp.up_proj", &out->constants.up_weight, text->inner, text->width},
        {"mlp.down_proj", &out->constants.down_weight, text->width, text->inner},
    };
    out->dtype = VLT_DTYPE_COUNT;
    out->constants.epsilon = text->epsilon;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        set_name(loader, loader->text, "layers.%lld.%s.weight", (long long)index, vectors[i].name);
        *vectors[i].out = vector(loader, vectors[i].count);
    }
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        set_name(loader, loader->text, "layers.%lld.%s.weight", (long long)index, matrices[i].name);
        *matrices[i].out = matrix(loader, matrices[i].rows, matrices[i].columns, &out->dtype);
    }
}

static void read_block(struct loader *loader, int64_t index, vlt_block_weights *out)
{
    const vlt_vision_config *vision = &loader->config->vision;
    const int64_t width = vision->width, inner = vision->inner;
    const struct {
        const char *name;
        const float **out;
        int64_t count;
    } vectors[] = {
        {"norm1.weight", &out->constants.norm1_weight, width},
        {"norm1.bias", &out->constants.norm1_bias, width},
        {"norm2.weight", &out->constants.norm2_weight, width},
        {"norm2.bias", &out->constants.norm2_bias, width},
        {"attn.qkv.bias", &out->constants.qkv_bias, 3 * width},
        {"attn.proj.bias", &out->constants.proj_bias, width},
        {"mlp.linear_fc1.bias", &out->constants.fc1_bias, inner},
        {"mlp.linear_fc2.bias", &out->constants.fc2_bias, width},
    };
    const struct {
        const char *name;
        const void **out;
        int64_t rows, columns;
    } matrices[] = {
        {"attn.qkv", &out->constants.qkv_weight, 3 * width, width},
        {"attn.proj", &out->constants.proj_weight, width, width},
        {"mlp.linear_fc1", &out->constants.fc1_weight, inner, width},
        {"mlp.linear_fc2", &out->constants.fc2_weight, width, inner},
    };
    out->dtype = VLT_DTYPE_COUNT;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        set_name(loader, loader->vision, "blocks.%lld.%s", (long long)index, vectors[i].name);
        *vectors[i].out = vector(loader, vectors[i].count);
    }
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        set_name(loader, loader->vision, "blocks.%lld.%s.weight", (long long)index,
                 matrices[i].name);
        *matrices[i].out = matrix(loader, matrices[i].rows, matrices[i].columns, &out->dtype);
    }
}

/* prefix: "merger." or "deepstack_merger_list.1." */
static void read_merger(struct loader *loader, const char *prefix, int64_t norm_width,
                        vlt_merger_weights *out)
{
    const vlt_vision_config *vision = &loader->config->vision;
    const int64_t merged = vision->width * vision->merge * vision->merge;
    const struct {
        const char *name;
        vlt_linear_weights *out;
        int64_t n;
    } linears[] = {
        {"linear_fc1", &out->fc1, merged},
        {"linear_fc2", &out->fc2, vision->out},
    };
    out->norm_width = norm_width;
    set_name(loader, loader->vision, "%snorm.weight", prefix);
    out->norm_weight = vector(loader, norm_width);
    set_name(loader, loader->vision, "%snorm.bias", prefix);
    out->norm_bias = vector(loader, norm_width);
    for (int i = 0; i < 2; i++) {
        const int64_t shape[] = {linears[i].n, merged};
        set_name(loader, loader->vision, "%s%s.bias", prefix, linears[i].name);
        const float *bias = vector(loader, linears[i].n);
        set_name(loader, loader->vision, "%s%s.weight", prefix, linears[i].name);
        *linears[i].out = linear_of(find(loader, 2, shape), bias, linears[i].n, merged);
    }
}

static void read_vision(struct loader *loader)
{
    const vlt_vision_config *vision = &loader->config->vision;
    vlt_weights *weights = loader->weights;
    const int64_t patch_shape[] = {vision->width, vision->channels, vision->temporal, vision->patch,
                                   vision->patch};
    const int64_t position_shape[] = {vision->grid * vision->grid, vision->width};

    set_name(loader, loader->vision, "patch_embed.proj.bias");
    const float *bias = vector(loader, vision->width);
    set_name(loader, loader->vision, "patch_embed.proj.weight");
    weights->patch = linear_of(find(loader, 5, patch_shape), bias, vision->width,
                               vlt_vision_config_patch_values(vision));
    set_name(loader, loader->vision, "pos_embed.weight");
    weights->position = find(loader, 2, position_shape);

    vlt_block_weights block;
    weights->block = list(loader, vision->blocks, sizeof *weights->block);
    for (int64_t i = 0; i < vision->blocks && loader->status == VLT_OK; i++) {
        read_block(loader, i, loader->fill ? &weights->block[i] : &block);
    }
    const int64_t merged = vision->width * vision->merge * vision->merge;
    read_merger(loader, "merger.", vision->width, &weights->merger);
    vlt_merger_weights merger;
    weights->deepstack = list(loader, vision->deepstack_count, sizeof *weights->deepstack);
    for (int i = 0; i < vision->deepstack_count && loader->status == VLT_OK; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "deepstack_merger_list.%d.", i);
        read_merger(loader, prefix, merged, loader->fill ? &weights->deepstack[i] : &merger);
    }
}

static void read_text(struct loader *loader)
{
    const vlt_text_config *text = &loader->config->text;
    vlt_weights *weights = loader->weights;
    const int64_t shape[] = {text->vocab, text->width};

    set_name(loader, loader->text, "embed_tokens.weight");
    weights->embed = find(loader, 2, shape);
    const vlt_tensor *head = weights->embed;
    weights->tied = true;
    for (size_t i = 0; i < sizeof head_names / sizeof *head_names && weights->tied; i++) {
        if (vlt_safetensors_find(loader->tensors, head_names[i])) {
            set_name(loader, "", "%s", head_names[i]);
            head = find(loader, 2, shape);
            weights->tied = false;
        }
    }
    weights->head = linear_of(head, NULL, text->vocab, text->width);

    vlt_layer_weights layer;
    weights->layer = list(loader, text->layers, sizeof *weights->layer);
    for (int64_t i = 0; i < text->layers && loader->status == VLT_OK; i++) {
        read_layer(loader, i, loader->fill ? &weights->layer[i] : &layer);
    }
    set_name(loader, loader->text, "norm.weight");
    weights->final_norm = vector(loader, text->width);
}

vlt_status vlt_weights_init(const vlt_safetensors *tensors, const vlt_model_config *config,
                            vlt_weights *out, vlt_error *err)
{
    *out = (vlt_weights){0};
    struct loader loader = {.tensors = tensors, .config = config, .weights = out, .err = err};
    loader.vision = find_prefix(&loader, vision_prefixes,
                                sizeof vision_prefixes / sizeof *vision_prefixes,
                                "patch_embed.proj.weight");
    loader.text = find_prefix(&loader, text_prefixes, sizeof text_prefixes / sizeof *text_prefixes,
                              "embed_tokens.weight");
    for (int pass = 0; pass < 2 && loader.status == VLT_OK; pass++) {
        loader.fill = pass == 1;
        if (loader.fill) {
            loader.status = vlt_arena_commit(&out->arena, err);
        }
        if (loader.status == VLT_OK) {
            read_text(&loader);
            read_vision(&loader);
        }
    }
    if (loader.status != VLT_OK) {
        vlt_weights_release(out);
    }
    return loader.status;
}

void vlt_weights_release(vlt_weights *weights)
{
    vlt_arena_release(&weights->arena);
    *weights = (vlt_weights){0};
}
