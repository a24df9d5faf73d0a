#include "harness/measure/roofline.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "optimizations/core/clock.h"
#include "harness/measure/roofline_internal.h"
#include "harness/measure/roofline_kernels.h"

enum { RUN_NS = 2000000, RUNS_MIN = 3, RUNS_MAX = 200 };

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

static _Atomic uint64_t sink;

void vlt_roofline_used(uint64_t result)
{
    atomic_fetch_add(&sink, result);
}

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
        vlt_roofline_used(job->kernel(job->rounds, &ops) > 0);
    }
}

/* Rounds that take RUN_NS on one thread. */
static int64_t calibrate(vlt_peak_kernel *kernel)
{
    int64_t rounds = 64;
    for (;;) {
        double ops;
        uint64_t begin = (uint64_t)vlt_now_ns();
        vlt_roofline_used(kernel(rounds, &ops) > 0);
        uint64_t took = (uint64_t)vlt_now_ns() - begin;
        if (took >= RUN_NS / 8 || rounds > INT64_C(1) << 40) {
            return rounds * RUN_NS / (int64_t)(took ? took : 1) + 1;
        }
        rounds *= 4;
    }
}

double vlt_roofline_best_rate(vlt_threads *threads, int count, double units, double budget_s,
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
            peak->ops_per_s = vlt_roofline_best_rate(
                threads, count, ops * (double)job.rounds * count, each_s, run_peak, &job, count);
            if (count == all) {
                break;
            }
        }
    }
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
        vlt_seat seat; /* also of what it measures alone */
        vlt_seat_take(threads, &seat);
        measure_peaks(machine, threads, budget_s / 2, out);
        status = vlt_roofline_measure_memory(machine, threads, budget_s / 2, out, err);
        vlt_seat_leave(&seat);
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
    double seconds = 0, served = 0, memory = vlt_roofline_bandwidth_of(roofline, threads);
    for (int i = 0; i < roofline->cache_count; i++) {
        const vlt_roofline_cache *cache = &roofline->cache[i];
        bool next = i + 1 < roofline->cache_count && /* of the same level, with more threads */
                    !strcmp(roofline->cache[i + 1].level, cache->level) &&
                    roofline->cache[i + 1].threads <= threads;
        double part = fmin(bytes, 2 * (double)cache->holds) - served;
        if (cache->threads <= threads && !next && part > 0) {
            seconds += part / cache->bytes_per_s;
            served += part;
        }
    }
    seconds += bytes > served ? (bytes - served) / memory : 0;
    return bytes > 0 ? bytes / seconds : memory;
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
