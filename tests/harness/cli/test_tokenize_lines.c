/* JSON lines in and out: order, errors on their line, odd characters, batches of any size. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/tokenize_lines.h"
#include "harness/json/tree.h"
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
            "{\"error\":\"key 'text' is an integer, expected a string\"}\n"
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
            "{\"error\":\"ids[0] is a number, expected 0 to 4294967295\"}\n"
            "{\"error\":\"ids[0] is 4294967296, expected 0 to 4294967295\"}\n"
            "{\"error\":\"key 'ids' is an integer, expected an array\"}\n");
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
