#include "harness/measure/probe.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

enum {
    GEMM_ROWS = 100, /* at work 1000 */
    GEMM_WIDTH = 64,
    COPY_BYTES = 200 * 1000, /* in the second-level cache, at twice the work too */
    HASH_SLOTS = 1 << 19,
    HASH_LOOKUPS = 5 * 1000 /* a call as short as the others', so that priming is cheap */
};

struct vlt_probe {
    void (*call)(struct vlt_probe *probe);
    int work;
    void *block[3];
    bool borrowed[3];
    uint64_t key;
    uint64_t sum; /* keeps results alive */
};

/* out[rows, w] = x[rows, w] * m[w, w] */
static void call_gemm(struct vlt_probe *probe)
{
    int rows = GEMM_ROWS * probe->work / VLT_PROBE_WORK;
    const float *x = probe->block[0], *m = probe->block[1];
    float *out = probe->block[2];
    for (int r = 0; r < rows; r++) {
        float sum[GEMM_WIDTH] = {0};
        for (int k = 0; k < GEMM_WIDTH; k++) {
            for (int j = 0; j < GEMM_WIDTH; j++) {
                sum[j] += x[r * GEMM_WIDTH + k] * m[k * GEMM_WIDTH + j];
            }
        }
        memcpy(out + r * GEMM_WIDTH, sum, sizeof sum);
    }
}

static void call_copy(struct vlt_probe *probe)
{
    size_t bytes = (size_t)COPY_BYTES / VLT_PROBE_WORK * (size_t)probe->work;
    memcpy(probe->block[2], probe->block[0], bytes);
}

/* Independent look-ups at scattered places, with a branch on what is found. */
static void call_hash(struct vlt_probe *probe)
{
    const uint64_t *slot = probe->block[0];
    int64_t lookups = (int64_t)HASH_LOOKUPS / VLT_PROBE_WORK * probe->work;
    uint64_t key = probe->key, sum = 0; /* goes on, so that every look-up costs the same */
    for (int64_t i = 0; i < lookups; i++) {
        key = key * 0x9E3779B97F4A7C15u + 1;
        uint64_t found = slot[key >> 45];
        sum += found & 1 ? found : key;
    }
    probe->key = key;
    probe->sum += sum;
}

static void call_empty(struct vlt_probe *probe)
{
    (void)probe;
}

static const struct {
    const char *name;
    void (*call)(struct vlt_probe *probe);
    size_t bytes[3]; /* of the blocks at the largest work */
} probes[] = {
    {"gemm",
     call_gemm,
     {GEMM_ROWS * 2 * GEMM_WIDTH * sizeof(float), GEMM_WIDTH *GEMM_WIDTH * sizeof(float),
      GEMM_ROWS * 2 * GEMM_WIDTH * sizeof(float)}},
    {"copy", call_copy, {COPY_BYTES * 2, 1, COPY_BYTES * 2}},
    {"hash", call_hash, {HASH_SLOTS * sizeof(uint64_t), 1, 1}},
    {"empty", call_empty, {1, 1, 1}},
};
enum { PROBES = sizeof probes / sizeof *probes };

const char *vlt_probe_name(int index)
{
    return probes[index].name;
}

bool vlt_probe_named(const char *what)
{
    return !strncmp(what, "probe/", 6);
}

static vlt_status take_blocks(struct vlt_probe *probe, int index, const vlt_buffer_source *buffers,
                              vlt_error *err)
{
    for (int b = 0; b < 3; b++) {
        size_t bytes = probes[index].bytes[b];
        probe->block[b] = buffers ? buffers->take(buffers->user, bytes) : NULL;
        probe->borrowed[b] = probe->block[b] != NULL;
        vlt_status status = probe->block[b] ? VLT_OK : vlt_alloc(bytes, &probe->block[b], err);
        if (status != VLT_OK) {
            return status;
        }
    }
    return VLT_OK;
}

/* Whole pages are written: untouched ones would all be one page of zeros. */
static void fill(const struct vlt_probe *probe, int index)
{
    vlt_random random = {11};
    if (probes[index].call == call_gemm) {
        for (int b = 0; b < 2; b++) {
            float *values = probe->block[b];
            for (size_t i = 0; i < probes[index].bytes[b] / sizeof *values; i++) {
                values[i] = vlt_random_signed(&random);
            }
        }
    } else if (probes[index].call != call_empty) {
        uint64_t *values = probe->block[0];
        for (size_t i = 0; i < probes[index].bytes[0] / sizeof *values; i++) {
            values[i] = vlt_random_next(&random);
        }
    }
}

/* Which kernel, and how much work. */
static vlt_status parse(const char *what, int *index, long *work, vlt_error *err)
{
    const char *name = what + strlen("probe/");
    size_t length = strcspn(name, "@");
    *work = VLT_PROBE_WORK;
    *index = 0;
    while (*index < PROBES &&
           (strlen(probes[*index].name) != length || strncmp(name, probes[*index].name, length))) {
        ++*index;
    }
    if (*index == PROBES) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s': expected probe/gemm, copy, hash or empty",
                        what);
    }
    if (name[length] == '@') {
        char *end = NULL;
        const char *digits = strstr(name, "@work=") ? name + length + strlen("@work=") : "";
        *work = strtol(digits, &end, 10);
        if (!*digits || *end || *work < 1 || *work > VLT_PROBE_WORK_MAX) {
            return vlt_fail(err, VLT_STATUS_USAGE, "'%s': work is '%s', expected 1 to %d", what,
                            digits, VLT_PROBE_WORK_MAX);
        }
    }
    return VLT_OK;
}

vlt_status vlt_probe_check(const char *what, vlt_error *err)
{
    int index;
    long work;
    return parse(what, &index, &work, err);
}

vlt_status vlt_probe_create(const char *what, const vlt_buffer_source *buffers, vlt_probe **out,
                            vlt_error *err)
{
    long work;
    int index;
    void *block;
    *out = NULL;
    vlt_status status = parse(what, &index, &work, err);
    if (status == VLT_OK) {
        status = vlt_alloc(sizeof(struct vlt_probe), &block, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    struct vlt_probe *probe = block;
    /* The keys begin at this side's own address: with equal streams the second side of a pair would
     * look up what the first has just fetched, and the order would show in every pair. */
    *probe = (struct vlt_probe){
        .call = probes[index].call, .work = (int)work, .key = (uint64_t)(uintptr_t)probe};
    status = take_blocks(probe, index, buffers, err);
    if (status != VLT_OK) {
        vlt_probe_destroy(probe);
        return status;
    }
    fill(probe, index);
    *out = probe;
    return VLT_OK;
}

void vlt_probe_destroy(vlt_probe *probe)
{
    if (probe) {
        for (int b = 0; b < 3; b++) {
            if (!probe->borrowed[b]) {
                vlt_free(probe->block[b]);
            }
        }
        vlt_free(probe);
    }
}

int vlt_probe_run(vlt_probe *probe, int64_t iterations)
{
    for (int64_t i = 0; i < iterations; i++) {
        probe->call(probe);
    }
    return 0;
}
