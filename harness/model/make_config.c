#include <stdio.h>

#include "harness/json/json_make.h"
#include "harness/model/make_internal.h"

/* Areas in pixels of the released video preprocessor. */
enum { VIDEO_PIXELS_MIN = 4096, VIDEO_PIXELS_MAX = 25165824 };

static json_t *make_text_config(const vlt_model_config *config)
{
    const vlt_text_config *text = &config->text;
    json_t *sections = vlt_json_make("[I, I, I]", (json_int_t)text->mrope_section[0],
                                     (json_int_t)text->mrope_section[1],
                                     (json_int_t)text->mrope_section[2]);
    return vlt_json_make(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:I, s:s, s:I, s:b, s:f, s:f, s:b, s:s, s:b, s:i,"
        " s:i, s:I, s:{s:b, s:o, s:s}}",
        "hidden_size", (json_int_t)text->width, "intermediate_size", (json_int_t)text->inner,
        "num_hidden_layers", (json_int_t)text->layers, "num_attention_heads",
        (json_int_t)text->heads, "num_key_value_heads", (json_int_t)text->kv_heads, "head_dim",
        (json_int_t)text->head, "rms_norm_eps", 1e-6, "model_type", "qwen3_vl_text", "vocab_size",
        (json_int_t)text->vocab, "hidden_act", "silu", "max_position_embeddings",
        (json_int_t)text->position_max, "attention_bias", 0, "attention_dropout", 0.0,
        "initializer_range", 0.02, "use_cache", 1, "dtype", "bfloat16", "tie_word_embeddings",
        config->tied, "bos_token_id", (int)config->eos.id[1], "eos_token_id",
        (int)config->eos.id[0], "rope_theta", (json_int_t)text->rope_theta, "rope_scaling",
        "mrope_interleaved", 1, "mrope_section", sections, "rope_type", "default");
}

static json_t *make_vision_config(const vlt_vision_config *vision)
{
    json_t *taps = json_array();
    for (int i = 0; i < vision->deepstack_count; i++) {
        vlt_json_append(&taps, json_integer(vision->deepstack[i]));
    }
    return vlt_json_make("{s:I, s:I, s:I, s:I, s:o, s:I, s:s, s:I, s:I, s:I, s:I, s:s, s:f, s:I}",
                         "hidden_size", (json_int_t)vision->width, "depth",
                         (json_int_t)vision->blocks, "num_heads", (json_int_t)vision->heads,
                         "intermediate_size", (json_int_t)vision->inner, "deepstack_visual_indexes",
                         taps, "num_position_embeddings", (json_int_t)(vision->grid * vision->grid),
                         "model_type", "qwen3_vl", "in_channels", (json_int_t)vision->channels,
                         "patch_size", (json_int_t)vision->patch, "temporal_patch_size",
                         (json_int_t)vision->temporal, "spatial_merge_size",
                         (json_int_t)vision->merge, "hidden_act", "gelu_pytorch_tanh",
                         "initializer_range", 0.02, "out_hidden_size", (json_int_t)vision->out);
}

/* The last key is our own; readers ignore what they do not know. */
static json_t *make_config(const vlt_make_model *model)
{
    const vlt_model_config *config = &model->config;
    return vlt_json_make(
        "{s:[s], s:s, s:b, s:o, s:o, s:i, s:i, s:i, s:i, s:{s:s, s:s, s:I}}", "architectures",
        "Qwen3VLForConditionalGeneration", "model_type", "qwen3_vl", "tie_word_embeddings",
        config->tied, "text_config", make_text_config(config), "vision_config",
        make_vision_config(&config->vision), "image_token_id", (int)config->image_token,
        "video_token_id", (int)config->video_token, "vision_start_token_id",
        (int)config->vision_start_token, "vision_end_token_id", (int)config->vision_end_token,
        "vltune_made", "weights", "random", "size", model->size, "seed", (json_int_t)model->seed);
}

static json_t *make_generation(const vlt_model_config *config)
{
    return vlt_json_make("{s:i, s:i, s:b, s:[i, i], s:f, s:f, s:f, s:i}", "bos_token_id",
                         (int)config->eos.id[1], "pad_token_id", (int)config->eos.id[1],
                         "do_sample", 1, "eos_token_id", (int)config->eos.id[0],
                         (int)config->eos.id[1], "repetition_penalty", 1.0, "temperature", 0.7,
                         "top_p", 0.8, "top_k", 20);
}

static json_t *make_preprocessor(const vlt_vision_config *vision, int64_t pixels_min,
                                 int64_t pixels_max)
{
    return vlt_json_make("{s:I, s:I, s:I, s:[f, f, f], s:[f, f, f], s:i, s:f, s:b, s:b, s:b, s:b, "
                         "s:{s:I, s:I}}",
                         "patch_size", (json_int_t)vision->patch, "temporal_patch_size",
                         (json_int_t)vision->temporal, "merge_size", (json_int_t)vision->merge,
                         "image_mean", 0.5, 0.5, 0.5, "image_std", 0.5, 0.5, 0.5, "resample", 3,
                         "rescale_factor", 1.0 / 255, "do_convert_rgb", 1, "do_resize", 1,
                         "do_rescale", 1, "do_normalize", 1, "size", "longest_edge",
                         (json_int_t)pixels_max, "shortest_edge", (json_int_t)pixels_min);
}

static vlt_status write_preprocessors(const vlt_make_model *model, const char *directory,
                                      vlt_error *err)
{
    const vlt_vision_config *vision = &model->config.vision;
    json_t *image = make_preprocessor(vision, model->pixels_min, model->pixels_max);
    vlt_json_set(&image, "image_processor_type", vlt_json_name("Qwen2VLImageProcessorFast"));
    vlt_json_set(&image, "processor_class", vlt_json_name("Qwen3VLProcessor"));
    vlt_status status = vlt_make_json(directory, "preprocessor_config.json", image, err);
    if (status != VLT_OK) {
        return status;
    }
    json_t *video = make_preprocessor(vision, VIDEO_PIXELS_MIN, VIDEO_PIXELS_MAX);
    vlt_json_set(&video, "fps", json_integer(2));
    vlt_json_set(&video, "min_frames", json_integer(4));
    vlt_json_set(&video, "max_frames", json_integer(768));
    vlt_json_set(&video, "do_sample_frames", json_true());
    vlt_json_set(&video, "video_processor_type", vlt_json_name("Qwen3VLVideoProcessor"));
    vlt_json_set(&video, "processor_class", vlt_json_name("Qwen3VLProcessor"));
    return vlt_make_json(directory, "video_preprocessor_config.json", video, err);
}

static vlt_status write_readme(const vlt_make_model *model, const char *directory, vlt_error *err)
{
    char text[1024];
    int length = snprintf(text, sizeof text,
                          "# A random checkpoint\n\n"
                          "Written by `vltune model make --size %s --seed %llu`. The weights are "
                          "random numbers: what this\nmodel says is noise. It has the layout of "
                          "Qwen3-VL and is good for timing, nothing else.\n",
                          model->size, (unsigned long long)model->seed);
    return vlt_make_text(directory, "README.md", text, (size_t)length, err);
}

vlt_status vlt_make_config_files(const vlt_make_model *model, const char *directory, vlt_error *err)
{
    vlt_status status = vlt_make_json(directory, "config.json", make_config(model), err);
    if (status == VLT_OK) {
        status = vlt_make_json(directory, "generation_config.json", make_generation(&model->config),
                               err);
    }
    if (status == VLT_OK) {
        status = write_preprocessors(model, directory, err);
    }
    if (status == VLT_OK) {
        status = write_readme(model, directory, err);
    }
    return status;
}
