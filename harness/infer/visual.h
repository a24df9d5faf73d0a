/* visual.h: an image or video item of a conversation -> preprocessed patches. */
#ifndef VLT_HARNESS_VISUAL_H
#define VLT_HARNESS_VISUAL_H

#include "harness/infer/vision.h"
#include "harness/json/input.h"
#include "harness/model/chat.h"

/* Wall time, added to. */
typedef struct vlt_visual_times {
    double image_decode_ms, preprocess_ms;
} vlt_visual_times;

/* Reads, decodes, resizes and cuts. files: folder of relative paths, or NULL. stop: asked while a
 * file is a pipe that gives nothing. Under the engine's prepare_lock. The message names the item.
 */
vlt_status vlt_visual_load(vlt_engine *engine, const vlt_media *media, const char *files,
                           const vlt_stop *stop, vlt_visual *out, vlt_visual_times *times,
                           vlt_error *err);
void vlt_visual_release(vlt_visual *visual); /* may be called on {0} */

#endif
