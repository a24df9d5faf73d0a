/* vision.h: preprocessed images and videos through the vision tower, group by group.
 *
 * Several images go through together while they are small; a large one goes alone.
 */
#ifndef VLT_HARNESS_VISION_H
#define VLT_HARNESS_VISION_H

#include "harness/infer/engine.h"
#include "optimizations/core/hash.h"

/* An image or video as the processor leaves it. */
typedef struct vlt_visual {
    vlt_grid grid;
    float *patches;                 /* [grid patches, patch values], owned by the prompt, or NULL */
    uint8_t *pixels;                /* instead: [grid patches, patch values / temporal] */
    const vlt_block_source *source; /* of the patches */
    vlt_hash128 content;            /* of the patches: the pixels as the processor leaves them */
    uint64_t hash;                  /* of grid and content: what rows of a KV cache are keyed on */
} vlt_visual;

typedef struct vlt_vision_request {
    const vlt_visual *visual; /* [count] in order of appearance */
    int count;
    float *embedding;                      /* [visual tokens, text width] */
    float *deepstack[VLT_VISION_TAPS_MAX]; /* each [visual tokens, text width] */
    const vlt_tap *tap;                    /* or NULL */
    int next;                              /* the first that is not computed yet; starts at 0 */
    int64_t token_next;                    /* its first row in the outputs; starts at 0 */
} vlt_vision_request;

/* Computes the next group; next < count. INTERRUPTED when the tap said so. Under the engine's turn.
 */
vlt_status vlt_vision_step(vlt_engine *engine, vlt_vision_request *request, vlt_error *err);

#endif
