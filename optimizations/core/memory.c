#include "optimizations/core/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { REDZONE_BYTES = VLT_ASAN ? VLT_ALIGN : 0 };

bool vlt_mul_size(size_t a, size_t b, size_t *out)
{
    if (b && a > SIZE_MAX / b) {
        return false;
    }
    *out = a * b;
    return true;
}

bool vlt_add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b) {
        return false;
    }
    *out = a + b;
    return true;
}

vlt_status vlt_dims_bytes(const int64_t *dims, int count, size_t element_bytes, size_t *out,
                          vlt_error *err)
{
    size_t bytes = element_bytes;
    for (int i = 0; i < count; i++) {
        if (dims[i] < 0 || !vlt_mul_size(bytes, (size_t)dims[i], &bytes)) {
            return vlt_fail(err, VLT_STATUS_LIMIT, "dimension %d is %lld: the size does not fit", i,
                            (long long)dims[i]);
        }
    }
    *out = bytes;
    return VLT_OK;
}

static bool round_up(size_t bytes, size_t *out)
{
    if (!vlt_add_size(bytes, VLT_ALIGN - 1, out)) {
        return false;
    }
    *out &= ~(size_t)(VLT_ALIGN - 1);
    return true;
}

vlt_status vlt_alloc_raw(size_t bytes, void **out, vlt_error *err)
{
    size_t rounded;
    *out = NULL;
    if (!round_up(bytes ? bytes : 1, &rounded)) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "allocation of %zu bytes: beyond the address space",
                        bytes);
    }
    void *block = aligned_alloc(VLT_ALIGN, rounded);
    if (!block) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "allocation of %zu bytes failed", bytes);
    }
    *out = block;
    return VLT_OK;
}

/* A page of 4 KiB costs as much to get as to fill: a 12 MP photo has 70,000 of them in patches. */
vlt_status vlt_alloc_filled(size_t bytes, void **out, vlt_error *err)
{
    /* malloc maps these alone: the wish ends with the block */
    enum { PAGE_BYTES = 2 << 20, LARGE_BYTES = 32 << 20 };
    vlt_status status = vlt_alloc_raw(bytes, out, err);
    if (status == VLT_OK && bytes >= LARGE_BYTES) {
        size_t before = (size_t)(-(uintptr_t)*out % PAGE_BYTES);
        size_t whole = (bytes - before) / PAGE_BYTES * PAGE_BYTES;
        madvise((unsigned char *)*out + before, whole, MADV_HUGEPAGE); /* refused: slower alone */
    }
    return status;
}

vlt_status vlt_alloc(size_t bytes, void **out, vlt_error *err)
{
    vlt_status status = vlt_alloc_raw(bytes, out, err);
    size_t rounded;
    if (status == VLT_OK && round_up(bytes ? bytes : 1, &rounded)) {
        memset(*out, 0, rounded);
    }
    return status;
}

void vlt_free(void *block)
{
    free(block);
}

/* Mapped for `bytes`: under ASan a page more, which is a redzone as is the rest of the last one. */
static size_t mapped_bytes(size_t bytes)
{
    enum { GUARD_BYTES = VLT_ASAN ? 4096 : 0 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole;
    return vlt_add_size(bytes ? bytes : 1, GUARD_BYTES + page - 1, &whole) ? whole / page * page
                                                                           : SIZE_MAX;
}

vlt_status vlt_pages_take(size_t bytes, void **out, vlt_error *err)
{
    const size_t whole = mapped_bytes(bytes);
    unsigned char *pages = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                -1, 0);
    *out = pages == MAP_FAILED ? NULL : pages;
    if (!*out) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "allocation of %zu bytes failed", bytes);
    }
    VLT_POISON(pages + bytes, whole - bytes);
    return VLT_OK;
}

void vlt_pages_release(void *pages, size_t bytes)
{
    if (pages) {
        VLT_UNPOISON(pages, mapped_bytes(bytes));
        munmap(pages, mapped_bytes(bytes));
    }
}

vlt_status vlt_table_take(size_t bytes, void **out, vlt_error *err)
{
#if VLT_ASAN
    return vlt_pages_take(bytes, out, err);
#else
    enum { LARGE_PAGE_BYTES = 2 << 20 };
    void *block;
    size_t whole;
    *out = NULL;
    if (bytes < LARGE_PAGE_BYTES || !vlt_add_size(bytes, LARGE_PAGE_BYTES, &whole)) {
        return vlt_pages_take(bytes, out, err);
    }
    vlt_status status = vlt_pages_take(whole, &block, err);
    if (status != VLT_OK) {
        return status;
    }
    /* what lies before the first large page, and behind the table, goes back */
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = (uintptr_t)block, end = begin + whole;
    const uintptr_t first = (begin + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    const uintptr_t last = (first + bytes + page - 1) / page * page;
    if (first > begin) {
        munmap(block, first - begin);
    }
    if (end > last) {
        munmap((void *)last, end - last);
    }
    *out = (void *)first;
    madvise(*out, bytes / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES, MADV_HUGEPAGE); /* a wish */
    return VLT_OK;
#endif
}

void vlt_table_release(void *table, size_t bytes)
{
    vlt_pages_release(table, bytes);
}

/* To the whole pages of a block; a wish. */
static void advise(const void *block, size_t bytes, int advice)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)block;
    const uintptr_t first = (begin + page - 1) / page * page, end = (begin + bytes) / page * page;
    if (first < end) {
        madvise((void *)first, end - first, advice);
    }
}

enum { POPULATE_WRITE = 23 }; /* of Linux 5.14, newer than its header */

void vlt_pages_expect(void *block, size_t bytes)
{
    enum { WORTH_BYTES = 32 << 10 };
    if (bytes >= WORTH_BYTES) {
        advise(block, bytes, POPULATE_WRITE);
    }
}

void vlt_pages_ready(void *block, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)block;
    const uintptr_t first = begin / page * page, end = (begin + bytes + page - 1) / page * page;
    if (!bytes || madvise((void *)first, end - first, POPULATE_WRITE) == 0 || errno != EINVAL) {
        return;
    }
    volatile unsigned char *byte = block; /* an older kernel: what a page holds is written again */
    for (size_t at = 0; at < bytes; at += page - (begin + at) % page) {
        byte[at] = byte[at];
    }
}

void vlt_pages_forget(const void *mapped, size_t bytes)
{
    advise(mapped, bytes, MADV_DONTNEED);
}

bool vlt_piece_bytes(size_t count, size_t element_bytes, size_t *out)
{
    size_t bytes;
    return vlt_mul_size(count, element_bytes, &bytes) &&
           vlt_add_size(bytes, REDZONE_BYTES, &bytes) && round_up(bytes, out);
}

void vlt_arena_reserve(vlt_arena *arena, size_t count, size_t element_bytes)
{
    size_t bytes;
    assert(!arena->base);
    if (!vlt_piece_bytes(count, element_bytes, &bytes) ||
        !vlt_add_size(arena->used_bytes, bytes, &arena->used_bytes)) {
        arena->overflow = true;
    }
}

vlt_status vlt_arena_commit(vlt_arena *arena, vlt_error *err)
{
    void *block;
    if (arena->overflow) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "arena: the planned size does not fit");
    }
    vlt_status status = vlt_alloc(arena->used_bytes, &block, err);
    if (status != VLT_OK) {
        return status;
    }
    arena->base = block;
    arena->size_bytes = arena->used_bytes;
    arena->used_bytes = 0;
    VLT_POISON(arena->base, arena->size_bytes);
    return VLT_OK;
}

void *vlt_arena_take(vlt_arena *arena, size_t count, size_t element_bytes)
{
    size_t bytes = 0;
    bool fits = vlt_piece_bytes(count, element_bytes, &bytes) &&
                bytes <= arena->size_bytes - arena->used_bytes;
    assert(arena->base && fits);
    if (!fits) {
        return NULL;
    }
    void *piece = arena->base + arena->used_bytes;
    arena->used_bytes += bytes;
    VLT_UNPOISON(piece, count * element_bytes);
    return piece;
}

void vlt_arena_release(vlt_arena *arena)
{
    if (arena->base) {
        VLT_UNPOISON(arena->base, arena->size_bytes);
    }
    vlt_free(arena->base);
    *arena = (vlt_arena){0};
}

vlt_status vlt_block_take(const vlt_block_source *source, size_t bytes, void **out, vlt_error *err)
{
    return source ? source->take(source->user, bytes, out, err) : vlt_alloc_filled(bytes, out, err);
}

void vlt_block_give(const vlt_block_source *source, void *block)
{
    if (source && block) {
        source->give(source->user, block);
    } else {
        vlt_free(block);
    }
}
