/* `vltune tune --record` as a user runs it: a dataset that resumes, reads back and replays. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/demo.h"
#include "tuner/replay/collection.h"

TestSuite(tune_record, .init = test_demo_make, .fini = test_demo_remove, .timeout = 540);

static const json_t *first_space(const json_t *document)
{
    const json_t *spaces = json_object_get(document, "spaces");
    cr_assert_geq(json_array_size(spaces), 1);
    return json_array_get(spaces, 0);
}

/* Every setting, 32 times each; again: nothing is measured; the space replays. */
Test(tune_record, records_once)
{
    static const char command[] = "tune --record set --model '%s' --json --op sample %s";
    json_t *first = test_demo_json(command, "");
    double settings = test_demo_number(first_space(first), "settings");
    cr_expect_geq(settings, 3);
    cr_expect_eq(test_demo_number(first_space(first), "measured"), settings);
    cr_expect_eq(test_demo_number(first_space(first), "failed"), 0);
    json_t *again = test_demo_json(command, "");
    cr_expect_eq(test_demo_number(first_space(again), "known"), settings);
    cr_expect_eq(test_demo_number(first_space(again), "measured"), 0);

    vlt_collection collection;
    vlt_error err = {0};
    cr_assert_eq(vlt_collection_read("set", NULL, NULL, NULL, &collection, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(collection.count, (int)json_array_size(json_object_get(first, "spaces")));
    const vlt_recorded *space = collection.space[0];
    cr_expect_eq((double)vlt_domain_count(space->domain), settings);
    cr_expect_str_eq(space->unit, "ms");
    for (uint64_t i = 0; i < vlt_domain_count(space->domain); i++) {
        cr_expect_eq(space->record[i].run_count, 32);
    }
    vlt_collection_release(&collection);
    test_output replay = test_demo_script("$VLTUNE tune --replay set --seeds 2");
    cr_expect_eq(replay.exit_code, 0, "%s", replay.err);
    test_output_release(&replay);
    json_decref(first);
    json_decref(again);
}

/* Interrupted at any time: what was measured is there, and the same command goes on. */
Test(tune_record, goes_on_after_an_interrupt)
{
    test_output stopped = test_demo_script(
        "timeout -s INT 4 $VLTUNE tune --record set --model $DEMO --op bpe_encode --quiet --json "
        "--where 'cache <= 512 && scan >= 64'");
    /* timeout's word for its signal; a fast machine is done before */
    cr_expect(stopped.exit_code == 124 || stopped.exit_code == 0, "%d: %s", stopped.exit_code,
              stopped.err);
    test_output_release(&stopped);
    json_t *rest = test_demo_json("tune --record set --model '%s' --json --op bpe_encode %s",
                                  "--where 'cache <= 512 && scan >= 64'");
    const json_t *space = first_space(rest);
    cr_expect_eq(test_demo_number(space, "known") + test_demo_number(space, "measured"),
                 test_demo_number(space, "settings"));
    json_decref(rest);
}

static void refused(const char *rest, const char *with)
{
    test_output output = test_demo_run("tune --record set --model '%s' %s", rest);
    cr_expect_eq(output.exit_code, 2, "%s: %d", rest, output.exit_code);
    cr_expect(strstr(output.err, with), "%s: %s", rest, output.err);
    test_output_release(&output);
}

Test(tune_record, refuses)
{
    refused("--op sample --where 'nosuch > 1'", "'nosuch'");
    refused("--op sample --where \"variant == 'none'\"", "no setting");
    refused("--op pipeline", "pipeline");
    refused("--replay set", "--replay");
    refused("--op sample --where 'threads <= 2' --where 'threads <= 1'",
            "--where is given 2 times");
    test_output output = test_demo_script("$VLTUNE tune --record set");
    cr_expect_eq(output.exit_code, 2);
    cr_expect(strstr(output.err, "--model"));
    test_output_release(&output);
    output = test_demo_script("$VLTUNE tune $DEMO --record set --model $DEMO");
    cr_expect_eq(output.exit_code, 2);
    test_output_release(&output);
    output = test_demo_run("tune --record set --model '%s' %s", "--op sample --settings 1000000");
    cr_expect_eq(output.exit_code, 5, "%d %s", output.exit_code, output.err);
    test_output_release(&output);
}

/* One problem that is named, without a model; under a mask it is another machine. */
Test(tune_record, a_named_problem)
{
    test_output output = test_demo_script(
        "$VLTUNE tune --record set --isa base --quiet >/dev/null --problem "
        "attention@q_rows=4,kv_rows=16,heads=2,kv_heads=2,head=8,causal=0,kv=3 && ls set/*");
    cr_expect_eq(output.exit_code, 0, "%s", output.err);
    cr_expect(strstr(output.out, "t-base_T4.json.gz") && strstr(output.out, "T1.json"), "%s",
              output.out);
    test_output_release(&output);
    static const char *const table[][2] = {{"norm/avx2@rows=4", "OP[@DIM=N"},
                                           {"nrom@rows=4", "'norm'"},
                                           {"norm@rowz=4", "rowz"},
                                           {"norm@rows=4,width=8,rows=5", "given twice"},
                                           {"norm --model $DEMO", "--model"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char script[256];
        snprintf(script, sizeof script, "$VLTUNE tune --record set --problem %s", table[i][0]);
        output = test_demo_script(script);
        cr_expect_eq(output.exit_code, 2, "%s: %d", table[i][0], output.exit_code);
        cr_expect(strstr(output.err, table[i][1]), "%s: %s", table[i][0], output.err);
        test_output_release(&output);
    }
}

/* Two that record into one file: the second is refused with the process that has it, and nothing
 * that the first measures is lost. */
Test(tune_record, one_at_a_time)
{
    test_output output = test_demo_script(
        "record() { $VLTUNE tune --record set --model $DEMO --op bpe_encode --quiet --where "
        "'cache <= 512 && scan >= 64' \"$@\"; }\n"
        "record >/dev/null & first=$!\n"
        "for try in $(seq 100); do ls set/*/.*lock >/dev/null 2>&1 && break; sleep 0.1; done\n"
        "record; echo second $?; kill -INT $(pgrep -P $first) 2>/dev/null; wait $first\n"
        "ls -A set/* | grep lock; $VLTUNE tune --replay set --seeds 2 >/dev/null; echo $?");
    cr_expect(strstr(output.out, "second 2"), "%s\n%s", output.out, output.err);
    cr_expect(strstr(output.err, "_T4.json.gz") && strstr(output.err, "process"), "%s", output.err);
    cr_expect_null(strstr(output.out, "lock"), "%s", output.out);
    test_output_release(&output);
}

/* A file of another machine, or of something else, is left alone. */
Test(tune_record, keeps_what_is_not_its_own)
{
    static const char command[] = "tune --record set --model '%s' --json --op sample %s";
    json_decref(test_demo_json(command, ""));
    test_output output = test_demo_script(
        "f=$(ls set/*/*_T4.json.gz | head -n 1); zcat $f | sed 's/\"fingerprint\": \"[0-9a-f]*\"/"
        "\"fingerprint\": \"other\"/' | gzip >x && mv x $f; sha256sum $f; $VLTUNE tune --record "
        "set "
        "--model $DEMO --op sample; echo $?; sha256sum $f");
    cr_expect(strstr(output.err, "'other'") && strstr(output.out, "\n2\n"), "%s %s", output.out,
              output.err);
    cr_expect(!strncmp(output.out, strstr(output.out, "\n2\n") + 3, 64));
    test_output_release(&output);
}

/* A damaged file of the parameters is named before anything is measured. */
Test(tune_record, the_parameters_beside)
{
    static const char narrow[] =
        "$VLTUNE tune --record set --isa base --quiet >/dev/null --problem "
        "attention@q_rows=4,kv_rows=16,heads=2,kv_heads=2,head=8,causal=0,kv=3";
    test_output output = test_demo_script(narrow);
    cr_expect_eq(output.exit_code, 0, "%s", output.err);
    test_output_release(&output);
    output = test_demo_script(
        "for f in set/*/T1.json; do echo '{bad' >$f; done; $VLTUNE tune --record set --isa base "
        "--problem "
        "attention@q_rows=4,kv_rows=16,heads=2,kv_heads=2,head=8,causal=0,kv=3");
    cr_expect_eq(output.exit_code, 2, "%d", output.exit_code);
    cr_expect(strstr(output.err, "T1.json"), "%s", output.err);
    test_output_release(&output);
}
