#include "harness/measure/roofline.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/clock.h"
#include "harness/measure/roofline_kernels.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/threads.h"

enum { RUN_NS = 2000000, RUNS_MIN = 3, RUNS_MAX = 200, STEP_BYTES = 256 << 10 };

static const struct {
    vlt_compute type;
    const char *isa;
    uint32_t needs;
    vlt_peak_kernel *kernel;
} peaks[] = {
    {VLT_COMPUTE_F32, "base", VLT_ISA_BASE, vlt_peak_f32_base},
    {VLT_COMPUTE_F32, "AVX2", VLT_ISA_AVX2, vlt_peak_f32_avx2},
    {VLT_COMPUTE_F32, "AVX512", VLT_ISA_AVX512, vlt_peak_f32_avx512},
    {VLT_COMPUTE_BF16, "AVX512_BF16", VLT_ISA_AVX512_BF16, vlt_peak_bf16_avx512_bf16},
    {VLT_COMPUTE_BF16, "AMX", VLT_ISA_AMX, vlt_peak_bf16_amx},
    {VLT_COMPUTE_INT8, "AVX2", VLT_ISA_AVX2, vlt_peak_int8_avx2},
    {VLT_COMPUTE_INT8, "AVX512_VNNI", VLT_ISA_AVX512_VNNI, vlt_peak_int8_avx512_vnni},
    {VLT_COMPUTE_INT8, "AMX", VLT_ISA_AMX, vlt_peak_int8_amx},
};

enum { PEAKS = sizeof peaks / sizeof *peaks };

static _Atomic uint64_t sink; /* so that results are used */

struct peak_job {
    vlt_peak_kernel *kernel;
    int64_t rounds;
};

static void run_peak(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct peak_job *job = argument;
    double ops;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        atomic_fetch_add(&sink, job->kernel(job->rounds, &ops) > 0);
    }
}

/* Rounds that take RUN_NS on one thread. */
static int64_t calibrate(vlt_peak_kernel *kernel)
{
    int64_t rounds = 64;
    for (;;) {
        double ops;
        uint64_t begin = (uint64_t)vlt_now_ns();
        atomic_fetch_add(&sink, kernel(rounds, &ops) > 0);
        uint64_t took = (uint64_t)vlt_now_ns() - begin;
        if (took >= RUN_NS / 8 || rounds > INT64_C(1) << 40) {
            return rounds * RUN_NS / (int64_t)(took ? took : 1) + 1;
        }
        rounds *= 4;
    }
}

/* Best of the runs that fit the budget, in units per second. */
static double best_rate(vlt_threads *threads, int count, double units, double budget_s,
                        vlt_threads_body *body, void *argument, int64_t items)
{
    double best = NAN;
    uint64_t begin = (uint64_t)vlt_now_ns();
    for (int run = 0; run < RUNS_MAX; run++) {
        uint64_t start = (uint64_t)vlt_now_ns();
        vlt_threads_for(threads, items, 1, count, body, argument);
        uint64_t took = (uint64_t)vlt_now_ns() - start;
        best = took ? fmax(best, units / ((double)took * 1e-9)) : best;
        if (run + 1 >= RUNS_MIN && (double)((uint64_t)vlt_now_ns() - begin) * 1e-9 > budget_s) {
            break;
        }
    }
    return best;
}

static void measure_peaks(const vlt_machine *machine, vlt_threads *threads, double budget_s,
                          vlt_roofline *out)
{
    int all = vlt_threads_count(threads), usable = 0;
    for (int i = 0; i < PEAKS; i++) {
        usable += (machine->caps.isa & peaks[i].needs) == peaks[i].needs;
    }
    double each_s = budget_s / (usable * (all > 1 ? 2 : 1));
    for (int i = 0; i < PEAKS; i++) {
        if ((machine->caps.isa & peaks[i].needs) != peaks[i].needs) {
            continue;
        }
        struct peak_job job = {peaks[i].kernel, calibrate(peaks[i].kernel)};
        double ops;
        peaks[i].kernel(1, &ops);
        for (int count = 1;; count = all) {
            vlt_roofline_peak *peak = &out->peak[out->peak_count++];
            *peak = (vlt_roofline_peak){
                .type = peaks[i].type, .isa = peaks[i].isa, .threads = count};
            peak->ops_per_s = best_rate(threads, count, ops * (double)job.rounds * count, each_s,
                                        run_peak, &job, count);
            if (count == all) {
                break;
            }
        }
    }
}

struct read_job {
    const unsigned char *data;
    size_t bytes;
    bool avx2;
};

static void run_read(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct read_job *job = argument;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        size_t offset = (size_t)i * STEP_BYTES;
        size_t bytes = job->bytes - offset < STEP_BYTES ? job->bytes - offset : STEP_BYTES;
        atomic_fetch_add(&sink, job->avx2 ? vlt_read_avx2(job->data + offset, bytes)
                                          : vlt_read_base(job->data + offset, bytes));
    }
}

/* Four times the last level, but within what memory and time allow: hypervisors report last levels
 * of hundreds of megabytes, of which a guest gets a share that nobody knows. */
static size_t choose_bytes(const vlt_machine *machine, char *reason, size_t reason_bytes)
{
    const size_t least = (size_t)64 << 20, most = (size_t)512 << 20;
    size_t wanted = machine->caps.l3_bytes < most ? machine->caps.l3_bytes * 4 : most;
    size_t bytes = wanted < least ? least : wanted > most ? most : wanted;
    uint64_t left = machine->limits.memory_budget_bytes;
    if (left != VLT_LIMIT_NONE && bytes > left / 4) {
        bytes = (size_t)(left / 4) / STEP_BYTES * STEP_BYTES;
    }
    if (bytes < machine->caps.l3_bytes * 2) {
        snprintf(reason, reason_bytes, "%zu MiB were read, the last-level cache may hold %zu MiB",
                 bytes >> 20, machine->caps.l3_bytes >> 20);
    }
    return bytes;
}

static vlt_status measure_bandwidth(const vlt_machine *machine, vlt_threads *threads,
                                    double budget_s, vlt_roofline *out, vlt_error *err)
{
    void *data;
    int all = vlt_threads_count(threads);
    out->buffer_bytes = choose_bytes(machine, out->bandwidth_reason, sizeof out->bandwidth_reason);
    if (out->buffer_bytes < STEP_BYTES) {
        snprintf(out->bandwidth_reason, sizeof out->bandwidth_reason,
                 "too little memory is left to read beyond the caches");
        return VLT_OK;
    }
    vlt_status status = vlt_alloc(out->buffer_bytes, &data, err);
    if (status != VLT_OK) {
        return status;
    }
    memset(data, 1, out->buffer_bytes); /* untouched pages are all the same zero page */
    struct read_job job = {data, out->buffer_bytes, (machine->caps.isa & VLT_ISA_AVX2) != 0};
    int64_t steps = (int64_t)((out->buffer_bytes + STEP_BYTES - 1) / STEP_BYTES);
    for (int count = 1; out->bandwidth_count < VLT_ROOFLINE_THREADS_MAX; count *= 2) {
        count = count > all ? all : count;
        out->bandwidth[out->bandwidth_count++] = (vlt_roofline_bandwidth){
            .threads = count,
            .bytes_per_s = best_rate(threads, count, (double)out->buffer_bytes, budget_s / 4,
                                     run_read, &job, steps)};
        if (count == all) {
            break;
        }
    }
    vlt_free(data);
    return VLT_OK;
}

struct reread_job {
    const unsigned char *data;
    size_t bytes; /* of each thread */
    int64_t rounds;
    bool avx2;
};

static void run_reread(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct reread_job *job = argument;
    uint64_t sum = 0;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const unsigned char *own = job->data + (size_t)i * job->bytes;
        for (int64_t r = 0; r < job->rounds; r++) {
            sum += job->avx2 ? vlt_read_avx2(own, job->bytes) : vlt_read_base(own, job->bytes);
            VLT_USED(&sum);
        }
    }
    atomic_fetch_add(&sink, sum);
}

/* What each thread reads of a level: half of its share, in whole kernel steps. Of a last level at
 * most 8 MiB in all: hypervisors report those of whole sockets. */
static size_t level_bytes(const vlt_caps *caps, int level, int threads)
{
    const size_t last_most = (size_t)8 << 20;
    size_t last = caps->l3_bytes / 2 < last_most ? caps->l3_bytes / 2 : last_most;
    const size_t share[] = {caps->l1d_bytes / 2, caps->l2_bytes / 2, last / (size_t)threads};
    size_t bytes = share[level] / 4096 * 4096;
    return level > 0 && bytes <= share[level - 1] ? 0 : bytes;
}

static vlt_status measure_caches(const vlt_machine *machine, vlt_threads *threads, double budget_s,
                                 vlt_roofline *out, vlt_error *err)
{
    static const char *const names[] = {"L1", "L2", "L3"};
    int all = vlt_threads_count(threads);
    void *data = NULL;
    size_t most = 0;
    for (int level = 0; level < 3; level++) {
        size_t bytes = level_bytes(&machine->caps, level, 1);
        most = bytes > most ? bytes : most;
        bytes = level_bytes(&machine->caps, level, all) * (size_t)all;
        most = bytes > most ? bytes : most;
    }
    vlt_status status = most ? vlt_alloc(most, &data, err) : VLT_OK;
    if (status != VLT_OK || !most) {
        return status;
    }
    memset(data, 1, most);
    for (int level = 0; level < 3; level++) {
        for (int count = 1;; count = all) {
            struct reread_job job = {.data = data,
                                     .bytes = level_bytes(&machine->caps, level, count),
                                     .avx2 = (machine->caps.isa & VLT_ISA_AVX2) != 0};
            if (job.bytes > 0) {
                job.rounds = 1 + (int64_t)(((size_t)16 << 20) / job.bytes);
                double units = (double)job.bytes * (double)job.rounds * count;
                out->cache[out->cache_count++] = (vlt_roofline_cache){
                    .level = names[level],
                    .bytes = job.bytes,
                    .threads = count,
                    .bytes_per_s = best_rate(threads, count, units, budget_s / 6, run_reread, &job,
                                             count)};
            }
            if (count == all) {
                break;
            }
        }
    }
    vlt_free(data);
    return VLT_OK;
}

vlt_status vlt_roofline_measure(const vlt_machine *machine, double budget_s, vlt_roofline *out,
                                vlt_error *err)
{
    *out = (vlt_roofline){0};
    if (!(budget_s > 0)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "roofline: budget of %g s, expected more than 0",
                        budget_s);
    }
    vlt_threads *threads;
    int count = vlt_machine_thread_count(machine);
    vlt_cpu_set cpus = vlt_machine_worker_cpus(machine, count);
    const vlt_threads_options options = {.count = count,
                                         .spin_us = 100,
                                         .cpu_set = machine->can_bind ? cpus.word : NULL,
                                         .cpu_set_words = VLT_MACHINE_CPU_WORDS};
    vlt_status status = vlt_threads_create(&options, &threads, err);
    if (status == VLT_OK) {
        measure_peaks(machine, threads, budget_s / 2, out);
        status = measure_bandwidth(machine, threads, budget_s / 4, out, err);
        if (status == VLT_OK) {
            status = measure_caches(machine, threads, budget_s / 4, out, err);
        }
        vlt_threads_destroy(threads);
    }
    return status;
}

double vlt_roofline_peak_of(const vlt_roofline *roofline, vlt_compute type, int threads)
{
    double best = NAN;
    int nearest = 0;
    for (int i = 0; i < roofline->peak_count; i++) {
        const vlt_roofline_peak *peak = &roofline->peak[i];
        if (peak->type == type && peak->threads <= threads && peak->threads >= nearest) {
            best = peak->threads > nearest ? peak->ops_per_s : fmax(best, peak->ops_per_s);
            nearest = peak->threads;
        }
    }
    return best;
}

double vlt_roofline_bandwidth_of(const vlt_roofline *roofline, int threads)
{
    double found = NAN;
    for (int i = 0; i < roofline->bandwidth_count; i++) {
        if (roofline->bandwidth[i].threads <= threads) {
            found = roofline->bandwidth[i].bytes_per_s;
        }
    }
    return found;
}

double vlt_roofline_bandwidth_hot(const vlt_roofline *roofline, int threads, double bytes)
{
    double best = NAN;
    for (int i = 0; i < roofline->cache_count; i++) {
        const vlt_roofline_cache *cache = &roofline->cache[i];
        bool holds = bytes <= 2 * (double)cache->bytes * cache->threads;
        if (holds && cache->threads <= threads) {
            best = fmax(best, cache->bytes_per_s);
        }
    }
    return isnan(best) ? vlt_roofline_bandwidth_of(roofline, threads) : best;
}

double vlt_roofline_share(const vlt_roofline *roofline, const vlt_cost *cost, int threads, bool hot,
                          double seconds)
{
    double peak = vlt_roofline_peak_of(roofline, cost->compute, threads);
    double products = cost->flops * (cost->products > 1 ? cost->products : 1);
    double bandwidth = hot ? vlt_roofline_bandwidth_hot(roofline, threads, cost->bytes)
                           : vlt_roofline_bandwidth_of(roofline, threads);
    double compute_s = cost->compute && products > 0 ? products / peak : 0;
    double memory_s = cost->bytes > 0 ? cost->bytes / bandwidth : 0;
    double roof_s = isnan(compute_s) || isnan(memory_s) ? NAN : fmax(compute_s, memory_s);
    return roof_s > 0 && seconds > 0 ? roof_s / seconds : NAN;
}

vlt_status vlt_roofline_here(vlt_roofline *out, vlt_error *err)
{
    const vlt_machine_sources sources = {.no_gpu = true};
    vlt_machine *machine;
    vlt_status status = vlt_machine_probe(&sources, &machine, err);
    if (status == VLT_OK) {
        status = vlt_roofline_measure(machine, 0.5, out, err);
        vlt_machine_destroy(machine);
    }
    return status;
}
