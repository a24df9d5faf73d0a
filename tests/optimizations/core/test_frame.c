#include <criterion/criterion.h>
#include <string.h>

#include "optimizations/core/frame.h"

/* What was reserved can be taken, to the last byte, and pieces do not overlap. */
Test(frame, reserved_pieces_fit_exactly)
{
    static const size_t count[] = {1, 64, 5000, 0, 7};
    size_t bytes = 0;
    for (size_t i = 0; i < 5; i++) {
        vlt_frame_reserve(&bytes, count[i], sizeof(float));
    }
    vlt_scratch scratch = {0};
    cr_assert_eq(vlt_scratch_reserve(&scratch, bytes, NULL), VLT_OK);
    vlt_frame frame = vlt_scratch_frame(&scratch);
    float *piece[5];
    for (size_t i = 0; i < 5; i++) {
        piece[i] = vlt_frame_take(&frame, count[i], sizeof(float));
        cr_assert_not_null(piece[i]);
        cr_assert_eq((uintptr_t)piece[i] % VLT_ALIGN, 0);
        memset(piece[i], (int)i + 1, count[i] * sizeof(float));
    }
    cr_assert_eq(frame.left_bytes, 0);
    for (size_t i = 0; i < 5; i++) {
        for (size_t b = 0; b < count[i] * sizeof(float); b++) {
            cr_assert_eq(((unsigned char *)piece[i])[b], i + 1);
        }
    }
    vlt_scratch_release(&scratch);
}

/* A callee takes from the rest; what it took is free again when it returns. */
static unsigned char *callee(vlt_frame frame, size_t bytes)
{
    unsigned char *mine = vlt_frame_take(&frame, bytes, 1);
    memset(mine, 9, bytes);
    return mine;
}

Test(frame, children_share_the_rest)
{
    size_t own = 0, first = 0, second = 0;
    vlt_frame_reserve(&own, 100, 1);
    vlt_frame_reserve(&first, 300, 1);
    vlt_frame_reserve(&second, 700, 1);
    size_t bytes = own;
    vlt_frame_add(&bytes, second);
    vlt_scratch scratch = {0};
    cr_assert_eq(vlt_scratch_reserve(&scratch, bytes, NULL), VLT_OK);
    vlt_frame frame = vlt_scratch_frame(&scratch);
    unsigned char *mine = vlt_frame_take(&frame, 100, 1);
    memset(mine, 1, 100);
    unsigned char *a = callee(frame, 300), *b = callee(frame, 700);
    cr_assert_eq(a, b, "the second child begins where the first one did");
    cr_assert_geq(a, mine + 100);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(mine[i], 1, "the caller's piece is left alone");
    }
    vlt_scratch_release(&scratch);
}

Test(frame, workers_have_frames_of_their_own)
{
    enum { WORKERS = 3 };
    size_t each = 0, bytes = 0;
    vlt_frame_reserve(&each, 5, 1);
    vlt_frame_reserve(&each, 70, 1);
    vlt_frames_reserve(&bytes, WORKERS, each);
    vlt_scratch scratch = {0};
    cr_assert_eq(vlt_scratch_reserve(&scratch, bytes, NULL), VLT_OK);
    vlt_frame frame = vlt_scratch_frame(&scratch);
    vlt_frames frames = vlt_frames_take(&frame, WORKERS, each);
    unsigned char *piece[WORKERS][2];
    for (int w = 0; w < WORKERS; w++) {
        vlt_frame own = vlt_frames_of(&frames, w);
        piece[w][0] = vlt_frame_take(&own, 5, 1);
        piece[w][1] = vlt_frame_take(&own, 70, 1);
        memset(piece[w][0], w, 5);
        memset(piece[w][1], w, 70);
        cr_assert_eq(own.left_bytes, 0);
    }
    for (int w = 0; w < WORKERS; w++) {
        for (int b = 0; b < 70; b++) {
            cr_assert_eq(piece[w][1][b], w);
        }
        cr_assert_eq(piece[w][0][4], w);
    }
    vlt_scratch_release(&scratch);
}

Test(frame, a_size_that_does_not_fit_stays_known)
{
    size_t bytes = 10;
    vlt_frame_reserve(&bytes, SIZE_MAX / 2, 4);
    cr_assert_eq(bytes, SIZE_MAX);
    vlt_frame_reserve(&bytes, 1, 1);
    cr_assert_eq(bytes, SIZE_MAX);
    vlt_frame_add(&bytes, 0);
    cr_assert_eq(bytes, SIZE_MAX);
    size_t workers = 0;
    vlt_frames_reserve(&workers, 64, SIZE_MAX);
    cr_assert_eq(workers, SIZE_MAX);
}

Test(frame, scratch_grows_and_never_shrinks)
{
    vlt_scratch scratch = {0};
    vlt_error err = {0};
    cr_assert_eq(vlt_scratch_reserve(&scratch, 0, &err), VLT_OK);
    cr_assert_eq(vlt_scratch_reserve(&scratch, 1000, &err), VLT_OK);
    unsigned char *base = scratch.base;
    cr_assert_eq(vlt_scratch_reserve(&scratch, 10, &err), VLT_OK);
    cr_assert_eq(scratch.base, base);
    cr_assert_eq(vlt_scratch_reserve(&scratch, SIZE_MAX - 3, &err), VLT_STATUS_LIMIT);
    cr_assert_eq(scratch.base, base, "a refusal leaves what is there");
    cr_assert(strstr(err.message, "scratch"));
    vlt_scratch_release(&scratch);
    vlt_scratch_release(&scratch);
}
