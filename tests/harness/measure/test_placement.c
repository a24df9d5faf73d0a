/* Both sides of a launch stand on the same ground. */
#include <criterion/criterion.h>
#include <string.h>

#include "harness/measure/placement.h"

enum { LARGE_PAGE = 1 << 21, BLOCKS = 6 };

static const size_t region_bytes = (size_t)1 << 30;
static vlt_placement placement; /* too big for a stack */

static void take_all(int side, const size_t *bytes, unsigned char **block)
{
    vlt_placement_begin(&placement, side);
    for (int i = 0; i < BLOCKS; i++) {
        block[i] = vlt_placement_take(&placement, bytes[i]);
        cr_assert_not_null(block[i]);
        for (size_t k = 0; k < bytes[i]; k += 97) {
            cr_assert_eq(block[i][k], 0);
        }
        memset(block[i], side + 1, bytes[i]);
    }
}

static const size_t a_bytes[BLOCKS] = {4096, 100000, 5000000, 8192, 65536, 4097};
static const size_t b_bytes[BLOCKS] = {4352, 103125, 5156250, 8448, 67584, 4225};

Test(placement, blocks_of_both_sides_have_one_colour)
{
    unsigned char *a[BLOCKS], *b[BLOCKS];
    for (int turn = 0; turn < 2; turn++) {
        vlt_placement_init(&placement, false, region_bytes, 7);
        placement.turn = turn;
        take_all(0, a_bytes, a);
        take_all(1, b_bytes, b);
        for (int i = 0; i < BLOCKS; i++) {
            cr_expect_eq((uintptr_t)a[i] % LARGE_PAGE, (uintptr_t)b[i] % LARGE_PAGE);
            cr_expect_eq((uintptr_t)a[i] % 64, 0);
            for (int k = 0; k < BLOCKS; k++) {
                cr_expect(a[i] + a_bytes[i] <= b[k] || b[k] + b_bytes[k] <= a[i], "overlap");
                cr_expect(k <= i || a[i] + a_bytes[i] <= a[k], "overlap");
            }
        }
        bool front = placement.region[0] <= a[0] && a[0] < placement.region[0] + region_bytes;
        cr_expect_eq(front, turn == 0);
        cr_expect_not(placement.crowded);
        vlt_placement_release(&placement);
    }
}

Test(placement, sides_with_one_problem_share_their_memory)
{
    unsigned char *a[BLOCKS], *b[BLOCKS];
    vlt_placement_init(&placement, true, region_bytes, 7);
    take_all(0, a_bytes, a);
    uint64_t hash = vlt_placement_hash(&placement, 0);
    take_all(1, b_bytes, b); /* scratch may differ in size */
    cr_expect_arr_eq(a, b, sizeof a);
    cr_expect_neq(vlt_placement_hash(&placement, 1), hash, "other data");
    take_all(0, a_bytes, a);
    cr_expect_eq(vlt_placement_hash(&placement, 0), hash, "the same again");
    vlt_placement_release(&placement);
}

Test(placement, colours_are_drawn_anew_with_every_seed)
{
    unsigned char *a[BLOCKS];
    uintptr_t first = 0;
    int different = 0;
    for (uint64_t seed = 1; seed < 9; seed++) {
        vlt_placement_init(&placement, true, region_bytes, seed * 1000);
        take_all(0, a_bytes, a);
        different += (uintptr_t)a[0] % LARGE_PAGE != first;
        first = (uintptr_t)a[0] % LARGE_PAGE;
        vlt_placement_release(&placement);
    }
    cr_expect_geq(different, 7);
}

Test(placement, what_finds_no_place_goes_to_the_heap_and_is_said)
{
    vlt_placement_init(&placement, false, (size_t)8 << 20, 1);
    vlt_placement_begin(&placement, 0);
    cr_expect_null(vlt_placement_take(&placement, 100), "small ones hold pointers");
    cr_expect_not_null(vlt_placement_take(&placement, 4096));
    cr_expect_null(vlt_placement_take(&placement, (size_t)64 << 20));
    cr_expect(strstr(vlt_placement_note(&placement), "no common place"));
    vlt_placement_release(&placement);
    vlt_placement_init(&placement, false, (size_t)1 << 60, 1);
    cr_expect_null(vlt_placement_take(&placement, 4096));
    cr_expect(strstr(vlt_placement_note(&placement), "no address space"));
    vlt_placement_release(&placement);
}
