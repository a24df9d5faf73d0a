#include "harness/infer/vision.h"

#include <stdlib.h>

#include "harness/infer/towers.h"

/* Visuals that go through the tower together, from request->next on. */
struct group {
    int images;
    int64_t patches, segment;
};

/* As many as fit together; at least one. */
static struct group measure_group(const vlt_vision_request *request)
{
    struct group group = {0};
    for (int i = request->next; i < request->count; i++) {
        const vlt_grid *grid = &request->visual[i].grid;
        int64_t patches = vlt_grid_patches(grid), frame = grid->h * grid->w;
        if (group.images && group.patches + patches > VLT_VISION_GROUP) {
            break;
        }
        group.images++;
        group.patches += patches;
        group.segment = frame > group.segment ? frame : group.segment;
    }
    return group;
}

vlt_status vlt_vision_step(vlt_engine *engine, vlt_vision_request *request, vlt_error *err)
{
    const vlt_vision_config *vision = &engine->config.vision;
    const struct group group = measure_group(request);
    const int64_t first = request->token_next * vision->out;
    float *deepstack[VLT_VISION_TAPS_MAX];
    vlt_plan *plan = NULL;
    vlt_vision_image *image = calloc((size_t)group.images, sizeof *image);
    if (!image) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d images", group.images);
    }
    for (int i = 0; i < group.images; i++) {
        const vlt_visual *visual = &request->visual[request->next + i];
        image[i] = (vlt_vision_image){
            .grid = visual->grid, .patches = visual->patches, .pixels = visual->pixels};
    }
    for (int k = 0; k < vision->deepstack_count; k++) {
        deepstack[k] = request->deepstack[k] + first;
    }
    const vlt_vision_tower_args args = {.image = image,
                                        .images = group.images,
                                        .embedding = request->embedding + first,
                                        .deepstack = deepstack,
                                        .tap = request->tap};
    vlt_status status = vlt_engine_vision_plan(engine, group.patches, group.segment, &plan, err);
    if (status == VLT_OK) {
        status = vlt_plan_run_in(&engine->scratch, plan, &args, err);
    }
    request->next += group.images;
    request->token_next += group.patches / (vision->merge * vision->merge);
    free(image);
    return status;
}
