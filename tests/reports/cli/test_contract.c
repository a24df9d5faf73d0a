/* The members that reports/cli/README.md promises are those that the commands print: none is
 * missing, and none is there that the page does not name. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/gate/gate_format_internal.h"
#include "reports/report_json.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/gates.h"

TestSuite(contract, .init = test_demo_make, .fini = test_demo_remove, .timeout = 300);

/* Calls see(line, user) for every line of the page's list. */
static int each_line(void (*see)(char *line, void *user), void *user)
{
    size_t bytes;
    int lines = 0;
    char *text = test_read_file(test_source("reports/cli/README.md"), &bytes), *save = NULL;
    cr_assert_not_null(text);
    char *list = strstr(text, "## Members");
    cr_assert(list && (list = strstr(list, "```\n")));
    char *end = strstr(list + 4, "```");
    cr_assert_not_null(end);
    *end = '\0';
    for (char *line = strtok_r(list + 4, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        see(line, user);
        lines++;
    }
    free(text);
    return lines;
}

struct check {
    const char *command;
    const json_t *document;
    int compared;
};

/* The object of a path behind the command, ".rows[].x{}": the first element or member each time;
 * NULL where it leads to nothing. */
static const json_t *walk(const json_t *at, const char *path)
{
    while (at && *path) {
        if (!strncmp(path, "[]", 2) || !strncmp(path, "{}", 2)) {
            at = *path == '[' ? json_array_get(at, 0)
                              : json_object_iter_value(json_object_iter((json_t *)at));
            path += 2;
            continue;
        }
        char key[64];
        size_t length = strcspn(path + 1, ".[{");
        cr_assert(*path == '.' && length < sizeof key, "%s", path);
        memcpy(key, path + 1, length);
        key[length] = '\0';
        at = json_object_get(at, key);
        path += 1 + length;
    }
    return at;
}

static bool listed(const char *members, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = members; (at = strstr(at, key)); at += length) {
        bool begins = at == members || at[-1] == ' ';
        if (begins && (at[length] == '\0' || at[length] == ' ' || at[length] == '?')) {
            return true;
        }
    }
    return false;
}

static void compare(const char *path, const json_t *object, const char *members)
{
    char *copy = strdup(members), *save = NULL;
    cr_assert(json_is_object(object), "%s is no object", path);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        cr_expect(listed(members, key), "%s has '%s', which reports/cli/README.md does not name",
                  path, key);
    }
    cr_assert_not_null(copy);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        bool optional = word[strlen(word) - 1] == '?';
        cr_expect(optional || json_object_get(object, word), "%s lacks '%s'", path, word);
    }
    free(copy);
}

static void see(char *line, void *user)
{
    struct check *check = user;
    size_t length = strlen(check->command);
    char *members = strstr(line, "  ");
    cr_assert_not_null(members, "%s", line);
    *members++ = '\0';
    members += strspn(members, " ");
    bool mine = !strncmp(line, check->command, length) && line[length] != ' ' &&
                (!line[length] || strchr(".[{", line[length]));
    const json_t *object = mine ? walk(check->document, line + length) : NULL;
    if (mine && object) {
        compare(line, object, members);
        check->compared++;
    }
}

/* At least `least` of the command's lines lead to an object of the document. */
static void holds(const char *command, const json_t *document, int least)
{
    struct check check = {.command = command, .document = document};
    cr_assert_gt(each_line(see, &check), 20);
    cr_expect_geq(check.compared, least, "%s: %d lines compared", command, check.compared);
}

static void run(const char *command, const char *format, const char *rest, int least)
{
    json_t *document = test_demo_json(format, rest);
    holds(command, document, least);
    json_decref(document);
}

Test(contract, machine_and_catalogue)
{
    run("doctor", "doctor --json", "", 5);
    run("probe", "probe --json", "", 2);
    run("list", "list --json", "", 2);
}

Test(contract, models)
{
    run("model make", "model make made --json", "", 1);
    run("model scenes", "model scenes drawn --count 1 --json", "", 1);
    run("model check", "model check %s --json", "", 2);
    run("model eval", "model eval %s %s --count 2 --against exact --json", "scenes/scenes.jsonl",
        4);
}

Test(contract, requests)
{
    test_output refused = test_demo_run("preprocess %s %s --json", "scenes/scenes.jsonl");
    json_t *document = json_loads(refused.out, 0, NULL);
    cr_assert_eq(refused.exit_code, 2);
    holds("preprocess", document, 1);
    json_decref(document);
    test_output_release(&refused);
    run("preprocess", "preprocess %s %s --json", "scenes/scene-000.jpg", 1);
    run("run", "run %s --image %s --prompt x --max-tokens 2 --logprobs 2 --json",
        "scenes/scene-000.jpg", 7);
}

Test(contract, measurements)
{
    run("bench", "bench norm --shape decode --launches 2 --pairs 3 --json", "", 2);
    run("compare", "compare norm/baseline norm/baseline --launches 2 --pairs 3 --json", "", 1);
}

Test(contract, verdicts_and_reports)
{
    vlt_gate gate = {0};
    const vlt_gate_options options = vlt_gate_defaults();
    test_gate_stage(&gate, "stage", 1, 0.001, 12, 0);
    vlt_gate_judge(&gate, &options);
    const vlt_gate_facts facts = {.baseline = "a", .candidate = "b", .machine = "m"};
    json_t *document = vlt_gate_to_json(&gate, &facts);
    holds("gate", document, 1);
    json_decref(document);
    vlt_gate_release(&gate);

    vlt_report_row row = {0};
    const vlt_report report = {.row = &row, .row_count = 1, .phase_count = 1};
    document = vlt_report_to_json(&report);
    holds("tune", document, 5);
    json_decref(document);
}
