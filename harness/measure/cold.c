#include "harness/measure/cold.h"

#include <math.h>
#include <string.h>

#include "optimizations/core/clock.h"
#include "optimizations/core/memory.h"

enum { SIZES_MAX = 16, PASSES = 3, COPIES_MAX = 4096 };

/* ns a cache line when walking `bytes`, best of a few passes after one that loads them. */
static double walk_ns(const unsigned char *data, size_t bytes)
{
    const vlt_clock *clock = vlt_clock_system();
    double best = INFINITY;
    for (int pass = 0; pass <= PASSES; pass++) {
        uint64_t sum = 0, begin = vlt_clock_wall(clock);
        for (size_t i = 0; i < bytes; i += 64) {
            uint64_t value;
            memcpy(&value, data + i, sizeof value);
            sum += value;
        }
        VLT_USED(&sum);
        double ns = (double)(vlt_clock_wall(clock) - begin) * 64 / (double)bytes;
        best = pass > 0 ? fmin(best, ns) : best;
    }
    return best;
}

vlt_status vlt_cold_bytes(const vlt_caps *caps, size_t *bytes, vlt_error *err)
{
    double ns[SIZES_MAX];
    size_t size[SIZES_MAX], largest = VLT_COLD_BYTES_MAX;
    int count = 0;
    void *block;
    while (caps->memory_bytes > 0 && largest > caps->memory_bytes / 8 && largest > 1 << 20) {
        largest /= 2;
    }
    vlt_status status = vlt_alloc(largest, &block, err);
    if (status != VLT_OK) {
        return status;
    }
    memset(block, 1, largest); /* untouched pages would all be one page of zeros */
    for (size_t s = (size_t)4 << 20; s <= largest && count < SIZES_MAX; s *= 2) {
        size[count] = s;
        ns[count++] = walk_ns(block, s);
    }
    *bytes = largest;
    for (int i = 0; i < count; i++) {
        if (ns[i] >= 0.9 * ns[count - 1]) {
            *bytes = size[i];
            break;
        }
    }
    vlt_free(block);
    return VLT_OK;
}

int vlt_cold_copies(size_t cold, double working_set_bytes)
{
    double copies = ceil((double)cold / fmax(1, working_set_bytes)) + 1;
    return (int)fmin(COPIES_MAX, fmax(2, copies));
}
