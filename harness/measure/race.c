/* The parent's half of race.h. */
#include "harness/measure/race.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/json/json_make.h"
#include "harness/measure/launch_internal.h"
#include "optimizations/core/clock.h"

enum { ANSWER_MAX = 16 << 20, POLL_MS = 20 };

/* What the worker needs beyond a trial's own limit to end it and to say so. */
static const double grace_s = 1;

struct vlt_race {
    pid_t child;
    int fd;
    bool broken;
    uint64_t memory_bytes;
    bool (*stop)(void);
    char *line; /* owned; what has been read of an answer */
    size_t bytes, capacity;
};

void vlt_race_kill(vlt_race *race)
{
    if (race && race->child > 0) {
        kill(-race->child, SIGKILL);
        kill(race->child, SIGKILL);
        race->broken = true;
    }
}

static void end(vlt_race *race)
{
    if (race->child > 0) {
        vlt_race_kill(race);
        while (waitpid(race->child, NULL, 0) < 0 && errno == EINTR) {
        }
        race->child = 0;
    }
    race->broken = true;
}

static vlt_status send_line(vlt_race *race, json_t *document, vlt_error *err)
{
    char *text = vlt_json_dump(document, err);
    json_decref(document);
    if (!text) {
        return VLT_STATUS_NOMEM;
    }
    size_t length = strlen(text), used = 0;
    text[length] = '\n'; /* in the place of the NUL */
    while (used <= length) {
        ssize_t put = send(race->fd, text + used, length + 1 - used, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            break;
        }
        used += (size_t)put;
    }
    free(text);
    if (used <= length) {
        end(race);
        return vlt_fail(err, VLT_STATUS_STOPPED, "race: the worker has ended");
    }
    return VLT_OK;
}

/* 1: more was read, 0: the worker has ended, -1: no memory or too long. */
static int read_some(vlt_race *race)
{
    if (race->capacity - race->bytes < 4096) {
        size_t bigger = race->capacity ? race->capacity * 2 : 65536;
        char *line = bigger <= ANSWER_MAX ? realloc(race->line, bigger) : NULL;
        if (!line) {
            return -1;
        }
        race->line = line;
        race->capacity = bigger;
    }
    ssize_t got = read(race->fd, race->line + race->bytes, race->capacity - race->bytes);
    race->bytes += got > 0 ? (size_t)got : 0;
    return got > 0 || (got < 0 && errno == EINTR);
}

/* Reads one line; the worker is ended when it does not answer in time. */
static vlt_status read_line(vlt_race *race, double timeout_s, json_t **out, vlt_child_end *ending,
                            vlt_error *err)
{
    double begin_ms = vlt_now_ms();
    race->bytes = 0;
    while (race->bytes == 0 || race->line[race->bytes - 1] != '\n') {
        struct pollfd ready = {.fd = race->fd, .events = POLLIN};
        int more = poll(&ready, 1, POLL_MS) > 0 ? read_some(race) : 1;
        if (race->stop && race->stop()) {
            *ending = VLT_CHILD_STOPPED;
            end(race);
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted");
        }
        if (more <= 0) {
            *ending = VLT_CHILD_CRASHED;
            end(race);
            return vlt_fail(err, VLT_STATUS_STOPPED, "race: the worker ended without an answer");
        }
        if (race->memory_bytes && vlt_child_resident_bytes(race->child) > race->memory_bytes) {
            *ending = VLT_CHILD_MEMORY;
            end(race);
            return vlt_fail(err, VLT_STATUS_STOPPED, "race: ended beyond %llu MB of memory",
                            (unsigned long long)(race->memory_bytes >> 20));
        }
        if (timeout_s > 0 && vlt_now_ms() - begin_ms > timeout_s * 1e3) {
            *ending = VLT_CHILD_TIMEOUT;
            end(race);
            return vlt_fail(err, VLT_STATUS_STOPPED, "race: not ready after %.1f s, ended",
                            timeout_s);
        }
    }
    return vlt_json_parse(race->line, race->bytes, "race answer", out, err);
}

static vlt_status spawn(const vlt_race_options *options, vlt_race *race, vlt_error *err)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0) {
        return vlt_fail(err, VLT_STATUS_IO, "race: no socket: %s", strerror(errno));
    }
    vlt_status status = vlt_child_spawn(options->program, "_race", options->seed, fd[1], fd[1],
                                        &race->child, err);
    close(fd[1]);
    race->fd = fd[0];
    return status;
}

static double real_or_nan(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static vlt_status set_up(const vlt_race_options *options, vlt_race *race, vlt_race_start *start,
                         vlt_error *err)
{
    json_t *answer = NULL;
    vlt_child_end ending;
    vlt_launch nothing;
    vlt_status status = send_line(
        race,
        vlt_json_make(
            "{s:s, s:I, s:I, s:i, s:f, s:I, s:s}", "problem", options->problem, "seed",
            (json_int_t)(options->seed >> 1), "data_seed", (json_int_t)(options->data_seed >> 1),
            "threads", options->threads, "oracle_s", options->oracle_s, "memory_bytes",
            (json_int_t)options->memory_bytes, "quality", vlt_quality_name(options->quality)),
        err);
    double begin_ms = vlt_now_ms();
    if (status == VLT_OK) {
        status = read_line(race, options->timeout_s, &answer, &ending, err);
    }
    if (status == VLT_OK) {
        status = vlt_launch_answer_from_json(answer, &nothing, err);
    }
    if (status == VLT_OK) {
        *start = (vlt_race_start){
            .setup_s = (vlt_now_ms() - begin_ms) * 1e-3,
            .baseline_ns = real_or_nan(answer, "baseline_ns"),
            .baseline_rows = json_is_true(json_object_get(answer, "baseline_rows")),
            .baseline_spread = real_or_nan(answer, "baseline_spread"),
            .resident_bytes = vlt_child_resident_bytes(race->child)};
    }
    json_decref(answer);
    return status;
}

vlt_status vlt_race_create(const vlt_race_options *options, vlt_race **out, vlt_race_start *start,
                           vlt_error *err)
{
    *out = NULL;
    vlt_race *race = calloc(1, sizeof *race);
    if (!race) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "race: out of memory");
    }
    race->fd = -1;
    race->stop = options->stop;
    race->memory_bytes = options->memory_bytes;
    vlt_status status = spawn(options, race, err);
    if (status == VLT_OK) {
        status = set_up(options, race, start, err);
    }
    if (status != VLT_OK) {
        vlt_race_destroy(race);
        return status;
    }
    *out = race;
    return VLT_OK;
}

void vlt_race_destroy(vlt_race *race)
{
    if (race) {
        end(race);
        if (race->fd >= 0) {
            close(race->fd);
        }
        free(race->line);
        free(race);
    }
}

bool vlt_race_broken(const vlt_race *race)
{
    return race->broken;
}

static json_t *side_to_json(const vlt_race_side *side)
{
    json_t *object = vlt_json_make("{s:s}", "setting", side->setting);
    vlt_json_set(&object, "children", side->children ? vlt_json_name(side->children) : json_null());
    return object;
}

vlt_status vlt_race_run(vlt_race *race, const vlt_race_trial *trial, vlt_launch *launch,
                        vlt_error *err)
{
    json_t *answer = NULL;
    *launch = (vlt_launch){.end = VLT_CHILD_ANSWERED};
    if (race->broken) {
        launch->end = VLT_CHILD_CRASHED;
        return vlt_fail(err, VLT_STATUS_STOPPED, "race: the worker has ended");
    }
    vlt_child_end ending = VLT_CHILD_ANSWERED;
    vlt_status status = send_line(
        race,
        vlt_json_make("{s:o, s:o, s:I, s:i, s:i, s:f, s:f, s:b, s:b, s:b, s:b}", "a",
                      side_to_json(&trial->side[0]), "b", side_to_json(&trial->side[1]), "seed",
                      (json_int_t)(trial->seed >> 1), "pairs", trial->pairs, "pairs_min",
                      trial->pairs_min, "limit_s", trial->limit_s, "timeout_s", trial->timeout_s,
                      "verify", trial->verify, "edges", trial->edges, "decide", trial->decide,
                      "count", trial->count),
        err);
    if (status == VLT_OK) {
        double wait_s = trial->worker_s > 0 ? trial->worker_s : trial->timeout_s + grace_s;
        status = read_line(race, wait_s, &answer, &ending, err);
    }
    if (status == VLT_OK) {
        ending = (vlt_child_end)json_integer_value(json_object_get(answer, "end"));
        status = vlt_launch_answer_from_json(answer, launch, err);
    }
    launch->end = ending;
    json_decref(answer);
    return status;
}
