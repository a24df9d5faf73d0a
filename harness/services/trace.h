/* trace.h: what happened inside, and when, as Chrome trace JSON that Perfetto and chrome://tracing
 * open: {"traceEvents": [...]}.
 *
 * Threads add spans of work that is done; they are kept in memory, bounded, and written at the end.
 * Any number of threads. Every function does nothing for NULL, so that callers need not ask.
 */
#ifndef VLT_HARNESS_TRACE_H
#define VLT_HARNESS_TRACE_H

#include <stdint.h>

#include "optimizations/core/status.h"

enum { VLT_TRACE_EVENTS_MAX = 1 << 20 };

typedef struct vlt_trace vlt_trace;

vlt_status vlt_trace_create(vlt_trace **out, vlt_error *err);
void vlt_trace_destroy(vlt_trace *trace);

/* Work by this thread from start_ms (vlt_now_ms) to end_ms. name, category and unit are constants;
 * amount of unit (rows, tokens, bytes) is shown with it; unit NULL: none. What goes beyond
 * VLT_TRACE_EVENTS_MAX is counted only. */
void vlt_trace_span(vlt_trace *trace, const char *category, const char *name, double start_ms,
                    double end_ms, const char *unit, int64_t amount);

/* Something that took no time; text is copied. */
void vlt_trace_instant(vlt_trace *trace, const char *category, const char *name, const char *text);

/* A number over time: memory, tokens. */
void vlt_trace_counter(vlt_trace *trace, const char *name, double value);

/* The file appears whole or not at all. */
vlt_status vlt_trace_write(vlt_trace *trace, const char *path, vlt_error *err);

#endif
