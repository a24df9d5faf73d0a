/* What a command writes is nothing that it reads, and nothing that it writes under another option,
 * whatever names say: refused before any work. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/demo.h"

TestSuite(output_places, .init = test_demo_make, .fini = test_demo_remove);

/* A copy of the checkpoint, and one file of every kind with as many names; their sums beside. */
static const char prepare[] =
    "set -e; cp -rL $DEMO model; chmod -R u+w model; cp scenes/scene-000.jpg p.jpg; ln p.jpg "
    "hard.jpg;"
    "ln -s p.jpg soft.jpg; ln -s model linked; echo '[{\"role\":\"user\",\"content\":\"q\"}]' >m;"
    "echo '[]' >tools; echo '{\"id\":1,\"prompt\":\"a\",\"max_tokens\":1}' >in; : >empty;"
    "cp in report.html; export XDG_DATA_HOME=$PWD; mkdir vltune; printf 'SQLite format 3\\000' "
    ">vltune/vltune.db;"
    "printf 'id: 1' >trust; find . -type f | sort | xargs sha256sum >/tmp/vltune-places-$$; set +e;"
    "refused() { timeout 60 $VLTUNE \"$@\" >out.$$ 2>err.$$; c=$?; rm -f out.$$;"
    "  [ $c = 2 ] && grep -q 'expected another file' err.$$ ||"
    "  { echo \"code $c: $*\"; cat err.$$; }; rm -f err.$$; };";
static const char compare[] =
    "find . -type f | sort | xargs sha256sum | diff /tmp/vltune-places-$$ - ; rm "
    "/tmp/vltune-places-$$";

static void refuse_all(const char *commands)
{
    char script[4096];
    cr_assert(snprintf(script, sizeof script, "%s%s%s", prepare, commands, compare) <
              (int)sizeof script);
    test_output output = test_demo_script(script);
    cr_expect_str_eq(output.out, "", "%s%s", output.out, output.err);
    test_output_release(&output);
}

Test(output_places, inputs_of_run)
{
    refuse_all("for o in trace dump session; do"
               "  refused run model -n 1 -p q -i p.jpg --$o p.jpg;"
               "  refused run model -n 1 -p q -i scenes/scene-001.jpg -i p.jpg --$o hard.jpg;"
               "  refused run model -n 1 -p q -i soft.jpg --$o ./scenes/../p.jpg;"
               "  refused run model -n 1 -m m --$o m; refused run model -n 1 -m m --tools tools"
               "    --$o tools; done;"
               "VLTUNE_TRACE=p.jpg refused run model -n 1 -p q -i p.jpg;"
               "for o in trace dump; do for f in model/config.json linked/model.safetensors"
               "  model/tokenizer.json; do refused run model -n 1 -p q --$o $f; done;"
               "  refused run linked -n 1 -p q --$o model/config.json; done;");
}

Test(output_places, inputs_of_the_others)
{
    refuse_all(
        "refused batch model in -o in; refused batch model in --trace in;"
        "refused batch model in --trace model/config.json; refused batch model - --trace in "
        "<in; refused batch model in --files scenes --trace scenes/scene-002.jpg;"
        "refused preprocess model p.jpg scenes/scene-001.jpg --dump hard.jpg;"
        "refused preprocess model p.jpg --dump model/config.json;"
        "echo '{\"id\":1,\"prompt\":\"a\",\"images\":[\"soft.jpg\"]}' | refused batch model - "
        "--trace p.jpg; refused batch model - --trace hard.jpg </dev/null;"
        "refused tune model --workload in --page in; refused tune model --workload in -o in;"
        "refused tune model --workload in --db in; refused tune model --image p.jpg -o p.jpg;"
        "refused tune model --page model/config.json; refused tune model --workload "
        "report.html; refused tune model --seed-from trust --page trust;"
        "refused config pack in -o in; refused report --db empty --page empty;"
        "refused report --page vltune/vltune.db; refused bench norm --page vltune/vltune.db;"
        "refused compare --model model m baseline --page m;");
}

Test(output_places, outputs_of_one_command)
{
    refuse_all("refused run model -p q --trace t --dump t; refused run model -p q --trace t --dump "
               "./t; refused run model -p q --session linked/../t --trace t;"
               "refused batch model in -o t --trace t; refused tune model -o t --page t;"
               "refused tune model -o t --db t; refused tune model -o report.html;"
               "refused gate true true --format gbench --output t --baseline-output t; refused "
               "gate true true "
               "--page t -o scenes/../t;");
}

/* A link that leads nowhere is no place, by any option that writes. */
Test(output_places, links_that_lead_nowhere)
{
    test_output output = test_demo_script(
        "echo '{\"id\":1,\"prompt\":\"a\"}' >in; ln -s absent gone; ln -s loop loop; for l in gone "
        "loop; do for c in 'run D -p q --trace L' 'run D -p q --dump L' 'run D -p q --session L'"
        "  'batch D in -o L' 'preprocess D scenes/scene-000.jpg --dump L' 'tune D -o L'"
        "  'tune D --page L' 'tune D --db L' 'gate true true -o L'; do"
        "  $VLTUNE $(echo $c | sed \"s|D|$DEMO|; s|L|$l|\") >out 2>err; r=$?; rm out;"
        "  [ $r = 2 ] && grep -q 'leads nowhere' err && [ -L $l ] && [ ! -e absent ] ||"
        "  { echo \"code $r: $c\"; cat err; }; done; done");
    cr_expect_str_eq(output.out, "", "%s%s", output.out, output.err);
    test_output_release(&output);
}

/* Devices take what they are given; what another run wrote may be written again. */
Test(output_places, what_is_no_loss_is_allowed)
{
    test_output output = test_demo_script(
        "cp -rL $DEMO model; chmod -R u+w model; r=\"$VLTUNE run model -n 1 -p q --quiet\";"
        "$r --trace /dev/null --dump /dev/null; echo code $?;"
        "$r --trace t --dump d && $r --trace t --dump d; echo code $?;"
        "$r --session model/talk && $r --session model/talk; echo code $?;"
        "echo '{\"id\":1,\"prompt\":\"a\",\"max_tokens\":1}' >in;"
        "$VLTUNE batch model in --files . -o out --quiet --trace /dev/null &&"
        "$VLTUNE batch model in --files . -o out --quiet --trace t; echo code $?");
    cr_expect(strstr(output.out, "code 0") != NULL);
    const char *at = output.out;
    int fine = 0;
    while ((at = strstr(at, "code 0\n")) != NULL) {
        fine++;
        at++;
    }
    cr_expect_eq(fine, 4, "%s%s", output.out, output.err);
    test_output_release(&output);
}
