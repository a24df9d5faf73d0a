/* Threads that stay where they were put. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/vltune.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/folder.h"
#include "tests/support/image_files.h"

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
        vlt_engine *engine = test_demo_engine(&options);
        cr_expect_eq(bound_threads(&where), pin, "the caller's thread is left alone");
        cr_expect_eq(CPU_COUNT(&where), pin);
        vlt_engine_close(engine);
    }
}

struct seen {
    cpu_set_t set;
    int count;
};

/* In the middle of computing. */
static bool look(void *user, const char *phase, int64_t done, int64_t total)
{
    struct seen *seen = user;
    (void)done, (void)total;
    if (!strcmp(phase, "vision")) {
        cr_assert_eq(sched_getaffinity(0, sizeof seen->set, &seen->set), 0);
        seen->count++;
    }
    return true;
}

/* The caller is one of the threads while it computes, on a core where no other one is, and then
 * goes again where it went before. */
Test(pin, the_caller_has_its_core_while_it_computes, .init = test_folder_make,
     .fini = test_folder_remove)
{
    cpu_set_t before, after, where, both;
    cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
    if (CPU_COUNT(&before) < 2) {
        test_skip("one CPU: every thread is bound");
        return;
    }
    test_png_one_colour(test_folder_path("a.png"), 64, 64, 1);
    const char *image = test_folder_path("a.png");
    for (int pin = 0; pin < 2; pin++) {
        const vlt_engine_options options = {.threads = 2, .pin = pin, .no_config = true};
        struct seen seen = {.count = 0};
        const vlt_request request = {.prompt = "a",
                                     .images = &image,
                                     .image_count = 1,
                                     .max_tokens = 3,
                                     .greedy = true,
                                     .on_progress = look,
                                     .user = &seen};
        vlt_engine *engine = test_demo_engine(&options);
        vlt_session *session = NULL;
        vlt_response response = {0};
        vlt_error err = {0};
        cr_assert_eq(vlt_session_open(engine, NULL, &session, &err), VLT_OK);
        cr_assert_eq(vlt_session_run(session, &request, &response, &err), VLT_OK, "%s",
                     err.message);
        cr_assert_gt(seen.count, 0);
        cr_expect_eq(sched_getaffinity(0, sizeof after, &after), 0);
        cr_expect(CPU_EQUAL(&before, &after), "it goes where it went");
        cr_expect_eq(CPU_COUNT(&seen.set), pin ? 1 : CPU_COUNT(&before));
        if (pin) { /* others may be kept off a CPU that is taken (core/threads.h) */
            cr_expect_eq(bound_threads(&where), 1, "the other one");
            CPU_AND(&both, &seen.set, &where);
            cr_expect_eq(CPU_COUNT(&both), 0, "each has its own");
        }
        vlt_response_release(&response);
        vlt_session_close(session);
        vlt_engine_close(engine);
    }
}
