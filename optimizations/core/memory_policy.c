#include "optimizations/core/memory_policy.h"

#include <sys/mman.h>
#include <unistd.h>

#if VLT_ASAN
enum { MAPS = false }; /* a block of malloc's has redzones; its pages are shared with others */
#else
enum { MAPS = true };
#endif

/* As of vlt_alloc_filled: smaller ones do not ask for large pages. */
enum { LARGE_BYTES = 32 << 20 };

/* Whole pages that nobody has touched. */
struct untouched {
    unsigned char *pages;
    size_t bytes, page_bytes;
    int64_t parts;
};

/* They are zero, and stay so. */
static void touch_part(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct untouched *u = argument;
    const size_t count = (u->bytes + u->page_bytes - 1) / u->page_bytes;
    (void)worker;
    for (size_t page = count * (size_t)begin / (size_t)u->parts;
         page < count * (size_t)end / (size_t)u->parts; page++) {
        *(volatile unsigned char *)(u->pages + page * u->page_bytes) = 0;
    }
}

static void touch(vlt_threads *threads, void *pages, size_t bytes)
{
    struct untouched all = {.pages = pages,
                            .bytes = bytes,
                            .page_bytes = (size_t)sysconf(_SC_PAGESIZE),
                            .parts = vlt_threads_count(threads)};
    vlt_threads_for(threads, all.parts, 1, 0, touch_part, &all);
}

static void forbid_large(const vlt_memory_policy *policy, void *pages, size_t bytes)
{
    if (policy->small_pages && bytes >= VLT_POLICY_LARGE_PAGE_BYTES) {
        madvise(pages, bytes, MADV_NOHUGEPAGE); /* refused: the system has no large ones */
    }
}

static vlt_status from_malloc(size_t bytes, bool filled, vlt_policy_block *out, vlt_error *err)
{
    *out = (vlt_policy_block){.bytes = bytes};
    return filled ? vlt_alloc_filled(bytes, &out->data, err)
                  : vlt_alloc_raw(bytes, &out->data, err);
}

vlt_status vlt_policy_block_take(const vlt_memory_policy *policy, size_t bytes,
                                 vlt_policy_block *out, vlt_error *err)
{
    const bool small = policy && policy->small_pages && bytes >= VLT_POLICY_LARGE_PAGE_BYTES;
    const bool placed = policy && (policy->bind || policy->touch) &&
                        bytes >= VLT_POLICY_BOUND_BYTES;
    if (!MAPS || (!small && !placed)) {
        return from_malloc(bytes, true, out, err);
    }
    *out = (vlt_policy_block){.bytes = bytes, .pages = true};
    vlt_status status = !policy->small_pages && bytes >= LARGE_BYTES
                            ? vlt_table_take(bytes, &out->data, err)
                            : vlt_pages_take(bytes, &out->data, err);
    if (status != VLT_OK) {
        *out = (vlt_policy_block){0};
        return status;
    }
    forbid_large(policy, out->data, bytes);
    if (placed && policy->bind) {
        policy->bind(policy->user, out->data, bytes);
    }
    if (placed && policy->touch) {
        touch(policy->touch, out->data, bytes);
    }
    return VLT_OK;
}

vlt_status vlt_policy_block_take_raw(const vlt_memory_policy *policy, size_t bytes,
                                     vlt_policy_block *out, vlt_error *err)
{
    const bool small = policy && policy->small_pages && bytes >= VLT_POLICY_LARGE_PAGE_BYTES;
    const bool large = policy && !policy->small_pages && bytes >= LARGE_BYTES;
    if (!MAPS || (!small && !large)) {
        return from_malloc(bytes, false, out, err);
    }
    *out = (vlt_policy_block){.bytes = bytes, .pages = true};
    vlt_status status = large ? vlt_table_take(bytes, &out->data, err)
                              : vlt_pages_take(bytes, &out->data, err);
    if (status == VLT_OK) {
        forbid_large(policy, out->data, bytes);
    } else {
        *out = (vlt_policy_block){0};
    }
    return status;
}

void vlt_policy_block_release(vlt_policy_block *block)
{
    if (block->pages) {
        vlt_pages_release(block->data, block->bytes);
    } else {
        vlt_free(block->data);
    }
    *block = (vlt_policy_block){0};
}

vlt_status vlt_policy_pages_take(const vlt_memory_policy *policy, size_t bytes, void **out,
                                 vlt_error *err)
{
    vlt_status status = vlt_pages_take(bytes, out, err);
    if (MAPS && status == VLT_OK && policy) {
        forbid_large(policy, *out, bytes);
        if (policy->touch && bytes >= VLT_POLICY_BOUND_BYTES) {
            touch(policy->touch, *out, bytes);
        }
    }
    return status;
}
