#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "harness/measure/child.h"

/* Runs a shell script as the child; returns the status, fills the answer. */
static vlt_status run_script(const char *body, double timeout_s, uint64_t memory_bytes,
                             vlt_child_answer *answer, vlt_error *err)
{
    char path[64], script[512];
    snprintf(path, sizeof path, "/tmp/vltune-test-child-%d.sh", (int)getpid());
    int length = snprintf(script, sizeof script, "#!/bin/sh\n%s\n", body);
    cr_assert_eq(vlt_write_file(path, script, (size_t)length, NULL), VLT_OK);
    chmod(path, 0755);
    const vlt_child_options options = {.program = path,
                                       .command = "_work",
                                       .request = "please",
                                       .request_bytes = 6,
                                       .timeout_s = timeout_s,
                                       .memory_bytes = memory_bytes,
                                       .seed = 4};
    vlt_status status = vlt_child_run(&options, answer, err);
    unlink(path);
    return status;
}

Test(child, answers_with_what_it_was_asked)
{
    vlt_child_answer answer;
    vlt_error err = {0};
    cr_assert_eq(run_script("printf '%s %s' \"$1\" \"$(cat)\"", 20, 0, &answer, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(answer.end, VLT_CHILD_ANSWERED);
    cr_assert_eq(answer.bytes, 12);
    cr_assert_eq(memcmp(answer.text, "_work please", 12), 0);
    cr_assert_gt(answer.peak_bytes, 0);
    free(answer.text);
}

Test(child, crashes_hangs_and_hogs_are_told_apart)
{
    static const struct {
        const char *body;
        double timeout_s;
        uint64_t memory_bytes;
        vlt_child_end end;
        const char *message;
    } cases[] = {
        {"kill -SEGV $$", 20, 0, VLT_CHILD_CRASHED, "signal 11"},
        {"exit 7", 20, 0, VLT_CHILD_CRASHED, "code 7"},
        {"sleep 60", 0.3, 0, VLT_CHILD_TIMEOUT, "not ready after"},
        {"x=0123456789; while :; do x=$x$x; done", 20, 64 << 20, VLT_CHILD_MEMORY, "64 MB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_child_answer answer;
        vlt_error err = {0};
        cr_assert_eq(
            run_script(cases[i].body, cases[i].timeout_s, cases[i].memory_bytes, &answer, &err),
            VLT_STATUS_STOPPED);
        cr_assert_eq(answer.end, cases[i].end, "case %zu: %s", i, err.message);
        cr_assert(strstr(err.message, cases[i].message), "%s", err.message);
        free(answer.text);
    }
}

/* The whole process group goes: a grandchild that holds the pipe open does not. */
Test(child, nothing_of_a_killed_child_is_left)
{
    vlt_child_answer answer;
    char marker[64], body[256];
    struct timespec wait = {1, 200000000};
    snprintf(marker, sizeof marker, "/tmp/vltune-test-grandchild-%d", (int)getpid());
    snprintf(body, sizeof body, "(sleep 1; touch %s) & sleep 60", marker);
    cr_assert_eq(run_script(body, 0.3, 0, &answer, NULL), VLT_STATUS_STOPPED);
    cr_assert_eq(answer.end, VLT_CHILD_TIMEOUT);
    free(answer.text);
    nanosleep(&wait, NULL);
    cr_assert_neq(access(marker, F_OK), 0);
    unlink(marker);
}
