/* The worker of a race: makes the inputs once, forks a child for every trial. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/json/json_make.h"
#include "harness/machine/quick_caps.h"
#include "harness/measure/launch_internal.h"
#include "harness/measure/race_internal.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/utf8_text.h"

enum { ANSWER_MAX = 16 << 20, POLL_MS = 10 };

static const char race_name[] = "race request";

static vlt_status read_side(const json_t *o, const char *key, vlt_race_side *side, vlt_error *err)
{
    const json_t *object;
    bool found;
    vlt_status status = vlt_json_object(o, race_name, key, &object, NULL, err);
    if (status == VLT_OK) {
        status = vlt_json_text(object, race_name, "setting", &side->setting, NULL, err);
    }
    return status == VLT_OK
               ? vlt_json_text(object, race_name, "children", &side->children, &found, err)
               : status;
}

vlt_status vlt_race_trial_from_json(const json_t *o, vlt_race_trial *trial, vlt_error *err)
{
    const char *n = race_name;
    int64_t seed, pairs, pairs_min;
    bool found;
    vlt_status status;
    *trial = (vlt_race_trial){0};
    if ((status = read_side(o, "a", &trial->side[0], err)) != VLT_OK ||
        (status = read_side(o, "b", &trial->side[1], err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "seed", 0, INT64_MAX, &seed, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "pairs", 0, 1 << 16, &pairs, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "pairs_min", 0, 1 << 16, &pairs_min, NULL, err)) != VLT_OK ||
        (status = vlt_json_double(o, n, "limit_s", 0, 1e6, &trial->limit_s, NULL, err)) != VLT_OK ||
        (status = vlt_json_double(o, n, "timeout_s", 0, 1e6, &trial->timeout_s, NULL, err)) !=
            VLT_OK ||
        (status = vlt_json_bool(o, n, "verify", &trial->verify, NULL, err)) != VLT_OK ||
        (status = vlt_json_bool(o, n, "edges", &trial->edges, NULL, err)) != VLT_OK ||
        (status = vlt_json_bool(o, n, "count", &trial->count, &found, err)) != VLT_OK ||
        (status = vlt_json_bool(o, n, "decide", &trial->decide, NULL, err)) != VLT_OK) {
        return status;
    }
    trial->seed = (uint64_t)seed;
    trial->pairs = (int)pairs;
    trial->pairs_min = (int)pairs_min;
    return VLT_OK;
}

static vlt_status set_up(const json_t *o, vlt_race_scene *scene, vlt_error *err)
{
    const char *n = race_name, *text, *quality = NULL;
    bool found;
    int64_t data_seed, threads, memory;
    double oracle_s;
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    vlt_status status;
    if ((status = vlt_json_text(o, n, "problem", &text, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "data_seed", 0, INT64_MAX, &data_seed, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "threads", 0, 1024, &threads, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(o, n, "memory_bytes", 0, INT64_MAX, &memory, NULL, err)) != VLT_OK ||
        (status = vlt_json_double(o, n, "oracle_s", 0, 1e6, &oracle_s, NULL, err)) != VLT_OK ||
        (status = vlt_json_text(o, n, "quality", &quality, &found, err)) != VLT_OK ||
        (status = vlt_quality_parse(quality, &scene->quality, err)) != VLT_OK ||
        (status = vlt_what_parse(text, &problem, &variant, &binding, err)) != VLT_OK) {
        return status;
    }
    vlt_quick_caps(&scene->caps, &scene->threads);
    scene->threads = threads > 0 ? (int)threads : scene->threads;
    scene->memory_bytes = (uint64_t)memory;
    scene->data_seed = (uint64_t)data_seed;
    vlt_context context = {.caps = &scene->caps};
    status = vlt_workload_init(&scene->workload, &context, &problem, scene->data_seed, err);
    if (status == VLT_OK) {
        status = vlt_oracle_create(&context, &scene->workload, oracle_s, scene->data_seed,
                                   &scene->oracle, err);
    }
    if (status == VLT_OK && scene->oracle.kind != VLT_ORACLE_WHOLE) {
        vlt_race_verified_create(&scene->workload, &scene->verified);
    }
    return status;
}

/* The whole of a child. Its answer goes into a file of memory, which nobody has to wait for. */
static void be_child(vlt_race_scene *scene, const vlt_race_trial *trial, int answer)
{
    vlt_launch launch;
    vlt_error failure = {0};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    vlt_status status = vlt_race_trial_run(scene, trial, &launch, &failure);
    FILE *out = fdopen(answer, "w");
    json_t *document = vlt_launch_answer_to_json(status, &failure, &launch);
    bool said = out && vlt_json_print(document, true, out, NULL) == VLT_OK && fclose(out) == 0;
    _exit(said ? 0 : 1);
}

/* What a trial left behind, also outside its process group: this process is their reaper. */
static void sweep(pid_t group)
{
    kill(-group, SIGKILL);
    for (int round = 0; round < 64; round++) {
        char path[64], text[4096] = "";
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        FILE *file = fopen(path, "re");
        if (!file) {
            return;
        }
        size_t got = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[got] = '\0';
        char *end = text;
        int killed = 0;
        for (long pid = strtol(text, &end, 10); pid > 0; pid = strtol(end, &end, 10)) {
            kill((pid_t)pid, SIGKILL);
            waitpid((pid_t)pid, NULL, 0);
            killed++;
        }
        if (killed == 0) {
            return;
        }
    }
}

/* Waits for the child; how it ended. */
static vlt_child_end watch(const vlt_race_scene *scene, const vlt_race_trial *trial, pid_t child,
                           int *ending)
{
    vlt_child_end end = VLT_CHILD_ANSWERED;
    double begin_ms = vlt_now_ms();
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    bool over = false;
    while (!over) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        over = poll(&ready, 1, POLL_MS) > 0;
        if (!over && fd < 0) {
            siginfo_t info = {0};
            over = waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
                   info.si_pid == child;
        }
        if (!over && trial->timeout_s > 0 && vlt_now_ms() - begin_ms > trial->timeout_s * 1e3) {
            end = VLT_CHILD_TIMEOUT;
        } else if (!over && scene->memory_bytes &&
                   vlt_child_resident_bytes(child) > scene->memory_bytes) {
            end = VLT_CHILD_MEMORY;
        }
        if (end != VLT_CHILD_ANSWERED) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            break;
        }
    }
    while (waitpid(child, ending, 0) < 0 && errno == EINTR) {
    }
    if (fd >= 0) {
        close(fd);
    }
    sweep(child);
    return end;
}

/* Why a child gave no answer, in words. */
static json_t *failed(vlt_child_end end, int ending, const vlt_race_trial *trial)
{
    char message[160] = "the process ended and said nothing";
    if (end == VLT_CHILD_TIMEOUT) {
        snprintf(message, sizeof message, "not ready after %.1f s, ended", trial->timeout_s);
    } else if (end == VLT_CHILD_MEMORY) {
        snprintf(message, sizeof message, "ended beyond the memory that it may take");
    } else if (WIFSIGNALED(ending)) {
        vlt_utf8_format(message, sizeof message, "the process was ended by signal %d (%s)",
                        WTERMSIG(ending), strsignal(WTERMSIG(ending)));
    }
    return vlt_json_make("{s:s, s:s}", "status", vlt_status_name(VLT_STATUS_STOPPED), "message",
                         message);
}

static json_t *read_answer(int file)
{
    off_t bytes = lseek(file, 0, SEEK_END);
    char *text = bytes > 0 && bytes < ANSWER_MAX ? malloc((size_t)bytes) : NULL;
    json_t *document = NULL;
    if (text && pread(file, text, (size_t)bytes, 0) == bytes) {
        vlt_json_parse(text, (size_t)bytes, "race answer", &document, NULL);
    }
    free(text);
    return document;
}

static json_t *try_one(vlt_race_scene *scene, const json_t *request)
{
    vlt_race_trial trial;
    vlt_error failure = {0};
    int ending = 0, file = memfd_create("vltune trial", MFD_CLOEXEC);
    vlt_child_end end = VLT_CHILD_CRASHED;
    json_t *answer = NULL;
    vlt_status status = vlt_race_trial_from_json(request, &trial, &failure);
    pid_t child = status == VLT_OK && file >= 0 ? fork() : -1;
    if (child == 0) {
        be_child(scene, &trial, file);
    }
    if (child > 0) {
        setpgid(child, child);
        end = watch(scene, &trial, child, &ending);
        answer = end == VLT_CHILD_ANSWERED && WIFEXITED(ending) ? read_answer(file) : NULL;
        if (!answer) {
            bool killed = WIFSIGNALED(ending) && WTERMSIG(ending) == SIGKILL;
            end = end != VLT_CHILD_ANSWERED ? end : killed ? VLT_CHILD_MEMORY : VLT_CHILD_CRASHED;
            answer = failed(end, ending, &trial);
        }
    } else {
        vlt_launch nothing = {0};
        answer = vlt_launch_answer_to_json(status == VLT_OK ? VLT_STATUS_STOPPED : status, &failure,
                                           &nothing);
    }
    if (file >= 0) {
        close(file);
    }
    vlt_json_set(&answer, "end", json_integer(end));
    return answer;
}

static json_t *begin(vlt_race_scene *scene, const json_t *request, bool *ready)
{
    vlt_error failure = {0};
    vlt_launch nothing = {0};
    vlt_status status = set_up(request, scene, &failure);
    json_t *answer = vlt_launch_answer_to_json(status, &failure, &nothing);
    *ready = status == VLT_OK;
    vlt_json_set(&answer, "baseline_ns", vlt_json_real(scene->oracle.baseline_ns));
    vlt_json_set(&answer, "baseline_spread", vlt_json_real(scene->oracle.baseline_spread));
    vlt_json_set(&answer, "baseline_rows", json_boolean(scene->oracle.kind == VLT_ORACLE_ROWS));
    return answer;
}

vlt_status vlt_race_serve(FILE *in, FILE *out, vlt_error *err)
{
    return vlt_race_serve_with(in, out, vlt_registry_find_variant, err);
}

vlt_status vlt_race_serve_with(FILE *in, FILE *out, vlt_race_find *find, vlt_error *err)
{
    static vlt_race_scene scene; /* one a process */
    char *line = NULL;
    size_t capacity = 0;
    bool ready = false;
    vlt_status status = VLT_OK;
    scene.oracle.baseline_ns = scene.oracle.baseline_spread = NAN;
    scene.find = find;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (ssize_t got; status == VLT_OK && (got = getline(&line, &capacity, in)) > 0;) {
        json_t *document = NULL;
        status = vlt_json_parse(line, (size_t)got, race_name, &document, err);
        json_t *answer = status != VLT_OK ? NULL
                         : ready          ? try_one(&scene, document)
                                          : begin(&scene, document, &ready);
        if (status == VLT_OK) {
            status = vlt_json_print(answer, true, out, err);
            status = fflush(out) == 0 ? status
                                      : vlt_fail(err, VLT_STATUS_IO, "race: cannot answer");
        }
        json_decref(answer);
        json_decref(document);
    }
    free(line);
    vlt_oracle_release(&scene.oracle);
    vlt_race_verified_release(&scene.verified);
    vlt_workload_release(&scene.workload);
    return status;
}
