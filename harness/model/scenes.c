#include "harness/model/scenes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/jpeg_decode/jpeg_encode.h"

enum { COLOURS = 8, SHAPES = 5, PLACES = 4, QUALITY = 93 };
enum { SHADE = 12, NOISE = 8, RADIUS_MIN = 14, RADIUS_MAX = 26, SHIFT = 5 };
enum { RADIUS_LIMIT = RADIUS_MAX * VLT_SCENE_SIDE_MAX / VLT_SCENE_SIDE };
enum shape { CIRCLE, SQUARE, TRIANGLE, CROSS, RING };

static const struct {
    const char *name;
    int rgb[3];
} colours[COLOURS] = {
    {"red", {220, 40, 40}},     {"green", {40, 170, 60}},   {"blue", {50, 80, 220}},
    {"yellow", {235, 210, 50}}, {"purple", {150, 60, 180}}, {"orange", {240, 140, 30}},
    {"black", {20, 20, 20}},    {"white", {245, 245, 245}},
};
static const char *const shapes[SHAPES] = {"circle", "square", "triangle", "cross", "ring"};
static const char *const places[PLACES] = {"top left", "top right", "bottom left", "bottom right"};
static const char *const numbers[PLACES + 1] = {"Zero", "One", "Two", "Three", "Four"};

struct thing {
    enum shape shape;
    int colour;
};

struct canvas {
    uint8_t *rgb;
    int width, height;
    uint8_t ink[3];
};

/* Fills [left, right] of a row, both included, cut to the canvas. */
static void fill_row(struct canvas *canvas, int y, int left, int right)
{
    if (y < 0 || y >= canvas->height) {
        return;
    }
    left = left < 0 ? 0 : left;
    right = right >= canvas->width ? canvas->width - 1 : right;
    uint8_t *row = canvas->rgb + (size_t)y * (size_t)canvas->width * 3;
    for (int x = left; x <= right; x++) {
        memcpy(row + (size_t)x * 3, canvas->ink, 3);
    }
}

static void fill_box(struct canvas *canvas, int x, int y, int half_width, int half_height)
{
    for (int row = y - half_height; row <= y + half_height; row++) {
        fill_row(canvas, row, x - half_width, x + half_width);
    }
}

/* The pixels of an eighth-connected circle, per row above the centre: those nearest to the vertical
 * axis and farthest from it. */
struct outline {
    int nearest[RADIUS_LIMIT + 1];
    int farthest[RADIUS_LIMIT + 1];
};

static int64_t off_circle(int64_t x, int64_t y, int64_t radius)
{
    return llabs(x * x + y * y - radius * radius);
}

/* Walks from (radius, 0) to (0, radius), always to the neighbour that lies closest to the circle
 * (Bresenham's rule; ties keep to the earlier candidate, which is what Pillow does). */
static void trace(int radius, struct outline *outline)
{
    static const int step[3][2] = {{0, 1}, {-1, 1}, {-1, 0}};
    int x = radius, y = 0;
    outline->nearest[0] = outline->farthest[0] = radius;
    while (x > 0 || y < radius) {
        int64_t best = INT64_MAX;
        int next_x = x, next_y = y;
        for (int i = 0; i < 3; i++) {
            int to_x = x + step[i][0], to_y = y + step[i][1];
            if (to_x >= 0 && to_y <= radius && off_circle(to_x, to_y, radius) < best) {
                best = off_circle(to_x, to_y, radius);
                next_x = to_x;
                next_y = to_y;
            }
        }
        if (next_y > y) {
            outline->farthest[next_y] = next_x;
        }
        outline->nearest[next_y] = next_x;
        x = next_x;
        y = next_y;
    }
}

/* A ring of `thickness`; a disc when the thickness reaches the centre. */
static void draw_round(struct canvas *canvas, int x, int y, int radius, int thickness)
{
    struct outline outer, inner;
    int inner_radius = radius - thickness + 1;
    trace(radius, &outer);
    if (inner_radius >= 0) {
        trace(inner_radius, &inner);
    }
    for (int row = -radius; row <= radius; row++) {
        int edge = outer.farthest[abs(row)];
        int hole = abs(row) <= inner_radius ? inner.nearest[abs(row)] : 0;
        fill_row(canvas, y + row, x - edge, x - hole);
        fill_row(canvas, y + row, x + hole, x + edge);
    }
}

static void draw_shape(struct canvas *canvas, enum shape shape, int x, int y, int r)
{
    int arm = r / 3 > 2 ? r / 3 : 2;
    switch (shape) {
    case CIRCLE:
        draw_round(canvas, x, y, r, r + 1);
        break;
    case SQUARE:
        fill_box(canvas, x, y, r, r);
        break;
    case TRIANGLE:
        for (int row = 0; row <= 2 * r; row++) {
            fill_row(canvas, y - r + row, x - row / 2, x + row / 2);
        }
        break;
    case CROSS:
        fill_box(canvas, x, y, r, arm);
        fill_box(canvas, x, y, arm, r);
        break;
    case RING:
        draw_round(canvas, x, y, r, r / 3 > 3 ? r / 3 : 3);
        break;
    }
}

static void choose_ink(vlt_random *random, int colour, uint8_t ink[3])
{
    for (int c = 0; c < 3; c++) {
        int64_t value = colours[colour].rgb[c] + vlt_random_range(random, -SHADE, SHADE);
        ink[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* things[place] of the places taken; returns how many. */
static int draw_things(vlt_random *random, struct canvas *canvas, int background,
                       struct thing things[PLACES], bool taken[PLACES])
{
    int count = (int)vlt_random_range(random, 1, PLACES);
    int order[PLACES] = {0, 1, 2, 3};
    double scale = (double)(canvas->width < canvas->height ? canvas->width : canvas->height) /
                   VLT_SCENE_SIDE;
    for (int i = 0; i < count; i++) {
        int j = (int)vlt_random_range(random, i, PLACES - 1);
        int place = order[j];
        order[j] = order[i];
        int colour = (int)vlt_random_range(random, 0, COLOURS - 2);
        colour += colour >= background;
        struct thing thing = {(enum shape)vlt_random_range(random, 0, SHAPES - 1), colour};
        double r = (double)vlt_random_range(random, RADIUS_MIN, RADIUS_MAX) * scale;
        double dx = (double)vlt_random_range(random, -SHIFT, SHIFT) * scale;
        double dy = (double)vlt_random_range(random, -SHIFT, SHIFT) * scale;
        int x = place % 2 * canvas->width / 2 + canvas->width / 4 + (int)dx;
        int y = place / 2 * canvas->height / 2 + canvas->height / 4 + (int)dy;
        choose_ink(random, colour, canvas->ink);
        draw_shape(canvas, thing.shape, x, y, (int)r);
        things[place] = thing;
        taken[place] = true;
    }
    return count;
}

static void add_noise(vlt_random *random, struct canvas *canvas)
{
    size_t bytes = (size_t)canvas->width * (size_t)canvas->height * 3;
    for (size_t i = 0; i < bytes; i++) {
        int64_t value = canvas->rgb[i] + vlt_random_range(random, -NOISE, NOISE);
        canvas->rgb[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static void describe(const struct thing things[PLACES], const bool taken[PLACES], int background,
                     char *text, size_t text_bytes)
{
    int used = snprintf(text, text_bytes, "On a %s background:", colours[background].name);
    const char *separator = "";
    for (int place = 0; place < PLACES; place++) {
        if (taken[place]) {
            used += snprintf(text + used, text_bytes - (size_t)used, "%s a %s %s in the %s",
                             separator, colours[things[place].colour].name,
                             shapes[things[place].shape], places[place]);
            separator = ",";
        }
    }
    snprintf(text + used, text_bytes - (size_t)used, ".");
}

static int count_shape(const struct thing things[PLACES], const bool taken[PLACES], int shape)
{
    int count = 0;
    for (int place = 0; place < PLACES; place++) {
        count += taken[place] && (int)things[place].shape == shape;
    }
    return count;
}

/* The place of the n-th thing. */
static int nth_place(const bool taken[PLACES], int n)
{
    int place = 0;
    while (!taken[place] || n-- > 0) {
        place++;
    }
    return place;
}

/* Of 100 questions 25 ask what is somewhere, 15 how many there are, 10 for the background, 15 how
 * many of one shape, and 35 for a description. */
static void ask(vlt_random *random, const struct thing things[PLACES], const bool taken[PLACES],
                int count, int background, vlt_scene *scene)
{
    double kind = vlt_random_unit(random);
    char *question = scene->question, *answer = scene->answer;
    if (kind < .25) {
        int place = nth_place(taken, (int)vlt_random_range(random, 0, count - 1));
        vlt_utf8_format(question, sizeof scene->question, "What is in the %s?", places[place]);
        vlt_utf8_format(answer, sizeof scene->answer, "A %s %s.",
                        colours[things[place].colour].name, shapes[things[place].shape]);
    } else if (kind < .40) {
        snprintf(question, sizeof scene->question, "How many shapes are there?");
        vlt_utf8_format(answer, sizeof scene->answer, "%s.", numbers[count]);
    } else if (kind < .50) {
        const char *name = colours[background].name;
        snprintf(question, sizeof scene->question, "What colour is the background?");
        vlt_utf8_format(answer, sizeof scene->answer, "%c%s.", name[0] - 'a' + 'A', name + 1);
    } else if (kind < .65) {
        int shape = (int)vlt_random_range(random, 0, SHAPES - 1);
        vlt_utf8_format(question, sizeof scene->question, "How many %s%s are there?", shapes[shape],
                        shape == CROSS ? "es" : "s");
        vlt_utf8_format(answer, sizeof scene->answer, "%s.",
                        numbers[count_shape(things, taken, shape)]);
    } else {
        snprintf(question, sizeof scene->question, "Describe the image.");
        describe(things, taken, background, answer, sizeof scene->answer);
    }
}

void vlt_scene_draw(uint64_t seed, uint64_t index, int width, int height, uint8_t *rgb,
                    vlt_scene *scene)
{
    assert(width >= VLT_SCENE_SIDE_MIN && width <= VLT_SCENE_SIDE_MAX);
    assert(height >= VLT_SCENE_SIDE_MIN && height <= VLT_SCENE_SIDE_MAX);
    /* A stream of its own for each scene: neighbouring states of SplitMix64 are far apart. */
    vlt_random random = {seed};
    random.state = vlt_random_next(&random) ^ (index * 0xD1342543DE82EF95u);
    struct canvas canvas = {.rgb = rgb, .width = width, .height = height};
    struct thing things[PLACES];
    bool taken[PLACES] = {false};
    int background = (int)vlt_random_range(&random, 0, COLOURS - 1);
    choose_ink(&random, background, canvas.ink);
    for (int y = 0; y < height; y++) {
        fill_row(&canvas, y, 0, width - 1);
    }
    int count = draw_things(&random, &canvas, background, things, taken);
    add_noise(&random, &canvas);
    ask(&random, things, taken, count, background, scene);
}

vlt_status vlt_scene_check_size(int width, int height, vlt_error *err)
{
    if (width < VLT_SCENE_SIDE_MIN || width > VLT_SCENE_SIDE_MAX || height < VLT_SCENE_SIDE_MIN ||
        height > VLT_SCENE_SIDE_MAX) {
        return vlt_fail(err, VLT_STATUS_USAGE, "scene: size %dx%d, expected %d to %d a side", width,
                        height, VLT_SCENE_SIDE_MIN, VLT_SCENE_SIDE_MAX);
    }
    return VLT_OK;
}

vlt_status vlt_scene_jpeg(uint64_t seed, uint64_t index, int width, int height, vlt_scene *scene,
                          uint8_t **out, size_t *out_bytes, vlt_error *err)
{
    void *rgb;
    *out = NULL;
    *out_bytes = 0;
    vlt_status status = vlt_scene_check_size(width, height, err);
    if (status == VLT_OK) {
        status = vlt_alloc((size_t)width * (size_t)height * 3, &rgb, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    vlt_scene_draw(seed, index, width, height, rgb, scene);
    vlt_jpeg_encode_options options = {.quality = QUALITY, .subsampling = VLT_JPEG_444};
    status = vlt_jpeg_encode(rgb, width, height, &options, out, out_bytes, err);
    vlt_free(rgb);
    return status;
}
