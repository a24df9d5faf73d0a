/* Threads that stay where they were put. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <sched.h>
#include <stdlib.h>

#include "harness/infer/vltune.h"
#include "tests/support/data.h"

/* Threads of this process that may run on one CPU alone, and on which. */
static int bound_threads(cpu_set_t *where)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    cr_assert_not_null(tasks);
    CPU_ZERO(where);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        cpu_set_t own;
        int id = atoi(task->d_name);
        if (id > 0 && sched_getaffinity(id, sizeof own, &own) == 0 && CPU_COUNT(&own) == 1) {
            CPU_OR(where, where, &own);
            count++;
        }
    }
    closedir(tasks);
    return count;
}

Test(pin, threads_stay_on_cores_of_their_own)
{
    cpu_set_t usable, where;
    cr_assert_eq(sched_getaffinity(0, sizeof usable, &usable), 0);
    if (CPU_COUNT(&usable) < 2) {
        test_skip("one CPU: every thread is bound");
        return;
    }
    /* as the option says, else as tuned: a forced knob is chosen as a tuned one is */
    static const char *const tuned[] = {"pipeline=overlapped:pin=1"};
    static const struct {
        bool pin, no_pin, tuned, bound;
    } cases[] = {{false, false, false, false},
                 {true, false, false, true},
                 {false, false, true, true},
                 {false, true, true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int pin = cases[i].bound;
        const vlt_engine_options options = {.threads = 2,
                                            .pin = cases[i].pin,
                                            .no_pin = cases[i].no_pin,
                                            .force = tuned,
                                            .force_count = cases[i].tuned,
                                            .no_config = true};
        vlt_engine *engine = NULL;
        vlt_error err = {0};
        cr_assert_eq(
            vlt_engine_open(test_source("harness/model/demo/checkpoint"), &options, &engine, &err),
            VLT_OK, "%s", err.message);
        cr_expect_eq(bound_threads(&where), pin, "the caller's thread is left alone");
        cr_expect_eq(CPU_COUNT(&where), pin);
        vlt_engine_close(engine);
    }
}
