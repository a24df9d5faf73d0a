/* scenes.h: the pictures that the demo model was trained on, drawn by the program itself.
 *
 * One to four coloured shapes, at most one in each quadrant, on a plain noisy background, with a
 * question and its true answer: an endless supply of inputs whose answers can be judged, on a
 * machine without any data. The distribution is that of scene() in demo/train_scenes.py, and the
 * shapes cover the same pixels as those of Pillow, which drew the training set; only the stream of
 * random numbers is our own (core/random.h).
 */
#ifndef VLT_HARNESS_SCENES_H
#define VLT_HARNESS_SCENES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

enum {
    VLT_SCENE_SIDE = 128, /* pixels of the scenes that the model knows, both ways */
    VLT_SCENE_SIDE_MIN = 64,
    VLT_SCENE_SIDE_MAX = 8192,
    VLT_SCENE_QUESTION_BYTES = 64,
    VLT_SCENE_ANSWER_BYTES = 256
};

typedef struct vlt_scene {
    char question[VLT_SCENE_QUESTION_BYTES];
    char answer[VLT_SCENE_ANSWER_BYTES]; /* the truth */
} vlt_scene;

/* USAGE when a side is beyond VLT_SCENE_SIDE_MIN to _MAX. */
vlt_status vlt_scene_check_size(int width, int height, vlt_error *err);

/* Draws scene number `index` of the stream `seed` into rgb[height, width, 3]. Equal arguments give
 * equal bytes on every machine; scenes of one stream do not depend on each other. Larger pictures
 * show the shapes in proportion; both sides are checked before (asserted). */
void vlt_scene_draw(uint64_t seed, uint64_t index, int width, int height, uint8_t *rgb,
                    vlt_scene *scene);

/* The same as a JPEG file (quality 93, 4:4:4, as the golden scenes are). *out is freed with
 * vlt_free. USAGE names a size beyond the limits. */
vlt_status vlt_scene_jpeg(uint64_t seed, uint64_t index, int width, int height, vlt_scene *scene,
                          uint8_t **out, size_t *out_bytes, vlt_error *err);

typedef struct vlt_scenes_options {
    uint64_t seed;
    int64_t count; /* 1 to 1,000,000 */
    int width;     /* 0 stands for VLT_SCENE_SIDE */
    int height;
    /* Called before each scene; true ends the work with INTERRUPTED. NULL: never. */
    bool (*stop)(void *user, int64_t done);
    void *user;
} vlt_scenes_options;

/* Makes the folder where it is missing and writes scene-000.jpg ... and, last, scenes.jsonl with a
 * line {"image", "question", "answer"} each. Every file appears whole or not at all; files of the
 * same name are replaced, others left alone. */
vlt_status vlt_scenes_write(const char *folder, const vlt_scenes_options *options, vlt_error *err);

#endif
