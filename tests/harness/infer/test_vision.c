/* The vision tower alone, on the reference's own patches: independent of decoding and resizing. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/infer/vision.h"
#include "tests/support/data.h"

static double largest_share(const vlt_tensor *expected, const float *found)
{
    double largest = 0, worst = 0;
    const float *e = expected->data;
    for (int64_t i = 0; i < vlt_tensor_elements(expected); i++) {
        largest = fmax(largest, fabs((double)e[i]));
        double difference = fabs((double)e[i] - (double)found[i]);
        worst = isnan(difference) ? INFINITY : fmax(worst, difference);
    }
    return worst / largest;
}

/* Two copies of the picture, as two images: both must give what the reference gives for one. */
static void run_model(const char *model, bool baseline)
{
    char path[256];
    snprintf(path, sizeof path, "golden/model/%s/cases/image/expected.safetensors", model);
    const char *file = test_data(path);
    if (!file) {
        test_skip(path);
        return;
    }
    vlt_safetensors *expected = NULL;
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    const vlt_engine_options options = {.no_config = true, .baseline = baseline};
    cr_assert_eq(vlt_safetensors_open(file, &expected, &err), VLT_OK, "%s", err.message);
    snprintf(path, sizeof path, "golden/model/%s/checkpoint", model);
    cr_assert_eq(vlt_engine_open(test_data(path), &options, &engine, &err), VLT_OK, "%s",
                 err.message);

    const int32_t *thw = vlt_safetensors_find(expected, "image_grid_thw")->data;
    const float *patches = vlt_safetensors_find(expected, "pixel_values")->data;
    const vlt_vision_config *vision = &engine->config.vision;
    vlt_visual visual[2];
    visual[0] = visual[1] = (vlt_visual){.grid = {.t = thw[0], .h = thw[1], .w = thw[2]},
                                         .patches = (float *)patches};
    int64_t values = vlt_grid_tokens(&visual[0].grid, vision->merge) * vision->out;
    vlt_vision_request request = {.visual = visual, .count = 2};
    request.embedding = malloc((size_t)values * 2 * sizeof(float));
    for (int k = 0; k < vision->deepstack_count; k++) {
        request.deepstack[k] = malloc((size_t)values * 2 * sizeof(float));
    }
    while (request.next < request.count) {
        cr_assert_eq(vlt_vision_step(engine, &request, &err), VLT_OK, "%s", err.message);
    }
    for (int copy = 0; copy < 2; copy++) {
        double share = largest_share(vlt_safetensors_find(expected, "vision.merged"),
                                     request.embedding + copy * values);
        cr_expect_leq(share, 2e-4, "%s vision.merged: %g", model, share);
        for (int k = 0; k < vision->deepstack_count; k++) {
            snprintf(path, sizeof path, "vision.deepstack.%d", k);
            share = largest_share(vlt_safetensors_find(expected, path),
                                  request.deepstack[k] + copy * values);
            cr_expect_leq(share, 2e-4, "%s %s: %g", model, path, share);
        }
    }
    for (int k = 0; k < vision->deepstack_count; k++) {
        free(request.deepstack[k]);
    }
    free(request.embedding);
    vlt_engine_close(engine);
    vlt_safetensors_close(expected);
}

Test(vision, tower_with_heads_of_64)
{
    run_model("tiny-tied", false);
    run_model("tiny-tied", true);
}

Test(vision, tower_with_heads_of_72)
{
    run_model("tiny-untied", false);
    run_model("tiny-untied", true);
}
