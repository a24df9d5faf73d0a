/* Every option of every command, as the tables list them: what its kind does not take is exit 2
 * before anything else happens, what it takes is taken. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli_internal.h"
#include "reports/cli/program.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

enum { WORDS_MAX = 16 };

/* A command line under construction; texts are borrowed. */
struct line {
    char *word[WORDS_MAX];
    int count;
};

static void add(struct line *line, const char *word)
{
    cr_assert_lt(line->count, WORDS_MAX);
    line->word[line->count++] = (char *)word;
}

/* Values that no option of the kind takes. */
static const char *const *bogus(vlt_value_kind kind)
{
    static const char *const values[VLT_VALUE_KINDS][8] = {
        [VLT_VALUE_INT] = {"-9223372036854775808", "99999999999999999999", "x", "1.5", "0x10", "3k",
                           NULL},
        [VLT_VALUE_REAL] = {"-1e300", "1e300", "nan", "x", "1,5", NULL},
        [VLT_VALUE_TIME] = {"0", "-5s", "5y", "soon", "inf", NULL},
        [VLT_VALUE_BYTES] = {"-1", "8Q", "many", "1e3", "0x10", "99999999999G", "G", NULL},
        [VLT_VALUE_CHOICE] = {"no-such-word", "AUTO", " ", NULL},
        [VLT_VALUE_FILE] = {"/nonexistent/file", "nofile", "/", "/proc/self/stat/x", NULL},
        [VLT_VALUE_FOLDER] = {"/nonexistent", "nofolder", "/proc/self/stat", NULL},
        [VLT_VALUE_OUTPUT] = {"/nonexistent/file", "/", "/proc/self/stat/x", "nofolder/x", NULL},
        [VLT_VALUE_UPDATED] = {"/nonexistent/file", "/", "/proc/self/stat/x", "nofolder/x", NULL},
        [VLT_VALUE_CONTINUED] = {"/nonexistent/file", "/", "/proc/self/stat/x", "nofolder/x", NULL},
        [VLT_VALUE_OP] = {"nosuch", "Norm", "norm=baseline", NULL},
        [VLT_VALUE_FORCE] = {"nosuch=baseline", "norm=nosuch", "norm", "=",
                             "norm=baseline:nosuch=1", NULL},
        [VLT_VALUE_OWN] = {"no-such-thing", "/nonexistent/thing", "probe/nosuch", NULL},
    };
    return values[kind];
}

/* A value that the option takes. */
static const char *good(const vlt_option *option, char *text, size_t text_bytes)
{
    static const char *const own[][2] = {
        {"shape", "decode"},        {"variant", "baseline"},      {"what", "norm"},
        {"margin", "end-to-end=3"}, {"image", "/proc/self/stat"}, {"size", "tiny"},
        {"evaluations", "25,100"},  {"strategy", "auto"},         {"device", "host"}};
    for (size_t i = 0; option->kind == VLT_VALUE_OWN && i < sizeof own / sizeof *own; i++) {
        if (!strcmp(own[i][0], option->name)) {
            return own[i][1];
        }
    }
    switch (option->kind) {
    case VLT_VALUE_INT:
        snprintf(text, text_bytes, "%lld", (long long)option->integer_high);
        return text;
    case VLT_VALUE_REAL:
        snprintf(text, text_bytes, "%g", option->real_low);
        return text;
    case VLT_VALUE_CHOICE:
        return option->choices[0];
    default:
        break;
    }
    static const char *const values[VLT_VALUE_KINDS] = {
        [VLT_VALUE_TEXT] = "any text",
        [VLT_VALUE_TIME] = "3s",
        [VLT_VALUE_BYTES] = "64M",
        [VLT_VALUE_FILE] = "/proc/self/stat",
        [VLT_VALUE_FOLDER] = "/proc",
        [VLT_VALUE_OUTPUT] = "/tmp/vltune-test-output",
        [VLT_VALUE_UPDATED] = "/tmp/vltune-test-output",
        [VLT_VALUE_CONTINUED] = "/tmp/vltune-test-output",
        [VLT_VALUE_OP] = "norm",
        [VLT_VALUE_FORCE] = "norm=baseline"};
    return values[option->kind];
}

static const vlt_subcommand *subcommand_for(const vlt_command *command, const vlt_option *option)
{
    for (int i = 0; i < command->subcommand_count; i++) {
        const vlt_subcommand *sub = &command->subcommands[i];
        if (vlt_cli_listed(option, sub->with) &&
            (!option->only || !strncmp(option->only, sub->name, strlen(sub->name)))) {
            return sub;
        }
    }
    return NULL;
}

/* The operands that the command needs, and what the option needs beside it. */
static void begin_line(const vlt_command *command, const vlt_option *option, struct line *line,
                       char *text, size_t text_bytes)
{
    const vlt_subcommand *sub = subcommand_for(command, option);
    int operands = sub ? sub->operand_min : command->operand_min;
    cr_assert(sub || !command->subcommand_count, "%s --%s", command->name, option->name);
    if (sub) {
        add(line, sub->name);
    }
    for (int i = 0; i < operands; i++) {
        add(line, "norm");
    }
    if (option->needs) {
        static char dashed[64];
        const vlt_option *needed = vlt_cli_find_option(command, option->needs,
                                                       strlen(option->needs));
        snprintf(dashed, sizeof dashed, "--%s", option->needs);
        add(line, dashed);
        if (needed->argument) {
            add(line, good(needed, text, text_bytes));
        }
    }
}

static vlt_status parse(const vlt_command *command, const struct line *line, vlt_error *err)
{
    vlt_cli *cli;
    vlt_status status = vlt_cli_parse(command, line->count, (char **)line->word, &cli, err);
    vlt_cli_destroy(cli);
    return status;
}

static int each_option(void (*visit)(const vlt_command *command, const vlt_option *option))
{
    int count = 0;
    for (int c = 0; c < vlt_program_command_count(); c++) {
        const vlt_option *option;
        const vlt_command *command = vlt_program_command(c);
        for (int i = 0; (option = vlt_cli_option(command, i)) != NULL; i++) {
            if (strcmp(option->name, "help") != 0) {
                visit(command, option);
                count++;
            }
        }
    }
    return count;
}

static void check_row(const vlt_command *command, const vlt_option *option)
{
    const char *name = option->name, *at = command->name;
    cr_expect_eq(option->argument == NULL, option->kind == VLT_VALUE_FLAG, "%s --%s", at, name);
    cr_expect(option->kind != VLT_VALUE_INT || option->integer_low < option->integer_high,
              "%s --%s", at, name);
    cr_expect(option->kind != VLT_VALUE_REAL || option->real_low < option->real_high, "%s --%s", at,
              name);
    cr_expect(option->kind != VLT_VALUE_CHOICE || (option->choices && option->choices[1]),
              "%s --%s", at, name);
    cr_expect(option->kind != VLT_VALUE_OWN || option->check, "%s --%s", at, name);
    cr_expect(!option->needs || vlt_cli_find_option(command, option->needs, strlen(option->needs)),
              "%s --%s needs --%s", at, name, option->needs);
    cr_expect(!option->only || command->subcommand_count, "%s --%s", at, name);
}

Test(options, every_row_is_whole)
{
    cr_assert_gt(each_option(check_row), 150);
}

static void refuse_bogus(const vlt_command *command, const vlt_option *option)
{
    const char *const *value = bogus(option->kind);
    char dashed[64], text[64];
    snprintf(dashed, sizeof dashed, "--%s", option->name);
    for (; *value; value++) {
        struct line line = {0};
        vlt_error err = {0};
        begin_line(command, option, &line, text, sizeof text);
        add(&line, dashed);
        add(&line, *value);
        vlt_status status = parse(command, &line, &err);
        cr_expect_eq(vlt_status_exit_code(status), 2, "%s %s '%s': %s", command->name, dashed,
                     *value, err.message);
        cr_expect(strstr(err.message, dashed), "%s %s '%s': %s", command->name, dashed, *value,
                  err.message);
    }
}

Test(options, what_a_kind_does_not_take_is_refused_everywhere)
{
    each_option(refuse_bogus);
}

static void take_good(const vlt_command *command, const vlt_option *option)
{
    char dashed[64], text[64], needed[64];
    struct line line = {0};
    vlt_error err = {0};
    snprintf(dashed, sizeof dashed, "--%s", option->name);
    begin_line(command, option, &line, needed, sizeof needed);
    add(&line, dashed);
    if (option->argument) {
        add(&line, good(option, text, sizeof text));
    }
    cr_expect_eq(parse(command, &line, &err), VLT_OK, "%s %s: %s", command->name, dashed,
                 err.message);
}

Test(options, what_a_kind_takes_is_taken_everywhere)
{
    each_option(take_good);
}

/* The same through the program: nothing on stdout, one line on stderr, no other trace. */
static void refuse_for_real(const vlt_command *command, const vlt_option *option)
{
    const char *const *value = bogus(option->kind);
    char arguments[512], text[64];
    struct line line = {0};
    if (!*value || command->name[0] == '_') {
        return;
    }
    begin_line(command, option, &line, text, sizeof text);
    size_t used = (size_t)snprintf(arguments, sizeof arguments, "%s", command->name);
    for (int i = 0; i < line.count; i++) {
        used += (size_t)snprintf(arguments + used, sizeof arguments - used, " '%s'", line.word[i]);
    }
    snprintf(arguments + used, sizeof arguments - used, " --%s '%s'", option->name, *value);
    test_output output = test_program(arguments);
    const char *end = output.err ? strchr(output.err, '\n') : NULL;
    cr_expect_eq(output.exit_code, 2, "%s: exit %d, %s", arguments, output.exit_code, output.err);
    cr_expect_eq(output.out_bytes, 0, "%s", arguments);
    cr_expect(end && !end[1] && strstr(output.err, option->name), "%s: %s", arguments, output.err);
    test_output_release(&output);
}

/* Operands are looked at before anything is made. */
Test(options, a_database_to_merge_that_is_not_there_makes_none, .init = test_folder_make,
     .fini = test_folder_remove)
{
    char arguments[512];
    snprintf(arguments, sizeof arguments, "db merge %s --db %s", test_folder_path("absent.db"),
             test_folder_path("into.db"));
    test_output output = test_program(arguments);
    cr_expect_eq(output.exit_code, 2);
    cr_expect(strstr(output.err, "absent.db"), "%s", output.err);
    cr_expect_eq(test_folder_entries(), 0);
    test_output_release(&output);
}

Test(options, the_program_refuses_before_it_works)
{
    each_option(refuse_for_real);
}
