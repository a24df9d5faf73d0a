#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/matrix.h"

/* A row is a whole number of blocks: what a group does not divide fills one more. */
Test(matrix, rows_are_whole_blocks)
{
    cr_expect_eq(vlt_format_row_bytes(VLT_FORMAT_BF16, 7), 14);
    cr_expect_eq(vlt_format_row_bytes(VLT_FORMAT_F32, 7), 28);
    cr_expect_eq(vlt_format_row_bytes(VLT_FORMAT_I8_ROW, 7), 7);
    cr_expect_eq(vlt_format_row_bytes(VLT_FORMAT_Q8_0, 32), 34);
    cr_expect_eq(vlt_format_row_bytes(VLT_FORMAT_Q8_0, 33), 68);
    cr_expect_eq(vlt_format_row_bytes(VLT_FORMAT_Q8_0, 64), 68);
    cr_expect_eq(vlt_format_row_bytes(VLT_FORMAT_END, 64), 0);
    cr_expect_eq(vlt_format_row_bytes(VLT_FORMAT_F16, 0), 0);
}

Test(matrix, formats_have_names_and_the_numbers_of_old_configs)
{
    cr_expect_str_eq(vlt_format_name(VLT_FORMAT_I8_ROW), "I8_ROW");
    cr_expect_str_eq(vlt_format_name((vlt_format)0), "?");
    cr_expect_str_eq(vlt_format_name((vlt_format)77), "?");
    cr_expect_eq((int)VLT_FORMAT_BF16, (int)VLT_DTYPE_BF16);
    cr_expect_eq((int)VLT_FORMAT_F16, (int)VLT_DTYPE_F16);
    cr_expect_eq((int)VLT_FORMAT_F32, (int)VLT_DTYPE_F32);
    for (int f = VLT_FORMAT_BF16; f < VLT_FORMAT_END; f++) {
        char entry[32];
        snprintf(entry, sizeof entry, "%d %s", f, vlt_format_name((vlt_format)f));
        cr_expect(strstr(VLT_FORMAT_HELP, entry), "'%s' is not in the help", entry);
    }
}

Test(matrix, int8_rows_have_a_scale_each)
{
    static const int8_t data[] = {1, -2, 127, 0, 5, -127};
    static const float scale[] = {0.5f, 2};
    vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_I8_ROW, data, 2, 3);
    float row[3];
    matrix.scale = scale;
    vlt_matrix_row(&matrix, 0, row);
    cr_expect_arr_eq(row, ((float[]){0.5f, -1, 63.5f}), sizeof row);
    vlt_matrix_row(&matrix, 1, row);
    cr_expect_arr_eq(row, ((float[]){0, 10, -254}), sizeof row);
    vlt_matrix_values(&matrix, 1, 1, 2, row);
    cr_expect_arr_eq(row, ((float[]){10, -254}), 2 * sizeof *row);
}

/* Two rows of 35 values: the second block of a row holds three of them, and rubbish behind. */
Test(matrix, blocks_that_the_columns_do_not_fill)
{
    enum { COLUMNS = 35, ROW = 68 };
    unsigned char data[2 * ROW];
    memset(data, 0x7F, sizeof data);
    for (int r = 0; r < 2; r++) {
        for (int block = 0; block < 2; block++) {
            unsigned char *at = data + r * ROW + block * 34;
            uint16_t scale = vlt_f16_from_f32((float)(1 + r + block));
            memcpy(at, &scale, sizeof scale);
            for (int i = 0; i < (block ? COLUMNS - 32 : 32); i++) {
                at[2 + i] = (unsigned char)(int8_t)(i - 16);
            }
        }
    }
    vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_Q8_0, data, 2, COLUMNS);
    cr_assert_eq(matrix.row_bytes, ROW);
    for (int r = 0; r < 2; r++) {
        float row[COLUMNS + 1] = {[COLUMNS] = 3};
        vlt_matrix_row(&matrix, r, row);
        for (int i = 0; i < COLUMNS; i++) {
            cr_expect_eq(row[i], (float)(i % 32 - 16) * (float)(1 + r + i / 32), "row %d, %d", r,
                         i);
        }
        cr_expect_eq(row[COLUMNS], 3);
    }
}
