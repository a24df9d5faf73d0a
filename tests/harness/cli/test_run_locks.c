/* Two commands on one file: no turn and no answer is lost. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/demo.h"
#include "tests/support/folder.h"

TestSuite(run_locks, .init = test_demo_make, .fini = test_demo_remove);

Test(run_locks, runs_on_one_session_take_turns)
{
    enum { RUNS = 4 };
    test_output output = test_demo_script(
        "for i in 1 2 3 4; do $VLTUNE run $DEMO --session s --prompt \"turn$i\" -n 4 & done; wait; "
        "grep -ao 'turn[1-4]' s | sort -u | wc -l");
    char *last = strrchr(output.out, '\n');
    cr_assert(last && last > output.out);
    *last = '\0';
    last = strrchr(output.out, '\n');
    cr_expect_str_eq(last ? last + 1 : output.out, "4", "%s%s", output.out, output.err);
    cr_expect_eq(test_folder_entries(), 2, "no lock is left behind");
    test_output_release(&output);
}

/* The first one is stopped in the middle, its lock in hand. */
Test(run_locks, a_session_that_is_taken_is_waited_for_until_the_interrupt)
{
    test_output output = test_demo_script(
        "$VLTUNE run $DEMO --session s --prompt a --ignore-eos -n 100000 >/dev/null 2>&1 & "
        "first=$!;"
        "while [ ! -s .s.vltune-lock ]; do sleep 0.05; done; kill -STOP $first;"
        "timeout -s INT 1 $VLTUNE run $DEMO --session s --prompt b; echo code $?;"
        "kill -KILL $first; wait $first; $VLTUNE run $DEMO --session s --prompt c -n 2 >/dev/null;"
        "echo code $?");
    cr_expect(strstr(output.err, "s: waiting for process "), "%s", output.err);
    cr_expect(strstr(output.out, "code 124\ncode 0\n"), "%s%s", output.out, output.err);
    cr_expect_eq(test_folder_entries(), 2);
    test_output_release(&output);
}

Test(run_locks, a_session_through_a_link_stays_a_link)
{
    test_output output = test_demo_script(
        "mkdir far; $VLTUNE run $DEMO --session far/s --prompt one -n 2 >/dev/null; ln -s far/s "
        "near;"
        "$VLTUNE run $DEMO --session near --prompt two -n 2 >/dev/null; test -L near && "
        "grep -ac 'one.*two' far/s");
    cr_expect_str_eq(output.out, "1\n", "%s", output.err);
    test_output_release(&output);
}

/* The place has no room for the session: that is an error, and the answer is there. */
Test(run_locks, an_answer_whose_session_cannot_be_written_is_told)
{
    test_output output = test_demo_script(
        "(ulimit -f 1; $VLTUNE run $DEMO --session s --prompt a -n 2 --json; echo code $?) 2>err |"
        "cat; cat err >&2");
    cr_expect(strstr(output.out, "\"text\""), "%s%s", output.out, output.err);
    cr_expect(strstr(output.out, "code 2\n"), "%s%s", output.out, output.err);
    cr_expect(strstr(output.err, "s: File too large"), "%s", output.err);
    test_output_release(&output);
}

/* The first batch waits for its input, which is a pipe that nobody writes yet. */
Test(run_locks, the_second_batch_on_an_output_is_refused_by_name)
{
    test_output output = test_demo_script(
        "mkfifo in; echo '{\"id\":1,\"prompt\":\"a\",\"max_tokens\":2}' >more;"
        "$VLTUNE batch $DEMO in -o out & first=$!; exec 3>in; sleep 0.5;"
        "$VLTUNE batch $DEMO more -o ./out; echo code $?; cat more >&3; exec 3>&-; wait $first;"
        "echo code $?; $VLTUNE batch $DEMO more -o out; echo code $?");
    cr_expect_str_eq(output.out, "code 2\ncode 0\ncode 0\n", "%s", output.err);
    cr_expect(strstr(output.err, "./out: another process is writing it"), "%s", output.err);
    cr_expect_eq(test_demo_count_lines("out", "\"text\""), 1);
    test_output_release(&output);
}

Test(run_locks, an_output_that_is_the_input_or_no_file)
{
    test_output output = test_demo_script(
        "echo '{\"id\":1,\"prompt\":\"a\",\"max_tokens\":2}' >in; ln in same;"
        "$VLTUNE batch $DEMO in -o same; echo code $?; cmp in same && cat in | wc -l;"
        "$VLTUNE batch $DEMO in -o /dev/stdout | grep -c text; $VLTUNE batch $DEMO in -o /dev/null;"
        "echo code $?");
    cr_expect_str_eq(output.out, "code 2\n1\n1\ncode 0\n", "%s", output.err);
    cr_expect(strstr(output.err, "expected another file"), "%s", output.err);
    test_output_release(&output);
}

/* Its tail is no beginning of an answer; one that is, is written again, and nothing is skipped. */
Test(run_locks, a_foreign_file_without_a_last_line_feed_stays)
{
    test_output output = test_demo_script(
        "for i in 1 2 3; do echo "
        "\"{\\\"id\\\":$i,\\\"prompt\\\":\\\"a\\\",\\\"max_tokens\\\":2}\"; done "
        ">in; printf 'my notes' >note; cp note was;"
        "$VLTUNE batch $DEMO in -o note; echo code $?; cmp note was;"
        "$VLTUNE batch $DEMO in -o whole --greedy && head -c -20 whole >cut &&"
        "$VLTUNE batch $DEMO - -o cut --greedy <in; echo code $?;"
        "grep -o '\"id\": [0-9]*, \"text' cut");
    cr_expect_str_eq(output.out,
                     "code 2\ncode 0\n\"id\": 1, \"text\n\"id\": 2, \"text\n\"id\": 3, \"text\n",
                     "%s%s", output.out, output.err);
    cr_expect(strstr(output.err, "note line 1 has no end"), "%s", output.err);
    test_output_release(&output);
}

/* A disk that is full, or a file as large as it may be: whole answers stay, the message says how to
 * go on, and that is what the same command does. */
Test(run_locks, an_output_that_is_full_is_gone_on_with)
{
    test_output output = test_demo_script(
        "for i in 1 2 3 4 5 6 7 8; do echo \"{\\\"id\\\":$i,\\\"prompt\\\":\\\"a\\\"}\"; done >in;"
        "o='-n 2 --greedy'; $VLTUNE batch $DEMO in -o whole $o;"
        "limit=$(($(head -n 4 whole | wc -c) / 512)); "
        "(ulimit -f $limit 2>/dev/null; $VLTUNE batch $DEMO in -o out $o); echo code $?;"
        "[ $(wc -l <out) -lt 8 ] && echo cut; $VLTUNE batch $DEMO in -o out $o; echo code $?;"
        "grep -o '\"id\": [0-9]' out | tr -d '\\n'");
    cr_expect_str_eq(output.out,
                     "code 2\ncut\ncode 0\n\"id\": 1\"id\": 2\"id\": 3\"id\": 4\"id\": 5"
                     "\"id\": 6\"id\": 7\"id\": 8",
                     "%s%s", output.out, output.err);
    cr_expect(strstr(output.err, "out: writing JSON: File too large, after ") &&
                  strstr(output.err, " answers; the same command goes on from there"),
              "%s", output.err);
    cr_expect(strstr(output.err, "out: goes on behind "), "%s", output.err);
    test_output_release(&output);
}

/* Where nothing is kept there is nothing to go on with. */
Test(run_locks, an_output_that_keeps_nothing_promises_nothing)
{
    test_output output = test_demo_script(
        "echo '{\"id\":1,\"prompt\":\"a\",\"max_tokens\":2}' >in;"
        "$VLTUNE batch $DEMO in -o /dev/full; echo code $?; $VLTUNE batch $DEMO in >/dev/full;"
        "echo code $?");
    cr_expect_str_eq(output.out, "code 2\ncode 2\n", "%s", output.err);
    cr_expect(strstr(output.err, "No space left on device"), "%s", output.err);
    cr_expect_not(strstr(output.err, "goes on"), "%s", output.err);
    test_output_release(&output);
}

/* Said of what it is, not by how many bytes it falls short. */
Test(run_locks, a_file_that_is_no_session_is_called_so)
{
    test_output output = test_demo_script(
        ": >s; printf VLT >short; printf '%012d' 1 >other; printf 'VLTSESS\\002' >head;"
        "for f in s short other head; do $VLTUNE run $DEMO --session $f --prompt a -n 1; echo $?;"
        "done; stat -c %s s");
    cr_expect_str_eq(output.out, "2\n2\n2\n2\n0\n", "%s", output.err);
    cr_expect(strstr(output.err, "s: the file is empty, expected a session"), "%s", output.err);
    cr_expect(strstr(output.err, "short: 3 bytes, not a session of vltune"), "%s", output.err);
    cr_expect(strstr(output.err, "other: not a session of vltune"), "%s", output.err);
    cr_expect(strstr(output.err, "head: the session ends "), "%s", output.err);
    test_output_release(&output);
}
