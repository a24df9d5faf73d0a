/* processor.h: preprocessor_config.json and its kin, target sizes, normalisation tables.
 *
 * A directory saved by transformers 5 has processor_config.json with the objects image_processor
 * and video_processor, which go first; else preprocessor_config.json and
 * video_preprocessor_config.json are read. Unknown keys are fine; a key that the computation needs
 * is named when it is missing; nothing falls back to the defaults of a class, which differ between
 * versions. Source: harness/model/README.md#checkpoint-files, #image-sizes, #video-sizes and
 * #normalisation.
 */
#ifndef VLT_HARNESS_PROCESSOR_H
#define VLT_HARNESS_PROCESSOR_H

#include "harness/model/placeholders.h"
#include "optimizations/patchify/patchify.h"
#include "optimizations/resize/resize.h"

/* One processor: of images or of videos. */
typedef struct vlt_processor_config {
    bool present; /* false: the directory has no such file, every other field is 0 */
    int64_t patch, temporal, merge;
    int64_t pixels_min, pixels_max; /* of an image; of a video over all its frames */
    bool resize, rescale, normalize;
    double rescale_factor;
    double mean[3], std[3];
    bool cap_frames;          /* cap_pixels_per_frame, videos */
    int64_t frame_tokens_max; /* max_video_tokens, where cap_frames */
    char file[64];            /* for messages: name of the file, and the object in it */
} vlt_processor_config;

typedef struct vlt_processor {
    vlt_processor_config image; /* present */
    vlt_processor_config video; /* may be absent */
} vlt_processor;

/* Reads DIRECTORY. IO or INPUT, naming file, key and both values. */
vlt_status vlt_processor_load(const char *directory, vlt_processor *out, vlt_error *err);

/* One processor from JSON text; `name` stands in messages. */
vlt_status vlt_processor_parse(const char *text, size_t bytes, const char *name, bool video,
                               vlt_processor_config *out, vlt_error *err);

/* Replaces the pixel limits where not 0; INPUT when the lower one is then above the upper one. */
vlt_status vlt_processor_limit(vlt_processor_config *config, int64_t pixels_min, int64_t pixels_max,
                               vlt_error *err);

/* Size in pixels that an image of h x w is stretched to. INPUT: aspect ratio above 200, or a size
 * that is no multiple of patch * merge where resizing is off. */
vlt_status vlt_processor_image_size(const vlt_processor_config *config, int64_t h, int64_t w,
                                    int64_t *out_h, int64_t *out_w, vlt_error *err);

/* The same for every frame of a video of `frames`. INPUT also: fewer frames than `temporal`; in
 * dialect 4.57 a side below patch * merge. */
vlt_status vlt_processor_video_size(const vlt_processor_config *config, vlt_dialect dialect,
                                    int64_t frames, int64_t h, int64_t w, int64_t *out_h,
                                    int64_t *out_w, vlt_error *err);

/* The normalised value of every byte in that reference's arithmetic. */
void vlt_processor_table(const vlt_processor_config *config, vlt_arithmetic arithmetic,
                         vlt_patchify_constants *out);

#endif
