#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_internal.h"

static const vlt_option options[] = {{"seed", "N", "seed", 's'}, {"image", "FILE", "image", 0}};
static const vlt_command command = {.name = "try",
                                    .operands = "DIR",
                                    .options = options,
                                    .option_count = 2,
                                    .operand_min = 1,
                                    .operand_max = 1};

static vlt_status parse(char **argv, int argc, vlt_cli **cli, vlt_error *err)
{
    return vlt_cli_parse(&command, argc, argv, cli, err);
}

Test(cli, reads_options_in_every_form)
{
    char *argv[] = {"--seed=7", "dir", "--image", "a", "--image=b", "-q", "-s9"};
    vlt_cli *cli;
    int64_t seed;
    cr_assert_eq(parse(argv, 7, &cli, NULL), VLT_OK);
    cr_assert_eq(vlt_cli_int(cli, "seed", 0, 100, 1, &seed, NULL), VLT_OK);
    cr_assert_eq(seed, 9);
    cr_assert_eq(vlt_cli_count(cli, "image"), 2);
    cr_assert_str_eq(vlt_cli_nth(cli, "image", 1), "b");
    cr_assert(vlt_cli_flag(cli, "quiet"));
    cr_assert_str_eq(vlt_cli_operand(cli, 0), "dir");
    vlt_cli_destroy(cli);
}

Test(cli, refuses_with_the_nearest_name)
{
    vlt_error err = {0};
    vlt_cli *cli;
    char *unknown[] = {"dir", "--sed", "1"}, *none[] = {"--seed", "1"}, *two[] = {"a", "b"};
    char *flag[] = {"dir", "--json=1"}, *end[] = {"dir", "--seed"};
    cr_assert_eq(parse(unknown, 3, &cli, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "did you mean '--seed'"), "%s", err.message);
    cr_assert_eq(parse(none, 2, &cli, &err), VLT_STATUS_USAGE);
    cr_assert_eq(parse(two, 2, &cli, &err), VLT_STATUS_USAGE);
    cr_assert_eq(parse(flag, 2, &cli, &err), VLT_STATUS_USAGE);
    cr_assert_eq(parse(end, 2, &cli, &err), VLT_STATUS_USAGE);
}

Test(cli, environment_is_the_default)
{
    char *argv[] = {"dir"}, *given[] = {"dir", "--seed", "3"};
    vlt_cli *cli;
    int64_t seed;
    setenv("VLTUNE_SEED", "41", 1);
    setenv("VLTUNE_REQUIRE_TUNED", "1", 1);
    cr_assert_eq(parse(argv, 1, &cli, NULL), VLT_OK);
    cr_assert_eq(vlt_cli_int(cli, "seed", 0, 100, 1, &seed, NULL), VLT_OK);
    cr_assert_eq(seed, 41);
    cr_assert(vlt_cli_flag(cli, "require-tuned"));
    vlt_cli_destroy(cli);
    cr_assert_eq(parse(given, 3, &cli, NULL), VLT_OK);
    cr_assert_eq(vlt_cli_int(cli, "seed", 0, 100, 1, &seed, NULL), VLT_OK);
    cr_assert_eq(seed, 3);
    vlt_cli_destroy(cli);
}
