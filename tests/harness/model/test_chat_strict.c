/* What a strict rendering refuses, and which of its text is the template's own. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/buffer.h"
#include "harness/model/chat.h"
#include "optimizations/core/random.h"

struct result {
    vlt_tree_document *document;
    vlt_chat chat;
    vlt_status status;
    vlt_error err;
    char warnings[1024];
};

static void remember(void *user, const char *message)
{
    struct result *r = user;
    size_t used = strlen(r->warnings);
    snprintf(r->warnings + used, sizeof r->warnings - used, "%s\n", message);
}

static struct result *render(const char *messages, bool strict)
{
    struct result *r = calloc(1, sizeof *r);
    const vlt_chat_options options = {.strict = strict, .warn = remember, .warn_user = r};
    cr_assert_eq(vlt_tree_parse(messages, strlen(messages), "case", true, &r->document, &r->err),
                 VLT_OK, "%s: %s", messages, r->err.message);
    r->status = vlt_chat_render(vlt_tree_root(r->document), &options, &r->chat, &r->err);
    return r;
}

static void release(struct result *r)
{
    vlt_chat_release(&r->chat);
    vlt_tree_destroy(r->document);
    free(r);
}

/* `item` as the second item of a turn; refused, and the message holds every word of `words`. */
static void refuses(const char *role, const char *item, const char *words)
{
    char text[2048];
    snprintf(text, sizeof text,
             "[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"%s\",\"content\":["
             "{\"type\":\"text\",\"text\":\"a\"},%s]}]",
             role, item);
    struct result *strict = render(text, true), *lenient = render(text, false);
    cr_expect_eq(strict->status, VLT_STATUS_INPUT, "%s", text);
    cr_expect(strstr(strict->err.message, "messages[1]: content[1]") != NULL, "%s: %s", text,
              strict->err.message);
    char *each = strdup(words), *rest = each, *word;
    while ((word = strsep(&rest, "|")) != NULL) {
        cr_expect(strstr(strict->err.message, word) != NULL, "%s: '%s' lacks '%s'", text,
                  strict->err.message, word);
    }
    free(each);
    cr_expect_eq(lenient->status, VLT_OK, "the template renders %s", text);
    release(strict);
    release(lenient);
}

Test(chat_strict, pictures_where_the_template_has_no_place)
{
    static const char *const items[] = {
        "{\"type\":\"image\",\"image\":\"a.png\"}",
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"a.png\"}}",
        "{\"image\":\"a.png\"}",
        "{\"type\":\"video\",\"video\":[\"a.png\"]}",
        "{\"video\":[\"a.png\"]}",
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        const char *kind = strstr(items[i], "video") ? "a video in" : "an image in";
        char words[64];
        snprintf(words, sizeof words, "%s an assistant turn", kind);
        refuses("assistant", items[i], words);
        snprintf(words, sizeof words, "%s a system turn", kind);
        refuses("system", items[i], words);
    }
}

Test(chat_strict, items_that_nobody_knows)
{
    static const char *const roles[] = {"user", "assistant", "tool", "system"};
    for (int i = 0; i < 4; i++) {
        refuses(roles[i], "{\"type\":\"audio\",\"audio\":\"a.wav\"}",
                "'audio'|expected text, image");
        refuses(roles[i], "{\"type\":\"input_audio\",\"text\":\"said\"}", "'input_audio'");
        refuses(roles[i], "{\"type\":\"Image\",\"url\":\"a.png\"}", "'Image'");
        refuses(roles[i], "{\"type\":5,\"text\":\"t\"}", "key 'type' is 5");
        refuses(roles[i], "{\"type\":\"text\"}", "'text'|nothing");
        refuses(roles[i], "{\"type\":\"text\",\"txt\":\"t\"}", "'text'|nothing");
        refuses(roles[i], "{\"type\":\"image_url\",\"url\":\"a.png\"}", "'image_url'|nothing");
        refuses(roles[i], "{}", "no type");
        refuses(roles[i], "\"a string\"", "'a string'|an object");
    }
}

Test(chat_strict, two_things_in_one_item)
{
    refuses("user", "{\"type\":\"text\",\"text\":\"t\",\"image\":\"a.png\"}", "'text'|an image");
    refuses("user", "{\"type\":\"text\",\"text\":\"t\",\"image_url\":null}", "'text'|an image");
    refuses("user", "{\"type\":\"video\",\"image\":\"a.png\"}", "'video'|an image");
    refuses("user", "{\"type\":\"image\",\"image\":\"a.png\",\"text\":\"t\"}", "'text'|left out");
    refuses("user", "{\"type\":\"image\",\"image\":\"a.png\",\"video\":[\"v\"]}",
            "'video'|left out");
    refuses("tool", "{\"type\":\"video\",\"video\":[\"v\"],\"text\":\"t\"}", "'text'|left out");
    refuses("assistant", "{\"type\":\"text\",\"text\":\"t\",\"audio\":\"a\"}", "'audio'|left out");
    refuses("user", "{\"text\":\"t\",\"images\":[\"a.png\"]}", "a text|'images'|left out");
}

Test(chat_strict, pictures_that_cannot_be_loaded)
{
    refuses("user", "{\"type\":\"image\"}", "key 'image' is missing");
    refuses("user", "{\"type\":\"image\",\"image\":5}", "key 'image' is 5");
    refuses("tool", "{\"type\":\"image_url\",\"image_url\":{\"uri\":\"a\"}}", "'image_url'|object");
    refuses("user", "{\"type\":\"image\",\"image\":\"a.png\\u0000.txt\"}",
            "'image'|'a.png\\x00.txt'");
    refuses("user", "{\"type\":\"image_url\",\"image_url\":{\"url\":\"\\u0000\"}}", "'\\x00'");
    refuses("user", "{\"type\":\"video\"}", "key 'video' is missing");
    refuses("user", "{\"type\":\"video\",\"video\":[]}", "no frames");
    refuses("user", "{\"type\":\"video\",\"video\":{\"0\":\"a\"}}", "'video'|object");
    refuses("user", "{\"type\":\"video\",\"video\":[\"a\",7]}", "frame 1 is 7");
    refuses("user", "{\"type\":\"video\",\"video\":[\"a\",\"b\\u0000c\"]}", "'b\\x00c'");
}

Test(chat_strict, times_that_are_none)
{
    static const char *const fps[] = {"\"4\"", "\"fast\"", "0",  "-1",  "-0.0",     "true",
                                      "[4]",   "1e999",    "{}", "NaN", "Infinity", "\"\""};
    char item[256], words[64];
    for (size_t i = 0; i < sizeof fps / sizeof *fps; i++) {
        snprintf(item, sizeof item, "{\"type\":\"video\",\"video\":[\"a\",\"b\"],\"fps\":%s}",
                 fps[i]);
        refuses("user", item, "key 'fps' is|above 0");
    }
    static const char *const elements[] = {"-1",
                                           "0.5",
                                           "\"1\"",
                                           "null",
                                           "true",
                                           "1.0",
                                           "1e3",
                                           "9007199254740993",
                                           "123456789012345678901",
                                           "[1]"};
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        snprintf(item, sizeof item,
                 "{\"type\":\"video\",\"video\":[\"a\",\"b\"],\"frames_indices\":[0,%s]}",
                 elements[i]);
        snprintf(words, sizeof words, "'frames_indices'|element 1 is %s",
                 *elements[i] == '"'   ? "'1'"
                 : *elements[i] == '[' ? "an array"
                                       : elements[i]);
        refuses("user", item, words);
    }
    refuses("user", "{\"video\":[\"a\",\"b\"],\"frames_indices\":[1]}",
            "has 1 numbers, expected 2");
    refuses("user", "{\"video\":[\"a\"],\"frames_indices\":[0,1]}", "has 2 numbers, expected 1");
    refuses("user", "{\"video\":[\"a\"],\"frames_indices\":[]}", "has 0 numbers, expected 1");
    refuses("user", "{\"video\":[\"a\"],\"frames_indices\":0}", "'frames_indices' is 0");
    refuses("user", "{\"video\":[\"a\"],\"frames_indices\":\"0\"}", "'frames_indices' is '0'");
    refuses("user", "{\"video\":[\"a\"],\"fps\":1e-300,\"frames_indices\":[3]}", "frame 3|seconds");
}

static void refuses_messages(const char *messages, const char *word)
{
    struct result *r = render(messages, true);
    cr_expect_eq(r->status, VLT_STATUS_INPUT, "%s", messages);
    cr_expect(strstr(r->err.message, word) != NULL, "%s: '%s' lacks '%s'", messages, r->err.message,
              word);
    release(r);
}

Test(chat_strict, pictures_beside_the_content)
{
    refuses_messages("[{\"role\":\"user\",\"content\":\"q\",\"images\":[\"a.png\"]}]",
                     "messages[0]: key 'images' would be left out");
    refuses_messages("[{\"role\":\"tool\",\"content\":\"q\",\"image\":\"a.png\"}]", "key 'image'");
    refuses_messages("[{\"role\":\"assistant\",\"content\":\"q\",\"audio\":{\"id\":1}}]",
                     "'audio'");
    refuses_messages("[{\"role\":\"tool\",\"content\":{\"degrees\":20}}]", "content is an object");
    refuses_messages("[\"user: hi\"]", "messages[0] is 'user: hi', expected an object");
    struct result *r = render(
        "[{\"role\":\"user\",\"content\":\"q\",\"images\":[],\"video\":null}]", true);
    cr_expect_eq(r->status, VLT_OK, "%s", r->err.message);
    release(r);
}

/* Roles that render nothing are said, not refused; so are keys that do nothing. */
Test(chat_strict, what_is_only_said)
{
    struct result *r = render(
        "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"a\","
        "\"max_pixels\":1000,\"cache_control\":{}}]},{\"role\":\"critic\","
        "\"content\":[{\"type\":\"audio\"}]}]",
        true);
    cr_expect_eq(r->status, VLT_OK, "%s", r->err.message);
    cr_expect(strstr(r->warnings, "messages[0]: content[0]: key 'max_pixels' does nothing"), "%s",
              r->warnings);
    cr_expect(strstr(r->warnings, "role 'critic' renders nothing"), "%s", r->warnings);
    cr_expect_null(strstr(r->warnings, "cache_control"));
    release(r);
}

/* What good requests look like. */
Test(chat_strict, good_conversations_are_rendered_as_ever)
{
    static const char messages[] =
        "[{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"s\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"a.png\",\"text\":null},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\",\"detail\":\"low\"}},"
        "{\"type\":\"video\",\"video\":[\"f\",\"g\"],\"fps\":0.5,\"frames_indices\":[7,7]},"
        "{\"video\":[\"f\"],\"fps\":null,\"frames_indices\":null},{\"text\":\"q\"}]},"
        "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"name\":\"f\",\"arguments\":{}}"
        "]},"
        "{\"role\":\"tool\",\"content\":[{\"type\":\"image\",\"path\":\"t.png\"},"
        "{\"type\":\"text\",\"text\":\"\"}]}]";
    struct result *strict = render(messages, true), *lenient = render(messages, false);
    cr_assert_eq(strict->status, VLT_OK, "%s", strict->err.message);
    cr_expect_str_eq(strict->chat.text, lenient->chat.text);
    cr_expect_str_eq(strict->warnings, "");
    cr_assert_eq(strict->chat.media_count, 5);
    for (int i = 0; i < 5; i++) {
        cr_expect_null(strict->chat.media[i].problem, "%s", strict->chat.media[i].problem);
    }
    cr_expect_eq(strict->chat.media[2].fps, 0.5);
    cr_expect_eq(strict->chat.media[2].frame_indices[1], 7);
    cr_expect_str_eq(strict->chat.media[4].source, "t.png");
    release(strict);
    release(lenient);
}

/* Random items in random turns. Where strict accepts, nothing was lost: the text is the template's,
 * each item that is no text has become a picture that can be loaded. */
static void put_item(vlt_random *random, vlt_buffer *out, int *others)
{
    static const char *const parts[] = {"\"type\":\"text\"",
                                        "\"type\":\"image\"",
                                        "\"type\":\"image_url\"",
                                        "\"type\":\"video\"",
                                        "\"type\":\"audio\"",
                                        "\"type\":null",
                                        "\"text\":\"t\"",
                                        "\"text\":\"\"",
                                        "\"text\":null",
                                        "\"image\":\"a\"",
                                        "\"image\":null",
                                        "\"image\":\"a\\u0000\"",
                                        "\"image_url\":{\"url\":\"a\"}",
                                        "\"image_url\":\"a\"",
                                        "\"url\":\"a\"",
                                        "\"video\":[\"a\",\"b\"]",
                                        "\"video\":[]",
                                        "\"fps\":2",
                                        "\"fps\":0",
                                        "\"fps\":\"2\"",
                                        "\"frames_indices\":[0,3]",
                                        "\"frames_indices\":[0,-3]",
                                        "\"frames_indices\":[0]",
                                        "\"audio\":\"a\"",
                                        "\"max_pixels\":3"};
    enum { PARTS = sizeof parts / sizeof *parts };
    bool used[PARTS] = {false}, media = false;
    vlt_buffer_text(out, "{");
    for (int64_t n = vlt_random_range(random, 1, 3), put = 0; n > 0; n--) {
        int64_t p = vlt_random_range(random, 0, PARTS - 1);
        bool again = false; /* a key twice is another matter */
        for (int q = 0; q < PARTS; q++) {
            again = again || (used[q] && !strncmp(parts[q], parts[p], strcspn(parts[p], ":")));
        }
        if (!again) {
            used[p] = true;
            media = media || (p >= 1 && p <= 4) || (p >= 9 && p <= 16 && p != 14) || p == 23;
            vlt_buffer_print(out, "%s%s", put++ ? "," : "", parts[p]);
        }
    }
    vlt_buffer_text(out, "}");
    *others += media;
}

Test(chat_strict, nothing_is_lost_where_nothing_is_refused)
{
    enum { ROUNDS = 20000 };
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    vlt_random random = {5};
    int accepted = 0, shown = 0;
    for (int round = 0; round < ROUNDS; round++) {
        vlt_buffer text = {0};
        int others = 0;
        vlt_buffer_text(&text, "[");
        for (int64_t m = vlt_random_range(&random, 1, 2), first = m; m > 0; m--) {
            vlt_buffer_print(&text, "%s{\"role\":\"%s\",\"content\":[", m < first ? "," : "",
                             roles[vlt_random_range(&random, m < first, 3)]);
            for (int64_t i = vlt_random_range(&random, 0, 2); i > 0; i--) {
                put_item(&random, &text, &others);
                vlt_buffer_text(&text, i > 1 ? "," : "");
            }
            vlt_buffer_text(&text, "]}");
        }
        vlt_buffer_text(&text, "]");
        struct result *strict = render(text.data, true), *lenient = render(text.data, false);
        cr_assert(strict->status == VLT_OK || strstr(strict->err.message, "messages["), "%s: %s",
                  text.data, strict->err.message);
        if (strict->status == VLT_OK) {
            cr_assert_str_eq(strict->chat.text, lenient->chat.text, "%s", text.data);
            cr_assert_eq(strict->chat.media_count, others, "%s gives %d of %d", text.data,
                         strict->chat.media_count, others);
            for (int i = 0; i < others; i++) {
                cr_assert_null(strict->chat.media[i].problem, "%s", text.data);
            }
            accepted++;
            shown += others;
        }
        release(strict);
        release(lenient);
        free(text.data);
    }
    cr_expect(accepted > ROUNDS / 20 && shown > ROUNDS / 100, "%d accepted, %d pictures", accepted,
              shown);
}

/* All text from outside is a Z or what JSON puts around one; the template's has none of them. */
Test(chat_strict, the_template_knows_its_own_text)
{
    static const char messages[] = "[{\"role\":\"system\",\"content\":\"ZZ\"},{\"role\":\"user\","
                                   "\"content\":[{\"text\":\"Z\"},"
                                   "{\"image\":\"Z\"},{\"text\":\"Z\"},{\"text\":\"ZZ\"}]},{"
                                   "\"role\":\"assistant\",\"content\":"
                                   "\"Z\",\"tool_calls\":[{\"name\":\"Z\",\"arguments\":\"ZZZ\"},{"
                                   "\"name\":\"Z\",\"arguments\":"
                                   "[\"Z\"]}]},{\"role\":\"tool\",\"content\":\"Z\"},{\"role\":"
                                   "\"tool\",\"content\":[{\"text\":"
                                   "\"Z\"}]},{\"role\":\"user\",\"content\":\"\"}]";
    static const char tools[] = "[{\"Z\":\"Z\"}]";
    vlt_tree_document *document, *tool_document;
    vlt_chat chat;
    cr_assert_eq(vlt_tree_parse(messages, strlen(messages), "m", true, &document, NULL), VLT_OK);
    cr_assert_eq(vlt_tree_parse(tools, strlen(tools), "t", true, &tool_document, NULL), VLT_OK);
    const vlt_chat_options options = {.add_generation_prompt = true,
                                      .add_vision_id = true,
                                      .tools = vlt_tree_root(tool_document)};
    cr_assert_eq(vlt_chat_render(vlt_tree_root(document), &options, &chat, NULL), VLT_OK);
    size_t at = 0, letters = 0;
    for (size_t r = 0; r < chat.outside_count; r++) {
        const vlt_text_range *range = &chat.outside[r];
        cr_assert(range->first >= at && range->end > range->first);
        cr_assert_null(memchr(chat.text + at, 'Z', range->first - at));
        for (at = range->first; at < range->end; at++) {
            letters += chat.text[at] == 'Z';
            cr_assert(strchr("Z{}[]\": ", chat.text[at]), "%s", chat.text + at);
        }
        cr_assert(r == 0 || range->first > chat.outside[r - 1].end, "neighbours are one stretch");
    }
    cr_assert_null(memchr(chat.text + at, 'Z', chat.text_bytes - at));
    cr_assert_eq(letters, 17);
    vlt_chat_release(&chat);
    vlt_tree_destroy(document);
    vlt_tree_destroy(tool_document);
}
