/* pictures.h: the images and videos of a request, decoded, resized and cut over threads.
 *
 * One picture alone is spread over the engine's threads; several are made side by side, each by one
 * thread. Readers, with their plans, are kept for the next ones. Any number of threads.
 */
#ifndef VLT_HARNESS_PICTURES_H
#define VLT_HARNESS_PICTURES_H

#include "harness/infer/visual.h"

typedef struct vlt_pictures vlt_pictures;

/* threads: pictures made at the same time, at least 1. The engine has its prepare contexts. */
vlt_status vlt_pictures_create(vlt_engine *engine, int threads, vlt_pictures **out, vlt_error *err);
void vlt_pictures_destroy(vlt_pictures *pictures); /* NULL is fine */

/* Readers that nobody uses. */
void vlt_pictures_forget(vlt_pictures *pictures);

/* Asked between the files: how many have been read. */
typedef struct vlt_pictures_watch {
    bool (*stop)(void *user, int done);
    void *user;
} vlt_pictures_watch;

/* What finds no memory beside others is tried again: alone, without what caches hold, and (where
 * requests are prepared ahead) when answers under way have given theirs back.
 * media[count] into out[count], in order; out is {0} before and released by the caller in any case.
 * folder: of relative paths, or NULL. The first item that fails is named. */
vlt_status vlt_pictures_load(vlt_pictures *pictures, const vlt_media *media, int count,
                             const char *folder, const vlt_pictures_watch *watch, vlt_visual *out,
                             vlt_visual_times *times, vlt_error *err);

#endif
