/* The weights of a random checkpoint. Each tensor is a stream of its own, addressed by position:
 * SplitMix64 at state key + position * step, where the key comes from the seed and the tensor's
 * name. So threads fill any piece in any order, and a tensor does not depend on the others. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/make_internal.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"

enum { QUANTILES = 1 << 16, PER_DRAW = 4, CHUNK_DRAWS = 1 << 14, BUFFER_DRAWS = 1 << 21 };
enum { PATH_BYTES = 4096, NAME_BYTES = 128 };

/* Deviation of what is added to the residual stream without an input of its own. */
static const float small_deviation = 0.02f;

VLT_PRINTF(4, 5)
static void add(vlt_make_list *list, float deviation, const int64_t *shape, const char *format, ...)
{
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 128;
        vlt_make_tensor *entry = realloc(list->entry, (size_t)capacity * sizeof *entry);
        if (!entry) {
            list->failed = true;
            return;
        }
        list->entry = entry;
        list->capacity = capacity;
    }
    char name[NAME_BYTES];
    va_list args;
    va_start(args, format);
    vlt_utf8_vformat(name, sizeof name, format, args);
    va_end(args);
    vlt_make_tensor *entry = &list->entry[list->count++];
    *entry = (vlt_make_tensor){.tensor = {.name = strdup(name), .dtype = VLT_DTYPE_BF16},
                               .deviation = deviation};
    list->failed = list->failed || !entry->tensor.name;
    for (int i = 0; shape[i]; i++) {
        entry->tensor.shape[entry->tensor.rank++] = shape[i];
    }
    entry->random_elements = vlt_tensor_elements(&entry->tensor);
}

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__, 0})

/* Keeps the variance of what passes through it. */
static void add_matrix(vlt_make_list *list, int64_t out, int64_t in, const char *prefix,
                       const char *name)
{
    add(list, 1.0f / sqrtf((float)in), SHAPE(out, in), "%s%s.weight", prefix, name);
}

static void add_linear(vlt_make_list *list, int64_t out, int64_t in, const char *prefix,
                       const char *name)
{
    add(list, small_deviation, SHAPE(out), "%s%s.bias", prefix, name);
    add_matrix(list, out, in, prefix, name);
}

static void add_rms(vlt_make_list *list, int64_t width, const char *prefix, const char *name)
{
    add(list, 0, SHAPE(width), "%s%s.weight", prefix, name);
    list->entry[list->count - 1].constant = 1;
}

static void add_layer_norm(vlt_make_list *list, int64_t width, const char *prefix, const char *name)
{
    add(list, 0, SHAPE(width), "%s%s.bias", prefix, name);
    add_rms(list, width, prefix, name);
}

static void add_rows(vlt_make_list *list, const vlt_text_config *text, int64_t tokens,
                     const char *name)
{
    add(list, small_deviation, SHAPE(text->vocab, text->width), "%s", name);
    list->entry[list->count - 1].random_elements = tokens * text->width;
}

static void add_decoder(vlt_make_list *list, const vlt_text_config *text, int64_t tokens)
{
    static const char root[] = "model.language_model.";
    add_rows(list, text, tokens, "model.language_model.embed_tokens.weight");
    for (int64_t i = 0; i < text->layers; i++) {
        char prefix[64];
        int64_t queries = text->heads * text->head, keys = text->kv_heads * text->head;
        vlt_utf8_format(prefix, sizeof prefix, "%slayers.%lld.", root, (long long)i);
        add_rms(list, text->width, prefix, "input_layernorm");
        add_matrix(list, text->width, text->inner, prefix, "mlp.down_proj");
        add_matrix(list, text->inner, text->width, prefix, "mlp.gate_proj");
        add_matrix(list, text->inner, text->width, prefix, "mlp.up_proj");
        add_rms(list, text->width, prefix, "post_attention_layernorm");
        add_rms(list, text->head, prefix, "self_attn.k_norm");
        add_matrix(list, keys, text->width, prefix, "self_attn.k_proj");
        add_matrix(list, text->width, queries, prefix, "self_attn.o_proj");
        add_rms(list, text->head, prefix, "self_attn.q_norm");
        add_matrix(list, queries, text->width, prefix, "self_attn.q_proj");
        add_matrix(list, keys, text->width, prefix, "self_attn.v_proj");
    }
    add_rms(list, text->width, root, "norm");
}

static void add_merger(vlt_make_list *list, const vlt_vision_config *vision, int64_t norm_width,
                       const char *prefix)
{
    int64_t inner = vision->width * vision->merge * vision->merge;
    add_linear(list, inner, inner, prefix, "linear_fc1");
    add_linear(list, vision->out, inner, prefix, "linear_fc2");
    add_layer_norm(list, norm_width, prefix, "norm");
}

static void add_vision(vlt_make_list *list, const vlt_vision_config *vision)
{
    static const char root[] = "model.visual.";
    int64_t width = vision->width, merged = width * vision->merge * vision->merge;
    char prefix[64];
    for (int64_t i = 0; i < vision->blocks; i++) {
        vlt_utf8_format(prefix, sizeof prefix, "%sblocks.%lld.", root, (long long)i);
        add_linear(list, width, width, prefix, "attn.proj");
        add_linear(list, 3 * width, width, prefix, "attn.qkv");
        add_linear(list, vision->inner, width, prefix, "mlp.linear_fc1");
        add_linear(list, width, vision->inner, prefix, "mlp.linear_fc2");
        add_layer_norm(list, width, prefix, "norm1");
        add_layer_norm(list, width, prefix, "norm2");
    }
    for (int i = 0; i < vision->deepstack_count; i++) {
        vlt_utf8_format(prefix, sizeof prefix, "%sdeepstack_merger_list.%d.", root, i);
        add_merger(list, vision, merged, prefix);
    }
    vlt_utf8_format(prefix, sizeof prefix, "%smerger.", root);
    add_merger(list, vision, width, prefix);
    float deviation = 1.0f / sqrtf((float)vlt_vision_config_patch_values(vision));
    add(list, small_deviation, SHAPE(width), "%spatch_embed.proj.bias", root);
    add(list, deviation,
        SHAPE(width, vision->channels, vision->temporal, vision->patch, vision->patch),
        "%spatch_embed.proj.weight", root);
    add(list, small_deviation, SHAPE(vision->grid * vision->grid, width), "%spos_embed.weight",
        root);
}

vlt_status vlt_make_list_init(vlt_make_list *list, const vlt_model_config *config, int64_t tokens,
                              vlt_error *err)
{
    *list = (vlt_make_list){0};
    add_decoder(list, &config->text, tokens);
    add_vision(list, &config->vision);
    if (!config->tied) {
        add_rows(list, &config->text, tokens, "lm_head.weight");
    }
    return list->failed ? vlt_fail(err, VLT_STATUS_NOMEM, "list of tensors: out of memory")
                        : VLT_OK;
}

void vlt_make_list_release(vlt_make_list *list)
{
    for (int i = 0; i < list->count; i++) {
        free((char *)list->entry[i].tensor.name);
    }
    free(list->entry);
    *list = (vlt_make_list){0};
}

/* unit[i] = the normal quantile at (i + 1/2) / QUANTILES, by Newton's method from the quantile
 * before it, upwards from the median. */
static void fill_quantiles(double unit[QUANTILES])
{
    double x = 0;
    for (int i = QUANTILES / 2; i < QUANTILES; i++) {
        double above = (QUANTILES - i - 0.5) / QUANTILES;
        for (int step = 0; step < 6; step++) {
            double density = exp(-0.5 * x * x) / sqrt(2 * M_PI);
            x += (0.5 * erfc(x / M_SQRT2) - above) / density;
        }
        unit[i] = x;
        unit[QUANTILES - 1 - i] = -x;
    }
}

struct fill {
    const uint16_t *quantile; /* [QUANTILES], bf16 */
    uint16_t *out;
    uint64_t key;
    int64_t first; /* draw of out[0] */
    size_t count;  /* elements of out */
};

static void fill_draws(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct fill *fill = argument;
    for (int64_t draw = begin; draw < end; draw++) {
        vlt_random random = {fill->key + (uint64_t)(fill->first + draw) * 0x9E3779B97F4A7C15u};
        uint64_t bits = vlt_random_next(&random);
        size_t at = (size_t)draw * PER_DRAW;
        for (size_t i = 0; i < PER_DRAW && at + i < fill->count; i++) {
            fill->out[at + i] = fill->quantile[bits >> (16 * i) & (QUANTILES - 1)];
        }
    }
}

static uint64_t key_of(uint64_t seed, const char *name)
{
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
    for (; *name; name++) {
        hash = (hash ^ (unsigned char)*name) * 0x100000001B3u;
    }
    vlt_random random = {seed};
    random.state = vlt_random_next(&random) ^ hash;
    return vlt_random_next(&random);
}

struct work {
    const vlt_make_options *options;
    vlt_safetensors_writer *writer;
    double *unit;         /* [QUANTILES] */
    uint16_t *quantile;   /* [QUANTILES] of the tensor at hand */
    uint16_t *buffer;     /* [BUFFER_DRAWS * PER_DRAW] */
    uint64_t done, total; /* elements */
};

static void set_quantiles(struct work *work, const vlt_make_tensor *entry)
{
    for (int i = 0; i < QUANTILES; i++) {
        double value = work->unit[i] * (double)entry->deviation + (double)entry->constant;
        work->quantile[i] = vlt_bf16_from_f32((float)value);
    }
}

/* Zeroes what lies behind the first `keep` elements; keep may be negative. */
static void clear_behind(uint16_t *out, size_t count, int64_t keep)
{
    size_t first = keep < 0 ? 0 : (size_t)keep;
    if (first < count) {
        memset(out + first, 0, (count - first) * sizeof *out);
    }
}

static vlt_status write_tensor(struct work *work, const vlt_make_tensor *entry, uint64_t seed,
                               vlt_error *err)
{
    int64_t elements = vlt_tensor_elements(&entry->tensor);
    struct fill fill = {
        .quantile = work->quantile, .out = work->buffer, .key = key_of(seed, entry->tensor.name)};
    vlt_status status = VLT_OK;
    set_quantiles(work, entry);
    for (int64_t done = 0; done < elements && status == VLT_OK; done += (int64_t)fill.count) {
        const vlt_make_options *options = work->options;
        if (options->stop &&
            options->stop(options->user, (double)work->done / (double)work->total)) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted after %.0f %% of the weights",
                            100.0 * (double)work->done / (double)work->total);
        }
        int64_t room = (int64_t)BUFFER_DRAWS * PER_DRAW;
        fill.count = (size_t)(elements - done < room ? elements - done : room);
        fill.first = done / PER_DRAW;
        vlt_threads_for(options->threads, (int64_t)(fill.count + PER_DRAW - 1) / PER_DRAW,
                        CHUNK_DRAWS, 0, fill_draws, &fill);
        clear_behind(work->buffer, fill.count, entry->random_elements - done);
        status = vlt_safetensors_writer_append(work->writer, work->buffer,
                                               fill.count * sizeof *work->buffer, err);
        work->done += fill.count;
    }
    return status;
}

static vlt_status begin(struct work *work, const char *directory, const vlt_make_list *list,
                        vlt_error *err)
{
    void *block;
    char path[PATH_BYTES];
    vlt_status status = vlt_alloc((size_t)list->count * sizeof(vlt_tensor), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    if (snprintf(path, sizeof path, "%s/model.safetensors", directory) >= (int)sizeof path) {
        vlt_free(block);
        return vlt_fail(err, VLT_STATUS_USAGE, "folder '%s': path of more than %d bytes", directory,
                        PATH_BYTES - 1);
    }
    vlt_tensor *tensors = block;
    for (int i = 0; i < list->count; i++) {
        tensors[i] = list->entry[i].tensor;
        work->total += (uint64_t)vlt_tensor_elements(&tensors[i]);
    }
    status = vlt_safetensors_writer_create(path, tensors, list->count, &work->writer, err);
    vlt_free(tensors);
    return status;
}

vlt_status vlt_make_weights(const vlt_make_model *model, const char *directory,
                            const vlt_make_options *options, const vlt_make_list *list,
                            vlt_error *err)
{
    struct work work = {.options = options};
    vlt_arena arena = {0};
    vlt_arena_reserve(&arena, QUANTILES, sizeof *work.unit);
    vlt_arena_reserve(&arena, QUANTILES, sizeof *work.quantile);
    vlt_arena_reserve(&arena, (size_t)BUFFER_DRAWS * PER_DRAW, sizeof *work.buffer);
    vlt_status status = vlt_arena_commit(&arena, err);
    if (status != VLT_OK) {
        goto done;
    }
    work.unit = vlt_arena_take(&arena, QUANTILES, sizeof *work.unit);
    work.quantile = vlt_arena_take(&arena, QUANTILES, sizeof *work.quantile);
    work.buffer = vlt_arena_take(&arena, (size_t)BUFFER_DRAWS * PER_DRAW, sizeof *work.buffer);
    fill_quantiles(work.unit);
    status = begin(&work, directory, list, err);
    for (int i = 0; i < list->count && status == VLT_OK; i++) {
        status = write_tensor(&work, &list->entry[i], model->seed, err);
    }
    if (status == VLT_OK) {
        status = vlt_safetensors_writer_finish(work.writer, err);
    }
done:
    vlt_safetensors_writer_destroy(work.writer);
    vlt_arena_release(&arena);
    return status;
}
