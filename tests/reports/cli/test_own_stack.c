/* However little stack a shell leaves, the program has room, or says why not. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "optimizations/core/compiler.h"
#include "reports/cli/own_stack.h"
#include "tests/support/demo.h"

enum { MB = 1 << 20 };

static void *deep(void *argument)
{
    volatile char room[4 * MB];
    for (size_t i = 0; i < sizeof room; i += 1024) {
        room[i] = (char)i;
    }
    return room[1024] == 0 ? argument : NULL;
}

/* This thread and one that it starts use half of what is promised. */
static int body(int argc, char **argv)
{
    pthread_t thread;
    void *result = NULL;
    (void)argv;
    if (!deep(&argc) || pthread_create(&thread, NULL, deep, &argc) ||
        pthread_join(thread, &result) || !result) {
        return 1;
    }
    return argc;
}

/* In a process of its own, where the limit stays. mortal: who may not raise it. */
static int in_child(rlim_t soft, rlim_t hard, bool mortal)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {soft, hard};
        _exit((mortal && geteuid() == 0 && setuid(65534)) || setrlimit(RLIMIT_STACK, &limit)
                  ? 99
                  : vlt_on_own_stack(body, 42, NULL));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Test(own_stack, there_is_room_whatever_the_limit_is)
{
    if (VLT_ASAN) {
        return; /* its stacks are its own */
    }
    cr_expect_eq(in_child(64 << 10, 64 << 10, true), 42, "in a thread");
    cr_expect_eq(in_child(200 << 10, 64 * MB, true), 42, "raised");
    if (geteuid() == 0) {
        cr_expect_eq(in_child(200 << 10, 200 << 10, false), 42, "raised by root");
    }
    cr_expect_eq(in_child(8 * MB, 8 * MB, true), 42, "as it is");
}

Test(own_stack, commands_run_below_small_limits, .init = test_demo_make, .fini = test_demo_remove)
{
    test_output output = test_demo_script(
        "echo '{\"prompt\":\"a\",\"max_tokens\":2}' >in; for s in 64 200 1000; do (ulimit -s $s;"
        "$VLTUNE run $DEMO --prompt a -n 2 --greedy --image scenes/scene-000.jpg --json | grep -c "
        "finish;"
        "$VLTUNE batch $DEMO in --parallel 4 | grep -c finish; $VLTUNE list >/dev/null; echo $?); "
        "done");
    cr_expect_str_eq(output.out, "1\n1\n0\n1\n1\n0\n1\n1\n0\n", "%s%s", output.out, output.err);
    test_output_release(&output);
}
