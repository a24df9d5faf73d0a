/* The demo model saved in other ways: dtypes, shards, prefixes, an own head. All must give its ids,
 * and what is missing, misshapen or no number must be refused by name. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/infer/vltune.h"
#include "harness/json/json.h"
#include "harness/model/safetensors.h"
#include "tests/support/data.h"

enum { PATH_BYTES = 1200, TENSORS_MAX = 256 };

/* How to save it again. */
struct layout {
    vlt_dtype dtype;
    int shards;
    const char *vision, *text; /* prefixes */
    bool own_head;
    bool mixed;          /* every third tensor F16, every third F32 */
    const char *drop;    /* tensor left out */
    const char *spoil;   /* tensor whose first value becomes NaN */
    const char *reshape; /* tensor that loses its last row */
};

struct copies {
    vlt_tensor tensor[TENSORS_MAX];
    int count;
};

static const char *renamed(const struct layout *layout, const char *name)
{
    static const char text[] = "model.language_model.", vision[] = "model.visual.";
    char *out = NULL;
    bool is_text = !strncmp(name, text, sizeof text - 1);
    const char *rest = name + (is_text ? sizeof text - 1 : sizeof vision - 1);
    cr_assert_gt(asprintf(&out, "%s%s", is_text ? layout->text : layout->vision, rest), 0);
    return out;
}

static vlt_dtype dtype_of(const struct layout *layout, int index)
{
    static const vlt_dtype turns[] = {VLT_DTYPE_BF16, VLT_DTYPE_F16, VLT_DTYPE_F32};
    return layout->mixed ? turns[index % 3] : layout->dtype;
}

static vlt_tensor converted(const vlt_tensor *source, const struct layout *layout, int index)
{
    const vlt_dtype dtype = dtype_of(layout, index);
    vlt_tensor copy = *source;
    int64_t count = vlt_tensor_elements(source);
    float *values = malloc((size_t)count * sizeof *values);
    uint16_t *halves = malloc((size_t)count * sizeof *halves);
    vlt_tensor_to_f32(source, 0, count, values);
    if (layout->spoil && !strcmp(source->name, layout->spoil)) {
        values[0] = NAN;
    }
    for (int64_t i = 0; i < count; i++) {
        halves[i] = dtype == VLT_DTYPE_F16 ? vlt_f16_from_f32(values[i])
                                           : vlt_bf16_from_f32(values[i]);
    }
    copy.name = renamed(layout, source->name);
    copy.dtype = dtype;
    copy.data = dtype == VLT_DTYPE_F32 ? (void *)values : (void *)halves;
    copy.shape[0] -= layout->reshape && !strcmp(source->name, layout->reshape);
    free(dtype == VLT_DTYPE_F32 ? (void *)halves : (void *)values);
    return copy;
}

static void gather(const vlt_safetensors *tensors, const struct layout *layout,
                   struct copies *copies)
{
    for (int i = 0; i < vlt_safetensors_count(tensors); i++) {
        const vlt_tensor *source = vlt_safetensors_at(tensors, i);
        if (!layout->drop || strcmp(source->name, layout->drop)) {
            copies->tensor[copies->count++] = converted(source, layout, i);
        }
        if (layout->own_head && strstr(source->name, "embed_tokens")) {
            vlt_tensor head = converted(source, layout, i);
            free((void *)head.name);
            head.name = strdup("lm_head.weight");
            copies->tensor[copies->count++] = head;
        }
    }
}

static void write_weights(const char *folder, const struct layout *layout,
                          const struct copies *copies)
{
    char path[PATH_BYTES], shard[64];
    json_t *map = json_object();
    vlt_error err = {0};
    for (int s = 0; s < layout->shards; s++) {
        int first = copies->count * s / layout->shards;
        int end = copies->count * (s + 1) / layout->shards;
        snprintf(shard, sizeof shard, "%s%d.safetensors", layout->shards > 1 ? "part" : "model", s);
        snprintf(path, sizeof path, "%s/%s", folder,
                 layout->shards > 1 ? shard : "model.safetensors");
        cr_assert_eq(vlt_safetensors_write(path, copies->tensor + first, end - first, &err), VLT_OK,
                     "%s", err.message);
        for (int i = first; i < end; i++) {
            json_object_set_new(map, copies->tensor[i].name, json_string(shard));
        }
    }
    if (layout->shards > 1) {
        json_t *index = json_pack("{s:{}, s:O}", "metadata", "weight_map", map);
        snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
        cr_assert_eq(json_dump_file(index, path, 0), 0);
        json_decref(index);
    }
    json_decref(map);
}

static void make_checkpoint(const char *folder, const struct layout *layout)
{
    static const char *const files[] = {"config.json", "generation_config.json",
                                        "preprocessor_config.json", "tokenizer.json",
                                        "tokenizer_config.json"};
    const char *from = test_source("harness/model/demo/checkpoint");
    static struct copies copies;
    vlt_safetensors *tensors = NULL;
    char source[PATH_BYTES], target[PATH_BYTES];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(source, sizeof source, "%s/%s", from, files[i]);
        snprintf(target, sizeof target, "%s/%s", folder, files[i]);
        cr_assert_eq(symlink(source, target), 0);
    }
    cr_assert_eq(vlt_safetensors_open_checkpoint(from, &tensors, NULL), VLT_OK);
    copies.count = 0;
    gather(tensors, layout, &copies);
    write_weights(folder, layout, &copies);
    for (int i = 0; i < copies.count; i++) {
        free((void *)copies.tensor[i].name);
        free((void *)copies.tensor[i].data);
    }
    vlt_safetensors_close(tensors);
}

static vlt_status answer(const char *folder, vlt_response *out, vlt_error *err)
{
    const vlt_request request = {
        .prompt = "How many?", .max_tokens = 16, .greedy = true, .ignore_eos = true};
    vlt_engine *engine = NULL;
    vlt_session *session = NULL;
    vlt_status status = vlt_engine_open(folder, NULL, &engine, err);
    if (status == VLT_OK) {
        status = vlt_session_open(engine, NULL, &session, err);
    }
    if (status == VLT_OK) {
        status = vlt_session_run(session, &request, out, err);
    }
    vlt_session_close(session);
    vlt_engine_close(engine);
    return status;
}

static vlt_status try_layout(const struct layout *layout, vlt_response *out, vlt_error *err)
{
    char folder[] = "/tmp/vlt-layout-XXXXXX", command[PATH_BYTES];
    cr_assert_not_null(mkdtemp(folder));
    make_checkpoint(folder, layout);
    vlt_status status = answer(folder, out, err);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
    return status;
}

Test(weight_layouts, all_give_the_same_ids)
{
    static const struct layout layouts[] = {
        {VLT_DTYPE_BF16, 1, "model.visual.", "model.language_model.", .own_head = false},
        {VLT_DTYPE_F32, 1, "model.visual.", "model.language_model.", .own_head = false},
        {VLT_DTYPE_F16, 1, "model.visual.", "model.language_model.", .own_head = false},
        {VLT_DTYPE_BF16, 3, "model.visual.", "model.language_model.", .own_head = true},
        {VLT_DTYPE_BF16, 2, "visual.", "model.", .own_head = false},
        {VLT_DTYPE_F32, 1, "visual.", "language_model.model.", .own_head = true},
        {VLT_DTYPE_BF16, 1, "model.visual.", "model.language_model.", .mixed = true},
    };
    vlt_response expected = {0};
    vlt_error err = {0};
    cr_assert_eq(answer(test_source("harness/model/demo/checkpoint"), &expected, &err), VLT_OK,
                 "%s", err.message);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        vlt_response found = {0};
        cr_assert_eq(try_layout(&layouts[i], &found, &err), VLT_OK, "layout %zu: %s", i,
                     err.message);
        cr_expect_eq(found.id_count, expected.id_count);
        cr_expect_arr_eq(found.ids, expected.ids, 16 * sizeof(int32_t), "layout %zu", i);
        vlt_response_release(&found);
    }
    vlt_response_release(&expected);
}

Test(weight_layouts, broken_ones_are_refused_by_name)
{
    static const struct {
        struct layout layout;
        const char *words[3];
    } cases[] = {
        {{.drop = "model.language_model.layers.2.mlp.up_proj.weight"},
         {"layers.2.mlp.up_proj.weight", "missing", ""}},
        {{.drop = "model.language_model.embed_tokens.weight"}, {"embed_tokens", "missing", ""}},
        {{.drop = "model.visual.patch_embed.proj.weight"}, {"patch_embed", "missing", ""}},
        {{.reshape = "model.visual.blocks.1.attn.qkv.weight"}, {"qkv", "[383,128]", "[384,128]"}},
        {{.reshape = "model.language_model.norm.weight"}, {"norm.weight", "[191]", "[192]"}},
        {{.spoil = "model.visual.merger.norm.bias"}, {"merger.norm.bias", "element 0", "nan"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct layout layout = cases[i].layout;
        vlt_response found = {0};
        vlt_error err = {0};
        layout.dtype = VLT_DTYPE_BF16;
        layout.shards = 1;
        layout.vision = "model.visual.";
        layout.text = "model.language_model.";
        vlt_status status = try_layout(&layout, &found, &err);
        cr_expect_eq(vlt_status_exit_code(status), 2, "case %zu: %s", i, err.message);
        for (int w = 0; w < 3; w++) {
            cr_expect_not_null(strstr(err.message, cases[i].words[w]), "case %zu: %s", i,
                               err.message);
        }
    }
}
