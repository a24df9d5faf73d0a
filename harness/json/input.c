#include "harness/json/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 100 };

int vlt_input_open(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

vlt_status vlt_input_read(int file, const char *name, const vlt_stop *stop, void *data, size_t room,
                          size_t *got, vlt_error *err)
{
    struct pollfd ready = {.fd = file, .events = POLLIN};
    bool interrupted = false;
    for (;;) {
        if (interrupted || (stop && stop->asked(stop->user))) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "%s: interrupted while reading", name);
        }
        /* A named pipe without a writer gives an end where it is read, but nothing to poll. */
        int count = poll(&ready, 1, stop ? WAIT_MS : -1);
        if (count == 0 || (count < 0 && errno == EINTR)) {
            interrupted = count < 0 && !stop; /* a signal that the program handles */
            continue;
        }
        ssize_t bytes = count < 0 ? -1 : read(file, data, room);
        if (bytes >= 0) {
            *got = (size_t)bytes;
            return VLT_OK;
        }
        if (errno != EINTR && errno != EAGAIN) {
            return vlt_fail(err, VLT_STATUS_IO, "%s: %s", name, strerror(errno));
        }
    }
}
