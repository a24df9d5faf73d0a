#include "optimizations/device/activity.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const vlt_activity *)a)->start_ns, y = ((const vlt_activity *)b)->start_ns;
    return (x > y) - (x < y);
}

/* The united intervals of one kind, walked from early to late. */
struct walk {
    const vlt_activity *activity;
    int count;
    int next;
    bool kernels;
    uint64_t start, end; /* of the current united interval */
};

static bool of_walk(const struct walk *walk, int index)
{
    const vlt_activity *a = &walk->activity[index];
    return (a->kind == VLT_ACTIVITY_KERNEL) == walk->kernels && a->end_ns > a->start_ns;
}

static bool advance(struct walk *walk)
{
    while (walk->next < walk->count && !of_walk(walk, walk->next)) {
        walk->next++;
    }
    if (walk->next == walk->count) {
        return false;
    }
    walk->start = walk->activity[walk->next].start_ns;
    walk->end = walk->activity[walk->next++].end_ns;
    for (; walk->next < walk->count; walk->next++) {
        if (!of_walk(walk, walk->next)) {
            continue;
        }
        if (walk->activity[walk->next].start_ns > walk->end) {
            break;
        }
        if (walk->activity[walk->next].end_ns > walk->end) {
            walk->end = walk->activity[walk->next].end_ns;
        }
    }
    return true;
}

static uint64_t united_ns(struct walk walk)
{
    uint64_t sum = 0;
    while (advance(&walk)) {
        sum += walk.end - walk.start;
    }
    return sum;
}

static uint64_t common_ns(struct walk a, struct walk b)
{
    uint64_t sum = 0;
    bool more = advance(&a) && advance(&b);
    while (more) {
        uint64_t start = a.start > b.start ? a.start : b.start;
        uint64_t end = a.end < b.end ? a.end : b.end;
        sum += end > start ? end - start : 0;
        more = a.end < b.end ? advance(&a) : advance(&b);
    }
    return sum;
}

void vlt_activity_overlap(vlt_activity *activity, int count, vlt_overlap *out)
{
    struct walk copies = {.activity = activity, .count = count};
    struct walk kernels = {.activity = activity, .count = count, .kernels = true};
    uint64_t last = 0;
    qsort(activity, count > 0 ? (size_t)count : 0, sizeof *activity, by_start);
    *out = (vlt_overlap){.copy_ns = united_ns(copies),
                         .kernel_ns = united_ns(kernels),
                         .both_ns = common_ns(copies, kernels)};
    for (int i = 0; i < count; i++) {
        last = activity[i].end_ns > last ? activity[i].end_ns : last;
    }
    out->span_ns = count > 0 && last > activity[0].start_ns ? last - activity[0].start_ns : 0;
    uint64_t shorter = out->copy_ns < out->kernel_ns ? out->copy_ns : out->kernel_ns;
    out->share = shorter ? (double)out->both_ns / (double)shorter : NAN;
}

void vlt_activity_put(vlt_activity_log *log, const vlt_activity *activity)
{
    if (log->count < log->room) {
        log->record[log->count++] = *activity;
    } else {
        log->lost++;
    }
}

int vlt_activity_take(vlt_activity_log *log, vlt_activity *out, int capacity, uint64_t *lost)
{
    int count = log->count < capacity ? log->count : capacity;
    memcpy(out, log->record, (size_t)count * sizeof *out);
    *lost = log->lost + (uint64_t)(log->count - count);
    log->count = 0;
    log->lost = 0;
    return count;
}
