/* weights.h: the tensors of a checkpoint under the names that the computation uses.
 *
 * Matrices stay where they are mapped and are never copied, each in its own format and with an id
 * that names it for the store of packs (equal for a head that is the embedding); vectors (norms,
 * biases) are converted to f32 once, and looked through for NaN and infinity on the way. Every
 * shape is checked against config.json. They are asked for by role (checkpoint.h); a tensor
 * beside those that are needed is fine. The output head is the tensor of that role when it is
 * there, else the embedding. Source: harness/model/README.md#tensors and #output-head.
 */
#ifndef VLT_HARNESS_WEIGHTS_H
#define VLT_HARNESS_WEIGHTS_H

#include "harness/model/checkpoint.h"
#include "optimizations/core/memory.h"
#include "optimizations/decoder/decoder.h"
#include "optimizations/vision_tower/vision_tower.h"

typedef struct vlt_weights {
    vlt_decoder_constants decoder;     /* its rope is the caller's to set */
    vlt_vision_tower_constants vision; /* its pixels are the caller's to set */
    bool tied; /* the head is the embedding, as decided by the presence of the tensor */

    int tensor_count;    /* tensors used, a tied head once */
    int64_t value_count; /* their elements */
    vlt_arena arena;     /* owns the vectors and the lists */
} vlt_weights;

/* The checkpoint is mapped; both arguments are borrowed and must outlive *out. INPUT names the
 * tensor and both values; on failure nothing is kept. The config's tie flags are heeded only for a
 * checkpoint without a head that says it is not tied: it is used tied all the same, `tied` tells.
 */
vlt_status vlt_weights_init(const vlt_checkpoint *checkpoint, const vlt_model_config *config,
                            vlt_weights *out, vlt_error *err);
void vlt_weights_release(vlt_weights *weights); /* may be called on {0} */

#endif
