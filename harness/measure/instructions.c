#include "harness/measure/instructions.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/json/json_make.h"
#include "harness/measure/launch_internal.h"
#include "optimizations/core/utf8_text.h"

enum { LOG_BYTES = 65536, FEW_CALLS = 1, MORE_CALLS = 3 };

static const char request_name[] = "count request";
static const char *const valgrind_places[] = {"/usr/bin/valgrind", "/usr/local/bin/valgrind"};

const char *vlt_instructions_valgrind(void)
{
    for (size_t i = 0; i < sizeof valgrind_places / sizeof *valgrind_places; i++) {
        if (access(valgrind_places[i], X_OK) == 0) {
            return valgrind_places[i];
        }
    }
    return NULL;
}

/* Between fork and exec. Valgrind's log goes to stdout, which is our pipe; the program's own answer
 * goes there too, on lines that do not begin with "==". */
static void become_counted(const char *valgrind, const char *program, int in, int out)
{
    /* --vgdb=no: its pipes in /tmp would outlive a kill */
    char *arguments[] = {(char *)valgrind,
                         "--tool=callgrind",
                         "--callgrind-out-file=/dev/null",
                         "--log-fd=1",
                         "--vgdb=no",
                         (char *)program,
                         "_count",
                         NULL};
    char isa[64] = "";
    char *environment[] = {"LC_ALL=C", isa, NULL};
    if (getenv("VLTUNE_ISA")) {
        vlt_utf8_format(isa, sizeof isa, "VLTUNE_ISA=%s", getenv("VLTUNE_ISA"));
    } else {
        environment[1] = NULL;
    }
    personality(ADDR_NO_RANDOMIZE);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        execve(valgrind, arguments, environment);
    }
    _exit(127);
}

static vlt_status read_log(int fd, const vlt_launch_options *options, char *log, vlt_error *err)
{
    enum { POLL_MS = 50 };
    size_t used = 0;
    double waited_s = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, POLL_MS) > 0) {
            ssize_t got = read(fd, log + used, LOG_BYTES - 1 - used);
            if (got == 0 || used + (size_t)got == LOG_BYTES - 1) {
                return VLT_OK;
            }
            used += got > 0 ? (size_t)got : 0;
            log[used] = '\0';
            continue;
        }
        waited_s += POLL_MS * 1e-3;
        if (options->stop && options->stop()) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted");
        }
        if (options->timeout_s > 0 && waited_s > options->timeout_s) {
            return vlt_fail(err, VLT_STATUS_UNMEASURED,
                            "counting instructions: not ready after %.0f s, ended", waited_s);
        }
    }
}

/* "==12== Collected : 14075425"; a line "!STATUS message" is the child's own word. */
static vlt_status read_count(const char *log, double *count, vlt_error *err)
{
    const char *said = strstr(log, "\n!"), *collected = strstr(log, "Collected : ");
    if (log[0] == '!' || said) {
        said = log[0] == '!' ? log + 1 : said + 2;
        long status = strtol(said, (char **)&said, 10);
        bool known = status > VLT_OK && status < VLT_STATUS_COUNT;
        said += strspn(said, " ");
        char *line = strndup(said, strcspn(said, "\n"));
        vlt_fail(err, known ? (vlt_status)status : VLT_STATUS_INTERNAL, "%s", line ? line : "");
        free(line);
        return known ? (vlt_status)status : VLT_STATUS_INTERNAL;
    }
    if (!collected) {
        return vlt_fail(err, VLT_STATUS_UNMEASURED,
                        "counting instructions: callgrind gave no count: %s", log);
    }
    *count = strtod(collected + strlen("Collected : "), NULL);
    return VLT_OK;
}

static vlt_status run_counted(const char *request, const vlt_launch_options *options, double *count,
                              vlt_error *err)
{
    const char *valgrind = vlt_instructions_valgrind();
    int in = -1, out[2] = {-1, -1};
    char log[LOG_BYTES] = "", program[4096];
    if (!valgrind) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "counting instructions needs Valgrind: apt-get install valgrind");
    }
    /* Valgrind has its own idea of /proc/self/exe, so the path is resolved here */
    const char *link = options->program ? options->program : "/proc/self/exe";
    if (!realpath(link, program) || (in = vlt_child_input(request, strlen(request))) < 0 ||
        pipe2(out, O_CLOEXEC) != 0) {
        vlt_status failed = vlt_fail(err, VLT_STATUS_IO, "counting instructions: %s",
                                     strerror(errno));
        if (in >= 0) {
            close(in);
        }
        return failed;
    }
    pid_t child = fork();
    if (child == 0) {
        become_counted(valgrind, program, in, out[1]);
    }
    close(in);
    close(out[1]);
    vlt_status status = child < 0 ? vlt_fail(err, VLT_STATUS_UNMEASURED, "no process: %s",
                                             strerror(errno))
                                  : read_log(out[0], options, log, err);
    close(out[0]);
    if (child > 0) {
        if (status != VLT_OK) {
            kill(child, SIGKILL);
        }
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    return status == VLT_OK ? read_count(log, count, err) : status;
}

static vlt_status count_calls(const vlt_side *side, const vlt_launch_options *options, int calls,
                              double *count, vlt_error *err)
{
    json_t *object = vlt_json_make("{s:s, s:i, s:I, s:s*}", "what", side->what, "calls", calls,
                                   "seed", (json_int_t)(options->data_seed >> 1), "quality",
                                   vlt_quality_unless_exact(options->quality));
    vlt_json_set_bytes(&object, "library", side->library);
    char *text = vlt_json_dump(object, err);
    vlt_status status = text ? run_counted(text, options, count, err) : VLT_STATUS_NOMEM;
    json_decref(object);
    free(text);
    return status;
}

vlt_status vlt_instructions_count(const vlt_side *side, const vlt_launch_options *options,
                                  double *instructions, vlt_error *err)
{
    double few = 0, more = 0;
    vlt_status status = count_calls(side, options, FEW_CALLS, &few, err);
    if (status == VLT_OK) {
        status = count_calls(side, options, MORE_CALLS, &more, err);
    }
    if (status == VLT_OK && !(more > few)) {
        return vlt_fail(err, VLT_STATUS_UNMEASURED,
                        "counting instructions: %.0f in %d calls, %.0f in %d: nothing was counted",
                        few, FEW_CALLS, more, MORE_CALLS);
    }
    *instructions = status == VLT_OK ? (more - few) / (MORE_CALLS - FEW_CALLS) : NAN;
    return status;
}

/* Prepares and runs; the first call, which warms what is made lazily, is in both counts. */
static vlt_status serve(const json_t *document, vlt_error *err)
{
    int64_t calls, seed;
    bool found;
    char message[VLT_MEASURE_MESSAGE_BYTES] = "", *library = NULL, *request = NULL;
    const char *what, *quality = NULL;
    const vlt_measure_abi *abi;
    void *handle = NULL;
    vlt_status status;
    if ((status = vlt_json_text(document, request_name, "what", &what, NULL, err)) != VLT_OK ||
        (status = vlt_json_int(document, request_name, "calls", 1, 1000, &calls, NULL, err)) !=
            VLT_OK ||
        (status = vlt_json_int(document, request_name, "seed", 0, INT64_MAX, &seed, NULL, err)) !=
            VLT_OK ||
        (status = vlt_json_text(document, request_name, "quality", &quality, &found, err)) !=
            VLT_OK ||
        (status = vlt_json_bytes(document, request_name, "library", &library, &found, err)) !=
            VLT_OK ||
        (status = vlt_launch_load(library, &abi, err)) != VLT_OK) {
        goto done;
    }
    json_t *object = vlt_json_make("{s:s, s:I, s:i, s:s*}", "what", what, "seed", (json_int_t)seed,
                                   "threads", 1, "quality", quality);
    request = vlt_json_dump(object, err);
    json_decref(object);
    if (!request) {
        status = VLT_STATUS_NOMEM;
        goto done;
    }
    int result = abi->prepare(request, NULL, NULL, &handle, message);
    if (result == 0) {
        abi->reset(handle);
        result = abi->run(handle, calls);
        vlt_utf8_format(message, sizeof message, "%s", result ? abi->failure(handle) : "");
        abi->release(handle);
    }
    status = result == 0 ? VLT_OK : vlt_fail(err, (vlt_status)result, "%s", message);
done:
    free(request);
    free(library);
    return status;
}

vlt_status vlt_instructions_serve(FILE *in, FILE *out, vlt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    json_t *document = NULL;
    vlt_error failure = {0};
    json_object_seed(1); /* else every process hashes keys in its own way, some calls longer */
    vlt_status status = vlt_read_stream(in, request_name, VLT_CHILD_REQUEST_MAX, &text, &bytes,
                                        &failure);
    if (status == VLT_OK) {
        status = vlt_json_parse(text, bytes, request_name, &document, &failure);
    }
    if (status == VLT_OK) {
        status = serve(document, &failure);
    }
    json_decref(document);
    free(text);
    if (status != VLT_OK) {
        fprintf(out, "\n!%d %s\n", (int)status, failure.message);
    }
    return fflush(out) == 0 ? VLT_OK : vlt_fail(err, VLT_STATUS_IO, "cannot write the answer");
}
