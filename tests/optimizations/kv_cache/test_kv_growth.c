/* The cache of a session: what it holds while it grows, and what it takes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "optimizations/core/compiler.h"
#include "optimizations/kv_cache/kv_cache.h"
#include "tests/support/data.h"

enum { LAYERS = 3, KV_HEADS = 2, HEAD = 16 };

static void init(vlt_kv_cache *cache)
{
    cr_assert_eq(
        vlt_kv_cache_init(cache, vlt_kv_format_find(VLT_FORMAT_F32), LAYERS, KV_HEADS, HEAD, NULL),
        VLT_OK);
}

static float value_at(int64_t layer, int64_t list, int64_t row, int64_t i)
{
    return (float)(((layer * 4 + list) * 5000 + row) * 16 + i);
}

/* Writes (or checks) row `row` of every list. */
static void each_value(const vlt_kv_cache *cache, int64_t row, bool write)
{
    for (int64_t layer = 0; layer < cache->layers; layer++) {
        for (int64_t list = 0; list < 4; list++) {
            const vlt_kv_layer *in = &cache->layer[layer];
            float *at = (float *)(list / 2 ? in->v : in->k) +
                        (list % 2 * in->capacity + row) * cache->head;
            for (int64_t i = 0; i < cache->head; i++) {
                if (write) {
                    at[i] = value_at(layer, list, row, i);
                } else {
                    cr_assert_eq(at[i], value_at(layer, list, row, i));
                }
            }
        }
    }
}

Test(kv_growth, grows_by_doubling_and_keeps_every_row)
{
    enum { MOST = 1000 };
    vlt_kv_cache cache;
    int64_t capacity = 0, steps = 0;
    init(&cache);
    for (int64_t row = 0; row < MOST; row++) {
        cr_assert_eq(vlt_kv_cache_reserve(&cache, row + 1, MOST, NULL), VLT_OK);
        steps += vlt_kv_cache_capacity(&cache) != capacity;
        capacity = vlt_kv_cache_capacity(&cache);
        cr_assert(capacity >= row + 1 && capacity <= MOST);
        each_value(&cache, row, true);
        vlt_kv_cache_commit(&cache, row + 1);
    }
    cr_assert_eq(capacity, MOST);
    cr_assert_leq(steps, 11);
    for (int64_t row = 0; row < MOST; row++) {
        each_value(&cache, row, false);
    }
    vlt_kv_cache_release(&cache);
}

static size_t resident_bytes(const vlt_kv_layer *layer)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE),
                 pages = (layer->page_bytes + page - 1) / page;
    unsigned char *in = calloc(pages, 1);
    size_t count = 0;
    cr_assert_eq(mincore(layer->pages, layer->page_bytes, in), 0);
    for (size_t i = 0; i < pages; i++) {
        count += in[i] & 1;
    }
    free(in);
    return count * page;
}

/* A gigabyte of room, a few rows of it used. */
Test(kv_growth, room_takes_no_memory_before_it_is_used)
{
    enum { ROWS = 1 << 20 };
    vlt_kv_cache cache;
    size_t bytes = 0;
    init(&cache);
    cr_assert_eq(vlt_kv_cache_bytes(&cache, ROWS, &bytes, NULL), VLT_OK);
    cr_assert_eq(bytes, (size_t)ROWS * 3 * 4 * 16 * sizeof(float));
    cr_assert_eq(vlt_kv_cache_reserve(&cache, ROWS, ROWS, NULL), VLT_OK);
    cr_assert_eq(resident_bytes(&cache.layer[0]), 0);
    for (int64_t row = 0; row < 64; row++) {
        each_value(&cache, row, true);
    }
    cr_assert_leq(resident_bytes(&cache.layer[0]), 4 * (2 << 20)); /* a huge page a list at most */
    vlt_kv_cache_release(&cache);
}

/* Where twice as much cannot be had, as much as is needed must do; where that cannot be had either,
 * nothing is lost. */
Test(kv_growth, running_out_of_memory_loses_nothing)
{
    enum { ROWS = 100000 };
    vlt_kv_cache cache;
    vlt_error err = {0};
    size_t bytes;
    char statm[64] = "";
    if (VLT_ASAN) {
        test_skip("sanitizers need the address space");
        return;
    }
    init(&cache);
    cr_assert_eq(vlt_kv_cache_reserve(&cache, ROWS, 10 * ROWS, NULL), VLT_OK);
    each_value(&cache, 0, true);
    each_value(&cache, ROWS - 1, true);
    vlt_kv_cache_commit(&cache, ROWS);
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file && fgets(statm, sizeof statm, file));
    fclose(file);
    vlt_kv_cache_bytes(&cache, ROWS, &bytes, NULL);
    struct rlimit limit = {.rlim_max = RLIM_INFINITY};
    limit.rlim_cur = strtoull(statm, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + bytes / 2;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    cr_assert_eq(vlt_kv_cache_reserve(&cache, ROWS + 9, 10 * ROWS, &err), VLT_OK, "%s",
                 err.message);
    cr_assert(vlt_kv_cache_capacity(&cache) >= ROWS + 9 &&
              vlt_kv_cache_capacity(&cache) < 2 * ROWS);
    cr_assert_eq(vlt_kv_cache_reserve(&cache, 8 * ROWS, 10 * ROWS, &err), VLT_STATUS_NOMEM);
    cr_assert(strstr(err.message, "800000 tokens (614400000 bytes)"), "%s", err.message);
    each_value(&cache, 0, false);
    each_value(&cache, ROWS - 1, false);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &limit);
    cr_assert_eq(vlt_kv_cache_reserve(&cache, 2 * ROWS, 10 * ROWS, &err), VLT_OK);
    each_value(&cache, ROWS - 1, false);
    vlt_kv_cache_release(&cache);
}

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* From here on this process is on a kernel that does not know MADV_POPULATE_WRITE. */
static bool forget_populate(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Rows that were made ready are memory, those that were there stay as they are, and no others
 * become memory. Twice as many heads, and a row more, than pages need. */
static void make_ready(void)
{
    enum { ROWS = 4096, FIRST = 37, READY = 901 };
    vlt_kv_cache cache;
    init(&cache);
    cr_assert_eq(vlt_kv_cache_reserve(&cache, ROWS, ROWS, NULL), VLT_OK);
    for (int64_t row = 0; row < FIRST; row++) {
        each_value(&cache, row, true);
    }
    vlt_kv_cache_commit(&cache, FIRST);
    cr_expect_eq(vlt_kv_cache_resident(&cache), FIRST);
    vlt_kv_cache_make_ready(&cache, READY);
    cr_expect_eq(vlt_kv_cache_resident(&cache), READY);
    const size_t rows_bytes = (size_t)READY * HEAD * sizeof(float);
    cr_expect_leq(resident_bytes(&cache.layer[0]), 2 * KV_HEADS * (rows_bytes + 2 * 4096));
    each_value(&cache, FIRST, true); /* the code itself */
    const long before = faults();
    for (int64_t row = FIRST; row < READY; row++) {
        each_value(&cache, row, true);
    }
    const long taken = faults() - before;
    cr_expect(VLT_ASAN || taken == 0, "%ld", taken);
    for (int64_t row = 0; row < READY; row++) {
        each_value(&cache, row, false);
    }
    vlt_kv_cache_make_ready(&cache, READY / 2); /* is */
    cr_expect_eq(vlt_kv_cache_resident(&cache), READY);
    vlt_kv_cache_commit(&cache, READY);
    cr_assert_eq(vlt_kv_cache_reserve(&cache, ROWS + 1, ROWS + 1, NULL), VLT_OK);
    cr_expect_eq(vlt_kv_cache_resident(&cache), READY, "moved: the valid rows alone are memory");
    vlt_kv_cache_make_ready(&cache, ROWS + 1);
    each_value(&cache, READY - 1, false);
    vlt_kv_cache_release(&cache);
}

Test(kv_growth, ready_rows_take_no_page_fault)
{
    make_ready();
}

/* Where the system cannot, they are written over with what is in them. */
Test(kv_growth, ready_rows_on_an_older_kernel)
{
    if (VLT_ASAN || !forget_populate()) {
        test_skip("a sanitizer needs its calls, or there is no seccomp");
        return;
    }
    make_ready();
}
