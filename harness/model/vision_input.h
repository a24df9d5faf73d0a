/* vision_input.h: bytes of images and video frames -> patch rows for the model.
 *
 * Decode (image/image.h), target size (processor.h), then the operator `preprocess`, planned
 * in the reader's context so that the tuned choices apply. The plan of the last shape is kept.
 */
#ifndef VLT_HARNESS_VISION_INPUT_H
#define VLT_HARNESS_VISION_INPUT_H

#include "harness/json/input.h"
#include "harness/model/processor.h"
#include "optimizations/core/context.h"
#include "optimizations/image/image.h"

typedef struct vlt_vision_options {
    vlt_arithmetic arithmetic; /* --reference; images.manner is derived from it */
    vlt_image_options images;  /* exif, alpha, strict */
    vlt_dialect dialect;
    bool pixels;   /* patches of still images stay bytes: whoever takes them normalises */
    vlt_stop stop; /* asked while a file is a pipe that gives nothing; {0}: never */
} vlt_vision_options;

/* Reads --reference, --exif, --alpha and --dialect as the command line writes them; NULL is the
 * default. USAGE names option and value. */
vlt_status vlt_vision_options_read(const char *reference, const char *exif, const char *alpha,
                                   const char *dialect, bool strict, vlt_vision_options *out,
                                   vlt_error *err);

/* Bytes of one image file. `name` stands in errors and warnings, or is NULL where the caller puts a
 * subject before them. */
typedef struct vlt_vision_source {
    const void *data;
    size_t data_bytes;
    const char *name;
} vlt_vision_source;

typedef struct vlt_vision_input {
    int64_t grid[3];                     /* t, h, w in patches */
    int64_t rows;                        /* t * h * w */
    int64_t row_values;                  /* 3 * temporal * patch * patch */
    int64_t pixel_values;                /* 3 * patch * patch */
    float *patches;                      /* [rows, row_values], owned; or NULL */
    uint8_t *pixels;                     /* instead: [rows, pixel_values], owned, and ... */
    const vlt_patchify_constants *table; /* ... what makes values of them, the reader's */
    const vlt_block_source *source;      /* of the patches; NULL: the heap */
    int64_t source_h, source_w;          /* upright, before resizing */
} vlt_vision_input;

/* Wall time, added to. */
typedef struct vlt_vision_times {
    double decode_ms, preprocess_ms;
} vlt_vision_times;

/* Used by one thread at a time. Context and processor are borrowed and copied, respectively. */
typedef struct vlt_vision_reader vlt_vision_reader;

vlt_status vlt_vision_reader_create(vlt_context *context, const vlt_processor *processor,
                                    const vlt_vision_options *options, vlt_vision_reader **out,
                                    vlt_error *err);
void vlt_vision_reader_destroy(vlt_vision_reader *reader); /* NULL is fine */

/* One still image. times may be NULL. Warnings (missing rows) go to the context's log. */
vlt_status vlt_vision_read_image(vlt_vision_reader *reader, const vlt_vision_source *image,
                                 vlt_vision_input *out, vlt_vision_times *times, vlt_error *err);

/* The same of a file of at most 1 GiB; IO where it cannot be read. Messages begin with the path. */
vlt_status vlt_vision_read_file(vlt_vision_reader *reader, const char *path, vlt_vision_input *out,
                                vlt_vision_times *times, vlt_error *err);

/* The frames of one video, used as given; all must have one size. */
vlt_status vlt_vision_read_video(vlt_vision_reader *reader, const vlt_vision_source *frames,
                                 int64_t frame_count, vlt_vision_input *out,
                                 vlt_vision_times *times, vlt_error *err);

void vlt_vision_input_release(vlt_vision_input *input); /* may be called on {0} */

#endif
