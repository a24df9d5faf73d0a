/* The chat template in C: golden conversations, Python's way of writing values, refusals, media. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/chat.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

static void one_case(void *user, int line, const vlt_tree *root)
{
    const vlt_tokenizer *tokenizer = user;
    const vlt_tree *rendered = vlt_tree_get(root, "rendered");
    vlt_chat_options options = {0};
    vlt_chat chat;
    vlt_error err = {0};
    size_t expected, count;
    cr_assert_eq(vlt_chat_options_read(vlt_tree_get(root, "options"), &options, &err), VLT_OK);
    cr_assert_eq(vlt_chat_render(vlt_tree_get(root, "messages"), &options, &chat, &err), VLT_OK,
                 "line %d: %s", line, err.message);
    cr_assert(chat.text_bytes == rendered->length &&
                  memcmp(chat.text, rendered->text, rendered->length) == 0,
              "line %d: rendered '%s'", line, chat.text);
    if (tokenizer) {
        int32_t *ids = test_ids(vlt_tree_get(root, "ids"), &expected);
        int32_t *got = test_encode(vlt_tokenizer_vocab(tokenizer), "scanner", chat.text,
                                   chat.text_bytes, false, &count);
        cr_assert(count == expected && memcmp(ids, got, count * sizeof *ids) == 0, "line %d", line);
        free(ids);
        free(got);
    }
    vlt_chat_release(&chat);
}

Test(chat, golden)
{
    vlt_tokenizer *tokenizer = test_real_tokenizer();
    test_each_line("golden/chat/cases.jsonl", one_case, tokenizer);
    vlt_tokenizer_destroy(tokenizer);
}

struct rendered {
    vlt_tree_document *document;
    vlt_chat chat;
    vlt_status status;
    vlt_error err;
    char warning[256];
};

static void remember(void *user, const char *message)
{
    snprintf(user, 256, "%s", message);
}

/* text: {"messages": ..., "options": ...} */
static struct rendered *render(const char *text)
{
    struct rendered *r = calloc(1, sizeof *r);
    vlt_chat_options options = {.warn = remember, .warn_user = r->warning};
    cr_assert_eq(vlt_tree_parse(text, strlen(text), "case", true, &r->document, &r->err), VLT_OK,
                 "%s", r->err.message);
    const vlt_tree *root = vlt_tree_root(r->document);
    r->status = vlt_chat_options_read(vlt_tree_get(root, "options"), &options, &r->err);
    if (r->status == VLT_OK) {
        r->status = vlt_chat_render(vlt_tree_get(root, "messages"), &options, &r->chat, &r->err);
    }
    return r;
}

static void release(struct rendered *r)
{
    vlt_tree_destroy(r->document);
    vlt_chat_release(&r->chat);
    free(r);
}

static void renders(const char *text, const char *expected)
{
    struct rendered *r = render(text);
    cr_assert_eq(r->status, VLT_OK, "%s", r->err.message);
    cr_assert_str_eq(r->chat.text, expected);
    release(r);
}

static void refused(const char *text, const char *part)
{
    struct rendered *r = render(text);
    cr_assert_eq(r->status, VLT_STATUS_INPUT, "%s", text);
    cr_assert(strstr(r->err.message, part), "'%s' lacks '%s'", r->err.message, part);
    release(r);
}

static void dumps(const char *text, const char *expected)
{
    vlt_tree_document *document;
    char *out;
    size_t bytes;
    vlt_error err = {0};
    cr_assert_eq(vlt_tree_parse(text, strlen(text), "value", true, &document, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(vlt_chat_dumps(vlt_tree_root(document), &out, &bytes, NULL), VLT_OK);
    cr_assert_str_eq(out, expected);
    free(out);
    vlt_tree_destroy(document);
}

/* Right sides are what CPython 3.11 prints for json.dumps(json.loads(left), ensure_ascii=False). */
Test(chat, values_as_python_writes_them)
{
    dumps("1e-7", "1e-07");
    dumps("1E22", "1e+22");
    dumps("1e16", "1e+16");
    dumps("1e15", "1000000000000000.0");
    dumps("123456789012345680.0", "1.2345678901234568e+17");
    dumps("0.0001", "0.0001");
    dumps("0.00001", "1e-05");
    dumps("12.50", "12.5");
    dumps("1.0", "1.0");
    dumps("-0.0", "-0.0");
    dumps("-0", "0");
    dumps("0.1", "0.1");
    dumps("0.30000000000000004", "0.30000000000000004");
    dumps("5e-324", "5e-324");
    dumps("1.7976931348623157e308", "1.7976931348623157e+308");
    dumps("1e400", "Infinity");
    dumps("-Infinity", "-Infinity");
    dumps("NaN", "NaN");
    dumps("123456789012345678901234567890123", "123456789012345678901234567890123");
    dumps("{\"b\":1,\"a\":[true,null,{}],\"b\":[]}", "{\"b\": [], \"a\": [true, null, {}]}");
    dumps("\"</a>\\u00e9\\u2028\\/\\u0007\"", "\"</a>\u00E9\u2028/\\u0007\"");
}

Test(chat, contents_as_the_template_sees_them)
{
    renders("{\"messages\":[{\"role\":\"user\"}]}", "<|im_start|>user\n<|im_end|>\n");
    renders("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":1e-7},{\"text\":null},"
            "{\"text\":true}]}]}",
            "<|im_start|>user\n1e-07NoneTrue<|im_end|>\n");
    /* Strings in a list are searched, keys of an object are strings. */
    renders("{\"messages\":[{\"role\":\"user\",\"content\":[\"an image\",\"plain\"]}]}",
            "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|><|im_end|>\n");
    renders("{\"messages\":[{\"role\":\"user\",\"content\":{\"video\":1}}]}",
            "<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|><|im_end|>\n");
    /* An assistant's images are left out, its calls begin on a line of their own behind text. */
    renders("{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"image\"},"
            "{\"text\":\"t\"}],\"tool_calls\":[{\"name\":\"f\",\"arguments\":\"raw\"},"
            "{\"function\":{\"name\":\"g\",\"arguments\":{\"n\":1.0}}}]}]}",
            "<|im_start|>assistant\nt\n<tool_call>\n{\"name\": \"f\", \"arguments\": raw}\n"
            "</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {\"n\": 1.0}}\n"
            "</tool_call><|im_end|>\n");
    renders("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"options\":{\"tools\":[],"
            "\"add_generation_prompt\":true}}",
            "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n");
}

Test(chat, refuses_what_cannot_be_rendered)
{
    refused("{}", "messages: missing");
    refused("{\"messages\":[]}", "an empty list");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
            "\"content\":null}]}",
            "messages[1]: content is null");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":[5]}]}", "an item of content is");
    refused("{\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"name\":"
            "\"f\"}]}]}",
            "the arguments of a tool call is missing");
    refused("{\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":3}]}",
            "tool_calls is 3");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"options\":{\"tools\":[1]}}",
            "tools[0] is 1");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"options\":"
            "{\"add_vision_id\":\"yes\"}}",
            "add_vision_id is 'yes'");
}

Test(chat, warns_of_what_renders_nothing)
{
    struct rendered *r = render("{\"messages\":[{\"role\":\"developer\",\"content\":null}]}");
    cr_assert_eq(r->status, VLT_OK);
    cr_assert_str_eq(r->chat.text, "");
    cr_assert(strstr(r->warning, "role 'developer' renders nothing"), "%s", r->warning);
    release(r);
    r = render("{\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"options\":{\"spell\":1}}");
    cr_assert(strstr(r->warning, "'spell' is unknown"), "%s", r->warning);
    release(r);
}

Test(chat, media_in_order)
{
    struct rendered *r = render(
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"a.png\"},"
        "{\"type\":\"video\",\"video\":[\"f0\",\"f1\"],\"fps\":4,\"frames_indices\":[0,5]},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}},{\"type\":\"image\"},"
        "{\"video\":\"v\",\"fps\":-1}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"image\","
        "\"image\":\"no\"}]},{\"role\":\"tool\",\"content\":[{\"type\":\"image\",\"image\":"
        "\"t.png\"}]}]}");
    const vlt_media *media = r->chat.media;
    cr_assert_eq(r->chat.media_count, 6);
    cr_assert_str_eq(media[0].source, "a.png");
    cr_assert(media[1].kind == VLT_MEDIA_VIDEO && media[1].frame_count == 2 && media[1].fps == 4);
    cr_assert_str_eq(media[1].frames[1], "f1");
    cr_assert_eq(media[1].frame_indices[1], 5);
    cr_assert_str_eq(media[2].source, "data:x");
    cr_assert(!media[3].source && media[3].problem);
    cr_assert(media[4].frame_count == 1 && media[4].frame_indices[0] == 0 && media[4].problem);
    cr_assert_str_eq(media[5].source, "t.png");
    release(r);
}
