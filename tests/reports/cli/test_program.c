#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "reports/cli/program.h"
#include "tests/support/run_program.h"

Test(program, says_what_it_is)
{
    test_output help = test_program("--help"), version = test_program("--version");
    cr_assert_eq(help.exit_code, 0);
    cr_assert(strstr(help.out, "usage: vltune COMMAND"));
    cr_assert_eq(version.exit_code, 0);
    cr_assert_str_eq(version.out, "vltune " VLT_VERSION "\n");
    test_output_release(&help);
    test_output_release(&version);
}

Test(program, every_command_has_help_and_refuses_nonsense)
{
    for (int i = 0; i < vlt_program_command_count(); i++) {
        const vlt_command *command = vlt_program_command(i);
        char arguments[256];
        snprintf(arguments, sizeof arguments, "%s --help", command->name);
        test_output help = test_program(arguments);
        cr_expect_eq(help.exit_code, 0, "%s", command->name);
        cr_expect(strstr(help.out, command->summary), "%s", command->name);
        test_output_release(&help);

        snprintf(arguments, sizeof arguments, "%s --no-such-option", command->name);
        test_output refused = test_program(arguments);
        cr_expect_eq(refused.exit_code, 2, "%s", command->name);
        cr_expect(strstr(refused.err, "--no-such-option"), "%s", command->name);
        cr_expect_eq(refused.out_bytes, 0, "%s", command->name);
        test_output_release(&refused);
    }
}

Test(program, an_unknown_command_names_the_nearest)
{
    test_output output = test_program("lits");
    cr_assert_eq(output.exit_code, 2);
    cr_assert(strstr(output.err, "did you mean 'list'"));
    test_output_release(&output);
    output = test_program("");
    cr_assert_eq(output.exit_code, 2);
    test_output_release(&output);
}

Test(program, completion_is_valid_bash)
{
    test_output output = test_program("completion | bash -n");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    test_output_release(&output);
}

Test(program, list_is_json_with_the_baseline_first)
{
    test_output output = test_program("list --json");
    json_error_t error;
    cr_assert_eq(output.exit_code, 0);
    json_t *list = json_loads(output.out, 0, &error);
    cr_assert(json_is_array(list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *op = json_array_get(list, i);
        const json_t *first = json_array_get(json_object_get(op, "variants"), 0);
        cr_assert_str_eq(json_string_value(json_object_get(first, "name")), "baseline");
        cr_assert(json_is_true(json_object_get(first, "applicable")));
    }
    json_decref(list);
    test_output_release(&output);
}

Test(program, a_full_device_is_an_error)
{
    test_output output = test_program("list --json > /dev/full; echo exit $?");
    cr_assert(strstr(output.out, "exit 2"), "%s", output.out);
    test_output_release(&output);
}
