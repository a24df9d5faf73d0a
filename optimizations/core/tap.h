/* tap.h: what may look on while a tower computes: dumps, progress, Ctrl-C. All of it may be absent.
 */
#ifndef VLT_CORE_TAP_H
#define VLT_CORE_TAP_H

#include "optimizations/core/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct vlt_tap {
    /* Rows [count, width] of the tensor that `name` names, of layer `index` (-1: none has one).
     * What it returns on failure ends the run. */
    vlt_status (*see)(void *user, const char *name, int64_t index, const float *rows, int64_t count,
                      int64_t width, vlt_error *err);
    /* Before step `done` of `total`; false ends the run as INTERRUPTED. */
    bool (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} vlt_tap;

/* NULL sees nothing. */
static inline vlt_status vlt_tap_see(const vlt_tap *tap, const char *name, int64_t index,
                                     const float *rows, int64_t count, int64_t width,
                                     vlt_error *err)
{
    return tap && tap->see ? tap->see(tap->user, name, index, rows, count, width, err) : VLT_OK;
}

static inline bool vlt_tap_goes_on(const vlt_tap *tap, int64_t done, int64_t total)
{
    return !tap || !tap->progress || tap->progress(tap->user, done, total);
}

#endif
