#include "harness/services/trace.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/json/buffer.h"
#include "harness/json/json.h"
#include "optimizations/core/clock.h"

enum { BLOCK_EVENTS = 4096, THREADS_MAX = 512 };

enum kind { SPAN, WAIT, INSTANT, COUNTER };

struct event {
    enum kind kind;
    int thread; /* of the kernel */
    const char *category, *name, *unit;
    double at_ms, span_ms; /* span of a counter: its value */
    int64_t amount;
    char *text; /* owned */
};

struct block {
    struct block *next;
    int count;
    struct event event[BLOCK_EVENTS];
};

/* Of a thread; those of one thread in the order of time. */
struct wait {
    int thread;
    double at_ms, end_ms;
};

struct vlt_trace {
    pthread_mutex_t lock;
    double start_ms;
    struct block *first, *last;
    int64_t count, lost;
    struct wait *wait; /* owned */
    size_t wait_count, wait_room;
};

vlt_status vlt_trace_create(vlt_trace **out, vlt_error *err)
{
    vlt_trace *trace = *out = calloc(1, sizeof *trace);
    if (!trace) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a trace");
    }
    pthread_mutex_init(&trace->lock, NULL);
    trace->start_ms = vlt_now_ms();
    return VLT_OK;
}

void vlt_trace_destroy(vlt_trace *trace)
{
    if (!trace) {
        return;
    }
    for (struct block *block = trace->first, *next; block; block = next) {
        next = block->next;
        for (int i = 0; i < block->count; i++) {
            free(block->event[i].text);
        }
        free(block);
    }
    pthread_mutex_destroy(&trace->lock);
    free(trace->wait);
    free(trace);
}

/* Under the lock. NULL: full. */
static struct event *next_event(vlt_trace *trace)
{
    struct block *block = trace->last;
    if (trace->count >= VLT_TRACE_EVENTS_MAX) {
        return NULL;
    }
    if (!block || block->count == BLOCK_EVENTS) {
        block = malloc(sizeof *block);
        if (!block) {
            return NULL;
        }
        block->next = NULL;
        block->count = 0;
        *(trace->last ? &trace->last->next : &trace->first) = block;
        trace->last = block;
    }
    trace->count++;
    return &block->event[block->count++];
}

/* Under the lock. */
static bool put(vlt_trace *trace, const struct event *event)
{
    struct event *place = next_event(trace);
    if (place) {
        *place = *event;
    } else {
        trace->lost++;
        free(event->text);
    }
    return place != NULL;
}

static void add(vlt_trace *trace, struct event event)
{
    event.thread = (int)gettid();
    pthread_mutex_lock(&trace->lock);
    put(trace, &event);
    pthread_mutex_unlock(&trace->lock);
}

/* Under the lock. Without memory the work around it is not cut. */
static void note_wait(vlt_trace *trace, const struct event *event)
{
    if (trace->wait_count == trace->wait_room) {
        const size_t room = trace->wait_room ? 2 * trace->wait_room : 64;
        struct wait *bigger = realloc(trace->wait, room * sizeof *bigger);
        if (!bigger) {
            return;
        }
        trace->wait = bigger;
        trace->wait_room = room;
    }
    trace->wait[trace->wait_count++] = (struct wait){event->thread, event->at_ms,
                                                     event->at_ms + event->span_ms};
}

/* Under the lock: the work without what its thread waited meanwhile, from the end to the begin. The
 * amount is told once. */
static void put_pieces(vlt_trace *trace, struct event work)
{
    enum { LATE_MS = 1000 }; /* by so much may other threads' waits be out of order */
    const double begin_ms = work.at_ms;
    double end_ms = work.at_ms + work.span_ms;
    bool cut = false;
    for (size_t i = trace->wait_count; i > 0; i--) {
        const struct wait *wait = &trace->wait[i - 1];
        if (wait->end_ms <= begin_ms - (wait->thread == work.thread ? 0 : LATE_MS)) {
            break;
        }
        if (wait->thread != work.thread || wait->at_ms >= end_ms) {
            continue;
        }
        work.at_ms = wait->end_ms < end_ms ? wait->end_ms : end_ms;
        work.span_ms = end_ms - work.at_ms;
        if (work.span_ms > 0 || work.unit) {
            put(trace, &work);
            work.unit = NULL;
        }
        end_ms = wait->at_ms > begin_ms ? wait->at_ms : begin_ms;
        cut = true;
    }
    work.at_ms = begin_ms;
    work.span_ms = end_ms - begin_ms;
    if (work.span_ms > 0 || work.unit || !cut) {
        put(trace, &work);
    }
}

void vlt_trace_span(vlt_trace *trace, const char *category, const char *name, double start_ms,
                    double end_ms, const char *unit, int64_t amount)
{
    if (trace) {
        const struct event event = {.kind = SPAN,
                                    .thread = (int)gettid(),
                                    .category = category,
                                    .name = name,
                                    .unit = unit,
                                    .at_ms = start_ms - trace->start_ms,
                                    .span_ms = end_ms - start_ms,
                                    .amount = amount};
        pthread_mutex_lock(&trace->lock);
        put_pieces(trace, event);
        pthread_mutex_unlock(&trace->lock);
    }
}

static int64_t voluntary_switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

vlt_trace_mark vlt_trace_wait_begin(const vlt_trace *trace)
{
    return trace ? (vlt_trace_mark){vlt_now_ms(), voluntary_switches()} : (vlt_trace_mark){0};
}

void vlt_trace_wait_end(vlt_trace *trace, const char *name, vlt_trace_mark begun)
{
    const double end_ms = trace ? vlt_now_ms() : 0;
    if (trace && end_ms - begun.start_ms >= VLT_TRACE_WAIT_MS &&
        voluntary_switches() > begun.switches) {
        const struct event event = {.kind = WAIT,
                                    .thread = (int)gettid(),
                                    .category = "wait",
                                    .name = name,
                                    .at_ms = begun.start_ms - trace->start_ms,
                                    .span_ms = end_ms - begun.start_ms};
        pthread_mutex_lock(&trace->lock);
        if (put(trace, &event)) {
            note_wait(trace, &event);
        }
        pthread_mutex_unlock(&trace->lock);
    }
}

void vlt_trace_instant(vlt_trace *trace, const char *category, const char *name, const char *text)
{
    if (trace) {
        const struct event event = {.kind = INSTANT,
                                    .category = category,
                                    .name = name,
                                    .at_ms = vlt_now_ms() - trace->start_ms,
                                    .text = strdup(text)};
        add(trace, event);
    }
}

void vlt_trace_counter(vlt_trace *trace, const char *name, double value)
{
    if (trace) {
        const struct event event = {.kind = COUNTER,
                                    .category = "counter",
                                    .name = name,
                                    .at_ms = vlt_now_ms() - trace->start_ms,
                                    .span_ms = value};
        add(trace, event);
    }
}

static void put_event(vlt_buffer *out, const struct event *event, int process)
{
    vlt_buffer_print(out, "{\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f",
                     event->name, event->category, process, event->thread, event->at_ms * 1e3);
    if (event->kind == SPAN || event->kind == WAIT) {
        vlt_buffer_print(out, ",\"ph\":\"X\",\"dur\":%.3f", event->span_ms * 1e3);
        if (event->unit) {
            vlt_buffer_print(out, ",\"args\":{\"%s\":%" PRId64 "}", event->unit, event->amount);
        }
    } else if (event->kind == INSTANT) {
        vlt_buffer_text(out, ",\"ph\":\"i\",\"s\":\"p\",\"args\":{\"text\":");
        const char *text = event->text ? event->text : "";
        vlt_buffer_json_string(out, text, strlen(text));
        vlt_buffer_text(out, "}");
    } else {
        vlt_buffer_print(out, ",\"ph\":\"C\",\"args\":{\"value\":%.3f}", event->span_ms);
    }
    vlt_buffer_text(out, "}");
}

/* Threads are called by what they did first. */
static void put_threads(vlt_buffer *out, const vlt_trace *trace, int process)
{
    int seen[THREADS_MAX], count = 0;
    for (const struct block *block = trace->first; block; block = block->next) {
        for (int i = 0; i < block->count; i++) {
            const struct event *event = &block->event[i];
            int t = 0;
            while (t < count && seen[t] != event->thread) {
                t++;
            }
            if (t < count || count == THREADS_MAX || event->kind != SPAN) {
                continue;
            }
            seen[count++] = event->thread;
            vlt_buffer_print(out,
                             ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d,"
                             "\"args\":{\"name\":\"%s\"}}",
                             process, event->thread, event->category);
        }
    }
}

vlt_status vlt_trace_write(vlt_trace *trace, const char *path, vlt_error *err)
{
    const int process = (int)getpid();
    vlt_buffer out = {0};
    if (!trace) {
        return VLT_OK;
    }
    pthread_mutex_lock(&trace->lock);
    vlt_buffer_print(&out,
                     "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"lost\":%" PRId64
                     "},\"traceEvents\":[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,"
                     "\"args\":{\"name\":\"vltune\"}}",
                     trace->lost, process);
    put_threads(&out, trace, process);
    for (const struct block *block = trace->first; block; block = block->next) {
        for (int i = 0; i < block->count; i++) {
            vlt_buffer_text(&out, ",\n");
            put_event(&out, &block->event[i], process);
        }
    }
    pthread_mutex_unlock(&trace->lock);
    vlt_buffer_text(&out, "\n]}\n");
    vlt_status status = out.failed ? vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path)
                                   : vlt_write_file(path, out.data, out.bytes, err);
    free(out.data);
    return status;
}
