#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "harness/model/config.h"
#include "harness/model/generation_config.h"
#include "tests/support/data.h"

static json_t *demo_config(void)
{
    json_t *config = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_json_load(test_source("harness/model/demo/checkpoint/config.json"), 1 << 20,
                               &config, &err),
                 VLT_OK, "%s", err.message);
    return config;
}

static vlt_status parse(json_t *config, vlt_model_config *out, vlt_error *err)
{
    char *text = json_dumps(config, 0);
    vlt_status status = vlt_model_config_parse(text, strlen(text), "config.json", out, err);
    free(text);
    json_decref(config);
    return status;
}

Test(config, released_style)
{
    vlt_model_config c;
    vlt_error err = {0};
    cr_assert_eq(parse(demo_config(), &c, &err), VLT_OK, "%s", err.message);
    cr_expect_eq(c.text.width, 192);
    cr_expect_eq(c.text.head, 64);
    cr_expect_eq(c.text.heads, 4);
    cr_expect_eq(c.text.kv_heads, 2);
    cr_expect_float_eq(c.text.rope_theta, 5e6, 0);
    cr_expect_eq(c.text.mrope_section[0], 12);
    cr_expect_eq(c.vision.grid, 48);
    cr_expect_float_eq(c.vision.rope_theta, 1e4, 0);
    cr_expect_eq(c.vision.deepstack_count, 3);
    cr_expect(c.tied);
    cr_expect_eq(c.eos.count, 1);
    cr_expect_eq(vlt_vision_config_patch_values(&c.vision), 1536);
}

/* rope_parameters in both towers, end tokens as a list at the top level, flags nested. */
Test(config, style_of_files_saved_again)
{
    json_t *root = demo_config();
    json_t *text = json_object_get(root, "text_config");
    json_t *vision = json_object_get(root, "vision_config");
    json_t *rope = json_deep_copy(json_object_get(text, "rope_scaling"));
    json_object_set(rope, "rope_theta", json_object_get(text, "rope_theta"));
    json_object_set_new(text, "rope_parameters", rope);
    json_object_del(text, "rope_scaling");
    json_object_del(text, "rope_theta");
    json_object_set_new(vision, "rope_parameters",
                        json_pack("{s:f, s:s}", "rope_theta", 500.0, "rope_type", "axial"));
    json_object_del(root, "tie_word_embeddings");
    json_object_set_new(text, "tie_word_embeddings", json_false());
    json_object_set_new(root, "eos_token_id", json_pack("[i,i,i]", 7, 8, 7));
    vlt_model_config c;
    vlt_error err = {0};
    cr_assert_eq(parse(root, &c, &err), VLT_OK, "%s", err.message);
    cr_expect_float_eq(c.text.rope_theta, 5e6, 0);
    cr_expect_eq(c.text.mrope_section[1], 10);
    cr_expect_float_eq(c.vision.rope_theta, 500, 0);
    cr_expect_not(c.tied);
    cr_expect_eq(c.eos.count, 2);
    cr_expect_eq(c.eos.id[1], 8);
}

/* Every key that the computation needs is named when it is missing. */
Test(config, missing_keys_are_named)
{
    static const char *const needed[][2] = {
        {"", "model_type"},
        {"", "text_config"},
        {"", "vision_config"},
        {"", "image_token_id"},
        {"", "video_token_id"},
        {"", "vision_start_token_id"},
        {"", "vision_end_token_id"},
        {"text_config", "hidden_size"},
        {"text_config", "intermediate_size"},
        {"text_config", "num_hidden_layers"},
        {"text_config", "num_attention_heads"},
        {"text_config", "num_key_value_heads"},
        {"text_config", "head_dim"},
        {"text_config", "rms_norm_eps"},
        {"text_config", "vocab_size"},
        {"text_config", "rope_theta"},
        {"text_config", "max_position_embeddings"},
        {"vision_config", "hidden_size"},
        {"vision_config", "depth"},
        {"vision_config", "num_heads"},
        {"vision_config", "intermediate_size"},
        {"vision_config", "out_hidden_size"},
        {"vision_config", "deepstack_visual_indexes"},
        {"vision_config", "patch_size"},
        {"vision_config", "temporal_patch_size"},
        {"vision_config", "spatial_merge_size"},
        {"vision_config", "num_position_embeddings"},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        json_t *root = demo_config();
        json_t *object = *needed[i][0] ? json_object_get(root, needed[i][0]) : root;
        vlt_model_config c;
        vlt_error err = {0};
        cr_assert_eq(json_object_del(object, needed[i][1]), 0);
        cr_expect_neq(parse(root, &c, &err), VLT_OK, "%s", needed[i][1]);
        cr_expect_not_null(strstr(err.message, needed[i][1]), "%s: %s", needed[i][1], err.message);
    }
}

Test(config, contradictions_are_refused_with_both_values)
{
    static const struct {
        const char *object, *key, *value, *words;
    } cases[] = {
        {"", "model_type", "\"qwen3_vl_moe\"", "qwen3_vl_moe"},
        {"", "quantization_config", "{\"quant_method\": \"fp8\"}", "quantization_config"},
        {"", "image_token_id", "448", "447"},
        {"", "image_token_id", "415", "both"},
        {"text_config", "num_key_value_heads", "3", "3"},
        {"text_config", "head_dim", "66", "33"},
        {"text_config", "head_dim", "65", "65"},
        {"text_config", "hidden_size", "256", "192"},
        {"text_config", "hidden_act", "\"gelu\"", "gelu"},
        {"text_config", "attention_bias", "true", "true"},
        {"text_config", "num_hidden_layers", "2", "only 2"},
        {"text_config", "rope_scaling", "{\"rope_type\": \"yarn\"}", "yarn"},
        {"text_config", "rope_theta", "\"x\"", "rope_theta"},
        {"text_config", "rms_norm_eps", "-1", "-1"},
        {"text_config", "eos_token_id", "448", "448"},
        {"text_config", "eos_token_id", "[1, 448]", "448"},
        {"vision_config", "num_heads", "3", "3"},
        {"vision_config", "num_heads", "64", "64"},
        {"vision_config", "hidden_act", "\"relu\"", "relu"},
        {"vision_config", "num_position_embeddings", "2303", "2303"},
        {"vision_config", "deepstack_visual_indexes", "[0, 4]", "4"},
        {"vision_config", "deepstack_visual_indexes", "[1, 1]", "ascending"},
        {"vision_config", "out_hidden_size", "128", "128"},
        {"vision_config", "in_channels", "4", "4"},
        {"vision_config", "depth", "1e3", "depth"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *root = demo_config();
        json_t *object = *cases[i].object ? json_object_get(root, cases[i].object) : root;
        vlt_model_config c;
        vlt_error err = {0};
        json_object_set_new(object, cases[i].key,
                            json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        cr_expect_neq(parse(root, &c, &err), VLT_OK, "case %zu", i);
        cr_expect_not_null(strstr(err.message, cases[i].words), "case %zu: %s", i, err.message);
    }
}

Test(config, unknown_keys_are_fine)
{
    json_t *root = demo_config();
    vlt_model_config c;
    json_object_set_new(root, "novelty", json_true());
    json_object_set_new(json_object_get(root, "text_config"), "pad_token_id", json_null());
    cr_expect_eq(parse(root, &c, NULL), VLT_OK);
}

static vlt_status generation(const char *text, vlt_generation_config *out, vlt_error *err)
{
    char folder[] = "/tmp/vlt-generation-XXXXXX", path[128];
    const vlt_model_config model = {.text = {.vocab = 100}, .eos = {.id = {9}, .count = 1}};
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/generation_config.json", folder);
    cr_assert(!text || vlt_write_file(path, text, strlen(text), NULL) == VLT_OK);
    vlt_status status = vlt_generation_config_load(folder, &model, out, err);
    unlink(path);
    rmdir(folder);
    return status;
}

Test(config, generation_defaults_are_those_of_the_reference)
{
    vlt_generation_config g;
    cr_assert_eq(generation(NULL, &g, NULL), VLT_OK);
    cr_expect_not(g.sample);
    cr_expect_eq(g.top_k, 50);
    cr_expect_eq(g.temperature, 1);
    cr_expect_eq(g.top_p, 1);
    cr_expect_eq(g.repetition_penalty, 1);
    cr_expect(g.eos.count == 1 && g.eos.id[0] == 9);

    cr_assert_eq(generation("{\"do_sample\":true,\"temperature\":0.7,\"top_p\":0.8,"
                            "\"eos_token_id\":[5,3,5],\"top_k\":20,\"pad_token_id\":0}",
                            &g, NULL),
                 VLT_OK);
    cr_expect(g.sample && g.top_k == 20 && g.top_p == 0.8 && g.temperature == 0.7);
    cr_expect(g.eos.count == 2 && g.eos.id[0] == 5 && g.eos.id[1] == 3);

    cr_assert_eq(generation("{\"do_sample\":true,\"top_k\":null}", &g, NULL), VLT_OK);
    cr_expect(g.sample && g.top_k == 50);
    cr_assert_eq(generation("{\"do_sample\":true,\"temperature\":0}", &g, NULL), VLT_OK);
    cr_expect_not(g.sample);
}

Test(config, generation_values_are_checked)
{
    static const char *const bad[][2] = {
        {"{\"top_p\":0}", "top_p"},        {"{\"top_p\":1.5}", "1.5"},
        {"{\"temperature\":-1}", "-1"},    {"{\"repetition_penalty\":0}", "repetition_penalty"},
        {"{\"eos_token_id\":100}", "99"},  {"{\"eos_token_id\":\"x\"}", "eos_token_id"},
        {"{\"top_k\":-3}", "-3"},          {"[]", "object"},
        {"{\"do_sample\":1}", "do_sample"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vlt_generation_config g;
        vlt_error err = {0};
        cr_expect_neq(generation(bad[i][0], &g, &err), VLT_OK, "%s", bad[i][0]);
        cr_expect_not_null(strstr(err.message, bad[i][1]), "%s: %s", bad[i][0], err.message);
    }
}
