#include "harness/services/trace.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/buffer.h"
#include "harness/json/json.h"
#include "optimizations/core/clock.h"

enum { BLOCK_EVENTS = 4096, THREADS_MAX = 512 };

enum kind { SPAN, INSTANT, COUNTER };

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

struct vlt_trace {
    pthread_mutex_t lock;
    double start_ms;
    struct block *first, *last;
    int64_t count, lost;
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

static void add(vlt_trace *trace, const struct event *event)
{
    const int thread = (int)gettid();
    pthread_mutex_lock(&trace->lock);
    struct event *place = next_event(trace);
    if (place) {
        *place = *event;
        place->thread = thread;
    } else {
        trace->lost++;
        free(event->text);
    }
    pthread_mutex_unlock(&trace->lock);
}

void vlt_trace_span(vlt_trace *trace, const char *category, const char *name, double start_ms,
                    double end_ms, const char *unit, int64_t amount)
{
    if (trace) {
        const struct event event = {.kind = SPAN,
                                    .category = category,
                                    .name = name,
                                    .unit = unit,
                                    .at_ms = start_ms - trace->start_ms,
                                    .span_ms = end_ms - start_ms,
                                    .amount = amount};
        add(trace, &event);
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
        add(trace, &event);
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
        add(trace, &event);
    }
}

static void put_event(vlt_buffer *out, const struct event *event, int process)
{
    vlt_buffer_print(out, "{\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f",
                     event->name, event->category, process, event->thread, event->at_ms * 1e3);
    if (event->kind == SPAN) {
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
