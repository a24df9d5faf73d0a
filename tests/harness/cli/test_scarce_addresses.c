/* `ulimit -v`: memory and threads that the system refuses are no fault of the program. Wherever it
 * meets the limit, a command ends with 2, or with 5 where nothing could be measured for it, and
 * says what was refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/compiler.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

TestSuite(scarce_addresses, .init = test_demo_make, .fini = test_demo_remove, .timeout = 120);

/* 127: not even the libraries are loaded. */
static void expect_refusals(const char *command, int refusal)
{
    enum { LEAST_KB = 16000, MOST_KB = 64000, STEP_KB = 4000 };
    int refused = 0;
    for (int limit_kb = LEAST_KB; limit_kb <= MOST_KB; limit_kb += STEP_KB) {
        char script[1024];
        snprintf(script, sizeof script, "ulimit -v %d; $VLTUNE %s >/dev/null; echo code $?",
                 limit_kb, command);
        test_output output = test_demo_script(script);
        const char *said = strstr(output.out, "code ");
        const int code = said ? atoi(said + strlen("code ")) : -1;
        cr_expect(code == 0 || code == refusal || code == 2 || code == 127,
                  "%s within %d kB: %d %s", command, limit_kb, code, output.err);
        cr_expect(code == 0 || code == 127 || strstr(output.err, "vltune: "), "%s within %d kB",
                  command, limit_kb);
        refused += code == refusal;
        test_output_release(&output);
    }
    cr_expect_gt(refused, 0, "%s", command);
}

Test(scarce_addresses, a_command_ends_with_2)
{
    static const char *const commands[] = {"run $DEMO --prompt a -n 2 --greedy",
                                           "preprocess $DEMO scenes/scene-000.jpg",
                                           "model check $DEMO"};
    if (VLT_ASAN) {
        test_skip("a sanitizer takes more addresses than that");
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        expect_refusals(commands[i], 2);
    }
}

/* The process that measures has met the limit: nothing measured. */
Test(scarce_addresses, what_measures_ends_with_5)
{
    if (VLT_ASAN) {
        test_skip("a sanitizer takes more addresses than that");
        return;
    }
    expect_refusals("compare norm/baseline norm --launches 1 --pairs 1", 5);
    expect_refusals("gate norm/baseline norm/baseline --launches 1 --pairs 1 --max-pressure 100",
                    5);
}

/* What was asked for, and who refused it. */
Test(scarce_addresses, the_limit_is_named)
{
    if (VLT_ASAN) {
        test_skip("a sanitizer takes more addresses than that");
        return;
    }
    test_output output = test_demo_script(
        "ulimit -v 60000; $VLTUNE doctor >/dev/null; echo code $?"); /* 64 MB and more are read */
    cr_expect_str_eq(output.out, "code 2\n", "%s", output.err);
    cr_expect(strstr(output.err, "; the narrowest limit is RLIMIT_AS (ulimit -v): 61."), "%s",
              output.err);
    test_output_release(&output);
}
