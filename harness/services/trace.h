/* trace.h: what happened inside, and when, as Chrome trace JSON that Perfetto and chrome://tracing
 * open: {"traceEvents": [...]}.
 *
 * Threads add spans of work that is done, and of waiting, which is no work; they are kept in
 * memory, bounded, and written at the end. Any number of threads. Every function does nothing for
 * NULL, so that callers need not ask.
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

/* Around what may make this thread wait. Where it has (it gave its CPU away; who was only
 * interrupted has not), for VLT_TRACE_WAIT_MS at least, the time in between is a span of its own,
 * and the work around it, which is told when it ends, is cut there: its span becomes several, of
 * which one has the amount. */
#define VLT_TRACE_WAIT_MS 1.0
#define VLT_TRACE_MEMORY  "wait for memory" /* a name */

typedef struct vlt_trace_mark {
    double start_ms;
    int64_t switches; /* voluntary ones of this thread */
} vlt_trace_mark;

vlt_trace_mark vlt_trace_wait_begin(const vlt_trace *trace);
void vlt_trace_wait_end(vlt_trace *trace, const char *name, vlt_trace_mark begun);

/* Something that took no time; text is copied. */
void vlt_trace_instant(vlt_trace *trace, const char *category, const char *name, const char *text);

/* A number over time: memory, tokens. */
void vlt_trace_counter(vlt_trace *trace, const char *name, double value);

/* The file appears whole or not at all. */
vlt_status vlt_trace_write(vlt_trace *trace, const char *path, vlt_error *err);

#endif
