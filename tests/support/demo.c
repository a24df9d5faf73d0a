#include "tests/support/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/data.h"
#include "tests/support/folder.h"

static char demo[512];

/* Not Criterion's: this is linked into programs without it. */
static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

vlt_engine *test_demo_engine(const vlt_engine_options *options)
{
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    must(vlt_engine_open(test_source("harness/model/demo/checkpoint"), options, &engine, &err) ==
             VLT_OK,
         err.message);
    return engine;
}

void test_demo_make(void)
{
    char command[1200];
    test_folder_make();
    snprintf(demo, sizeof demo, "%s", test_source("harness/model/demo/checkpoint"));
    snprintf(command, sizeof command, "model scenes %s --count 3 --seed 5 --quiet",
             test_folder_path("scenes"));
    test_output output = test_program(command);
    must(output.exit_code == 0, output.err);
    test_output_release(&output);
    must(chdir(test_folder_path("")) == 0, "chdir");
}

void test_demo_remove(void)
{
    must(chdir("/") == 0, "chdir");
    test_folder_remove();
}

void test_demo_write(const char *name, const char *text)
{
    must(vlt_write_file(test_folder_path(name), text, strlen(text), NULL) == VLT_OK, name);
}

test_output test_demo_run(const char *format, const char *rest)
{
    char command[4096];
    snprintf(command, sizeof command, format, demo, rest);
    return test_program(command);
}

json_t *test_demo_json(const char *format, const char *rest)
{
    test_output output = test_demo_run(format, rest);
    json_t *answer = NULL;
    vlt_error err = {0};
    must(output.exit_code == 0, output.err);
    must(vlt_json_parse(output.out, output.out_bytes, "answer", &answer, &err) == VLT_OK,
         err.message);
    test_output_release(&output);
    return answer;
}

test_output test_demo_script(const char *script)
{
    char command[8192];
    snprintf(command, sizeof command, "--help >/dev/null; DEMO='%s'; { %s\n}", demo, script);
    return test_program(command);
}

double test_demo_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    must(json_is_number(value), key);
    return json_number_value(value);
}

int test_demo_count_lines(const char *name, const char *with)
{
    size_t bytes;
    int count = 0;
    char *text = test_read_file(test_folder_path(name), &bytes), *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        count += strstr(line, with) != NULL;
    }
    free(text);
    return count;
}
