#include "harness/measure/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "optimizations/core/clock.h"
#include "optimizations/core/random.h"

enum { PAD_MAX = 4096, ANSWER_MAX = 64 << 20, POLL_MS = 10 };

extern char **environ;

/* The environment without our own options (they were for this process; but for the mask of
 * instruction sets, which is the machine's) and with a pad of random
 * length, which shifts the child's stack. pad holds PAD_MAX + 16 bytes. */
static char **make_environment(uint64_t seed, char *pad, vlt_error *err)
{
    vlt_random random = {seed};
    size_t count = 0, n = 0;
    while (environ && environ[count]) {
        count++;
    }
    char **copy = calloc(count + 2, sizeof *copy);
    if (!copy) {
        vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the environment of a child");
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        bool option = !strncmp(environ[i], "VLTUNE_", 7) && strncmp(environ[i], "VLTUNE_ISA=", 11);
        if (!option && strncmp(environ[i], "VLT_PAD=", 8)) {
            copy[n++] = environ[i];
        }
    }
    size_t length = (size_t)vlt_random_range(&random, 0, PAD_MAX);
    memcpy(pad, "VLT_PAD=", 8);
    memset(pad + 8, 'x', length);
    pad[8 + length] = '\0';
    copy[n] = pad;
    return copy;
}

/* What a command of ours is to people. */
static const char *work_of(const vlt_child_options *options)
{
    static const char *const works[][2] = {{"_whole", "the process of one request"},
                                           {"_launch", "the process of one measurement"},
                                           {"_race", "the process of a race"},
                                           {"_count", "the process that counts"}};
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        if (!strcmp(works[i][0], options->command)) {
            return works[i][1];
        }
    }
    return options->command;
}

/* Between fork and exec: async-signal-safe calls only. When memory runs out, the kernel shall take
 * the child and not its parent. */
static void become_child(const char *program, const char *command, char **environment, int in,
                         int out)
{
    char *arguments[] = {(char *)program, (char *)command, NULL};
    int persona = personality(0xFFFFFFFF);
    if (persona != -1) {
        personality((unsigned long)persona & ~(unsigned long)ADDR_NO_RANDOMIZE);
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t ignored = score >= 0 ? write(score, "1000", 4) : 0;
    (void)ignored;
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        execve(program, arguments, environment);
    }
    _exit(127);
}

int vlt_child_input(const void *request, size_t bytes)
{
    int file = memfd_create("vltune request", MFD_CLOEXEC);
    for (size_t used = 0; file >= 0 && used < bytes;) {
        ssize_t put = write(file, (const char *)request + used, bytes - used);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            close(file);
            return -1;
        }
        used += (size_t)put;
    }
    if (file >= 0) {
        lseek(file, 0, SEEK_SET);
    }
    return file;
}

vlt_status vlt_child_spawn(const char *program, const char *command, uint64_t seed, int in, int out,
                           pid_t *child, vlt_error *err)
{
    char pad[PAD_MAX + 16], **environment = make_environment(seed, pad, err);
    if (!environment) {
        return VLT_STATUS_NOMEM;
    }
    *child = fork();
    if (*child == 0) {
        become_child(program ? program : "/proc/self/exe", command, environment, in, out);
    }
    free(environment);
    if (*child < 0) {
        return vlt_fail(err, VLT_STATUS_STOPPED, "%s: no process: %s", command, strerror(errno));
    }
    setpgid(*child, *child); /* also here: whoever comes first */
    return VLT_OK;
}

static vlt_status start_child(const vlt_child_options *options, pid_t *child, int *answer,
                              vlt_error *err)
{
    int out[2] = {-1, -1}, in = vlt_child_input(options->request, options->request_bytes);
    vlt_status status;
    if (in < 0 || pipe2(out, O_CLOEXEC) != 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: no pipe: %s", work_of(options), strerror(errno));
        goto done;
    }
    status = vlt_child_spawn(options->program, options->command, options->seed, in, out[1], child,
                             err);
    if (status == VLT_OK) {
        *answer = out[0];
        out[0] = -1;
    }
done:
    if (in >= 0) {
        close(in);
    }
    for (int i = 0; i < 2; i++) {
        if (out[i] >= 0) {
            close(out[i]);
        }
    }
    return status;
}

/* Room for more; 1: more may come, 0: end, -1: no memory or too long. */
static int read_some(int fd, vlt_child_answer *answer, size_t *capacity)
{
    if (*capacity - answer->bytes < 4096) {
        size_t bigger = *capacity ? *capacity * 2 : 65536;
        char *text = bigger <= ANSWER_MAX ? realloc(answer->text, bigger) : NULL;
        if (!text) {
            return -1;
        }
        answer->text = text;
        *capacity = bigger;
    }
    ssize_t got = read(fd, answer->text + answer->bytes, *capacity - answer->bytes);
    if (got > 0) {
        answer->bytes += (size_t)got;
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

/* Resident memory of a process; 0 when it cannot be read. */
uint64_t vlt_child_resident_bytes(pid_t child)
{
    char path[64], text[128] = "";
    unsigned long long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)child);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    if (file >= 0) {
        close(file);
    }
    if (got <= 0 || sscanf(text, "%*u %llu", &pages) != 1) {
        return 0;
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Reads until the child closes its output or a limit is reached. */
static vlt_status watch(pid_t child, int fd, const vlt_child_options *options,
                        vlt_child_answer *answer, vlt_error *err)
{
    uint64_t begin = vlt_clock_wall(vlt_clock_system());
    size_t capacity = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int events = poll(&ready, 1, POLL_MS);
        int more = events > 0 ? read_some(fd, answer, &capacity) : 1;
        if (more == 0) {
            return VLT_OK;
        }
        if (more < 0) {
            answer->end = VLT_CHILD_CRASHED;
            return vlt_fail(err, VLT_STATUS_STOPPED, "%s: answer of %zu bytes does not fit",
                            work_of(options), answer->bytes);
        }
        double spent_s = (double)(vlt_clock_wall(vlt_clock_system()) - begin) * 1e-9;
        uint64_t bytes = options->memory_bytes ? vlt_child_resident_bytes(child) : 0;
        if (options->stop && options->stop()) {
            answer->end = VLT_CHILD_STOPPED;
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted");
        }
        if (bytes > options->memory_bytes) {
            answer->end = VLT_CHILD_MEMORY;
            return vlt_fail(err, VLT_STATUS_STOPPED,
                            "%s: ended at %llu MB of memory, the limit is %llu MB",
                            work_of(options), (unsigned long long)(bytes >> 20),
                            (unsigned long long)(options->memory_bytes >> 20));
        }
        if (options->timeout_s > 0 && spent_s > options->timeout_s) {
            answer->end = VLT_CHILD_TIMEOUT;
            return vlt_fail(err, VLT_STATUS_STOPPED, "%s: not ready after %.1f s, ended",
                            work_of(options), spent_s);
        }
    }
}

/* What the exit status of a child that closed its output says. */
static vlt_status conclude(const vlt_child_options *options, int ending, vlt_child_answer *answer,
                           vlt_error *err)
{
    if (WIFSIGNALED(ending)) {
        /* nobody but the kernel, out of memory, kills a child that has ended its answer */
        bool killed = WTERMSIG(ending) == SIGKILL;
        answer->end = killed ? VLT_CHILD_MEMORY : VLT_CHILD_CRASHED;
        return vlt_fail(err, VLT_STATUS_STOPPED, "%s was ended by signal %d (%s)", work_of(options),
                        WTERMSIG(ending), strsignal(WTERMSIG(ending)));
    }
    if (answer->bytes == 0) {
        answer->end = VLT_CHILD_CRASHED;
        return vlt_fail(err, VLT_STATUS_STOPPED, "%s ended with code %d and said nothing",
                        work_of(options), WEXITSTATUS(ending));
    }
    return VLT_OK;
}

vlt_status vlt_child_run(const vlt_child_options *options, vlt_child_answer *answer, vlt_error *err)
{
    pid_t child = -1;
    int fd = -1, ending = 0;
    struct rusage usage = {0};
    *answer = (vlt_child_answer){.end = VLT_CHILD_ANSWERED};
    vlt_status status = start_child(options, &child, &fd, err);
    if (status != VLT_OK) {
        answer->end = VLT_CHILD_CRASHED;
        return status;
    }
    status = watch(child, fd, options, answer, err);
    /* before the child is reaped, so that its number cannot mean another group; what it left
     * running behind a finished answer goes with it */
    if (status != VLT_OK) {
        kill(-child, SIGKILL);
        kill(child, SIGKILL);
    }
    while (wait4(child, &ending, 0, &usage) < 0 && errno == EINTR) {
    }
    close(fd);
    answer->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
    return status == VLT_OK ? conclude(options, ending, answer, err) : status;
}
