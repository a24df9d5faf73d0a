/* Pipes and full disks: who has gone, what never comes, what cannot be written. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/demo.h"
#include "tests/support/folder.h"

TestSuite(run_pipes, .init = test_demo_make, .fini = test_demo_remove);

static void prints(const char *script, const char *out, const char *err)
{
    if (strstr(script, "--config")) {
        unsetenv("VLTUNE_NO_CONFIG");
    } else {
        setenv("VLTUNE_NO_CONFIG", "1", 1); /* else run says that it found none */
    }
    test_output output = test_demo_script(script);
    cr_expect_str_eq(output.out, out, "%s: %s", script, output.err);
    cr_expect(err ? strstr(output.err, err) != NULL : output.err[0] == '\0', "%s: %s", script,
              output.err);
    test_output_release(&output);
}

/* The reader goes before the first word, in the middle of the words, and after one line. */
Test(run_pipes, a_reader_that_has_gone_is_told_by_the_exit_code)
{
    static const char *const commands[][2] = {
        {"run $DEMO --prompt a --ignore-eos -n 400", "head -c 1 >/dev/null"},
        {"run $DEMO --prompt a --ignore-eos -n 400", "true"},
        {"run $DEMO --prompt a --ignore-eos -n 400 --json", "true"},
        {"batch $DEMO lines", "head -n 1 >/dev/null"},
        {"tokenize $DEMO <texts", "head -n 1 >/dev/null"},
        {"preprocess $DEMO --json scenes/scene-00*.jpg", "true"},
        {"model check $DEMO", "true"},
        {"list --json", "true"},
        {"--help", "true"},
        {"man", "true"},
    };
    test_output output = test_demo_script(
        "for i in $(seq 300); do echo "
        "\"{\\\"id\\\":$i,\\\"prompt\\\":\\\"a\\\",\\\"max_tokens\\\":1}\";"
        "done >lines; yes '{\"text\":\"some words to tokenize\"}' | head -n 20000 >texts");
    test_output_release(&output);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char script[512];
        snprintf(script, sizeof script,
                 "exec 3>&1; { sleep 0.3; $VLTUNE %s; echo code $? >&3; } | { %s; }; exec 3>&-",
                 commands[i][0], commands[i][1]);
        prints(script, "code 2\n", NULL);
    }
}

/* Of texts of any length: where the last write has nothing left to do, too. */
Test(run_pipes, what_was_lost_before_the_end_is_told)
{
    prints(
        "for c in man completion list 'list --json' --help 'help run' 'help tune' probe; do "
        "$VLTUNE $c >/dev/full 2>err; [ $? = 2 ] && grep -q 'No space left\\|not all of it' err || "
        "{ echo \"$c\"; cat err; }; done",
        "", NULL);
}

/* What went wrong beside the closed pipe is still said. */
Test(run_pipes, other_troubles_keep_their_code)
{
    prints("exec 3>&1; { sleep 0.2; $VLTUNE run $DEMO --prompt a --image absent.jpg; echo code $? "
           ">&3; } | true",
           "code 2\n", "absent.jpg");
}

Test(run_pipes, a_full_disk_is_named_and_is_no_interruption)
{
    prints("$VLTUNE run $DEMO --prompt a --ignore-eos -n 40 >/dev/full; echo code $?", "code 2\n",
           "standard output: No space left on device");
    prints("$VLTUNE run $DEMO --prompt a -n 4 --json >/dev/full; echo code $?", "code 2\n",
           "No space left on device");
    prints("echo '{\"prompt\":\"a\",\"max_tokens\":1}' >in; $VLTUNE batch $DEMO in >/dev/full;"
           "echo code $?",
           "code 2\n", "standard output: writing JSON: No space left on device");
    prints("$VLTUNE batch $DEMO in -o /dev/full; echo code $?", "code 2\n",
           "/dev/full: writing JSON: No space left on device");
    prints("$VLTUNE --help >/dev/full; echo code $?", "code 2\n", "standard output: No space left");
}

/* Else the first file opened would be standard output, and be written over. */
Test(run_pipes, closed_standard_files_are_nobodys)
{
    prints("$VLTUNE run $DEMO --session s --prompt a -n 2 >/dev/null; cp s kept;"
           "$VLTUNE run $DEMO --session s --prompt b -n 2 >&- 2>&-; echo code $?;"
           "$VLTUNE run $DEMO --session s --prompt c -n 2 >/dev/null; echo code $?",
           "code 2\ncode 0\n", NULL);
}

/* Nobody writes into these pipes: SIGTERM must end the wait wherever it is. */
Test(run_pipes, a_signal_ends_a_read_that_waits)
{
    static const char *const commands[] = {
        "run $DEMO --messages pipe",
        "run $DEMO --prompt a --tools pipe",
        "run $DEMO --prompt a --image pipe",
        "batch $DEMO pipe",
        "batch $DEMO - <&3",
        "batch $DEMO with-pipe",
        "preprocess $DEMO scenes/scene-000.jpg pipe",
        "model eval $DEMO pipe",
        "tokenize $DEMO <&3",
        "run $DEMO --prompt a --config pipe",
        "config show pipe",
        "run piped --prompt a",
    };
    test_output output = test_demo_script(
        "mkfifo pipe; cp -r $DEMO piped; rm -f piped/config.json; ln -s ../pipe piped/config.json; "
        "echo '{\"prompt\":\"a\",\"images\":[\"pipe\"]}' >with-pipe");
    test_output_release(&output);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char script[512];
        snprintf(script, sizeof script,
                 "exec 3<>pipe; timeout --preserve-status -k 20 -s TERM 0.7 $VLTUNE %s >/dev/null "
                 "2>said; echo code $?; exec 3>&-; grep -c interrupted said",
                 commands[i]);
        prints(script, "code 130\n1\n", NULL);
    }
    /* A pipe that was never opened by a writer, and a batch that goes on from there. */
    prints("timeout --preserve-status -k 20 -s TERM 0.7 $VLTUNE run $DEMO --messages pipe; "
           "echo code $?",
           "code 130\n", "pipe: interrupted");
    prints(
        "exec 3<>pipe; { echo '{\"id\":7,\"prompt\":\"a\",\"max_tokens\":1}'; sleep 3; } | timeout "
        "--preserve-status -k 20 -s INT 1.5 $VLTUNE batch $DEMO - -o out; echo code $?",
        "code 75\n", "interrupted after 1 answers");
    cr_expect_eq(test_demo_count_lines("out", "\"id\": 7"), 1);
}

/* What a pipe brings late is waited for. */
Test(run_pipes, slow_writers_are_waited_for)
{
    prints("{ sleep 0.3; printf '[{\"role\":\"user\",'; sleep 0.3; echo '\"content\":\"a\"}]'; } | "
           "$VLTUNE run $DEMO --messages /dev/stdin -n 1 --json | grep -c '\"finish\"'",
           "1\n", NULL);
    prints("{ for i in 1 2 3; do echo '{\"prompt\":\"a\",\"max_tokens\":1}'; sleep 0.2; done; } | "
           "$VLTUNE batch $DEMO - | wc -l",
           "3\n", NULL);
    /* A continued output reads as many lines of a pipe as it has answers. */
    prints(
        "for i in 1 2 3; do echo \"{\\\"id\\\":$i,\\\"prompt\\\":\\\"a\\\",\\\"max_tokens\\\":1}\";"
        "done >in; head -n 2 in >first; $VLTUNE batch $DEMO first -o out; cat in | $VLTUNE batch "
        "$DEMO - -o out 2>/dev/null; grep -o '\"id\": [0-9]' out",
        "\"id\": 1\n\"id\": 2\n\"id\": 3\n", NULL);
    prints("$VLTUNE batch $DEMO scenes; echo code $?", "code 2\n", "scenes: Is a directory");
}

/* A session is read, kept and replaced: what cannot be that is refused, and nobody waits. */
Test(run_pipes, a_session_is_a_regular_file)
{
    prints("mkfifo pipe; timeout 20 $VLTUNE run $DEMO --session pipe --prompt a -n 2; echo code $?",
           "code 2\n", "pipe: a pipe, expected a session in a regular file");
    prints("timeout 20 $VLTUNE run $DEMO --session /dev/null --prompt a -n 2; echo code $?",
           "code 2\n", "/dev/null: a device, expected a session in a regular file");
}
