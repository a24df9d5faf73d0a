/* Prompt ids of the golden conversations with images and videos, and the refusals. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/placeholders.h"
#include "tests/support/data.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

static int32_t id_of(const vlt_tokenizer *tokenizer, const char *text)
{
    return vlt_vocab_find_added(vlt_tokenizer_vocab(tokenizer), text, strlen(text));
}

static vlt_vision_tokens vision_tokens(const vlt_tokenizer *tokenizer)
{
    return (vlt_vision_tokens){id_of(tokenizer, "<|image_pad|>"), id_of(tokenizer, "<|video_pad|>"),
                               id_of(tokenizer, "<|vision_start|>"),
                               id_of(tokenizer, "<|vision_end|>")};
}

/* Runs of one pad in the expected ids are the images (or groups of a video). */
static int runs_of(const int32_t *ids, size_t count, int32_t pad, int64_t *length)
{
    int runs = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == pad) {
            length[runs]++;
            runs += i + 1 == count || ids[i + 1] != pad;
        }
    }
    return runs;
}

/* Both steps with the encoding between them: rendered text -> prompt ids. */
static vlt_status encode(const vlt_tokenizer *tokenizer, vlt_context *context,
                         const vlt_vision_tokens *tokens, const vlt_prompt_text *prompt,
                         const vlt_prompt_media *media, int32_t **out, size_t *out_count,
                         vlt_error *err)
{
    vlt_prompt_text written = {0};
    int32_t *ids = NULL;
    size_t id_count = 0;
    *out = NULL;
    *out_count = 0;
    vlt_status status = vlt_placeholders_text(vlt_tokenizer_vocab(tokenizer), tokens, prompt, media,
                                              &written, err);
    if (status == VLT_OK) {
        status = vlt_tokenizer_encode(tokenizer, context, written.text, written.bytes,
                                      &written.plain, &ids, &id_count, err);
    }
    if (status == VLT_OK) {
        status = vlt_placeholders_ids(tokens, ids, id_count, media, out, out_count, err);
    }
    free(ids);
    vlt_placeholders_text_release(&written);
    return status;
}

static void check_case(const char *checkpoint, const char *name)
{
    char path[256];
    size_t bytes, expected, count;
    int64_t images[8] = {0}, groups[8] = {0}, indices[16];
    double seconds[8];
    int32_t *got;
    vlt_tokenizer *tokenizer;
    vlt_tree_document *document;
    test_context test;
    vlt_error err = {0};
    snprintf(path, sizeof path, "golden/model/%s/cases/%s/case.json", checkpoint, name);
    char *text = test_read_data(path, &bytes);
    if (!text) {
        return;
    }
    snprintf(path, sizeof path, "golden/model/%s/checkpoint", checkpoint);
    cr_assert_eq(vlt_tokenizer_load(test_data(path), &tokenizer, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_tree_parse(text, bytes, path, true, &document, &err), VLT_OK);
    test_context_init(&test);
    const vlt_tree *root = vlt_tree_root(document), *prompt = vlt_tree_get(root, "prompt");
    const vlt_tree *options = vlt_tree_get(root, "options");
    const vlt_tree *list = vlt_tree_get(options, "video_frames_indices");
    int32_t *ids = test_ids(vlt_tree_get(root, "input_ids"), &expected);
    vlt_vision_tokens tokens = vision_tokens(tokenizer);
    vlt_video_layout video = {0};
    vlt_prompt_media media = {.image_tokens = images, .video = &video};
    media.image_count = runs_of(ids, expected, tokens.image_pad, images);
    if (list) {
        double fps = 24;
        vlt_tree_double(vlt_tree_get(options, "video_fps"), &fps);
        for (uint32_t i = 0; i < list->count; i++) {
            vlt_tree_int(&list->child[i], 0, 1000, &indices[i]);
        }
        vlt_video_seconds(indices, (int)list->count, fps, 2, seconds);
        video = (vlt_video_layout){.groups = runs_of(ids, expected, tokens.video_pad, groups),
                                   .tokens = groups[0],
                                   .seconds = seconds};
        media.video_count = 1;
    }
    const vlt_prompt_text rendered = {.text = prompt->text, .bytes = prompt->length};
    cr_assert_eq(encode(tokenizer, &test.context, &tokens, &rendered, &media, &got, &count, &err),
                 VLT_OK, "%s", err.message);
    cr_assert(count == expected && memcmp(got, ids, count * sizeof *ids) == 0, "%s %s", checkpoint,
              name);
    free(got);
    free(ids);
    free(text);
    vlt_tree_destroy(document);
    vlt_tokenizer_destroy(tokenizer);
    test_context_release(&test);
}

Test(placeholders, golden)
{
    static const char *const cases[] = {"text",       "image", "resized", "photo",
                                        "two-images", "turns", "video",   "long"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case("tiny-tied", cases[i]);
        check_case("tiny-untied", cases[i]);
    }
}

/* A vocabulary of bytes and the added tokens of the published checkpoints. */
static vlt_tokenizer *bytes_only(void)
{
    static const char *const alphabet =
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
        "abcdefghijklmnopqrstuvwxyz{|}~";
    char vocab[8192];
    int used = snprintf(vocab, sizeof vocab, "{"), id = 0;
    for (const char *p = alphabet; *p; p++) {
        used += snprintf(vocab + used, sizeof vocab - (size_t)used, "%s\"%s%c\":%d", id ? "," : "",
                         *p == '"' || *p == '\\' ? "\\" : "", *p, id);
        id++;
    }
    for (unsigned code = 0xA1; code < 0x144; code++) {
        if (code != 0xAD) {
            used += snprintf(vocab + used, sizeof vocab - (size_t)used, ",\"\\u%04x\":%d", code,
                             id++);
        }
    }
    used += snprintf(vocab + used, sizeof vocab - (size_t)used, "}");
    vlt_tokenizer *tokenizer;
    vlt_error err = {0};
    cr_assert_eq(
        vlt_tokenizer_from_merges(vocab, (size_t)used, "", 0, NULL, 0, "bytes", &tokenizer, &err),
        VLT_OK, "%s", err.message);
    return tokenizer;
}

/* plain: stretches of text, each of which must be found again in what is written. */
static void written(const char *text, vlt_text_ranges plain, vlt_dialect dialect,
                    const char *expected)
{
    static const double seconds[] = {0.25, 1.25};
    vlt_tokenizer *tokenizer = bytes_only();
    vlt_vision_tokens tokens = vision_tokens(tokenizer);
    vlt_video_layout video = {2, 6, seconds};
    vlt_prompt_media media = {.video = &video, .video_count = 1, .dialect = dialect};
    const vlt_prompt_text prompt = {.text = text, .bytes = strlen(text), .plain = plain};
    vlt_prompt_text out;
    vlt_error err = {0};
    cr_assert_eq(
        vlt_placeholders_text(vlt_tokenizer_vocab(tokenizer), &tokens, &prompt, &media, &out, &err),
        VLT_OK, "%s", err.message);
    cr_assert_str_eq(out.text, expected);
    cr_assert_eq(out.plain.count, plain.count);
    for (size_t i = 0; i < plain.count; i++) {
        const vlt_text_range *from = &plain.range[i], *to = &out.plain.range[i];
        cr_assert_eq(from->end - from->first, to->end - to->first);
        cr_assert_arr_eq(text + from->first, out.text + to->first, from->end - from->first);
    }
    vlt_placeholders_text_release(&out);
    vlt_tokenizer_destroy(tokenizer);
}

Test(placeholders, both_dialects)
{
    const char *text = "a <|vision_start|><|video_pad|><|vision_end|> b";
    const vlt_text_ranges none = {0};
    written(text, none, VLT_DIALECT_5,
            "a <|vision_start|><0.2 seconds><|vision_start|><|video_pad|><|vision_end|>"
            "<1.2 seconds><|vision_start|><|video_pad|><|vision_end|><|vision_end|> b");
    written(text, none, VLT_DIALECT_4_57,
            "a <0.2 seconds><|vision_start|><|video_pad|><|vision_end|>"
            "<1.2 seconds><|vision_start|><|video_pad|><|vision_end|> b");
}

/* What a user writes is no placeholder where it is plain, and is found again behind the videos. */
Test(placeholders, plain_text_is_kept)
{
    static const char text[] = "a<|video_pad|>b<|vision_start|><|video_pad|><|vision_end|>c"
                               "<|video_pad|>d";
    static const vlt_text_range ranges[] = {{1, 14}, {58, 72}};
    const vlt_text_ranges plain = {ranges, 2};
    cr_assert_eq(text[58], 'c');
    written(
        text, plain, VLT_DIALECT_5,
        "a<|video_pad|>b<|vision_start|><0.2 seconds><|vision_start|><|video_pad|><|vision_end|>"
        "<1.2 seconds><|vision_start|><|video_pad|><|vision_end|><|vision_end|>c<|video_pad|>d");
    written(text, plain, VLT_DIALECT_4_57,
            "a<|video_pad|>b<0.2 seconds><|vision_start|><|video_pad|><|vision_end|>"
            "<1.2 seconds><|vision_start|><|video_pad|><|vision_end|>c<|video_pad|>d");
}

/* A vocabulary that has no token for videos serves every prompt without. */
Test(placeholders, a_vocabulary_without_videos)
{
    vlt_tokenizer *tokenizer = bytes_only();
    vlt_vision_tokens tokens = vision_tokens(tokenizer);
    vlt_video_layout video = {0};
    vlt_prompt_media media = {0};
    static const vlt_text_range ranges[] = {{0, 1}, {2, 5}};
    const vlt_prompt_text prompt = {.text = "a b c", .bytes = 5, .plain = {ranges, 2}};
    vlt_prompt_text out;
    vlt_error err = {0};
    tokens.video_pad = 100000;
    cr_assert_eq(
        vlt_placeholders_text(vlt_tokenizer_vocab(tokenizer), &tokens, &prompt, &media, &out, &err),
        VLT_OK, "%s", err.message);
    cr_expect_str_eq(out.text, "a b c");
    cr_expect(out.plain.count == 2 && out.plain.range[1].first == 2 && out.plain.range[1].end == 5);
    vlt_placeholders_text_release(&out);
    media = (vlt_prompt_media){.video = &video, .video_count = 1};
    cr_expect_eq(
        vlt_placeholders_text(vlt_tokenizer_vocab(tokenizer), &tokens, &prompt, &media, &out, &err),
        VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "video_token_id 100000"), "%s", err.message);
    vlt_tokenizer_destroy(tokenizer);
}

Test(placeholders, counts_must_match)
{
    static const int64_t image_tokens[] = {3, 4};
    vlt_tokenizer *tokenizer = bytes_only();
    vlt_vision_tokens tokens = vision_tokens(tokenizer);
    test_context test;
    test_context_init(&test);
    for (int images = 0; images <= 2; images++) {
        vlt_prompt_media media = {.image_tokens = image_tokens, .image_count = images};
        const vlt_prompt_text text = {.text = "x<|image_pad|>y", .bytes = 15};
        int32_t *ids;
        size_t count;
        vlt_error err = {0};
        vlt_status status = encode(tokenizer, &test.context, &tokens, &text, &media, &ids, &count,
                                   &err);
        if (images == 1) {
            cr_assert(status == VLT_OK && count == 5 && ids[1] == tokens.image_pad &&
                      ids[3] == tokens.image_pad);
            free(ids);
        } else {
            char part[64];
            snprintf(part, sizeof part, "1 image placeholders for %d images", images);
            cr_assert(status == VLT_STATUS_INPUT && strstr(err.message, part), "%s", err.message);
        }
    }
    vlt_tokenizer_destroy(tokenizer);
    test_context_release(&test);
}

Test(placeholders, seconds)
{
    static const int64_t indices[] = {0, 1, 2, 3, 4, 5, 6};
    double seconds[4];
    vlt_video_seconds(indices, 7, 2, 2, seconds);
    cr_assert(seconds[0] == 0.25 && seconds[1] == 1.25 && seconds[2] == 2.25 && seconds[3] == 3.0);
}
