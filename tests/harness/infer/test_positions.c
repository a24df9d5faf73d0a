#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "harness/infer/positions.h"

enum { TEXT = 1, IMAGE = 100, VIDEO = 101 };

static const vlt_model_config config = {
    .image_token = IMAGE,
    .video_token = VIDEO,
    .text = {.head = 128, .rope_theta = 5e6, .mrope_section = {24, 20, 20}},
    .vision = {.merge = 2}};

struct prompt {
    int32_t *ids, *position, *visual_row;
    int64_t count, delta;
};

static void add(struct prompt *prompt, int32_t id, int64_t times)
{
    prompt->ids = realloc(prompt->ids, (size_t)(prompt->count + times) * sizeof *prompt->ids);
    for (int64_t i = 0; i < times; i++) {
        prompt->ids[prompt->count++] = id;
    }
}

static vlt_status locate(struct prompt *prompt, const vlt_grid *grid, int grids, vlt_error *err)
{
    prompt->position = malloc(3 * (size_t)prompt->count * sizeof *prompt->position);
    prompt->visual_row = malloc((size_t)prompt->count * sizeof *prompt->visual_row);
    return vlt_positions_of_prompt(&config, prompt->ids, prompt->count, grid, grids,
                                   prompt->position, prompt->visual_row, &prompt->delta, err);
}

static void release(struct prompt *prompt)
{
    free(prompt->ids);
    free(prompt->position);
    free(prompt->visual_row);
}

static void at(const struct prompt *prompt, int64_t i, int t, int h, int w)
{
    cr_expect_eq(prompt->position[i], t, "t of %lld is %d", (long long)i, prompt->position[i]);
    cr_expect_eq(prompt->position[prompt->count + i], h);
    cr_expect_eq(prompt->position[2 * prompt->count + i], w);
}

/* The numbers of harness/model/README.md#positions. */
Test(positions, image_of_43_by_64)
{
    struct prompt prompt = {0};
    const vlt_grid grid = {.t = 1, .h = 86, .w = 128};
    add(&prompt, TEXT, 4);
    add(&prompt, IMAGE, 43 * 64);
    add(&prompt, TEXT, 10);
    cr_assert_eq(locate(&prompt, &grid, 1, NULL), VLT_OK);
    at(&prompt, 3, 3, 3, 3);
    at(&prompt, 4, 4, 4, 4);
    at(&prompt, 4 + 43 * 64 - 1, 4, 46, 67);
    at(&prompt, 4 + 43 * 64, 68, 68, 68);
    at(&prompt, prompt.count - 1, 77, 77, 77);
    cr_expect_eq(prompt.count, 2766);
    cr_expect_eq(prompt.delta, -2688);
    cr_expect_eq(prompt.visual_row[3], -1);
    cr_expect_eq(prompt.visual_row[4], 0);
    cr_expect_eq(prompt.visual_row[4 + 43 * 64 - 1], 43 * 64 - 1);
    release(&prompt);
}

Test(positions, square_image_of_14)
{
    struct prompt prompt = {0};
    const vlt_grid grid = {.t = 1, .h = 28, .w = 28};
    add(&prompt, IMAGE, 196);
    cr_assert_eq(locate(&prompt, &grid, 1, NULL), VLT_OK);
    cr_expect_eq(prompt.delta, -182);
    release(&prompt);
}

Test(positions, text_alone_is_ordinary)
{
    struct prompt prompt = {0};
    add(&prompt, TEXT, 5);
    cr_assert_eq(locate(&prompt, NULL, 0, NULL), VLT_OK);
    at(&prompt, 4, 4, 4, 4);
    cr_expect_eq(prompt.delta, 0);
    release(&prompt);
}

/* A video runs once per temporal group, with text between, and images may stand around it. */
Test(positions, image_between_the_groups_of_two_kinds)
{
    struct prompt prompt = {0};
    const vlt_grid grid[] = {{.video = true, .t = 2, .h = 4, .w = 6}, {.t = 1, .h = 2, .w = 4}};
    add(&prompt, TEXT, 1);
    add(&prompt, VIDEO, 6);
    add(&prompt, TEXT, 2);
    add(&prompt, VIDEO, 6);
    add(&prompt, TEXT, 1);
    add(&prompt, IMAGE, 2);
    cr_assert_eq(locate(&prompt, grid, 2, NULL), VLT_OK);
    at(&prompt, 1, 1, 1, 1);
    at(&prompt, 6, 1, 2, 3);
    at(&prompt, 7, 4, 4, 4);
    at(&prompt, 9, 6, 6, 6);
    at(&prompt, 14, 6, 7, 8);
    at(&prompt, 15, 9, 9, 9);
    at(&prompt, 16, 10, 10, 10);
    at(&prompt, 17, 10, 10, 11);
    cr_expect_eq(prompt.delta, 12 - 18);
    cr_expect_eq(prompt.visual_row[9], 6);
    cr_expect_eq(prompt.visual_row[16], 12);
    release(&prompt);
}

Test(positions, pads_that_do_not_match_are_refused)
{
    static const struct {
        int32_t id;
        int64_t count;
        int grids;
    } cases[] = {{IMAGE, 5, 1}, {IMAGE, 7, 1}, {IMAGE, 12, 1}, {VIDEO, 6, 1},
                 {IMAGE, 6, 0}, {TEXT, 6, 1},  {IMAGE, 6, 2}};
    const vlt_grid grid[] = {{.t = 1, .h = 4, .w = 6}, {.t = 1, .h = 4, .w = 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct prompt prompt = {0};
        vlt_error err = {0};
        add(&prompt, cases[i].id, cases[i].count);
        cr_expect_eq(locate(&prompt, grid, cases[i].grids, &err), VLT_STATUS_INPUT, "case %zu", i);
        cr_expect(err.message[0]);
        release(&prompt);
    }
}

/* THW repeated 20 times, then TTTT. */
Test(positions, axes_are_interleaved)
{
    static vlt_text_rope rope;
    vlt_text_rope_init(&rope, &config.text);
    cr_assert_eq(rope.slots, 64);
    for (int i = 0; i < 64; i++) {
        cr_expect_eq(rope.axis[i], i < 60 ? i % 3 : 0, "slot %d", i);
    }
    cr_expect_float_eq(rope.frequency[0], 1, 1e-7);
    cr_expect_float_eq(rope.frequency[63] * 1e7f, 2.5450e0f, 1e-3f);

    float cos_row[64], sin_row[64], c[64], s[64];
    const int32_t position[3] = {700, 700, 700};
    vlt_text_rope_row(&rope, 700, cos_row, sin_row);
    vlt_text_rope_rows(&rope, position, 1, 0, 1, c, s);
    cr_expect_arr_eq(cos_row, c, sizeof c);
    cr_expect_arr_eq(sin_row, s, sizeof s);
}

/* A grid as large as the learned one reads it exactly; its corners always are the corners. */
Test(positions, learned_positions_are_aligned_at_the_corners)
{
    enum { SIDE = 6, WIDTH = 3 };
    const vlt_vision_config vision = {.width = WIDTH, .merge = 2, .grid = SIDE};
    float table[SIDE * SIDE * WIDTH];
    for (int i = 0; i < SIDE * SIDE * WIDTH; i++) {
        table[i] = (float)(i * i % 97);
    }
    const vlt_matrix embedding = vlt_matrix_of(VLT_FORMAT_F32, table, SIDE * SIDE, WIDTH);
    const vlt_grid same = {.t = 1, .h = SIDE, .w = SIDE}, wide = {.t = 2, .h = 4, .w = 10};
    float x[2 * 4 * 10 * WIDTH] = {0};
    vlt_vision_position_add(&vision, &embedding, &same, 0, SIDE * SIDE, x);
    cr_expect_eq(x[1 * WIDTH], table[1 * WIDTH]);    /* patch 1 is row 0, column 1 */
    cr_expect_eq(x[2 * WIDTH], table[SIDE * WIDTH]); /* patch 2 is row 1, column 0 */
    cr_expect_eq(x[4 * WIDTH], table[2 * WIDTH]);    /* patch 4 begins the next block */
    cr_expect_eq(x[(SIDE * SIDE - 1) * WIDTH], table[(SIDE * SIDE - 1) * WIDTH]);

    float y[2 * 4 * 10 * WIDTH] = {0};
    vlt_vision_position_add(&vision, &embedding, &wide, 0, 80, y);
    cr_expect_eq(y[0], table[0]);
    cr_expect_float_eq(y[39 * WIDTH], table[(SIDE * SIDE - 1) * WIDTH], 1e-4);
    cr_expect_arr_eq(y, y + 40 * WIDTH, 40 * WIDTH * sizeof *y); /* equal for every t */
}
