/* probe.h: kernels of measuring's own, for checking the measuring.
 *
 * Three characters of code: arithmetic on cached data (gemm), a stream (copy), irregular access
 * (hash); and an empty one. The work is real and adjustable: at work=1030 a probe does 3 % more
 * rows, bytes or look-ups than at 1000, on the same buffers, so that an injected slowdown is a
 * true one and not a multiplied time.
 */
#ifndef VLT_HARNESS_PROBE_H
#define VLT_HARNESS_PROBE_H

#include <stdbool.h>

#include "optimizations/core/op.h"

enum { VLT_PROBE_WORK = 1000, VLT_PROBE_WORK_MAX = 2000, VLT_PROBE_COUNT = 3 };

typedef struct vlt_probe vlt_probe;

/* "gemm", "copy", "hash" for 0 .. VLT_PROBE_COUNT - 1 */
const char *vlt_probe_name(int index);

bool vlt_probe_named(const char *what); /* begins with "probe/" */

/* USAGE: no "probe/NAME[@work=N]". */
vlt_status vlt_probe_check(const char *what, vlt_error *err);

/* what: "probe/NAME[@work=N]" */
vlt_status vlt_probe_create(const char *what, const vlt_buffer_source *buffers, vlt_probe **out,
                            vlt_error *err);
void vlt_probe_destroy(vlt_probe *probe); /* NULL is fine */
int vlt_probe_run(vlt_probe *probe, int64_t iterations);

#endif
