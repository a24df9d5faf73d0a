/* Whose chat template a checkpoint brings: known ones are silent, foreign ones are named. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/model/chat_template.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/tokens.h"

TestSuite(chat_template, .init = test_folder_make, .fini = test_folder_remove);

/* The template of our own checkpoints. */
static char *own(void)
{
    json_t *file = NULL;
    cr_assert_eq(vlt_json_load(test_source("harness/model/demo/checkpoint/chat_template.json"),
                               1 << 20, &file, NULL),
                 VLT_OK);
    char *text = strdup(json_string_value(json_object_get(file, "chat_template")));
    json_decref(file);
    return text;
}

static void write_text(const char *name, const char *text)
{
    cr_assert_eq(vlt_write_file(test_folder_path(name), text, strlen(text), NULL), VLT_OK);
}

static void write_json(const char *name, const char *key, const char *text)
{
    json_t *file = vlt_json_make("{s:s}", key, text);
    char *dumped = vlt_json_dump(file, NULL);
    write_text(name, dumped);
    free(dumped);
    json_decref(file);
}

/* NULL: nothing to say; else what is said holds `part`. */
static void says(const char *part)
{
    vlt_error err = {0};
    vlt_status status = vlt_chat_template_check(test_folder_path(""), &err);
    cr_expect_eq(status, part ? VLT_STATUS_UNSUPPORTED : VLT_OK, "%s", err.message);
    cr_expect(!part || strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
}

Test(chat_template, known_texts)
{
    char *text = own(), *windows = calloc(2, strlen(text) + 8);
    size_t used = 0, bytes;
    cr_expect(vlt_chat_template_known(text, strlen(text)));
    for (const char *p = text; *p; p++) {
        if (*p == '\n') {
            windows[used++] = '\r';
        }
        windows[used++] = *p;
    }
    cr_expect(vlt_chat_template_known(windows, used), "line ends do not matter");
    while (used && strchr("\r\n", windows[used - 1])) {
        used--;
    }
    cr_expect(vlt_chat_template_known(windows, used), "nor does white space at the end");
    windows[used - 1]++;
    cr_expect_not(vlt_chat_template_known(windows, used), "all else does");
    cr_expect_not(vlt_chat_template_known(text + 1, strlen(text) - 1));
    cr_expect_not(vlt_chat_template_known("", 0));
    char *golden = test_read_data("golden/chat/template.jinja", &bytes);
    cr_expect(!golden || vlt_chat_template_known(golden, bytes));
    free(golden);
    free(windows);
    free(text);
}

/* Kilobytes of libcrypto that are resident; -1 where the system does not say. */
static long crypto_kb(void)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[4400];
    long kb = maps ? 0 : -1, rss;
    bool crypto = false;
    while (maps && fgets(line, sizeof line, maps)) {
        crypto = strchr(line, '/') ? strstr(line, "libcrypto") != NULL : crypto;
        if (crypto && sscanf(line, "Rss: %ld", &rss) == 1) {
            kb += rss;
        }
    }
    if (maps) {
        fclose(maps);
    }
    return kb;
}

/* Our own checkpoints are known without libcrypto, 2.5 MB and 1 ms for the first digest. */
Test(chat_template, our_own_cost_no_digest)
{
    char *text = own();
    long before = crypto_kb();
    if (before < 0) {
        test_skip("no /proc/self/smaps");
        return;
    }
    cr_assert(vlt_chat_template_known(text, strlen(text)));
    cr_expect_eq(crypto_kb(), before);
    cr_assert_not(vlt_chat_template_known(text + 1, strlen(text) - 1));
    cr_expect_gt(crypto_kb(), before, "a foreign text is asked for");
    free(text);
}

Test(chat_template, the_first_place_counts)
{
    char *text = own();
    says(NULL);
    write_json("tokenizer_config.json", "eos_token", "x");
    says(NULL);
    write_json("tokenizer_config.json", "chat_template", "{{ messages }}");
    says("tokenizer_config.json: a foreign chat template");
    write_json("processor_config.json", "chat_template", text);
    says(NULL);
    write_json("chat_template.json", "chat_template", "{{ 1 }}");
    says("chat_template.json");
    write_text("chat_template.jinja", text);
    says(NULL);
    write_text("chat_template.jinja", "{{ 2 }}");
    says("chat_template.jinja");
    free(text);
}

Test(chat_template, named_templates_and_broken_files)
{
    char *text = own();
    json_t *file = vlt_json_make("{s:[{s:s, s:s}, {s:s, s:s}]}", "chat_template", "name",
                                 "tool_use", "template", "{{ 1 }}", "name", "default", "template",
                                 text);
    char *dumped = vlt_json_dump(file, NULL);
    write_text("tokenizer_config.json", dumped);
    says(NULL);
    free(dumped);
    json_decref(file);
    write_text("tokenizer_config.json", "{\"chat_template\":[{\"name\":\"default\",\"template\":"
                                        "\"{{ 1 }}\"}]}");
    says("tokenizer_config.json: a foreign");
    write_text("tokenizer_config.json", "{\"chat_template\":7}");
    says(NULL);
    write_text("tokenizer_config.json", "{\"chat_template\":");
    says("tokenizer_config.json: byte");
    free(text);
}
