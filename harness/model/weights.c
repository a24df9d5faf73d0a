#include "harness/model/weights.h"

#include <math.h>
#include <string.h>

/* Everything is walked twice: first to check and to plan the arena, then to fill it. The status
 * sticks, so that the walk reads as the list of tensors that it is. */
struct loader {
    const vlt_checkpoint *checkpoint;
    const vlt_model_config *config;
    vlt_weights *weights;
    bool fill;
    uint64_t ids;             /* handed out in this pass */
    const vlt_tensor *tensor; /* read next; NULL: it is missing, by this name */
    char name[256];
    vlt_status status;
    vlt_error *err;
};

/* What is read next. */
static void set_role(struct loader *loader, vlt_role role, int64_t index)
{
    loader->tensor = vlt_checkpoint_tensor(loader->checkpoint, role, index);
    if (!loader->tensor) {
        loader->checkpoint->container->name(loader->checkpoint, role, index, loader->name,
                                            sizeof loader->name);
    }
}

/* The tensor that is next, with this shape in a dtype to compute with, or NULL with the status set.
 */
static const vlt_tensor *find(struct loader *loader, int rank, const int64_t *shape)
{
    if (loader->status != VLT_OK) {
        return NULL;
    }
    const vlt_tensor *tensor = loader->tensor;
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
                                  "tensor '%s': shape %s, expected %s", tensor->name, found,
                                  expected);
        return NULL;
    }
    if (tensor->dtype != VLT_DTYPE_BF16 && tensor->dtype != VLT_DTYPE_F16 &&
        tensor->dtype != VLT_DTYPE_F32) {
        loader->status = vlt_fail(loader->err, VLT_STATUS_UNSUPPORTED,
                                  "tensor '%s': dtype %s, expected BF16, F16 or F32", tensor->name,
                                  tensor->dtype_name);
        return NULL;
    }
    if (!loader->fill) {
        loader->weights->tensor_count++;
        loader->weights->value_count += vlt_tensor_elements(tensor);
    }
    return tensor;
}

/* The next one as f32 [count] in the arena. */
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
                                      tensor->name, (long long)i, (double)out[i]);
            return NULL;
        }
    }
    return out;
}

/* The next one, whose first dimension is that of the rows and the others together the columns. */
static vlt_matrix matrix_of_rank(struct loader *loader, int rank, const int64_t *shape)
{
    const vlt_tensor *tensor = find(loader, rank, shape);
    if (!tensor) {
        return (vlt_matrix){0};
    }
    vlt_matrix matrix = vlt_matrix_of((vlt_format)tensor->dtype, tensor->data, shape[0],
                                      vlt_tensor_elements(tensor) / shape[0]);
    matrix.id = ++loader->ids;
    matrix.mapped = true; /* as every container's tensors are */
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
        vlt_role role;
        const float **out;
        int64_t count;
    } vectors[] = {
        {VLT_ROLE_LAYER_INPUT_NORM, &out->input_norm, text->width},
        {VLT_ROLE_LAYER_POST_NORM, &out->post_norm, text->width},
        {VLT_ROLE_LAYER_Q_NORM, &out->q_norm, text->head},
        {VLT_ROLE_LAYER_K_NORM, &out->k_norm, text->head},
    };
    const struct {
        vlt_role role;
        vlt_matrix *out;
        int64_t rows, columns;
    } matrices[] = {
        {VLT_ROLE_LAYER_Q, &out->q_weight, q, text->width},
        {VLT_ROLE_LAYER_K, &out->k_weight, kv, text->width},
        {VLT_ROLE_LAYER_V, &out->v_weight, kv, text->width},
        {VLT_ROLE_LAYER_O, &out->o_weight, text->width, q},
        {VLT_ROLE_LAYER_GATE, &out->gate_weight, text->inner, text->width},
        {VLT_ROLE_LAYER_UP, &out->up_weight, text->inner, text->width},
        {VLT_ROLE_LAYER_DOWN, &out->down_weight, text->width, text->inner},
    };
    out->epsilon = text->epsilon;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        set_role(loader, vectors[i].role, index);
        *vectors[i].out = vector(loader, vectors[i].count);
    }
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        set_role(loader, matrices[i].role, index);
        *matrices[i].out = matrix(loader, matrices[i].rows, matrices[i].columns);
    }
}

static void read_block(struct loader *loader, int64_t index, vlt_vision_block_constants *out)
{
    const vlt_vision_config *vision = &loader->config->vision;
    const int64_t width = vision->width, inner = vision->inner;
    const struct {
        vlt_role role;
        const float **out;
        int64_t count;
    } vectors[] = {
        {VLT_ROLE_BLOCK_NORM1, &out->norm1_weight, width},
        {VLT_ROLE_BLOCK_NORM1_BIAS, &out->norm1_bias, width},
        {VLT_ROLE_BLOCK_NORM2, &out->norm2_weight, width},
        {VLT_ROLE_BLOCK_NORM2_BIAS, &out->norm2_bias, width},
        {VLT_ROLE_BLOCK_QKV_BIAS, &out->qkv_bias, 3 * width},
        {VLT_ROLE_BLOCK_PROJ_BIAS, &out->proj_bias, width},
        {VLT_ROLE_BLOCK_FC1_BIAS, &out->fc1_bias, inner},
        {VLT_ROLE_BLOCK_FC2_BIAS, &out->fc2_bias, width},
    };
    const struct {
        vlt_role role;
        vlt_matrix *out;
        int64_t rows, columns;
    } matrices[] = {
        {VLT_ROLE_BLOCK_QKV, &out->qkv_weight, 3 * width, width},
        {VLT_ROLE_BLOCK_PROJ, &out->proj_weight, width, width},
        {VLT_ROLE_BLOCK_FC1, &out->fc1_weight, inner, width},
        {VLT_ROLE_BLOCK_FC2, &out->fc2_weight, width, inner},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        set_role(loader, vectors[i].role, index);
        *vectors[i].out = vector(loader, vectors[i].count);
    }
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        set_role(loader, matrices[i].role, index);
        *matrices[i].out = matrix(loader, matrices[i].rows, matrices[i].columns);
    }
}

/* deepstack: that of the index, else the main one. */
static void read_merger(struct loader *loader, bool deepstack, int64_t index, int64_t norm_width,
                        vlt_merger_constants *out)
{
    const vlt_vision_config *vision = &loader->config->vision;
    const int64_t merged = vision->width * vision->merge * vision->merge;
    const struct {
        vlt_role weight, bias;
        vlt_linear_constants *out;
        int64_t n;
    } linears[] = {
        {deepstack ? VLT_ROLE_DEEPSTACK_FC1 : VLT_ROLE_MERGER_FC1,
         deepstack ? VLT_ROLE_DEEPSTACK_FC1_BIAS : VLT_ROLE_MERGER_FC1_BIAS, &out->fc1, merged},
        {deepstack ? VLT_ROLE_DEEPSTACK_FC2 : VLT_ROLE_MERGER_FC2,
         deepstack ? VLT_ROLE_DEEPSTACK_FC2_BIAS : VLT_ROLE_MERGER_FC2_BIAS, &out->fc2,
         vision->out},
    };
    out->norm_width = norm_width;
    set_role(loader, deepstack ? VLT_ROLE_DEEPSTACK_NORM : VLT_ROLE_MERGER_NORM, index);
    out->norm.weight = vector(loader, norm_width);
    set_role(loader, deepstack ? VLT_ROLE_DEEPSTACK_NORM_BIAS : VLT_ROLE_MERGER_NORM_BIAS, index);
    out->norm.bias = vector(loader, norm_width);
    out->norm.epsilon = VLT_VISION_BLOCK_EPSILON;
    for (int i = 0; i < 2; i++) {
        set_role(loader, linears[i].bias, index);
        linears[i].out->bias = vector(loader, linears[i].n);
        set_role(loader, linears[i].weight, index);
        linears[i].out->weight = matrix(loader, linears[i].n, merged);
    }
}

static void read_vision(struct loader *loader)
{
    const vlt_vision_config *vision = &loader->config->vision;
    vlt_vision_tower_constants *weights = &loader->weights->vision;
    const int64_t patch_shape[] = {vision->width, vision->channels, vision->temporal, vision->patch,
                                   vision->patch};

    set_role(loader, VLT_ROLE_PATCH_BIAS, 0);
    weights->patch.bias = vector(loader, vision->width);
    set_role(loader, VLT_ROLE_PATCH, 0);
    weights->patch.weight = matrix_of_rank(loader, 5, patch_shape);
    weights->temporal = vision->temporal;
    set_role(loader, VLT_ROLE_POSITION, 0);
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
    read_merger(loader, false, 0, vision->width, &weights->merger);
    vlt_merger_constants none, *merger = list(loader, vision->deepstack_count, sizeof *merger);
    weights->deepstack = merger;
    for (int i = 0; i < vision->deepstack_count && loader->status == VLT_OK; i++) {
        read_merger(loader, true, i, merged, loader->fill ? &merger[i] : &none);
    }
}

static void read_text(struct loader *loader)
{
    const vlt_text_config *text = &loader->config->text;
    vlt_decoder_constants *weights = &loader->weights->decoder;
    const bool tied = !vlt_checkpoint_tensor(loader->checkpoint, VLT_ROLE_HEAD, 0);

    set_role(loader, VLT_ROLE_EMBED, 0);
    weights->embed = matrix(loader, text->vocab, text->width);
    weights->head.weight = weights->embed;
    if (!tied) {
        set_role(loader, VLT_ROLE_HEAD, 0);
        weights->head.weight = matrix(loader, text->vocab, text->width);
    }
    loader->weights->tied = tied;

    vlt_decoder_block_constants unused, *layer = list(loader, text->layers, sizeof *layer);
    weights->layer = layer;
    for (int64_t i = 0; i < text->layers && loader->status == VLT_OK; i++) {
        read_layer(loader, i, loader->fill ? &layer[i] : &unused);
    }
    set_role(loader, VLT_ROLE_FINAL_NORM, 0);
    weights->final_norm = (vlt_norm_constants){.weight = vector(loader, text->width),
                                               .epsilon = text->epsilon};
}

vlt_status vlt_weights_init(const vlt_checkpoint *checkpoint, const vlt_model_config *config,
                            vlt_weights *out, vlt_error *err)
{
    *out = (vlt_weights){0};
    struct loader loader = {.checkpoint = checkpoint, .config = config, .weights = out, .err = err};
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
