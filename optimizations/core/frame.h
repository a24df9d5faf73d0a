/* frame.h: scratch memory as a stack. Whoever runs a plan hands it a frame; the plan takes its
 * pieces from the front and gives the rest to its children, one after the other:
 *
 *     frame of a block      [ x | q | k | v | rest ...................... ]
 *     its child linear                       [ packed x | rest ...... ]
 *     the next child                         [ scores | out | rest .. ]
 *
 * A frame is two words and passed by value, so that returning from a call gives its pieces back.
 * Nothing in it survives the call, and nothing in it is zero at first. How much a plan needs, its
 * deepest child included, is known when it is prepared (vlt_plan_scratch); there is one block per
 * thread of control, whatever the number of plans and the depth of their nesting.
 *
 *     scratch   size_t bytes = 0; vlt_frame_reserve(&bytes, rows, sizeof(float)); return bytes;
 *     run       float *x = vlt_frame_take(&frame, rows, sizeof(float));    same pieces, same order
 *
 * The workers of a parallel region have a frame each, cut out of the caller's (vlt_frames).
 * Under ASan a redzone follows each piece, and what has not been taken must not be touched.
 */
#ifndef VLT_CORE_FRAME_H
#define VLT_CORE_FRAME_H

#include "optimizations/core/memory_policy.h"

typedef struct vlt_frame {
    unsigned char *base; /* aligned to VLT_ALIGN */
    size_t left_bytes;
} vlt_frame;

/* Adds a piece to a size being planned. A size that does not fit becomes and stays SIZE_MAX. */
void vlt_frame_reserve(size_t *bytes, size_t count, size_t element_bytes);

/* Adds `more` bytes, itself a planned size: those of a child. Likewise SIZE_MAX. */
void vlt_frame_add(size_t *bytes, size_t more);

/* An aligned piece of count elements, not zeroed. The frame must have been planned for it. */
void *vlt_frame_take(vlt_frame *frame, size_t count, size_t element_bytes);

/* One frame for each worker of a region. */
typedef struct vlt_frames {
    unsigned char *base;
    size_t each_bytes;
} vlt_frames;

/* `each_bytes` is a planned size. */
void vlt_frames_reserve(size_t *bytes, int workers, size_t each_bytes);
vlt_frames vlt_frames_take(vlt_frame *frame, int workers, size_t each_bytes);
vlt_frame vlt_frames_of(const vlt_frames *frames, int worker);

/* Forbids under ASan to touch what is left of a frame; nothing in other builds. */
void vlt_frame_seal(vlt_frame frame);

/* The block behind the frames of one thread of control. It grows when asked to and never shrinks;
 * growing loses the contents. {0} is empty. */
typedef struct vlt_scratch {
    unsigned char *base; /* owned */
    size_t size_bytes;
    bool pages; /* the block is mapped for itself, else malloc's */
} vlt_scratch;

/* NOMEM or LIMIT; then the block is as it was. */
vlt_status vlt_scratch_reserve(vlt_scratch *scratch, size_t bytes, vlt_error *err);

/* The same, the block got as the policy says (NULL: as above). */
vlt_status vlt_scratch_reserve_by(vlt_scratch *scratch, const vlt_memory_policy *policy,
                                  size_t bytes, vlt_error *err);
vlt_frame vlt_scratch_frame(const vlt_scratch *scratch);
void vlt_scratch_release(vlt_scratch *scratch); /* may be called twice */

#endif
