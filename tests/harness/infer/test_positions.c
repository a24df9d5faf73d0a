#include <criterion/criterion.h>
#include <stdlib.h>

#include "harness/infer/positions.h"

enum { TEXT = 1, IMAGE = 100, VIDEO = 101 };

static const vlt_model_config config = {
    .image_token = IMAGE, .video_token = VIDEO, .vision = {.merge = 2}};

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
