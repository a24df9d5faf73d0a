#include "harness/measure/placement.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "optimizations/core/compiler.h"
#include "optimizations/core/random.h"

enum { LARGE_PAGE = 1 << 21, LINE = 64, COLOURS = LARGE_PAGE / 4 / LINE };

static unsigned char *map_region(size_t bytes, void **mapping)
{
    void *address = mmap(NULL, bytes + LARGE_PAGE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *mapping = address == MAP_FAILED ? NULL : address;
    if (!*mapping) {
        return NULL;
    }
    uintptr_t aligned = ((uintptr_t)address + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1);
    madvise((void *)aligned, bytes, MADV_HUGEPAGE); /* what the system makes of it, note tells */
    return (unsigned char *)aligned;
}

void vlt_placement_init(vlt_placement *placement, bool shared, size_t bytes, uint64_t seed)
{
    *placement = (vlt_placement){.bytes = bytes, .seed = seed, .regions = shared ? 1 : 2};
    for (int i = 0; i < placement->regions; i++) {
        placement->region[i] = map_region(bytes, &placement->mapping[i]);
    }
}

void vlt_placement_release(vlt_placement *placement)
{
    for (int i = 0; i < 2; i++) {
        if (placement->mapping[i]) {
            munmap(placement->mapping[i], placement->bytes + LARGE_PAGE);
        }
    }
    *placement = (vlt_placement){0};
}

void vlt_placement_begin(vlt_placement *placement, int side)
{
    placement->side = side;
    placement->next = 0;
    memset(placement->used[side], 0, sizeof placement->used[side]);
}

static unsigned char *region_of(const vlt_placement *placement, int side)
{
    return placement->region[placement->regions == 1 ? 0 : side ^ placement->turn];
}

/* The place of a further block: a colour, and room for what the other side may want more. */
static bool draw(vlt_placement *placement, size_t bytes)
{
    vlt_random random = {placement->seed + (uint64_t)placement->count};
    int i = placement->count;
    size_t begin = i ? placement->offset[i - 1] + placement->room[i - 1] : 0;
    begin = (begin + LARGE_PAGE - 1) & ~(size_t)(LARGE_PAGE - 1);
    size_t offset = begin + vlt_random_next(&random) % COLOURS * LINE;
    size_t room = bytes + bytes / 4;
    if (i == VLT_PLACEMENT_BLOCK_MAX || offset + room > placement->bytes) {
        return false;
    }
    placement->offset[i] = offset;
    placement->room[i] = (room + LARGE_PAGE - 1) & ~(size_t)(LARGE_PAGE - 1);
    placement->count++;
    return true;
}

void *vlt_placement_take(void *user, size_t bytes)
{
    vlt_placement *placement = user;
    unsigned char *region = region_of(placement, placement->side);
    if (bytes < VLT_PLACEMENT_BYTES_MIN || !region) {
        return NULL;
    }
    int i = placement->next++;
    if ((i >= placement->count && !draw(placement, bytes)) || bytes > placement->room[i]) {
        placement->crowded = true;
        return NULL;
    }
    placement->used[placement->side][i] = bytes;
    VLT_UNPOISON(region + placement->offset[i], bytes); /* what a run before has sealed */
    memset(region + placement->offset[i], 0, bytes);
    return region + placement->offset[i];
}

uint64_t vlt_placement_hash(const vlt_placement *placement, int side)
{
    const unsigned char *region = region_of(placement, side);
    uint64_t hash = 0xCBF29CE484222325u;
    for (int i = 0; region && i < placement->count; i++) {
        const unsigned char *data = region + placement->offset[i];
        for (size_t k = 0; k + 8 <= placement->used[side][i]; k += 8) {
            uint64_t word;
            memcpy(&word, data + k, sizeof word);
            hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
            hash ^= hash >> 29;
        }
    }
    return hash;
}

/* Does the system give large pages to those who ask? */
static bool large_pages(void)
{
    char text[64] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    return strstr(text, "[always]") || strstr(text, "[madvise]");
}

const char *vlt_placement_note(const vlt_placement *placement)
{
    if (!placement->region[0] || (placement->regions == 2 && !placement->region[1])) {
        return "no address space for a common place of the buffers";
    }
    if (placement->crowded) {
        return "some buffers have no common place";
    }
    return large_pages() ? ""
                         : "small pages: the system gives no large ones, where pages lie is chance";
}
