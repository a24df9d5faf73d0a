/* A race of settings, with variants that crash, hang, lie and eat: each costs its own trial. */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/json/json_make.h"
#include "harness/measure/launch_internal.h"
#include "harness/measure/race_internal.h"
#include "optimizations/core/compiler.h"
#include "optimizations/norm/norm.h"
#include "tests/support/data.h"
#include "tests/support/run_program.h"

enum { ROWS = 37, WIDTH = 64 };

static vlt_status honest(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    return vlt_registry_variant(&vlt_op_norm, 0)->run(plan, frame, args, err);
}

static float *output_of(const void *args)
{
    return ((const vlt_norm_args *)args)->out;
}

static vlt_status crashes(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    raise(SIGABRT); /* a sanitizer talks of SIGSEGV, and says its name */
    return honest(plan, frame, args, err);
}

static vlt_status hangs(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    pause();
    return honest(plan, frame, args, err);
}

static vlt_status last_wrong(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    vlt_status status = honest(plan, frame, args, err);
    int64_t rows = ((const vlt_norm_args *)args)->rows;
    output_of(args)[rows * plan->problem.dim[1] - 1] += 0.1F;
    return status;
}

static vlt_status first_wrong(const vlt_plan *plan, vlt_frame frame, const void *args,
                              vlt_error *err)
{
    vlt_status status = honest(plan, frame, args, err);
    output_of(args)[0] += 0.1F;
    return status;
}

static vlt_status nan_inside(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    vlt_status status = honest(plan, frame, args, err);
    output_of(args)[1] = NAN;
    return status;
}

static vlt_status beyond(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    vlt_status status = honest(plan, frame, args, err);
    int64_t rows = ((const vlt_norm_args *)args)->rows;
    ((char *)(output_of(args) + rows * plan->problem.dim[1]))[0] = 1;
    return status;
}

static vlt_status eats(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    for (int i = 0; i < 64; i++) {
        char *block = malloc(64 << 20);
        if (block) {
            memset(block, i + 1, 64 << 20);
        }
        struct timespec pause_now = {0, 10000000};
        nanosleep(&pause_now, NULL);
    }
    return honest(plan, frame, args, err);
}

static vlt_status forks(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    for (int i = 0; i < 8; i++) {
        if (fork() == 0) {
            setsid(); /* out of the process group */
            for (;;) {
                pause();
            }
        }
    }
    return honest(plan, frame, args, err);
}

static vlt_status lies(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    frame.base[plan->scratch_bytes + 8] = 1; /* more than it asked for */
    return honest(plan, frame, args, err);
}

static size_t little(const vlt_plan *plan)
{
    (void)plan;
    return 64;
}

static vlt_status spoils(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    vlt_status status = honest(plan, frame, args, err);
    ((float *)(uintptr_t)((const vlt_norm_args *)args)->x)[3] = 5;
    return status;
}

/* As one that looks at the clock or at memory it never wrote, but certain: no two calls agree. */
static vlt_status wavers(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    static int calls;
    vlt_status status = honest(plan, frame, args, err);
    output_of(args)[2] *= 1 + 1e-6F * (float)(calls++ % 7);
    return status;
}

static vlt_status deadlocks(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&mutex);
    return honest(plan, frame, args, err);
}

static vlt_status leaks(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    enum { LEAK = 128 << 10, PAGE = 4096 };
    volatile char *block = malloc(LEAK);
    for (int i = 0; block && i < LEAK; i += PAGE) {
        block[i] = 1;
    }
    return honest(plan, frame, args, err);
}

static vlt_status crawls(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    struct timespec pause_now = {0, 30000000};
    nanosleep(&pause_now, NULL);
    return honest(plan, frame, args, err);
}

static const vlt_variant planted[] = {
    {.op = "norm", .name = "honest", .run = honest},
    {.op = "norm", .name = "crashes", .run = crashes},
    {.op = "norm", .name = "hangs", .run = hangs},
    {.op = "norm", .name = "last_wrong", .run = last_wrong},
    {.op = "norm", .name = "first_wrong", .run = first_wrong},
    {.op = "norm", .name = "nan_inside", .run = nan_inside},
    {.op = "norm", .name = "beyond", .run = beyond},
    {.op = "norm", .name = "eats", .run = eats},
    {.op = "norm", .name = "forks", .run = forks},
    {.op = "norm", .name = "lies", .scratch = little, .run = lies},
    {.op = "norm", .name = "spoils", .run = spoils},
    {.op = "norm", .name = "wavers", .run = wavers},
    {.op = "norm", .name = "deadlocks", .run = deadlocks},
    {.op = "norm", .name = "leaks", .run = leaks},
    {.op = "norm", .name = "crawls", .run = crawls},
};

static const vlt_variant *find(const vlt_op *op, const char *name)
{
    for (size_t i = 0; i < sizeof planted / sizeof *planted; i++) {
        if (!strcmp(planted[i].name, name)) {
            return &planted[i];
        }
    }
    return vlt_registry_find_variant(op, name);
}

/* A worker that knows the planted variants, in a child of this process. */
struct worker {
    pid_t child;
    FILE *to, *from;
};

static struct worker start(void)
{
    int fd[2];
    struct worker worker;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    worker.child = fork();
    if (worker.child == 0) {
        close(fd[0]);
        _exit((int)vlt_race_serve_with(fdopen(fd[1], "r"), fdopen(dup(fd[1]), "w"), find, NULL));
    }
    close(fd[1]);
    worker.to = fdopen(fd[0], "w");
    worker.from = fdopen(dup(fd[0]), "r");
    return worker;
}

static json_t *ask(const struct worker *worker, json_t *request)
{
    char *line = NULL;
    size_t capacity = 0;
    json_t *answer = NULL;
    cr_assert_eq(vlt_json_print(request, true, worker->to, NULL), VLT_OK);
    fflush(worker->to);
    json_decref(request);
    ssize_t got = getline(&line, &capacity, worker->from);
    cr_assert_gt(got, 0, "the worker has ended");
    cr_assert_eq(vlt_json_parse(line, (size_t)got, "answer", &answer, NULL), VLT_OK);
    free(line);
    return answer;
}

static void begin_with(const struct worker *worker, double oracle_s)
{
    char problem[64];
    snprintf(problem, sizeof problem, "norm@rows=%d,width=%d,kind=0", ROWS, WIDTH);
    json_t *answer = ask(worker,
                         vlt_json_make("{s:s, s:i, s:i, s:i, s:f, s:I}", "problem", problem, "seed",
                                       1, "data_seed", 2, "threads", 1, "oracle_s", oracle_s,
                                       "memory_bytes", (json_int_t)(VLT_ASAN ? 0 : 192 << 20)));
    cr_assert_str_eq(json_string_value(json_object_get(answer, "status")), "OK");
    json_decref(answer);
}

static void begin(const struct worker *worker)
{
    begin_with(worker, 1);
}

static json_t *trial(const struct worker *worker, const char *variant)
{
    char setting[64];
    /* one that hangs is waited for to the end; the others may have a busy machine to work on */
    double timeout_s = strcmp(variant, "hangs") && strcmp(variant, "deadlocks") ? 30.0 : 1.0;
    snprintf(setting, sizeof setting, "norm/%s", variant);
    return ask(worker,
               vlt_json_make("{s:{s:s, s:n}, s:{s:s, s:n}, s:i, s:i, s:i, s:f, s:f, s:b, "
                             "s:b, s:b}",
                             "a", "setting", "norm/baseline", "children", "b", "setting", setting,
                             "children", "seed", 7, "pairs", 8, "pairs_min", 1, "limit_s", 0.02,
                             "timeout_s", timeout_s, "verify", true, "edges",
                             strcmp(variant, "lies") != 0, "decide", !strcmp(variant, "crawls")));
}

static void check_trial(const struct worker *worker, const char *variant, const char *status,
                        vlt_child_end end, const char *said)
{
    json_t *answer = trial(worker, variant);
    const char *message = json_string_value(json_object_get(answer, "message"));
    cr_expect_str_eq(json_string_value(json_object_get(answer, "status")), status, "%s: %s",
                     variant, message ? message : "");
    cr_expect_eq(json_integer_value(json_object_get(answer, "end")), end, "%s", variant);
    cr_expect(!said || (message && strstr(message, said)), "%s: %s", variant,
              message ? message : "");
    json_decref(answer);
}

static void finish(struct worker *worker)
{
    fclose(worker->to);
    fclose(worker->from);
    kill(worker->child, SIGKILL);
    waitpid(worker->child, NULL, 0);
}

Test(race, every_fault_costs_its_own_trial, .timeout = 120)
{
    struct worker worker = start();
    begin(&worker);
    check_trial(&worker, "honest", "OK", VLT_CHILD_ANSWERED, NULL);
    check_trial(&worker, "crashes", "STOPPED", VLT_CHILD_CRASHED, "signal");
    check_trial(&worker, "hangs", "STOPPED", VLT_CHILD_TIMEOUT, "not ready");
    check_trial(&worker, "last_wrong", "WRONG", VLT_CHILD_ANSWERED, "differs");
    check_trial(&worker, "first_wrong", "WRONG", VLT_CHILD_ANSWERED, "differs");
    check_trial(&worker, "nan_inside", "WRONG", VLT_CHILD_ANSWERED, "differs");
    if (!VLT_ASAN) { /* which ends such children itself, and limits no memory */
        check_trial(&worker, "beyond", "WRONG", VLT_CHILD_ANSWERED, "outside");
        check_trial(&worker, "eats", "STOPPED", VLT_CHILD_MEMORY, "memory");
        check_trial(&worker, "lies", "WRONG", VLT_CHILD_ANSWERED, "scratch");
        check_trial(&worker, "leaks", "WRONG", VLT_CHILD_ANSWERED, "leaves memory behind");
    }
    check_trial(&worker, "deadlocks", "STOPPED", VLT_CHILD_TIMEOUT, "not ready");
    check_trial(&worker, "spoils", "WRONG", VLT_CHILD_ANSWERED, NULL);
    check_trial(&worker, "wavers", "WRONG", VLT_CHILD_ANSWERED, "differs");
    check_trial(&worker, "honest", "OK", VLT_CHILD_ANSWERED, NULL);
    finish(&worker);
}

/* What a trial started and left running, outside its group too, does not outlive it. */
Test(race, nothing_is_left_running, .timeout = 60)
{
    struct worker worker = start();
    char path[64], text[256] = "";
    begin(&worker);
    json_decref(trial(&worker, "forks"));
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)worker.child, (int)worker.child);
    FILE *file = fopen(path, "re");
    if (!file) {
        test_skip("no list of children in /proc");
    } else {
        size_t got = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[got] = '\0';
        cr_assert_str_eq(text, "", "left: %s", text);
    }
    finish(&worker);
}

/* Without an oracle a challenger is held to what the other side gave in the first trial; it cannot
 * change that for the trials after it. */
Test(race, the_other_side_is_computed_once_for_all, .timeout = 60)
{
    struct worker worker = start();
    begin_with(&worker, 0);
    for (int round = 0; round < 2; round++) {
        check_trial(&worker, "honest", "OK", VLT_CHILD_ANSWERED, NULL);
        check_trial(&worker, "last_wrong", "WRONG", VLT_CHILD_ANSWERED, "differs");
        check_trial(&worker, "first_wrong", "WRONG", VLT_CHILD_ANSWERED, "differs");
        check_trial(&worker, "nan_inside", "WRONG", VLT_CHILD_ANSWERED, "differs");
        check_trial(&worker, "wavers", "WRONG", VLT_CHILD_ANSWERED, "differs");
    }
    finish(&worker);
}

/* Who takes many times as long is called once, not measured: one pair says so. */
Test(race, a_hopeless_challenger_is_called_once, .timeout = 60)
{
    struct worker worker = start();
    begin_with(&worker, 0);
    json_t *answer = trial(&worker, "crawls");
    cr_assert_str_eq(json_string_value(json_object_get(answer, "status")), "OK");
    json_t *text = json_object_get(answer, "pairs");
    cr_assert_eq(json_array_size(text), 1);
    json_decref(answer);
    finish(&worker);
}

/* The true command, seen from its parent: a trial gives pairs, a wrong name an error. */
Test(race, a_worker_serves_trials, .timeout = 60)
{
    vlt_race *race;
    vlt_race_start started;
    vlt_launch launch;
    vlt_error err = {0};
    const vlt_race_options options = {.program = test_program_path(),
                                      .problem = "linear@m=5,n=96,k=64,weights=1",
                                      .seed = 4,
                                      .data_seed = 4,
                                      .threads = 1,
                                      .oracle_s = 1,
                                      .timeout_s = 30};
    cr_assert_eq(vlt_race_create(&options, &race, &started, &err), VLT_OK, "%s", err.message);
    cr_assert(started.baseline_ns > 0);
    vlt_race_trial asked = {.side = {{"linear/baseline", NULL}, {"linear/baseline", NULL}},
                            .seed = 2,
                            .pairs = 10,
                            .pairs_min = 2,
                            .limit_s = 0.05,
                            .timeout_s = 20,
                            .verify = true};
    cr_assert_eq(vlt_race_run(race, &asked, &launch, &err), VLT_OK, "%s", err.message);
    cr_assert_geq(launch.run.pair_count, 2);
    cr_assert(fabs(launch.run.log_ratio) < 1);
    vlt_launch_release(&launch);
    asked.side[1].setting = "linear/nothing";
    cr_assert_eq(vlt_race_run(race, &asked, &launch, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "linear/nothing"), "%s", err.message);
    vlt_launch_release(&launch);
    cr_assert_not(vlt_race_broken(race));
    vlt_race_destroy(race);
}

/* What a block costs is in the arithmetic of its children that ran, with the bytes they read. */
Test(race, a_block_costs_what_its_children_do, .timeout = 60)
{
    double bytes[2] = {0};
    for (int i = 0; i < 2; i++) {
        vlt_race *race;
        vlt_race_start started;
        vlt_launch launch;
        vlt_error err = {0};
        const vlt_race_options options = {
            .program = test_program_path(),
            .problem = "decoder_block@rows=16,context=16,width=128,heads=2,kv_heads=1,head=64,"
                       "inner=256,weights=1,cache=3",
            .seed = 4,
            .data_seed = 4,
            .threads = 1,
            .quality = i ? VLT_QUALITY_INT8 : VLT_QUALITY_EXACT,
            .oracle_s = 1,
            .timeout_s = 30};
        const vlt_race_trial asked = {
            .side = {{"decoder_block/baseline", NULL}, {"decoder_block/fused", NULL}},
            .seed = 2,
            .pairs = 4,
            .pairs_min = 1,
            .limit_s = 0.02,
            .timeout_s = 20};
        cr_assert_eq(vlt_race_create(&options, &race, &started, &err), VLT_OK, "%s", err.message);
        cr_assert_eq(vlt_race_run(race, &asked, &launch, &err), VLT_OK, "%s", err.message);
        for (int side = 0; side < 2; side++) {
            cr_expect_eq(launch.cost[side][VLT_LAUNCH_COMPUTE],
                         i ? VLT_COMPUTE_INT8 : VLT_COMPUTE_F32, "side %d: %g", side,
                         launch.cost[side][VLT_LAUNCH_COMPUTE]);
        }
        bytes[i] = launch.cost[1][VLT_LAUNCH_BYTES];
        vlt_launch_release(&launch);
        vlt_race_destroy(race);
    }
    cr_expect(bytes[1] > 0 && bytes[1] < 0.75 * bytes[0], "int8 %g, exact %g", bytes[1], bytes[0]);
}

Test(race, a_worker_that_ends_is_said, .timeout = 60)
{
    vlt_race *race;
    vlt_race_start started;
    vlt_error err = {0};
    const vlt_race_options options = {
        .program = "/bin/false", .problem = "linear@m=5,n=96,k=64,weights=1", .timeout_s = 10};
    cr_assert_eq(vlt_race_create(&options, &race, &started, &err), VLT_STATUS_STOPPED);
    cr_assert_null(race);
}
