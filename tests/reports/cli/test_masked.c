/* A variant that --isa takes away: every command that is asked for it by name ends with 2 and says
 * which mask, whatever else the machine does; in a table its row does. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/demo.h"
#include "tests/support/folder.h"

TestSuite(masked, .init = test_demo_make, .fini = test_demo_remove);

static void refused(const char *command, const char *said)
{
    char script[1024];
    snprintf(script, sizeof script, "$VLTUNE %s; echo code $?", command);
    test_output output = test_demo_script(script);
    const size_t bytes = strlen("code 2\n");
    cr_expect(output.out_bytes >= bytes &&
                  !strcmp(output.out + output.out_bytes - bytes, "code 2\n"),
              "%s: %s%s", command, output.out, output.err);
    cr_expect(strstr(output.err, said), "%s: %s", command, output.err);
    test_output_release(&output);
}

/* However busy the machine is held to be, and nothing is written or measured before. */
Test(masked, a_gate_is_refused_before_it_begins)
{
    static const char *const gates[] = {"norm/baseline norm/avx2", "norm/avx2 norm/baseline",
                                        "baseline norm/avx2", "--what norm/avx2",
                                        "--what norm --what norm/avx2 --counter instructions"};
    static const char lacks[] = "gate: norm/avx2: the mask 'base' has no AVX2";
    for (size_t i = 0; i < sizeof gates / sizeof *gates; i++) {
        for (int pressure = 0; pressure <= 100; pressure += 100) {
            char command[256];
            snprintf(command, sizeof command, "gate %s --isa base --max-pressure %d --db x.db",
                     gates[i], pressure);
            refused(command, lacks);
        }
    }
    cr_expect_eq(test_folder_entries(), 1, "no database for a gate that cannot be");
    refused("gate linear/baseline linear/avx512 --isa avx2",
            "linear/avx512: the mask 'avx2' has no AVX512");
}

/* What else a stage may lack is known before, too. */
Test(masked, a_gate_is_refused_what_rounds_and_what_does_not_fit)
{
    refused("gate linear/baseline linear/int8_rows", "--quality int8");
    refused("gate baseline norm/avx2@rows=0,width=5", "rows");
}

Test(masked, compare_and_bench_say_the_same)
{
    refused("compare norm/baseline norm/avx2 --isa base", "norm/avx2: the mask 'base' has no AVX2");
    refused("bench norm --variant avx2 --isa base", "the mask 'base' has no AVX2");
    refused("bench linear --variant avx512 --isa avx2", "the mask 'avx2' has no AVX512");
}

Test(masked, a_row_of_bench_names_the_mask)
{
    test_output output = test_demo_script(
        "$VLTUNE bench norm --shape decode --isa base --launches 1 --pairs 1 >out; echo code "
        "$?; tr '\\n' ' ' <out | tr -s ' ' | grep -o \"avx2 - not available: the mask 'base' has "
        "no AVX2\"; grep -c 'in this build' out");
    cr_expect_str_eq(output.out, "code 0\navx2 - not available: the mask 'base' has no AVX2\n0\n",
                     "%s%s", output.out, output.err);
    test_output_release(&output);
}
