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

/* The bytes of all files of an item, and what they are called. */
typedef struct vlt_visual_files {
    vlt_vision_source *source; /* [count] */
    char **name;               /* owned texts */
    int count;
} vlt_visual_files;

/* Reads the files of an item. folder: of relative paths, or NULL. stop: asked while a file is a
 * pipe that gives nothing. The message names the file; release in any case. */
vlt_status vlt_visual_read(const vlt_media *media, const char *folder, const vlt_stop *stop,
                           vlt_visual_files *out, vlt_visual_times *times, vlt_error *err);
void vlt_visual_files_release(vlt_visual_files *files); /* may be called on {0} */

/* Decodes, resizes and cuts. The message names the item. */
vlt_status vlt_visual_make(vlt_vision_reader *reader, vlt_media_kind kind,
                           const vlt_visual_files *files, vlt_visual *out, vlt_visual_times *times,
                           vlt_error *err);
void vlt_visual_release(vlt_visual *visual); /* may be called on {0} */

/* Of the patches, be they there or not. */
size_t vlt_visual_patch_bytes(const vlt_visual *visual, const vlt_vision_config *vision);

/* The patches alone; the grid and the keys stay. */
void vlt_visual_drop_patches(vlt_visual *visual);

#endif
