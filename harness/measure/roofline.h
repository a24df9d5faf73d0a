/* roofline.h: what this machine can do at most, measured: the ceilings above every operator.
 *
 * Bandwidth is that of reading memory far beyond the caches, by number of threads, and of reading
 * what each level of the caches holds: data that was used just before has that roof. Arithmetic is
 * that of register-resident multiply-adds, by type and instruction set: f32 FMA, bf16 dot products
 * into f32, int8 dot products into int32. Each ceiling is the best of several short runs, because a
 * ceiling is what the machine can reach, not what it reached while others used it. A ceiling that
 * cannot be measured here carries a reason and no number.
 *
 *     attainable = min(peak of the type, bandwidth * flops / bytes)
 */
#ifndef VLT_HARNESS_ROOFLINE_H
#define VLT_HARNESS_ROOFLINE_H

#include "harness/machine/machine.h"
#include "optimizations/core/op.h"

enum { VLT_ROOFLINE_THREADS_MAX = 8, VLT_ROOFLINE_PEAKS_MAX = 16, VLT_ROOFLINE_CACHES_MAX = 6 };

typedef struct vlt_roofline_bandwidth {
    int threads;
    double bytes_per_s; /* NAN: the reason says why */
} vlt_roofline_bandwidth;

/* Every thread reads data of its own again and again. */
typedef struct vlt_roofline_cache {
    const char *level; /* "L1", "L2", "L3" */
    size_t bytes;      /* read by each thread: half of what the level holds for it */
    int threads;
    double bytes_per_s;
    size_t holds; /* at most, of all of the threads' data: what the machine says of the level */
} vlt_roofline_cache;

typedef struct vlt_roofline_peak {
    vlt_compute type;
    const char *isa; /* "AVX2", "AMX" ... */
    int threads;
    double ops_per_s; /* 2 per multiply-add; NAN when not measured */
} vlt_roofline_peak;

typedef struct vlt_roofline {
    vlt_roofline_bandwidth bandwidth[VLT_ROOFLINE_THREADS_MAX]; /* 1, 2, 4 ... usable cores */
    int bandwidth_count;
    vlt_roofline_cache
        cache[VLT_ROOFLINE_CACHES_MAX]; /* smallest level first, one thread, then all */
    int cache_count;
    vlt_roofline_peak peak[VLT_ROOFLINE_PEAKS_MAX]; /* one thread, then all; by type and ISA */
    int peak_count;
    size_t buffer_bytes;       /* read for the bandwidth */
    char bandwidth_reason[96]; /* empty unless it was not measured, or is not memory's alone */
} vlt_roofline;

/* Measures within about budget_s seconds (0.5 is enough for a first idea; every run is at least
 * 2 ms). NOMEM; USAGE when the budget is not positive. */
vlt_status vlt_roofline_measure(const vlt_machine *machine, double budget_s, vlt_roofline *out,
                                vlt_error *err);

/* Of this machine, in half a second. */
vlt_status vlt_roofline_here(vlt_roofline *out, vlt_error *err);

/* Best measured peak of a type for that many threads (the nearest measured count below), or NAN. */
double vlt_roofline_peak_of(const vlt_roofline *roofline, vlt_compute type, int threads);
double vlt_roofline_bandwidth_of(const vlt_roofline *roofline, int threads);

/* Bandwidth of data of that size which was used just before, at most: as much of it as each level
 * may hold comes from there, the rest from memory. What is changed in place is read and written
 * though it lies in the cache once, so that a level may serve twice what it holds. */
double vlt_roofline_bandwidth_hot(const vlt_roofline *roofline, int threads, double bytes);

/* Share of the roof that a run reached: its time at the roof over its time; NAN where no ceiling
 * is known or the cost is empty. The peak is that of the cost's arithmetic. `hot`: the data may be
 * in the caches. */
double vlt_roofline_share(const vlt_roofline *roofline, const vlt_cost *cost, int threads, bool hot,
                          double seconds);

#endif
