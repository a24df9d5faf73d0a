/* embeddings.h: what the vision tower makes of a picture, kept by the picture's content.
 *
 * The key is the content of the patches (what the processor made of the decoded bytes), the grid
 * and the model, so that a second turn, another session and another question find it. Pictures then
 * go through the tower one by one: what a picture becomes may not depend on its company, or an
 * answer would depend on what was asked before. Several sessions that meet a picture at the same
 * time compute it once.
 */
#ifndef VLT_HARNESS_EMBEDDINGS_H
#define VLT_HARNESS_EMBEDDINGS_H

#include "harness/infer/vision.h"

enum { VLT_EMBEDDING_CACHE_DEFAULT_BYTES = 256 << 20 };

/* Would the tower not be asked for it? */
bool vlt_embeddings_known(const vlt_engine *engine, const vlt_visual *visual);

/* The picture's rows are in the session's cache, and the tower is not asked: a use of what is
 * kept. */
void vlt_embeddings_touch(vlt_engine *engine, const vlt_visual *visual);

typedef enum vlt_embeddings_use {
    VLT_EMBEDDINGS_APART, /* all of it is computed, by groups, and the cache is not looked at */
    VLT_EMBEDDINGS_READ,  /* from the cache where it is there, else computed and not kept */
    VLT_EMBEDDINGS_KEEP   /* the same, and kept */
} vlt_embeddings_use;

/* As vlt_vision_step, for one picture or a group. Takes the engine's turn where it computes;
 * *vision_ms grows by what that took. */
vlt_status vlt_embeddings_step(vlt_engine *engine, vlt_vision_request *request,
                               vlt_embeddings_use use, double *vision_ms, vlt_error *err);

#endif
