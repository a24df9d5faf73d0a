/* The formula of patch_embed.h: the rows that patchify would have given, then `linear`. */
#include "optimizations/patch_embed/patch_embed.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_patch_embed_constants *constants = plan->problem.constants;
    const vlt_problem linear = vlt_linear_problem(plan->problem.dim[VLT_PATCH_EMBED_DIM_ROWS],
                                                  constants->linear);
    vlt_plan *child = NULL;
    vlt_status status = vlt_plan_create(plan->context, &linear, &child, err);
    plan->state = child;
    if (status == VLT_OK) {
        vlt_plan_adopt(plan, &child, 1);
    }
    return status;
}

static size_t row_values(const vlt_plan *plan)
{
    return (size_t)plan->problem.dim[VLT_PATCH_EMBED_DIM_VALUES];
}

static size_t scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes,
                      (size_t)plan->problem.dim[VLT_PATCH_EMBED_DIM_ROWS] * row_values(plan),
                      sizeof(float));
    vlt_frame_add(&bytes, vlt_plan_scratch(plan->state));
    return bytes;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const vlt_patch_embed_args *a = args;
    const vlt_patch_embed_constants *constants = plan->problem.constants;
    const int64_t *dim = plan->problem.dim;
    float *x = vlt_frame_take(&frame, (size_t)dim[VLT_PATCH_EMBED_DIM_ROWS] * row_values(plan),
                              sizeof(float));
    vlt_patchify_widen(constants->pixels, dim[VLT_PATCH_EMBED_DIM_TEMPORAL],
                       dim[VLT_PATCH_EMBED_DIM_VALUES], a->pixels, a->rows, x);
    return vlt_linear_rows(plan->state, frame, x, a->out, a->rows, false, err);
}

static void release(vlt_plan *plan)
{
    vlt_plan_destroy(plan->state);
}

VLT_VARIANT(patch_embed, baseline, .summary = "normalised rows of all frames, then linear",
            .prepare = prepare, .scratch = scratch, .run = run, .release = release);
