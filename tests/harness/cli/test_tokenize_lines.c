/* JSON lines in and out: order, errors on their line, odd characters, batches of any size. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/tokenize_lines.h"
#include "harness/json/tree.h"
#include "optimizations/core/random.h"
#include "tests/support/data.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

static test_context test;
static vlt_tokenizer *tokenizer;

/* Bytes only, and the added tokens of the published checkpoints behind. */
static void setup(void)
{
    char vocab[8192];
    size_t used = 0;
    int id = 0;
    vlt_error err = {0};
    for (unsigned code = 0x21; code < 0x144; code++) {
        if ((code > 0x7E && code < 0xA1) || code == 0xAD) {
            continue;
        }
        used += (size_t)snprintf(vocab + used, sizeof vocab - used, "%c\"\\u%04x\":%d",
                                 id ? ',' : '{', code, id);
        id++;
    }
    used += (size_t)snprintf(vocab + used, sizeof vocab - used, "}");
    test_context_init(&test);
    cr_assert_eq(vlt_tokenizer_from_merges(vocab, used, "", 0, NULL, 0, "bytes", &tokenizer, &err),
                 VLT_OK, "%s", err.message);
}

static void teardown(void)
{
    vlt_tokenizer_destroy(tokenizer);
    test_context_release(&test);
}

TestSuite(tokenize_lines, .init = setup, .fini = teardown);

static char *run(const vlt_lines_options *options, const char *text, size_t bytes)
{
    vlt_lines *lines;
    vlt_buffer out = {0};
    vlt_error err = {0};
    cr_assert_eq(vlt_lines_create(tokenizer, &test.context, options, &lines, &err), VLT_OK);
    cr_assert_eq(vlt_lines_run(lines, text, bytes, &out, &err), VLT_OK, "%s", err.message);
    vlt_lines_destroy(lines);
    return out.data;
}

static void answers(vlt_lines_options options, const char *text, const char *expected)
{
    char *got = run(&options, text, strlen(text));
    cr_assert_str_eq(got, expected);
    free(got);
}

Test(tokenize_lines, texts)
{
    vlt_lines_options plain = {.mode = VLT_LINES_ENCODE};
    answers(plain, "{\"text\":\"!\"}\n{\"text\":\"\"}\n{\"text\":\"\\u0000\\\"\"}",
            "{\"ids\":[0]}\n{\"ids\":[]}\n{\"ids\":[188,1]}\n");
    answers(plain, "{\"text\":\"<|im_end|>\"}\r\n", "{\"ids\":[258]}\n");
    plain.no_special = true;
    answers(plain, "{\"text\":\"<|im_end|>\"}\n", "{\"ids\":[27,91,72,76,62,68,77,67,91,29]}\n");
}

Test(tokenize_lines, bad_lines_cost_their_own_answer)
{
    vlt_lines_options plain = {.mode = VLT_LINES_ENCODE};
    answers(plain,
            "{\"text\":\"!\"}\n\n{\"text\":5}\n[]\n{\"txt\":\"a\"}\n{\"text\":\"\\ud800\"}\n"
            "{\"text\":\"\xFF\"}\n{\"text\":\"!\"}\n",
            "{\"ids\":[0]}\n{\"error\":\"line: byte 0: ends where a value is expected\"}\n"
            "{\"error\":\"key 'text' is 5, expected a string\"}\n"
            "{\"error\":\"line: an array, expected an object\"}\n"
            "{\"error\":\"key 'text' is missing, expected a string\"}\n"
            "{\"error\":\"line: byte 15: lone high surrogate\"}\n"
            "{\"error\":\"line: byte 9: invalid UTF-8\"}\n{\"ids\":[0]}\n");
}

Test(tokenize_lines, ids)
{
    vlt_lines_options decode = {.mode = VLT_LINES_DECODE};
    answers(decode, "{\"ids\":[0,258,99999,4294967295,188]}\n{\"ids\":[]}\n{\"ids\":[161]}\n",
            "{\"text\":\"!<|im_end|>\\u0000\"}\n{\"text\":\"\"}\n{\"text\":\"\uFFFD\"}\n");
    answers(decode, "{\"ids\":[-1]}\n{\"ids\":[1.0]}\n{\"ids\":[4294967296]}\n{\"ids\":5}\n",
            "{\"error\":\"ids[0] is -1, expected 0 to 4294967295\"}\n"
            "{\"error\":\"ids[0] is 1.0, expected 0 to 4294967295\"}\n"
            "{\"error\":\"ids[0] is 4294967296, expected 0 to 4294967295\"}\n"
            "{\"error\":\"key 'ids' is 5, expected an array\"}\n");
    decode.skip_special = true;
    answers(decode, "{\"ids\":[0,258,270]}\n", "{\"text\":\"!<tool_call>\"}\n");
}

Test(tokenize_lines, messages)
{
    vlt_lines_options render = {.mode = VLT_LINES_RENDER};
    answers(
        render, "{\"messages\":[{\"role\":\"user\",\"content\":\"!\"}]}\n{\"messages\":[]}\n",
        "{\"rendered\":\"<|im_start|>user\\n!<|im_end|>\\n\",\"ids\":[257,84,82,68,81,198,0,258,"
        "198]}\n{\"error\":\"messages: an empty list, expected a list of at least one\"}\n");
}

/* The ids of {"ids":[...]} at the end of an output line, without their brackets. */
static const char *ids_of(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *ids = strstr(line, "\"ids\":[") + 7;
    ids[strcspn(ids, "]")] = '\0';
    return ids;
}

/* --no-special of a conversation: by hand that is every piece between the template's marks encoded
 * as plain text, the marks as the added tokens that they are. Contents are hostile, and begin and
 * end with what the vocabulary merges across borders. */
Test(tokenize_lines, no_special_of_a_conversation_is_cutting_by_hand)
{
    enum { ROUNDS = 300, CONTENT = 256 };
    static const char *const parts[] = {
        "<|im_end|>", "<|im_start|>", "system", "\\n", "\\n\\n", "<|im_", "end|>", " the",
        "a",          "</tool_call>", "<",      "|>",  "  ",     "\u00e9"};
    vlt_lines_options render = {.mode = VLT_LINES_RENDER, .no_special = true};
    vlt_lines_options marks = {.mode = VLT_LINES_ENCODE};
    vlt_lines_options plain = {.mode = VLT_LINES_ENCODE, .no_special = true};
    vlt_random random = {11};
    vlt_tokenizer_destroy(tokenizer);
    cr_assert_eq(vlt_tokenizer_load(test_source("harness/model/demo/checkpoint"), &tokenizer, NULL),
                 VLT_OK);
    for (int round = 0; round < ROUNDS; round++) {
        char content[2][CONTENT] = {"", ""}, line[1024], expected[8192] = "";
        for (int c = 0; c < 2; c++) {
            for (int64_t n = vlt_random_range(&random, 0, 8); n > 0; n--) {
                strcat(content[c],
                       parts[vlt_random_range(&random, 0, sizeof parts / sizeof *parts - 1)]);
            }
        }
        snprintf(line, sizeof line,
                 "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"},{\"role\":\"tool\","
                 "\"content\":\"%s\"}]}",
                 content[0], content[1]);
        char *got = run(&render, line, strlen(line));
        char before[2 * CONTENT], inside[2 * CONTENT];
        snprintf(before, sizeof before, "user\\n%s", content[0]);
        snprintf(inside, sizeof inside, "\\n%s\\n", content[1]);
        const struct {
            const char *text;
            bool mark;
        } pieces[] = {{"<|im_start|>", true},
                      {before, false},
                      {"<|im_end|>", true},
                      {"\\n", false},
                      {"<|im_start|>", true},
                      {"user\\n", false},
                      {"<tool_response>", true},
                      {inside, false},
                      {"</tool_response>", true},
                      {"<|im_end|>", true},
                      {"\\n", false}};
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            snprintf(line, sizeof line, "{\"text\":\"%s\"}", pieces[i].text);
            char *ids = run(pieces[i].mark ? &marks : &plain, line, strlen(line));
            strcat(expected, i ? "," : "");
            strcat(expected, ids_of(ids));
            free(ids);
        }
        cr_assert_str_eq(ids_of(got), expected, "round %d: '%s' and '%s'", round, content[0],
                         content[1]);
        free(got);
    }
}

/* Many lines in one call equal one call a line. */
Test(tokenize_lines, batches_keep_order)
{
    enum { LINES = 500 };
    vlt_lines_options plain = {.mode = VLT_LINES_ENCODE};
    vlt_buffer all = {0}, expected = {0};
    for (int i = 0; i < LINES; i++) {
        vlt_buffer line = {0};
        if (i % 17 == 0) {
            vlt_buffer_text(&line, "{bad\n");
        } else {
            vlt_buffer_print(&line, "{\"text\":\"line %d", i);
            for (int k = 0; k < i % 40; k++) {
                vlt_buffer_text(&line, " word");
            }
            vlt_buffer_text(&line, "\"}\n");
        }
        char *one = run(&plain, line.data, line.bytes);
        vlt_buffer_put(&all, line.data, line.bytes);
        vlt_buffer_text(&expected, one);
        free(one);
        free(line.data);
    }
    char *got = run(&plain, all.data, all.bytes);
    cr_assert_str_eq(got, expected.data);
    free(got);
    free(all.data);
    free(expected.data);
}
