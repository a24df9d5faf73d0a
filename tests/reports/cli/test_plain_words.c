/* What people are told is what is so: no inner names, no writing where is only reading. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/data.h"
#include "tests/support/demo.h"

TestSuite(plain_words, .init = test_demo_make, .fini = test_demo_remove);

Test(plain_words, who_only_reads_a_database_does_not_speak_of_writing)
{
    test_output output = test_demo_script(
        "mkdir folder; for c in explain report; do for d in nofolder/x.db nofile folder ''; do"
        "  $VLTUNE $c --db \"$d\" 2>err; [ $? = 2 ] || echo code; [ -s err ] || echo silent;"
        "  grep -E 'writ' err; done; done; [ -e nofile ] && echo made");
    cr_expect_str_eq(output.out, "", "%s", output.out);
    test_output_release(&output);
}

/* SQLite tells of several pages in one text. */
Test(plain_words, problems_of_a_database_are_lines)
{
    test_output output = test_demo_script(
        "$VLTUNE tune $DEMO --budget 1ms --db x.db -o x.toml --no-page 2>/dev/null;"
        "size=$(stat -c %s x.db); for at in 2 3 4 5 6; do head -c 4096 /dev/zero | tr '\\0' 'x' |"
        "  dd of=x.db bs=4096 seek=$at conv=notrunc status=none; done;"
        "$VLTUNE db check x.db >out; echo code $?; [ $(wc -l <out) -gt 2 ] || cat out;"
        "grep -F '\\n' out");
    cr_expect_str_eq(output.out, "code 2\n", "%s%s", output.out, output.err);
    test_output_release(&output);
}

/* Which step meets the end of so short a budget depends on the machine. */
Test(plain_words, inner_commands_are_not_named)
{
    test_output output = test_demo_script("$VLTUNE tune $DEMO --budget 1ms --db x.db -o x.toml "
                                          "--no-page; echo code $?");
    cr_expect_str_eq(output.out, "code 5\n");
    cr_expect(strstr(output.err, "budget"), "%s", output.err);
    cr_expect_not(strstr(output.err, "_whole"), "%s", output.err);
    test_output_release(&output);
}

/* Not by the byte at which a parser missed something. */
Test(plain_words, empty_files_are_called_empty)
{
    test_output output = test_demo_script(
        ": >e.json; : >e.toml; : >e.jpg; : >e.db; : >session; mkdir spaces; : >spaces/x.json;"
        "t() { $VLTUNE \"$@\" >/dev/null 2>err; c=$?; [ $c = 2 ] && grep -q 'empty' err || "
        "{ echo \"$* $c\"; cat err; }; };"
        "t run $DEMO --messages e.json; t run $DEMO --prompt a --image e.jpg;"
        "t run $DEMO --prompt a --config e.toml; t run $DEMO --prompt a --session session;"
        "t config show e.toml; t config validate e.toml; t tune $DEMO --seed-from e.toml;"
        "t report --db e.db; t db check e.db; t tune --replay spaces;"
        "t bench norm --shape decode --variant baseline --launches 1 --page p.html --trust e.json;"
        "for f in config tokenizer preprocessor_config generation_config; do rm -rf m; mkdir m;"
        "  ln -s $DEMO/* m; rm m/$f.json; : >m/$f.json; t run m --prompt a -n 1; done");
    cr_expect_str_eq(output.out, "", "%s", output.out);
    test_output_release(&output);
}

Test(plain_words, what_is_missing_is_named)
{
    test_output output = test_demo_script(
        "for s in 'baseline default' 'default baseline' 'default default'; do"
        " $VLTUNE compare $s 2>err; [ $? = 2 ] && grep -q 'needs --model DIR' err || cat err; "
        "done");
    cr_expect_str_eq(output.out, "", "%s", output.out);
    test_output_release(&output);
}

Test(plain_words, doctor_and_probe_name_one_hwloc)
{
    test_output output = test_demo_script(
        "$VLTUNE doctor | grep -o 'hwloc [0-9.]*[0-9]' | sort -u >a;"
        "$VLTUNE probe --json | grep -o 'hwloc [0-9.]*[0-9]' | sort -u >b; cmp a b; wc -l <a");
    cr_expect_str_eq(output.out, "1\n", "%s", output.out);
    test_output_release(&output);
}

/* As messages, which are JSON, are refused. */
Test(plain_words, words_for_the_model_are_characters)
{
    test_output output = test_demo_script(
        "bad=$(printf 'a\\377b'); half=$(printf 'a\\342\\202'); for w in \"$bad\" \"$half\"; do"
        " $VLTUNE run $DEMO -n 1 --prompt \"$w\" >out; echo $?;"
        " $VLTUNE run $DEMO -n 1 --prompt a --system \"$w\" >out; echo $?;"
        " $VLTUNE tune $DEMO --prompt \"$w\" >out; echo $?; done;"
        "$VLTUNE run $DEMO -n 1 --prompt \"$(printf '\\342\\202\\254')\" >out; echo $?");
    cr_expect_str_eq(output.out, "2\n2\n2\n2\n2\n2\n0\n", "%s%s", output.out, output.err);
    cr_expect(strstr(output.err, "option '--prompt': 'a\\xFFb', expected UTF-8 text"), "%s",
              output.err);
    test_output_release(&output);
}

/* Options that would do nothing are refused, by what they need. */
Test(plain_words, options_that_would_do_nothing)
{
    test_output output = test_demo_script(
        "says() { want=$1; shift; timeout 60 $VLTUNE \"$@\" >out 2>err; r=$?;"
        "  [ $r = 2 ] && grep -q -e \"$want\" err || { echo \"code $r: $*\"; cat err; }; };"
        "says \"without '--json'\" run $DEMO --prompt a -n 1 --logprobs 2;"
        "says \"without '--quality'\" tune $DEMO --max-kl 0.1;"
        "says \"without '--quality'\" model eval $DEMO scenes/scenes.jsonl --head-alone;"
        "for f in text json junit markdown; do"
        "  for o in --medians --baseline-output=other; do"
        "    says \"without '--format gbench'\" gate $o --format $f --what norm;"
        "    says \"without '--format'\" gate $o --what norm; done; done;"
        "says \"'--what' does nothing\" gate norm/baseline norm/avx2 --what linear;"
        "says \"'--what' does nothing\" gate baseline norm/baseline --what norm;"
        "$VLTUNE run $DEMO --prompt a -n 1 --logprobs 2 --json >out && grep -q logprobs out ||"
        " echo none; VLTUNE_LOGPROBS=2 $VLTUNE run $DEMO --prompt a -n 1 >out || echo refused;"
        "echo '{\"id\":1,\"prompt\":\"a\",\"max_tokens\":1}' | $VLTUNE batch $DEMO - --logprobs 2 "
        ">out"
        " && grep -q logprobs out || echo none");
    cr_expect_str_eq(output.out, "", "%s", output.out);
    test_output_release(&output);
}
