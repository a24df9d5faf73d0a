/* Commands that measure in child processes, with names that are no UTF-8, in a folder of such a
 * name: names reach the children as bytes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/core/compiler.h"
#include "optimizations/core/utf8_text.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/folder.h"

static void expect(const char *name, const char *what, const char *commands, int exit_code)
{
    cr_assert_eq(setenv("N", name, 1), 0);
    test_output output = test_demo_script(commands);
    cr_assert_eq(output.exit_code, exit_code, "%s: %d: %s%s", what, output.exit_code, output.out,
                 output.err);
    cr_assert(vlt_utf8_valid(output.out, output.out_bytes), "%s: stdout", what);
    cr_assert(vlt_utf8_valid(output.err, strlen(output.err)), "%s: stderr", what);
    test_output_release(&output);
}

static void expect_valid_file(const char *format, const char *name)
{
    char path[512];
    size_t bytes;
    snprintf(path, sizeof path, format, name, name);
    char *text = test_read_file(test_folder_path(path), &bytes);
    cr_assert(text && bytes > 100, "%s", vlt_quoted_path(path).text);
    cr_assert(vlt_utf8_valid(text, bytes), "%s", vlt_quoted_path(path).text);
    free(text);
}

Test(odd_names_measured, tune_compare_gate_and_bench, .init = test_demo_make,
     .fini = test_demo_remove, .timeout = 300)
{
    if (VLT_ASAN) {
        test_skip("a sanitized baseline request takes longer than a short budget allows");
        return;
    }
    static const char name[] = "caf\xE9 \xD6\xD0"; /* Latin-1, GBK */
    char deep[181] = "";
    memset(deep, 'd', sizeof deep - 1);
    setenv("P", deep, 1);
    expect(name, "tune",
           "mkdir \"$N\" && cd \"$N\" && ln -s \"$DEMO\" \"m$N\" && "
           "T=\"$PWD/tmp$N/$P/$P/$P/$P/$P/$P\" && mkdir -p \"$T\" && "
           "cp ../scenes/scene-000.jpg \"i$N.jpg\" && TMPDIR=\"$T\" "
           "\"$VLTUNE\" tune \"m$N\" --budget 25s -o \"t$N.toml\" --db \"d$N.db\" "
           "--page \"p$N.html\"",
           0);
    expect_valid_file("%s/p%s.html", name);
    expect_valid_file("%s/t%s.toml", name);
    expect(name, "compare",
           "cd \"$N\" && \"$VLTUNE\" compare baseline \"t$N.toml\" --model \"m$N\" --image "
           "\"i$N.jpg\" --max-tokens 1 --launches 1 --budget 20s --db \"d$N.db\" --page "
           "\"c$N.html\"",
           0);
    expect_valid_file("%s/c%s.html", name);
    expect(name, "gate",
           "cd \"$N\" && cp \"${VLTUNE%/*}\"/libvltune.so \"l$N.so\" && cp \"l$N.so\" "
           "\"k$N.so\" && \"$VLTUNE\" gate \"k$N.so\" \"l$N.so\" --what norm --launches 2 "
           "--budget 15s --format junit >\"g$N.xml\"; code=$?; [ $code = 0 ]",
           0);
    expect_valid_file("%s/g%s.xml", name);
    expect(name, "bench",
           "cd \"$N\" && \"$VLTUNE\" bench activation --launches 1 --budget 6s --db "
           "\"d$N.db\" --page \"b$N.html\" && \"$VLTUNE\" db check --db \"d$N.db\" && "
           "\"$VLTUNE\" report --db \"d$N.db\" && \"$VLTUNE\" db export --format csv --db "
           "\"d$N.db\" >/dev/null",
           0);
}

/* A minute must not be spent on what cannot be shown or written in the end. */
Test(odd_names_measured, control_characters_are_refused_before, .init = test_demo_make,
     .fini = test_demo_remove, .timeout = 120)
{
    static const char *const commands[] = {
        "\"$VLTUNE\" tune \"$DEMO\" --budget 60s --db x.db -o \"$N\"",
        "ln -s \"$DEMO\" \"$N\"; \"$VLTUNE\" tune \"$N\" --budget 60s --db x.db -o x.toml",
        "\"$VLTUNE\" tune \"$DEMO\" --budget 60s --db \"$N\" -o x.toml",
        "\"$VLTUNE\" tune \"$DEMO\" --budget 60s --db x.db -o x.toml --page \"$N\"",
        "\"$VLTUNE\" bench norm --budget 60s --db \"$N\"",
        "cp scenes/scene-000.jpg \"$N\"; \"$VLTUNE\" compare baseline baseline --model \"$DEMO\" "
        "--budget 60s --image \"$N\"",
        "cp \"${VLTUNE%/*}\"/libvltune.so \"$N.so\"; \"$VLTUNE\" gate \"$N.so\" \"$N.so\" --what "
        "norm --budget 60s",
    };
    static const char *const controls[] = {"a\nb", "\x1B[2J", "t\tx"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        for (size_t k = 0; k < sizeof controls / sizeof *controls; k++) {
            char shown[64];
            setenv("N", controls[k], 1);
            vlt_utf8_format(shown, sizeof shown, "%s", controls[k]);
            test_output output = test_demo_script(commands[i]);
            cr_assert_eq(output.exit_code, 2, "%s: %s", commands[i], output.err);
            cr_assert(strstr(output.err, shown), "%s: %s", commands[i], output.err);
            cr_assert(strstr(output.err, "control character"), "%s: %s", commands[i], output.err);
            cr_assert_neq(access(test_folder_path("x.db"), F_OK), 0);
            test_output_release(&output);
        }
    }
}
