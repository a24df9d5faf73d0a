#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_internal.h"
#include "optimizations/core/registry.h"

static vlt_status check_even(const vlt_cli *cli, const char *text, vlt_error *err)
{
    (void)cli;
    return strlen(text) % 2 ? vlt_fail(err, VLT_STATUS_USAGE, "'%s' is odd", text) : VLT_OK;
}

static const vlt_option options[] = {
    {"seed", "N", "seed", 's', VLT_INT(0, 100)},
    {"image", "FILE", "image", 0, VLT_TEXT},
    {"share", "P", "share", 0, VLT_REAL(0, 1)},
    {"wait", "TIME", "time", 0, VLT_TIME},
    {"room", "BYTES", "size", 0, VLT_BYTES},
    {"how", "WAY", "way", 0, VLT_CHOICE("slow", "fast")},
    {"in", "FILE", "input", 0, VLT_FILE},
    {"from", "DIR", "folder", 0, VLT_FOLDER},
    {"out", "FILE", "output", 0, VLT_OUTPUT},
    {"op", "OP", "operator", 0, VLT_OPERATOR},
    {"word", "W", "even", 0, VLT_OWN(check_even)},
    {"long", NULL, "with --in", 0, VLT_FLAG, .needs = "in"},
    {"short", NULL, "not with --long", 0, VLT_FLAG, .unless = "long"},
};
static const vlt_command command = {.name = "try",
                                    .operands = "DIR",
                                    .options = options,
                                    .option_count = sizeof options / sizeof *options,
                                    .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES,
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
    cr_assert_eq(parse(argv, 7, &cli, NULL), VLT_OK);
    cr_assert_eq(vlt_cli_int(cli, "seed", 1), 9);
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
    static const char *const names[] = {"run", "bench", "batch"};
    cr_assert_str_eq(vlt_nearest_name("ben", names, 3), "bench"); /* typed half */
    cr_assert_str_eq(vlt_nearest_name("bathc", names, 3), "batch");
    cr_assert_eq(parse(none, 2, &cli, &err), VLT_STATUS_USAGE);
    cr_assert_eq(parse(two, 2, &cli, &err), VLT_STATUS_USAGE);
    cr_assert_eq(parse(flag, 2, &cli, &err), VLT_STATUS_USAGE);
    cr_assert_eq(parse(end, 2, &cli, &err), VLT_STATUS_USAGE);
}

Test(cli, environment_is_the_default)
{
    char *argv[] = {"dir"}, *given[] = {"dir", "--seed", "3"};
    vlt_cli *cli;
    setenv("VLTUNE_SEED", "41", 1);
    setenv("VLTUNE_REQUIRE_TUNED", "1", 1);
    setenv("VLTUNE_THREADS", "", 1); /* not set */
    cr_assert_eq(parse(argv, 1, &cli, NULL), VLT_OK);
    cr_assert_eq(vlt_cli_int(cli, "seed", 1), 41);
    cr_assert_eq(vlt_cli_int(cli, "threads", 7), 7);
    cr_assert(vlt_cli_flag(cli, "require-tuned"));
    vlt_cli_destroy(cli);
    cr_assert_eq(parse(given, 3, &cli, NULL), VLT_OK);
    cr_assert_eq(vlt_cli_int(cli, "seed", 1), 3);
    vlt_cli_destroy(cli);
    setenv("VLTUNE_SEED", "many", 1);
    vlt_error err = {0};
    cr_assert_eq(parse(argv, 1, &cli, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "VLTUNE_SEED: 'many'"), "%s", err.message);
}

/* A value of each kind that is taken, and those that are not. */
Test(cli, checks_every_kind_of_value)
{
    static const struct {
        const char *option, *good, *bad[5];
    } kinds[] = {
        {"--seed", "100", {"101", "-1", "7x", "", "1e2"}},
        {"--share", "0.5", {"1.01", "-0.1", "nan", "half", ""}},
        {"--wait", "250ms", {"0s", "-1", "5 parsecs", "inf", ""}},
        {"--room", "1.5GiB", {"1.5", "-1", "3 G", "1e9", ""}},
        {"--how", "fast", {"faster", "FAST", "slow,fast", "", "fas"}},
        {"--in", "/proc/self/stat", {"/nonexistent", "/tmp", "", "/proc/self/stat/x", "nofile"}},
        {"--from",
         "/tmp",
         {"/nonexistent", "/proc/self/stat", "", "nofolder",
          "/tmp/."
          "/nofolder"}},
        {"--out",
         "/tmp/vltune-test-out",
         {"/nonexistent/x", "/tmp", "", "/proc/self/stat/x", "/tmp/"}},
        {"--out", "/dev/null", {"/nonexistent/y", "/", "/tmp/nofolder/x", "/dev/null/x", "."}},
        {"--op", "norm", {"nrom", "norm/baseline", "", "NORM", "*"}},
        {"--word", "ab", {"abc", "a", "abcde", "1", "x"}},
        {"--threads", "0", {"-1", "1025", "two", "1.5", ""}},
        {"--force",
         "norm=baseline",
         {"norm", "norm=", "norm=bogus", "nrom=baseline", "norm@rows=1=baseline"}},
        {"--color", "never", {"mauve", "", "Never", "0", "auto "}},
        {"--config", "/proc/self/stat", {"/nonexistent.toml", "/tmp", "", "tuned", "."}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char *argv[] = {"dir", (char *)kinds[i].option, (char *)kinds[i].good};
        vlt_cli *cli;
        vlt_error err = {0};
        cr_expect_eq(parse(argv, 3, &cli, &err), VLT_OK, "%s", err.message);
        vlt_cli_destroy(cli);
        for (int k = 0; k < 5; k++) {
            argv[2] = (char *)kinds[i].bad[k];
            vlt_status status = parse(argv, 3, &cli, &err);
            cr_expect_eq(vlt_status_exit_code(status), 2, "%s '%s'", argv[1], argv[2]);
            cr_expect_null(cli);
            bool named = strstr(err.message, argv[2]) || !strcmp(argv[1], "--force");
            cr_expect(strstr(err.message, argv[1]) && named, "%s", err.message);
        }
    }
}

Test(cli, reads_sizes)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {{"0", 0},
                 {"0G", 0},
                 {"4096", 4096},
                 {"64k", 65536},
                 {"512M", INT64_C(512) << 20},
                 {"8G", INT64_C(8) << 30},
                 {"8GiB", INT64_C(8) << 30},
                 {"1.5G", INT64_C(3) << 29},
                 {"0.5m", 1 << 19},
                 {"2T", INT64_C(2) << 40},
                 {"9223372036854775807", INT64_MAX},
                 {"8388607T", INT64_C(8388607) << 40}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *argv[] = {"dir", "--room", (char *)sizes[i].text};
        vlt_cli *cli;
        vlt_error err = {0};
        cr_assert_eq(parse(argv, 3, &cli, &err), VLT_OK, "%s", err.message);
        cr_expect_eq(vlt_cli_bytes(cli, "room", 7), sizes[i].bytes, "%s", sizes[i].text);
        vlt_cli_destroy(cli);
    }
    char *too_many[] = {"dir", "--room", "8388608T"}, *none[] = {"dir"};
    vlt_cli *cli;
    cr_expect_eq(parse(too_many, 3, &cli, NULL), VLT_STATUS_USAGE);
    too_many[2] = "9223372036854775808";
    cr_expect_eq(parse(too_many, 3, &cli, NULL), VLT_STATUS_USAGE);
    cr_assert_eq(parse(none, 1, &cli, NULL), VLT_OK);
    cr_expect_eq(vlt_cli_bytes(cli, "room", 7), 7);
    vlt_cli_destroy(cli);
}

/* What could do nothing is refused, and left out where it is of the environment. */
Test(cli, an_option_without_effect_is_refused)
{
    vlt_error err = {0};
    vlt_cli *cli;
    char *alone[] = {"dir", "--long"}, *both[] = {"dir", "--in=/dev/null", "--long", "--short"};
    char *good[] = {"dir", "--in=/proc/self/stat", "--long"}, *config[] = {"dir", "--baseline"};
    char *contrary[] = {"dir", "--baseline", "--config=/proc/self/stat"};
    char *elsewhere[] = {"dir", "--db=x"}, *chosen[] = {"dir", "--config=/proc/self/stat"};
    cr_assert_eq(parse(alone, 2, &cli, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "without '--in'"), "%s", err.message);
    cr_assert_eq(parse(both, 4, &cli, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "beside '--long'"), "%s", err.message);
    cr_assert_eq(parse(contrary, 3, &cli, &err), VLT_STATUS_USAGE);
    cr_assert_eq(parse(elsewhere, 2, &cli, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "means nothing here"), "%s", err.message);
    cr_assert_eq(parse(good, 3, &cli, &err), VLT_OK, "%s", err.message);
    vlt_cli_destroy(cli);

    setenv("VLTUNE_LONG", "1", 1);
    setenv("VLTUNE_CONFIG", "/nonexistent", 1);
    setenv("VLTUNE_DB", "/nonexistent/x", 1);
    cr_assert_eq(parse(config, 2, &cli, &err), VLT_OK, "%s", err.message);
    cr_assert(!vlt_cli_flag(cli, "long") && !vlt_cli_flag(cli, "config"));
    vlt_cli_destroy(cli);
    setenv("VLTUNE_BASELINE", "1", 1); /* the command line's --config is stronger */
    cr_assert_eq(parse(chosen, 2, &cli, &err), VLT_OK, "%s", err.message);
    cr_assert(vlt_cli_flag(cli, "config") && !vlt_cli_flag(cli, "baseline"));
    vlt_cli_destroy(cli);
}

static vlt_status no_work(vlt_cli *cli, vlt_error *err)
{
    (void)cli;
    (void)err;
    return VLT_OK;
}

Test(cli, subcommands_have_their_own_operands_and_options)
{
    static const vlt_option own[] = {{"count", "N", "how many", 0, VLT_INT(1, 9), .only = "draw"}};
    static const vlt_subcommand subs[] = {{"draw", "OUT", 1, 1, VLT_WITH_JSON, no_work},
                                          {"check", "[FILE]", 0, 1, VLT_WITH_DB, no_work}};
    static const vlt_command parent = {.name = "parent",
                                       .operands = "draw|check [FILE]",
                                       .options = own,
                                       .option_count = 1,
                                       .with = VLT_WITH_JSON | VLT_WITH_DB,
                                       .operand_min = 1,
                                       .operand_max = -1,
                                       .subcommands = subs,
                                       .subcommand_count = 2};
    static const struct {
        char *argv[4];
        int argc;
        const char *expected; /* NULL: fine */
    } cases[] = {{{"draw", "x", "--count", "3"}, 4, NULL},
                 {{"--json", "draw", "x"}, 3, NULL},
                 {{"check"}, 1, NULL},
                 {{"check", "a", "b"}, 3, "2 operands given, expected '[FILE]'"},
                 {{"draw"}, 1, "0 operands given, expected 'OUT'"},
                 {{"chek"}, 1, "did you mean 'check'"},
                 {{"check", "--count", "3"}, 3, "it is for: draw"},
                 {{"check", "--json"}, 2, "means nothing here"},
                 {{"draw", "x", "--db", "y"}, 4, "means nothing here"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_error err = {0};
        vlt_cli *cli;
        vlt_status status = vlt_cli_parse(&parent, cases[i].argc, (char **)cases[i].argv, &cli,
                                          &err);
        cr_expect_eq(status, cases[i].expected ? VLT_STATUS_USAGE : VLT_OK, "%zu: %s", i,
                     err.message);
        cr_expect(!cases[i].expected || strstr(err.message, cases[i].expected), "%s", err.message);
        cr_expect(cases[i].expected || vlt_cli_run(cli, &err) == VLT_OK);
        vlt_cli_destroy(cli);
    }
}
