/* vision.h: patches -> visual embeddings and DeepStack features.
 *
 * Patch embedding, learned positions, blocks, mergers (harness/model/README.md#vision-tower).
 * Several images go through together while they are small. Runs under the engine's compute_lock.
 */
#ifndef VLT_HARNESS_VISION_H
#define VLT_HARNESS_VISION_H

#include "harness/infer/dump.h"
#include "harness/infer/engine.h"

/* An image or video as the processor leaves it. */
typedef struct vlt_visual {
    vlt_grid grid;
    float *patches; /* [grid patches, patch values], owned by the prompt */
    uint64_t hash;  /* of grid and patches: the content that a cache is keyed on */
} vlt_visual;

typedef struct vlt_vision_request {
    const vlt_visual *visual; /* [count] in order of appearance */
    int count;
    float *embedding;                    /* [visual tokens, text width] */
    float *deepstack[VLT_DEEPSTACK_MAX]; /* each [visual tokens, text width] */
    vlt_dump *dump;                      /* or NULL */
    bool (*progress)(void *user, int64_t done, int64_t total); /* in blocks; false stops; or NULL */
    void *progress_user;
} vlt_vision_request;

/* INTERRUPTED when progress said so. */
vlt_status vlt_vision_run(vlt_engine *engine, const vlt_vision_request *request, vlt_error *err);

#endif
