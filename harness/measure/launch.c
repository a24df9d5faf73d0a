#include "harness/measure/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/measure/clock.h"
#include "harness/measure/launch_internal.h"
#include "optimizations/core/random.h"

enum { PAD_MAX = 4096, ANSWER_MAX = 64 << 20, REQUEST_MAX = 16000, POLL_MS = 50 };

extern char **environ;

void vlt_launch_release(vlt_launch *launch)
{
    vlt_pair_run_release(&launch->run);
    *launch = (vlt_launch){0};
}

/* The environment without our own options (they were for this process) and with a pad of random
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
        vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the environment of a launch");
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], "VLTUNE_", 7) && strncmp(environ[i], "VLT_PAD=", 8)) {
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

/* Between fork and exec: async-signal-safe calls only. */
static void become_child(const char *program, char **environment, int in, int out)
{
    char *arguments[] = {(char *)program, "_launch", NULL};
    int persona = personality(0xFFFFFFFF);
    if (persona != -1) {
        personality((unsigned long)persona & ~(unsigned long)ADDR_NO_RANDOMIZE);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        execve(program, arguments, environment);
    }
    _exit(127);
}

/* Writes the request before there is a reader: it fits into the pipe, so nobody waits and nobody
 * gets SIGPIPE. */
static vlt_status send_request(const vlt_side side[2], const vlt_launch_options *options, int fd,
                               vlt_error *err)
{
    json_t *request = vlt_launch_request_to_json(side, options);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    size_t bytes = text ? strlen(text) : 0;
    vlt_status status = VLT_OK;
    json_decref(request);
    if (!text) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "'%.80s': no valid UTF-8", side[1].what);
    } else if (bytes > REQUEST_MAX) {
        status = vlt_fail(err, VLT_STATUS_LIMIT, "launch request of %zu bytes, expected at most %d",
                          bytes, REQUEST_MAX);
    } else if (write(fd, text, bytes) != (ssize_t)bytes) {
        status = vlt_fail(err, VLT_STATUS_IO, "launch request: %s", strerror(errno));
    }
    free(text);
    return status;
}

static vlt_status start_child(const vlt_side side[2], const vlt_launch_options *options,
                              pid_t *child, int *answer, vlt_error *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    char pad[PAD_MAX + 16], **environment = NULL;
    const char *program = options->program ? options->program : "/proc/self/exe";
    vlt_status status = VLT_OK;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "launch: no pipe: %s", strerror(errno));
        goto done;
    }
    status = send_request(side, options, in[1], err);
    if (status != VLT_OK) {
        goto done;
    }
    environment = make_environment(options->seed, pad, err);
    if (!environment) {
        status = VLT_STATUS_NOMEM;
        goto done;
    }
    *child = fork();
    if (*child == 0) {
        become_child(program, environment, in[0], out[1]);
    }
    if (*child < 0) {
        status = vlt_fail(err, VLT_STATUS_STOPPED, "launch: no process: %s", strerror(errno));
        goto done;
    }
    *answer = out[0];
    out[0] = -1;
done:
    free(environment);
    for (int i = 0; i < 2; i++) {
        if (in[i] >= 0) {
            close(in[i]);
        }
        if (out[i] >= 0) {
            close(out[i]);
        }
    }
    return status;
}

struct text {
    char *data;
    size_t bytes, capacity;
};

/* 1: more may come, 0: end, -1: no memory or too long */
static int read_some(int fd, struct text *text)
{
    if (text->capacity - text->bytes < 4096) {
        size_t capacity = text->capacity ? text->capacity * 2 : 65536;
        char *data = capacity <= ANSWER_MAX ? realloc(text->data, capacity) : NULL;
        if (!data) {
            return -1;
        }
        text->data = data;
        text->capacity = capacity;
    }
    ssize_t got = read(fd, text->data + text->bytes, text->capacity - text->bytes);
    if (got > 0) {
        text->bytes += (size_t)got;
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

/* Reads until the child closes its output, the time is up or somebody asks to stop. */
static vlt_status read_answer(int fd, const vlt_launch_options *options, struct text *text,
                              vlt_error *err)
{
    uint64_t begin = vlt_clock_wall(vlt_clock_system());
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int events = poll(&ready, 1, POLL_MS);
        int more = events > 0 ? read_some(fd, text) : 1;
        if (more == 0) {
            return VLT_OK;
        }
        if (more < 0) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "launch: answer of %zu bytes does not fit",
                            text->bytes);
        }
        double spent_s = (double)(vlt_clock_wall(vlt_clock_system()) - begin) * 1e-9;
        if (options->stop && options->stop()) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted");
        }
        if (options->timeout_s > 0 && spent_s > options->timeout_s) {
            return vlt_fail(err, VLT_STATUS_STOPPED, "launch: not ready after %.1f s, ended",
                            spent_s);
        }
    }
}

static vlt_status collect(pid_t child, int fd, const vlt_launch_options *options,
                          vlt_launch *launch, vlt_error *err)
{
    struct text text = {0};
    json_t *document = NULL;
    int ending = 0;
    vlt_status status = read_answer(fd, options, &text, err);
    if (status != VLT_OK) {
        kill(child, SIGKILL);
    }
    while (waitpid(child, &ending, 0) < 0 && errno == EINTR) {
    }
    if (status == VLT_OK && WIFSIGNALED(ending)) {
        status = vlt_fail(err, VLT_STATUS_STOPPED,
                          "launch: the process was ended by signal %d (%s)", WTERMSIG(ending),
                          strsignal(WTERMSIG(ending)));
    } else if (status == VLT_OK && text.bytes == 0) {
        status = vlt_fail(err, VLT_STATUS_STOPPED,
                          "launch: the process ended with code %d and said "
                          "nothing",
                          WEXITSTATUS(ending));
    }
    if (status == VLT_OK) {
        status = vlt_json_parse(text.data, text.bytes, "launch answer", &document, err);
    }
    if (status == VLT_OK) {
        status = vlt_launch_answer_from_json(document, launch, err);
    }
    json_decref(document);
    free(text.data);
    return status;
}

vlt_status vlt_launch_run(const vlt_side side[2], const vlt_launch_options *options,
                          vlt_launch *launch, vlt_error *err)
{
    pid_t child = -1;
    int answer = -1;
    *launch = (vlt_launch){0};
    vlt_status status = start_child(side, options, &child, &answer, err);
    if (status != VLT_OK) {
        return status;
    }
    status = collect(child, answer, options, launch, err);
    close(answer);
    return status;
}
