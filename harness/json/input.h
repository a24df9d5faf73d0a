/* input.h: reading what may not come yet, in a way that can be given up.
 *
 * A pipe or a terminal can keep a reader waiting for ever; a signal that only sets a flag does not
 * end that, least of all where another thread reads. So the wait is done here, in pieces, with a
 * question between them.
 */
#ifndef VLT_HARNESS_INPUT_H
#define VLT_HARNESS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "optimizations/core/status.h"

/* Asked about ten times a second while nothing comes; true gives up. From the reading thread. */
typedef struct vlt_stop {
    bool (*asked)(void *user);
    void *user;
} vlt_stop;

/* Opens for reading, without waiting for the writer of a named pipe. -1 with errno. */
int vlt_input_open(const char *path);

/* The next bytes, at most `room`; *got is 0 at the end. Waits as long as it takes, or until `stop`
 * says so: INTERRUPTED. Where that is NULL, the first signal that the program handles ends the wait
 * likewise. IO names `name`. */
vlt_status vlt_input_read(int file, const char *name, const vlt_stop *stop, void *data, size_t room,
                          size_t *got, vlt_error *err);

#endif
