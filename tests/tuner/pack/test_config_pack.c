/* `vltune config pack` and `tune --seed-from` as a user runs them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/compiler.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

TestSuite(config_pack, .init = test_demo_make, .fini = test_demo_remove, .timeout = 300);

#define TUNE "$VLTUNE tune $DEMO --no-page --scenes 0 --op norm --budget 8s --json "

/* A database gives several settings of a bucket, a config one, a pack what it holds; equal content
 * gives equal bytes, and several files become one. */
Test(config_pack, packs)
{
    if (VLT_ASAN) {
        test_skip("a sanitized baseline request takes longer than a short budget allows");
        return;
    }
    test_output output = test_demo_script(
        "set -e; " TUNE "--db a.db -o a.toml >a.json; $VLTUNE config pack a.db --top 3 -o one.toml;"
        "$VLTUNE config pack a.toml >config.toml; $VLTUNE config pack one.toml --top 3 >two.toml;"
        "cmp one.toml two.toml; grep -c seed one.toml; $VLTUNE config pack one.toml a.db a.toml "
        "--top 3 --machine 'two words' >three.toml; grep -x 'machine = \"two words\"' three.toml;"
        "grep -q '^isa = ' config.toml; grep -q '^cost = 0.0000' one.toml");
    cr_assert_eq(output.exit_code, 0, "%s %s", output.out, output.err);
    cr_expect_geq(atoi(output.out), 10, "%s", output.out);
    test_output_release(&output);

    /* what did well there is tried here, in a database that knows nothing */
    test_demo_write("odd.toml",
                    "schema = 1\n[[seed]]\nop = \"nosuch\"\nbucket = \"*\"\nvariant = "
                    "\"v\"\n[[seed]]\nop = \"norm\"\nbucket = \"*\"\nvariant = \"v\"\n");
    output = test_demo_script(TUNE "--db b.db -o b.toml --seed-from one.toml --seed-from a.db "
                                   "--seed-from odd.toml");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    json_t *document;
    vlt_error err;
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, "stdout", &document, &err), VLT_OK);
    cr_expect_geq(test_demo_number(document, "seeds"), 5);
    cr_expect_leq(test_demo_number(document, "seeds"), test_demo_number(document, "trials"));
    cr_expect(strstr(output.out, "2 of 2 seeds are of no use (1 of operators that are not tuned "
                                 "here, 1 of variants that this build does not have): odd.toml"),
              "%s", output.out);
    json_decref(document);
    test_output_release(&output);
}

static void refused(const char *script, const char *with)
{
    test_output output = test_demo_script(script);
    cr_expect_eq(output.exit_code, 2, "%s: %d %s", script, output.exit_code, output.err);
    cr_expect(strstr(output.err, with), "%s: %s", script, output.err);
    cr_expect_eq(output.out_bytes, 0);
    test_output_release(&output);
}

Test(config_pack, refuses)
{
    test_demo_write("cut.toml", "schema = 1\n[[seed]]\nop = \"norm\"\nbuck");
    test_demo_write("new.toml", "schema = 2\n[[seed]]\nop = \"norm\"\n");
    test_demo_write("cut.db", "SQLite format 3");
    test_demo_write("empty.toml", "");
    refused("$VLTUNE config pack none.toml", "none.toml");
    refused("$VLTUNE config pack cut.toml", "cut.toml: line 4");
    refused("$VLTUNE config pack new.toml", "'schema' is not 1");
    refused("$VLTUNE config pack empty.toml", "empty.toml");
    refused("$VLTUNE config pack cut.db", "cut.db");
    refused("$VLTUNE config pack cut.toml --machine 'a\"b'", "--machine");
    test_demo_write("seedless.toml", "schema = 1\nmachine = \"m\"\n");
    refused("$VLTUNE config pack seedless.toml", "'seed' is no array of tables");
    refused(TUNE "-o c.toml --seed-from none.toml", "none.toml");
    refused(TUNE "-o c.toml --seed-from cut.toml", "--seed-from: cut.toml: line 4");
    refused(TUNE "-o c.toml --seed-from cut.db", "cut.db");
    refused(TUNE "-o c.toml --seed-from empty.toml", "empty.toml");
    refused("! test -e c.toml && $VLTUNE tune --replay . --seed-from cut.toml", "--seed-from");
}
