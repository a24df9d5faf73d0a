/* placement.h: where the buffers of the two sides of a launch lie, so that it is not the place that
 * is measured.
 *
 * Block k of either side begins at the same offset from a border of 2 MiB, on large pages where the
 * system gives them: then every bit of the physical address that selects a set of the first two
 * caches is the same for A and B, whatever their sizes. The offset (a colour) is drawn anew for
 * every launch and block, so that over launches the place is chance and not habit.
 *
 *   shared    the same problem: both sides lie in the same memory, one after the other
 *   apart     different problems: a region each; launches draw who has which
 */
#ifndef VLT_HARNESS_PLACEMENT_H
#define VLT_HARNESS_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VLT_PLACEMENT_BLOCK_MAX = 4096, VLT_PLACEMENT_BYTES_MIN = 4096 };

typedef struct vlt_placement {
    unsigned char *region[2]; /* mapped; NULL: not yet, or there is no room */
    void *mapping[2];
    size_t bytes; /* of each region */
    uint64_t seed;
    int regions;    /* 1: shared, 2: apart */
    int turn;       /* 1: side 0 has region 1 */
    int side, next; /* who takes, and its next block */
    int count;      /* blocks whose place is drawn */
    size_t offset[VLT_PLACEMENT_BLOCK_MAX], room[VLT_PLACEMENT_BLOCK_MAX];
    size_t used[2][VLT_PLACEMENT_BLOCK_MAX]; /* bytes that the sides took */
    bool crowded;                            /* a block found no place and is on the heap */
} vlt_placement;

/* Regions of `bytes` address space each, of which only what is touched takes memory. Where they
 * cannot be had, every take gives NULL. */
void vlt_placement_init(vlt_placement *placement, bool shared, size_t bytes, uint64_t seed);
void vlt_placement_release(vlt_placement *placement); /* fine on {0} */

/* The side takes its blocks from the first one on; what it had before is given up. */
void vlt_placement_begin(vlt_placement *placement, int side);

/* vlt_buffer_source: zeroed memory until release, or NULL: use the heap. Below BYTES_MIN always
 * NULL: small blocks hold pointers. */
void *vlt_placement_take(void *placement, size_t bytes);

/* What the blocks of the side hold. */
uint64_t vlt_placement_hash(const vlt_placement *placement, int side);

/* "" or, for people, what could not be had. */
const char *vlt_placement_note(const vlt_placement *placement);

#endif
