/* Bandwidth of memory and of the caches. One stream of addresses does not keep enough lines under
 * way on every machine, and many are of no use within a small cache: each ceiling is that of the
 * arrangement that reads fastest there. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/measure/roofline_internal.h"
#include "harness/measure/roofline_kernels.h"
#include "optimizations/core/memory.h"

enum { STEP_BYTES = 512 << 10, KERNELS = 2 };

struct read_job {
    const unsigned char *data;
    size_t bytes; /* of an item */
    int64_t rounds;
    vlt_read_kernel *kernel;
};

/* The arrangements of the widest registers. */
static void choose_kernels(const vlt_machine *machine, vlt_read_kernel *kernel[KERNELS])
{
    static const struct {
        uint32_t needs;
        vlt_read_kernel *kernel[KERNELS];
    } reads[] = {{VLT_ISA_AVX512, {vlt_read_avx512, vlt_read_streams_avx512}},
                 {VLT_ISA_AVX2, {vlt_read_avx2, vlt_read_streams_avx2}},
                 {VLT_ISA_BASE, {vlt_read_base, vlt_read_base}}};
    int i = 0;
    while ((machine->caps.isa & reads[i].needs) != reads[i].needs) {
        i++;
    }
    memcpy(kernel, reads[i].kernel, sizeof reads[i].kernel);
}

static void run_read(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct read_job *job = argument;
    uint64_t sum = 0;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        for (int64_t r = 0; r < job->rounds; r++) {
            sum += job->kernel(job->data + (size_t)i * job->bytes, job->bytes);
            VLT_USED(&sum);
        }
    }
    vlt_roofline_used(sum);
}

static double best_read(const vlt_machine *machine, vlt_threads *threads, int count,
                        double budget_s, const struct read_job *what, int64_t items)
{
    vlt_read_kernel *kernel[KERNELS];
    double best = NAN, units = (double)what->bytes * (double)what->rounds * (double)items;
    choose_kernels(machine, kernel);
    for (int i = 0; i < KERNELS; i++) {
        struct read_job job = *what;
        job.kernel = kernel[i];
        best = fmax(best, vlt_roofline_best_rate(threads, count, units, budget_s / KERNELS,
                                                 run_read, &job, items));
    }
    return best;
}

/* Four times the last level, but within what memory and time allow: hypervisors report last levels
 * of hundreds of megabytes, of which a guest gets a share that nobody knows. Whole steps. */
static size_t choose_bytes(const vlt_machine *machine, char *reason, size_t reason_bytes)
{
    const size_t least = (size_t)64 << 20, most = (size_t)512 << 20;
    size_t wanted = machine->caps.l3_bytes < most ? machine->caps.l3_bytes * 4 : most;
    size_t bytes = wanted < least ? least : wanted > most ? most : wanted;
    uint64_t left = machine->limits.memory_budget_bytes;
    if (left != VLT_LIMIT_NONE && bytes > left / 4) {
        bytes = (size_t)(left / 4);
    }
    bytes = bytes / STEP_BYTES * STEP_BYTES;
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
    const struct read_job job = {.data = data, .bytes = STEP_BYTES, .rounds = 1};
    for (int count = 1; out->bandwidth_count < VLT_ROOFLINE_THREADS_MAX; count *= 2) {
        count = count > all ? all : count;
        out->bandwidth[out->bandwidth_count++] = (vlt_roofline_bandwidth){
            .threads = count,
            .bytes_per_s = best_read(machine, threads, count, budget_s / 4, &job,
                                     (int64_t)(out->buffer_bytes / STEP_BYTES))};
        if (count == all) {
            break;
        }
    }
    vlt_free(data);
    return VLT_OK;
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

static size_t level_holds(const vlt_caps *caps, int level, int threads)
{
    const size_t holds[] = {caps->l1d_bytes * (size_t)threads, caps->l2_bytes * (size_t)threads,
                            caps->l3_bytes};
    return holds[level];
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
            struct read_job job = {.data = data,
                                   .bytes = level_bytes(&machine->caps, level, count)};
            if (job.bytes > 0) {
                job.rounds = 1 + (int64_t)(((size_t)16 << 20) / job.bytes);
                out->cache[out->cache_count++] = (vlt_roofline_cache){
                    .level = names[level],
                    .bytes = job.bytes,
                    .threads = count,
                    .bytes_per_s = best_read(machine, threads, count, budget_s / 6, &job, count),
                    .holds = level_holds(&machine->caps, level, count)};
            }
            if (count == all) {
                break;
            }
        }
    }
    vlt_free(data);
    return VLT_OK;
}

vlt_status vlt_roofline_measure_memory(const vlt_machine *machine, vlt_threads *threads,
                                       double budget_s, vlt_roofline *out, vlt_error *err)
{
    vlt_status status = measure_bandwidth(machine, threads, budget_s / 2, out, err);
    return status == VLT_OK ? measure_caches(machine, threads, budget_s / 2, out, err) : status;
}
