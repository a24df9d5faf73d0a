/* status.h: the one error convention of vltune.
 *
 * A function that can fail returns a vlt_status (0 is VLT_OK); results leave through out
 * parameters; the last parameter is a vlt_error, which may be NULL. Libraries never exit, abort
 * or print. A message names the subject and the two values that disagree, starts in lower case
 * and ends without a full stop:
 *     tensor 'patch_embed.proj.weight': shape [1152,1536], expected [1024,1536]
 */
#ifndef VLT_CORE_STATUS_H
#define VLT_CORE_STATUS_H

#include "optimizations/core/compiler.h"

/* X(code, exit code of the program, text). The exit codes are those of the README. */
#define VLT_STATUS_MAP(X)                                               \
    X(OK, 0, "fine")                                                    \
    X(INTERNAL, 1, "internal error")                                    \
    X(NOMEM, 2, "out of memory")                                        \
    X(IO, 2, "cannot read or write")                                    \
    X(USAGE, 2, "wrong usage")                                          \
    X(INPUT, 2, "bad input")                                            \
    X(LIMIT, 2, "beyond a limit")                                       \
    X(STALE, 2, "tuned for another machine or model")                   \
    X(UNSUPPORTED, 2, "not available in this build or on this machine") \
    X(REGRESSION, 3, "confirmed regression")                            \
    X(WRONG, 4, "wrong output")                                         \
    X(UNMEASURED, 5, "nothing measured")                                \
    X(INCONCLUSIVE, 6, "inconclusive")                                  \
    X(STOPPED, 75, "stopped, can be resumed")                           \
    X(INTERRUPTED, 130, "interrupted")

typedef enum vlt_status {
#define VLT_STATUS_ENUM(code, exit_code, text) VLT_STATUS_##code,
    VLT_STATUS_MAP(VLT_STATUS_ENUM)
#undef VLT_STATUS_ENUM
        VLT_STATUS_COUNT
} vlt_status;

#define VLT_OK VLT_STATUS_OK

/* A path of PATH_MAX bytes fits whole, even where each of its bytes is shown as an escape. */
enum { VLT_ERROR_BYTES = 5 * 4096 };

/* Owned by the caller, who starts it as {0}; nothing in it needs to be freed. */
typedef struct vlt_error {
    vlt_status status;
    char message[VLT_ERROR_BYTES];
} vlt_error;

/* Fills err (which may be NULL) and returns status, so that `return vlt_fail(...)` reads well. The
 * message is one line of valid UTF-8, whatever the arguments hold (utf8_text.h). */
vlt_status vlt_fail(vlt_error *err, vlt_status status, const char *format, ...) VLT_PRINTF(3, 4);

/* Puts a subject before the message already in err: "file 'a.jpg': " + "ends before its EOI". */
vlt_status vlt_fail_in(vlt_error *err, vlt_status status, const char *format, ...) VLT_PRINTF(3, 4);

/* The name ("INPUT"), the text ("bad input") and the program's exit code of a status. */
const char *vlt_status_name(vlt_status status);
const char *vlt_status_text(vlt_status status);
int vlt_status_exit_code(vlt_status status);

#endif
