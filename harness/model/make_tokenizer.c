#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "harness/model/byte_alphabet.h"
#include "harness/model/corpus.h"
#include "harness/model/make_internal.h"

enum { ROW_STEP = 64 }; /* rows of the embedding are padded to a multiple */

const vlt_make_added vlt_make_added_tokens[VLT_MAKE_ADDED] = {
    {"<|endoftext|>", true},      {"<|im_start|>", true},
    {"<|im_end|>", true},         {"<|object_ref_start|>", true},
    {"<|object_ref_end|>", true}, {"<|box_start|>", true},
    {"<|box_end|>", true},        {"<|quad_start|>", true},
    {"<|quad_end|>", true},       {"<|vision_start|>", true},
    {"<|vision_end|>", true},     {"<|vision_pad|>", true},
    {"<|image_pad|>", true},      {"<|video_pad|>", true},
    {"<tool_call>", false},       {"</tool_call>", false},
    {"<|fim_prefix|>", false},    {"<|fim_middle|>", false},
    {"<|fim_suffix|>", false},    {"<|fim_pad|>", false},
    {"<|repo_name|>", false},     {"<|file_sep|>", false},
    {"<tool_response>", false},   {"</tool_response>", false},
    {"<think>", false},           {"</think>", false},
};

/* The pattern (harness/model/README.md#pre-tokenisation) as the published file writes it. */
static const char pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                              " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* User and assistant turns with pictures and videos; tools are not rendered by it. */
static const char chat_template[] =
    "{%- set count = namespace(image=0, video=0) %}\n"
    "{%- macro render(content, visual) -%}\n"
    "{%- if content is string -%}{{ content }}\n"
    "{%- else -%}\n"
    "{%- for item in content -%}\n"
    "{%- if visual and ('image' in item or 'image_url' in item or item.type == 'image') -%}\n"
    "{%- set count.image = count.image + 1 -%}\n"
    "{%- if add_vision_id -%}Picture {{ count.image }}: {% endif -%}\n"
    "<|vision_start|><|image_pad|><|vision_end|>\n"
    "{%- elif visual and ('video' in item or item.type == 'video') -%}\n"
    "{%- set count.video = count.video + 1 -%}\n"
    "{%- if add_vision_id -%}Video {{ count.video }}: {% endif -%}\n"
    "<|vision_start|><|video_pad|><|vision_end|>\n"
    "{%- elif 'text' in item -%}{{ item.text }}{%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- endif -%}\n"
    "{%- endmacro -%}\n"
    "{%- for m in messages -%}\n"
    "{%- if m.role == 'system' and loop.first -%}{{ '<|im_start|>system\\n' }}"
    "{{ render(m.content, false) }}{{ '<|im_end|>\\n' }}\n"
    "{%- elif m.role == 'user' -%}{{ '<|im_start|>user\\n' }}"
    "{{ render(m.content, true) }}{{ '<|im_end|>\\n' }}\n"
    "{%- elif m.role == 'assistant' -%}{{ '<|im_start|>assistant\\n' }}"
    "{{ render(m.content, false) }}{{ '<|im_end|>\\n' }}\n"
    "{%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}\n";

int vlt_make_find_added(const char *text)
{
    int i = 0;
    while (strcmp(vlt_make_added_tokens[i].text, text) != 0) {
        i++;
    }
    return i;
}

vlt_status vlt_make_train(vlt_make_model *model, vlt_error *err)
{
    vlt_model_config *config = &model->config;
    vlt_status status = vlt_bpe_train((const char *)vlt_corpus, vlt_corpus_bytes, model->token_max,
                                      2, &model->trained, err);
    if (status != VLT_OK) {
        return status;
    }
    int32_t first = model->trained.token_count;
    int64_t rows = (first + VLT_MAKE_ADDED + ROW_STEP - 1) / ROW_STEP * ROW_STEP;
    config->text.vocab = config->text.vocab > rows ? config->text.vocab : rows;
    config->image_token = first + vlt_make_find_added("<|image_pad|>");
    config->video_token = first + vlt_make_find_added("<|video_pad|>");
    config->vision_start_token = first + vlt_make_find_added("<|vision_start|>");
    config->vision_end_token = first + vlt_make_find_added("<|vision_end|>");
    config->eos.id[0] = first + vlt_make_find_added("<|im_end|>");
    config->eos.id[1] = first + vlt_make_find_added("<|endoftext|>");
    config->eos.count = 2;
    return VLT_OK;
}

/* A token in the byte alphabet, whose code points take at most two bytes of UTF-8. */
static char *printable(const vlt_token_text *token)
{
    char *text = malloc(2 * (size_t)token->length + 1);
    size_t used = 0;
    for (uint32_t i = 0; text && i < token->length; i++) {
        int code = vlt_byte_alphabet_code_point(token->bytes[i]);
        if (code >= 0x80) {
            text[used++] = (char)(0xC0 | code >> 6);
        }
        text[used++] = (char)(code >= 0x80 ? 0x80 | (code & 0x3F) : code);
    }
    if (text) {
        text[used] = '\0';
    }
    return text;
}

static json_t *make_vocab(const vlt_bpe_trained *trained)
{
    json_t *vocab = json_object();
    for (int32_t i = 0; i < trained->token_count; i++) {
        char *text = printable(&trained->token[i]);
        vlt_json_set(&vocab, text ? text : "", text ? json_integer(i) : NULL);
        free(text);
    }
    return vocab;
}

static json_t *make_merges(const vlt_bpe_trained *trained)
{
    json_t *merges = json_array();
    for (int32_t i = 0; i < trained->merge_count; i++) {
        char *left = printable(&trained->token[trained->merge[i].left]);
        char *right = printable(&trained->token[trained->merge[i].right]);
        vlt_json_append(&merges, vlt_json_make("[s, s]", left, right));
        free(right);
        free(left);
    }
    return merges;
}

static json_t *make_added(int32_t first)
{
    json_t *added = json_array();
    for (int i = 0; i < VLT_MAKE_ADDED; i++) {
        vlt_json_append(&added,
                        vlt_json_make("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (int)first + i,
                                      "content", vlt_make_added_tokens[i].text, "single_word", 0,
                                      "lstrip", 0, "rstrip", 0, "normalized", 0, "special",
                                      vlt_make_added_tokens[i].special));
    }
    return added;
}

static json_t *make_tokenizer(const vlt_bpe_trained *trained)
{
    json_t *split = vlt_json_make("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex",
                                  pattern, "behavior", "Isolated", "invert", 0);
    json_t *bytes = vlt_json_make("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space",
                                  0, "trim_offsets", 1, "use_regex", 0);
    json_t *model = vlt_json_make(
        "{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout", "unk_token",
        "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0,
        "ignore_merges", 0, "vocab", make_vocab(trained), "merges", make_merges(trained));
    return vlt_json_make("{s:s, s:n, s:n, s:o, s:{s:s}, s:{s:s, s:[o, o]}, s:n, s:o, s:o}",
                         "version", "1.0", "truncation", "padding", "added_tokens",
                         make_added(trained->token_count), "normalizer", "type", "NFC",
                         "pre_tokenizer", "type", "Sequence", "pretokenizers", split, bytes,
                         "post_processor", "decoder",
                         vlt_json_make("{s:s, s:b, s:b, s:b}", "type", "ByteLevel",
                                       "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1),
                         "model", model);
}

static json_t *make_tokenizer_config(const vlt_make_model *model)
{
    json_t *decoder = json_object();
    for (int i = 0; i < VLT_MAKE_ADDED; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", (int)model->trained.token_count + i);
        vlt_json_set(&decoder, id,
                     vlt_json_make("{s:s, s:b, s:b, s:b, s:b, s:b}", "content",
                                   vlt_make_added_tokens[i].text, "lstrip", 0, "normalized", 0,
                                   "rstrip", 0, "single_word", 0, "special",
                                   vlt_make_added_tokens[i].special));
    }
    return vlt_json_make("{s:s, s:I, s:s, s:s, s:n, s:n, s:b, s:b, s:b, s:b, s:s, s:s, s:o}",
                         "tokenizer_class", "Qwen2Tokenizer", "model_max_length",
                         (json_int_t)model->config.text.position_max, "eos_token", "<|im_end|>",
                         "pad_token", "<|endoftext|>", "bos_token", "unk_token", "add_prefix_space",
                         0, "add_bos_token", 0, "clean_up_tokenization_spaces", 0,
                         "split_special_tokens", 0, "errors", "replace", "chat_template",
                         chat_template, "added_tokens_decoder", decoder);
}

static vlt_status write_merges(const vlt_bpe_trained *trained, const char *directory,
                               vlt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "merges.txt: out of memory");
    }
    fputs("#version: 0.2\n", stream);
    for (int32_t i = 0; i < trained->merge_count; i++) {
        char *left = printable(&trained->token[trained->merge[i].left]);
        char *right = printable(&trained->token[trained->merge[i].right]);
        fprintf(stream, "%s %s\n", left ? left : "", right ? right : "");
        free(right);
        free(left);
    }
    bool failed = fclose(stream) != 0;
    vlt_status status = failed ? vlt_fail(err, VLT_STATUS_NOMEM, "merges.txt: out of memory")
                               : vlt_make_text(directory, "merges.txt", text, bytes, err);
    free(text);
    return status;
}

vlt_status vlt_make_tokenizer_files(const vlt_make_model *model, const char *directory,
                                    vlt_error *err)
{
    const vlt_bpe_trained *trained = &model->trained;
    vlt_status status = vlt_make_json(directory, "tokenizer.json", make_tokenizer(trained), err);
    if (status == VLT_OK) {
        status = vlt_make_json(directory, "tokenizer_config.json", make_tokenizer_config(model),
                               err);
    }
    if (status == VLT_OK) {
        status = vlt_make_json(directory, "vocab.json", make_vocab(trained), err);
    }
    if (status == VLT_OK) {
        status = write_merges(trained, directory, err);
    }
    if (status == VLT_OK) {
        status = vlt_make_json(directory, "chat_template.json",
                               vlt_json_make("{s:s}", "chat_template", chat_template), err);
    }
    return status;
}
