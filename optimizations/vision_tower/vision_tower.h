/* vision_tower.h: patches of images and frames -> visual embeddings and DeepStack features,
 * composite.
 *
 *   x = patches Wp^T + bp + learned positions; for each block: x = vision_block(x)
 *   (a still image may come as bytes, whose patches patch_embed.h and patchify.h define)
 *   deepstack k = merger_k(x behind block deepstack_block[k])
 *   embedding = merger(x behind the last block)
 *   merger: LayerNorm over one patch (main) or merge * merge of them (DeepStack),
 *           fc1, erf GELU, fc2
 *
 * Patches come in the processor's order, merge x merge cells together, so that merge * merge rows
 * are one token. The baseline prepares child plans (patch_embed, linear, vision_block, norm,
 * activation); another variant may replace the whole, on another device too.
 * Source: harness/model/README.md#vision-tower. Tolerance: 2e-3.
 */
#ifndef VLT_VISION_TOWER_H
#define VLT_VISION_TOWER_H

#include "optimizations/core/tap.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"
#include "optimizations/patch_embed/patch_embed.h"
#include "optimizations/vision_block/vision_block.h"

#define VLT_VISION_TOWER_TOLERANCE 2e-3

enum { VLT_VISION_TAPS_MAX = 16 };

enum {
    VLT_VISION_TOWER_DIM_PATCHES, /* of all images of a run, at most */
    VLT_VISION_TOWER_DIM_SEGMENT, /* of the largest image or frame, at most */
    VLT_VISION_TOWER_DIM_WIDTH,
    VLT_VISION_TOWER_DIM_HEADS,
    VLT_VISION_TOWER_DIM_INNER,
    VLT_VISION_TOWER_DIM_BLOCKS,
    VLT_VISION_TOWER_DIM_OUT,    /* elements of a token */
    VLT_VISION_TOWER_DIM_MERGE,  /* patches a side that become one token */
    VLT_VISION_TOWER_DIM_VALUES, /* of a patch */
    VLT_VISION_TOWER_DIM_TAPS,   /* DeepStack mergers */
    VLT_VISION_TOWER_DIM_WEIGHTS /* vlt_format of most of the weights */
};

/* Size in patches; h and w are multiples of merge. */
typedef struct vlt_grid {
    bool video;
    int64_t t, h, w;
} vlt_grid;

static inline int64_t vlt_grid_patches(const vlt_grid *grid)
{
    return grid->t * grid->h * grid->w;
}

static inline int64_t vlt_grid_tokens(const vlt_grid *grid, int64_t merge)
{
    return vlt_grid_patches(grid) / (merge * merge);
}

typedef struct vlt_merger_constants {
    vlt_norm_constants norm;
    int64_t norm_width; /* width of one patch, or of merge * merge of them */
    vlt_linear_constants fc1,
        fc2; /* [merged, merged] and [out, merged], merged = width * merge^2 */
} vlt_merger_constants;

typedef struct vlt_vision_tower_constants {
    vlt_linear_constants patch;           /* [width, values] */
    int64_t temporal;                     /* frames of a patch */
    const vlt_patchify_constants *pixels; /* of images that are bytes; NULL: none are */
    vlt_matrix position;                  /* [position_side^2, width], learned */
    int64_t position_side;
    double rope_theta;
    const vlt_vision_block_constants *block; /* [blocks] */
    vlt_merger_constants merger;
    const vlt_merger_constants *deepstack; /* [taps] */
    const int *deepstack_block;            /* [taps] ascending */
} vlt_vision_tower_constants;

typedef struct vlt_vision_image {
    vlt_grid grid;
    const float *patches;  /* [grid patches, values], or NULL */
    const uint8_t *pixels; /* instead: [grid patches, values / temporal], of a still image */
} vlt_vision_image;

/* The tap sees "vision.patch_embed", "vision.block" i, "vision.deepstack" k, "vision.merged". */
typedef struct vlt_vision_tower_args {
    const vlt_vision_image *image; /* [images] */
    int images;
    float *embedding;        /* [tokens of all images, out] */
    float *const *deepstack; /* [taps] of the same shape */
    const vlt_tap *tap;      /* NULL: nobody looks on */
} vlt_vision_tower_args;

extern const vlt_op vlt_op_vision_tower;

/* The tower's problem for up to `patches` patches in segments of up to `segment`. blocks and taps
 * are how many the constants have. */
vlt_problem vlt_vision_tower_problem(int64_t patches, int64_t segment, int64_t heads,
                                     int64_t blocks, int64_t merge, int64_t taps,
                                     const vlt_vision_tower_constants *constants);

#endif
