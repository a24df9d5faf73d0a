#include <criterion/criterion.h>

#include "optimizations/rope/mrope.h"

/* THW repeated 20 times, then TTTT. */
Test(mrope, axes_are_interleaved)
{
    static vlt_mrope rope;
    const int64_t section[3] = {24, 20, 20};
    vlt_mrope_init(&rope, 128, 5e6, section);
    cr_assert_eq(rope.slots, 64);
    for (int i = 0; i < 64; i++) {
        cr_expect_eq(rope.axis[i], i < 60 ? i % 3 : 0, "slot %d", i);
    }
    cr_expect_float_eq(rope.frequency[0], 1, 1e-7);
    cr_expect_float_eq(rope.frequency[63] * 1e7f, 2.5450e0f, 1e-3f);

    float cos_row[64], sin_row[64], c[64], s[64];
    const int32_t position[3] = {700, 700, 700};
    vlt_mrope_row(&rope, 700, cos_row, sin_row);
    vlt_mrope_rows(&rope, position, 1, 1, c, s);
    cr_expect_arr_eq(cos_row, c, sizeof c);
    cr_expect_arr_eq(sin_row, s, sizeof s);
}
