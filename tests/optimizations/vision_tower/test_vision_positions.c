#include <criterion/criterion.h>

#include "optimizations/vision_tower/vision_positions.h"

/* A grid as large as the learned one reads it exactly; its corners always are the corners. */
Test(vision_positions, learned_positions_are_aligned_at_the_corners)
{
    enum { SIDE = 6, WIDTH = 3 };
    float table[SIDE * SIDE * WIDTH];
    for (int i = 0; i < SIDE * SIDE * WIDTH; i++) {
        table[i] = (float)(i * i % 97);
    }
    const vlt_matrix embedding = vlt_matrix_of(VLT_FORMAT_F32, table, SIDE * SIDE, WIDTH);
    const vlt_grid same = {.t = 1, .h = SIDE, .w = SIDE}, wide = {.t = 2, .h = 4, .w = 10};
    float x[2 * 4 * 10 * WIDTH] = {0};
    vlt_vision_position_add(&embedding, SIDE, &same, 2, 0, SIDE * SIDE, x);
    cr_expect_eq(x[1 * WIDTH], table[1 * WIDTH]);    /* patch 1 is row 0, column 1 */
    cr_expect_eq(x[2 * WIDTH], table[SIDE * WIDTH]); /* patch 2 is row 1, column 0 */
    cr_expect_eq(x[4 * WIDTH], table[2 * WIDTH]);    /* patch 4 begins the next block */
    cr_expect_eq(x[(SIDE * SIDE - 1) * WIDTH], table[(SIDE * SIDE - 1) * WIDTH]);

    float y[2 * 4 * 10 * WIDTH] = {0};
    vlt_vision_position_add(&embedding, SIDE, &wide, 2, 0, 80, y);
    cr_expect_eq(y[0], table[0]);
    cr_expect_float_eq(y[39 * WIDTH], table[(SIDE * SIDE - 1) * WIDTH], 1e-4);
    cr_expect_arr_eq(y, y + 40 * WIDTH, 40 * WIDTH * sizeof *y); /* equal for every t */
}
