/* child.h: one piece of work in a process of its own.
 *
 * The child is this program, started anew with an internal command: a request as text on its
 * stdin, an answer as text on its stdout. It may crash, hang or eat the memory; the caller gets to
 * know which, and nothing else is lost: the child leads its own process group, which is killed as a
 * whole when its time or memory is used up, and dies with its parent.
 */
#ifndef VLT_HARNESS_CHILD_H
#define VLT_HARNESS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "optimizations/core/status.h"

enum { VLT_CHILD_REQUEST_MAX = 64 << 20 }; /* bytes that a child reads of a request */

/* How a child came to its end. */
typedef enum vlt_child_end {
    VLT_CHILD_ANSWERED, /* by itself, with an answer */
    VLT_CHILD_CRASHED,  /* a signal, or no answer */
    VLT_CHILD_TIMEOUT,  /* killed after timeout_s */
    VLT_CHILD_MEMORY,   /* killed beyond memory_bytes, or by the kernel's own killer */
    VLT_CHILD_STOPPED   /* killed because `stop` said so */
} vlt_child_end;

typedef struct vlt_child_options {
    const char *program; /* NULL: /proc/self/exe */
    const char *command; /* "_launch" */
    const char *request; /* text of any length */
    size_t request_bytes;
    double timeout_s;      /* 0: no limit */
    uint64_t memory_bytes; /* resident, watched every few milliseconds; 0: no limit */
    uint64_t seed;         /* of the environment's size, which shifts the stack */
    bool (*stop)(void);    /* NULL: never */
} vlt_child_options;

typedef struct vlt_child_answer {
    char *text; /* owned, malloc'ed; may be NULL */
    size_t bytes;
    vlt_child_end end;
    uint64_t peak_bytes; /* resident; 0: not known */
} vlt_child_answer;

/* A descriptor from which a child reads the request, however long it is: nobody waits for anybody,
 * and nobody gets SIGPIPE. -1, with errno, without memory. */
int vlt_child_input(const void *request, size_t bytes);

/* VLT_OK: the child answered. STOPPED: it crashed, or was killed for its time or memory; the
 * message says how. INTERRUPTED: `stop`. In every case the caller frees answer->text. */
vlt_status vlt_child_run(const vlt_child_options *options, vlt_child_answer *answer,
                         vlt_error *err);

/* Starts the program anew with the command, reading `in` and writing `out`, which stay the
 * caller's; leader of a process group of its own, it dies with its parent. STOPPED: no process. */
vlt_status vlt_child_spawn(const char *program, const char *command, uint64_t seed, int in, int out,
                           pid_t *child, vlt_error *err);

/* Resident memory of a process; 0 when it cannot be read. */
uint64_t vlt_child_resident_bytes(pid_t child);

#endif
