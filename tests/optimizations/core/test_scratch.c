#include <criterion/criterion.h>

#include "optimizations/core/context.h"

static vlt_arena planned(size_t floats)
{
    vlt_arena arena = {0};
    vlt_arena_reserve(&arena, floats, sizeof(float));
    vlt_arena_reserve(&arena, 3, 1);
    return arena;
}

/* The largest plan sizes the block, and every plan finds all of its pieces in it. */
Test(scratch, plans_of_a_context_share_one_block)
{
    vlt_scratch scratch = {0};
    vlt_context context = {.scratch = &scratch};
    static const size_t floats[] = {10, 5000, 70};
    vlt_lease lease[3];
    for (int i = 0; i < 3; i++) {
        vlt_arena arena = planned(floats[i]);
        cr_assert_eq(vlt_lease_init(&lease[i], &context, &arena, NULL), VLT_OK);
    }
    cr_assert_geq(scratch.size_bytes, 5000 * sizeof(float));
    for (int i = 0; i < 3; i++) {
        vlt_arena arena = vlt_lease_view(&lease[i]);
        cr_assert_eq(arena.base, scratch.base);
        float *piece = vlt_arena_take(&arena, floats[i], sizeof(float));
        piece[0] = piece[floats[i] - 1] = 1;
        cr_assert_not_null(vlt_arena_take(&arena, 3, 1));
    }
    for (int i = 0; i < 3; i++) {
        vlt_lease_release(&lease[i]);
    }
    vlt_scratch_release(&scratch);
    vlt_scratch_release(&scratch);
}

Test(scratch, a_leaf_does_not_meet_its_parent)
{
    vlt_scratch scratch = {0};
    vlt_context context = {.scratch = &scratch};
    vlt_lease parent, leaf, other;
    vlt_arena arena = planned(100);
    cr_assert_eq(vlt_lease_init(&parent, &context, &arena, NULL), VLT_OK);
    cr_assert_eq(vlt_lease_init_leaf(&leaf, &context, &arena, NULL), VLT_OK);
    cr_assert_eq(vlt_lease_init_leaf(&other, &context, &arena, NULL), VLT_OK);
    cr_assert_neq(vlt_lease_view(&parent).base, vlt_lease_view(&leaf).base);
    cr_assert_eq(vlt_lease_view(&other).base, vlt_lease_view(&leaf).base);
    vlt_lease_release(&parent);
    vlt_lease_release(&leaf);
    vlt_lease_release(&other);
    vlt_scratch_release(&scratch);
}

Test(scratch, without_a_shared_block_a_plan_has_its_own)
{
    vlt_context context = {0};
    vlt_lease a, b;
    vlt_arena arena = planned(8);
    cr_assert_eq(vlt_lease_init(&a, &context, &arena, NULL), VLT_OK);
    cr_assert_eq(vlt_lease_init(&b, &context, &arena, NULL), VLT_OK);
    cr_assert_neq(vlt_lease_view(&a).base, vlt_lease_view(&b).base);
    vlt_lease_release(&a);
    vlt_lease_release(&b);
}

Test(scratch, a_size_that_does_not_fit_is_refused)
{
    vlt_context context = {0};
    vlt_lease lease;
    vlt_arena arena = {0};
    vlt_arena_reserve(&arena, SIZE_MAX / 2, 4);
    cr_assert_eq(vlt_lease_init(&lease, &context, &arena, NULL), VLT_STATUS_LIMIT);
    vlt_lease_release(&lease);
}
