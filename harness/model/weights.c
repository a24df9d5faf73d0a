#include "harness/model/weights.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

/* Everything is walked twice: first to check and to plan the arena, then to fill it. The status
 * sticks, so that the walk reads as the list of tensors that it is. */
struct loader {
    const vlt_safetensors *tensors;
    const vlt_model_config *config;
    vlt_weights *weights;
    bool fill;
    const char *vision, *text; /* prefixes */
    uint64_t ids;              /* handed out in this pass */
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
        vlt_utf8_format(loader->name, sizeof loader->name, "%s%s", prefix[i], probe);
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
    size_t length = vlt_utf8_format(loader->name, sizeof loader->name, "%s", prefix);
    va_start(args, format);
    vlt_utf8_vformat(loader->name + length, sizeof loader->name - length, format, args);
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

/* loader->name, whose first dimension is that of the rows and the others together the columns. */
static vlt_matrix matrix_of_rank(struct loader *loader, int rank, const int64_t *shape)
{
    const vlt_tensor *tensor = find(loader, rank, shape);
    if (!tensor) {
        return (vlt_matrix){0};
    }
    vlt_matrix matrix = vlt_matrix_of((vlt_format)tensor->dtype, tensor->data, shape[0],
                                      vlt_tensor_elements(tensor) / shape[0]);
    matrix.id = ++loader->ids;
    return matrix;
}

static vlt_matrix matrix(struct loader *loader, int64_t rows, int64_t columns)
{
    return matrix_of_rank(loader, 2, (int64_t[]){rows, columns});
}

static void *list(struct loader *loader, int64_t count, size_t element_bytes)
{
    if (!loader->fill) {
        vlt_arena_reserve(&loader->weights->arena, (size_t)count, element_bytes);
        return NULL;
    }
    return vlt_arena_take(&loader->weights->arena, (size_t)count, element_bytes);
}

static void read_layer(struct loader *loader, int64_t index, vlt_decoder_block_constants *out)
{
    const vlt_text_config *text = &loader->config->text;
    const int64_t q = text->heads * text->head, kv = text->kv_heads * text->head;
    const struct {
        const char *name;
        const float **out;
        int64_t count;
    } vectors[] = {
        {"input_layernorm", &out->input_norm, text->width},
        {"post_attention_layernorm", &out->post_norm, text->width},
        {"self_attn.q_norm", &out->q_norm, text->head},
        {"self_attn.k_norm", &out->k_norm, text->head},
    };
    const struct {
        const char *name;
        vlt_matrix *out;
        int64_t rows, columns;
    } matrices[] = {
        {"self_attn.q_proj", &out->q_weight, q, text->width},
        {"self_attn.k_proj", &out->k_weight, kv, text->width},
        {"self_attn.v_proj", &out->v_weight, kv, text->width},
        {"self_attn.o_proj", &out->o_weight, text->width, q},
        {"mlp.gate_proj", &out->gate_weight, text->inner, text->width},
        {"mlp.up_proj", &out->up_weight, text->inner, text->width},
        {"mlp.down_proj", &out->down_weight, text->width, text->inner},
    };
    out->epsilon = text->epsilon;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        set_name(loader, loader->text, "layers.%lld.%s.weight", (long long)index, vectors[i].name);
        *vectors[i].out = vector(loader, vectors[i].count);
    }
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        set_name(loader, loader->text, "layers.%lld.%s.weight", (long long)index, matrices[i].name);
        *matrices[i].out = matrix(loader, matrices[i].rows, matrices[i].columns);
    }
}

static void read_block(struct loader *loader, int64_t index, vlt_vision_block_constants *out)
{
    const vlt_vision_config *vision = &loader->config->vision;
    const int64_t width = vision->width, inner = vision->inner;
    const struct {
        const char *name;
        const float **out;
        int64_t count;
    } vectors[] = {
        {"norm1.weight", &out->norm1_weight, width},
        {"norm1.bias", &out->norm1_bias, width},
        {"norm2.weight", &out->norm2_weight, width},
        {"norm2.bias", &out->norm2_bias, width},
        {"attn.qkv.bias", &out->qkv_bias, 3 * width},
        {"attn.proj.bias", &out->proj_bias, width},
        {"mlp.linear_fc1.bias", &out->fc1_bias, inner},
        {"mlp.linear_fc2.bias", &out->fc2_bias, width},
    };
    const struct {
        const char *name;
        vlt_matrix *out;
        int64_t rows, columns;
    } matrices[] = {
        {"attn.qkv", &out->qkv_weight, 3 * width, width},
        {"attn.proj", &out->proj_weight, width, width},
        {"mlp.linear_fc1", &out->fc1_weight, inner, width},
        {"mlp.linear_fc2", &out->fc2_weight, width, inner},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        set_name(loader, loader->vision, "blocks.%lld.%s", (long long)index, vectors[i].name);
        *vectors[i].out = vector(loader, vectors[i].count);
    }
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        set_name(loader, loader->vision, "blocks.%lld.%s.weight", (long long)index,
                 matrices[i].name);
        *matrices[i].out = matrix(loader, matrices[i].rows, matrices[i].columns);
    }
}

/* prefix: "merger." or "deepstack_merger_list.1." */
static void read_merger(struct loader *loader, const char *prefix, int64_t norm_width,
                        vlt_merger_constants *out)
{
    const vlt_vision_config *vision = &loader->config->vision;
    const int64_t merged = vision->width * vision->merge * vision->merge;
    const struct {
        const char *name;
        vlt_linear_constants *out;
        int64_t n;
    } linears[] = {
        {"linear_fc1", &out->fc1, merged},
        {"linear_fc2", &out->fc2, vision->out},
    };
    out->norm_width = norm_width;
    set_name(loader, loader->vision, "%snorm.weight", prefix);
    out->norm.weight = vector(loader, norm_width);
    set_name(loader, loader->vision, "%snorm.bias", prefix);
    out->norm.bias = vector(loader, norm_width);
    out->norm.epsilon = VLT_VISION_BLOCK_EPSILON;
    for (int i = 0; i < 2; i++) {
        set_name(loader, loader->vision, "%s%s.bias", prefix, linears[i].name);
        linears[i].out->bias = vector(loader, linears[i].n);
        set_name(loader, loader->vision, "%s%s.weight", prefix, linears[i].name);
        linears[i].out->weight = matrix(loader, linears[i].n, merged);
    }
}

static void read_vision(struct loader *loader)
{
    const vlt_vision_config *vision = &loader->config->vision;
    vlt_vision_tower_constants *weights = &loader->weights->vision;
    const int64_t patch_shape[] = {vision->width, vision->channels, vision->temporal, vision->patch,
                                   vision->patch};

    set_name(loader, loader->vision, "patch_embed.proj.bias");
    weights->patch.bias = vector(loader, vision->width);
    set_name(loader, loader->vision, "patch_embed.proj.weight");
    weights->patch.weight = matrix_of_rank(loader, 5, patch_shape);
    set_name(loader, loader->vision, "pos_embed.weight");
    weights->position = matrix(loader, vision->grid * vision->grid, vision->width);
    weights->position_side = vision->grid;
    weights->rope_theta = vision->rope_theta;
    weights->deepstack_block = vision->deepstack;

    vlt_vision_block_constants unused, *block = list(loader, vision->blocks, sizeof *block);
    weights->block = block;
    for (int64_t i = 0; i < vision->blocks && loader->status == VLT_OK; i++) {
        read_block(loader, i, loader->fill ? &block[i] : &unused);
    }
    const int64_t merged = vision->width * vision->merge * vision->merge;
    read_merger(loader, "merger.", vision->width, &weights->merger);
    vlt_merger_constants none, *merger = list(loader, vision->deepstack_count, sizeof *merger);
    weights->deepstack = merger;
    for (int i = 0; i < vision->deepstack_count && loader->status == VLT_OK; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "deepstack_merger_list.%d.", i);
        read_merger(loader, prefix, merged, loader->fill ? &merger[i] : &none);
    }
}

static void read_text(struct loader *loader)
{
    const vlt_text_config *text = &loader->config->text;
    vlt_decoder_constants *weights = &loader->weights->decoder;
    bool tied = true;

    set_name(loader, loader->text, "embed_tokens.weight");
    weights->embed = matrix(loader, text->vocab, text->width);
    weights->head.weight = weights->embed;
    for (size_t i = 0; i < sizeof head_names / sizeof *head_names && tied; i++) {
        if (vlt_safetensors_find(loader->tensors, head_names[i])) {
            set_name(loader, "", "%s", head_names[i]);
            weights->head.weight = matrix(loader, text->vocab, text->width);
            tied = false;
        }
    }
    loader->weights->tied = tied;

    vlt_decoder_block_constants unused, *layer = list(loader, text->layers, sizeof *layer);
    weights->layer = layer;
    for (int64_t i = 0; i < text->layers && loader->status == VLT_OK; i++) {
        read_layer(loader, i, loader->fill ? &layer[i] : &unused);
    }
    set_name(loader, loader->text, "norm.weight");
    weights->final_norm = (vlt_norm_constants){.weight = vector(loader, text->width),
                                               .epsilon = text->epsilon};
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
        loader.ids = 0;
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
