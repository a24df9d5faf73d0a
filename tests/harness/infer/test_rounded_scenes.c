/* The demo model on 400 unseen scenes, rounded and exact: at most two answers fewer. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "harness/files/temp_folder.h"
#include "harness/infer/eval.h"
#include "harness/model/scenes.h"
#include "optimizations/core/compiler.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

enum { SCENES = VLT_ASAN ? 8 : 400, FEWER_MAX = 2, SEED = 4321 };

static vlt_engine *open_as(const char *quality)
{
    const vlt_engine_options options = {.no_config = true, .quality = quality, .pack_cache = -1};
    return test_demo_engine(&options);
}

static void compare(const char *quality)
{
    const vlt_scenes_options drawn = {.seed = SEED, .count = SCENES};
    vlt_temp_folder folder = VLT_TEMP_FOLDER_NONE;
    vlt_engine *engine = open_as(quality);
    vlt_eval eval = {.limit = SCENES, .against = open_as("exact")};
    vlt_eval_result result;
    vlt_error err = {0};
    char scenes[256], pictures[200];
    cr_assert_eq(vlt_temp_folder_make("rounded", &folder, &err), VLT_OK, "%s", err.message);
    snprintf(pictures, sizeof pictures, "%s/scenes", folder.path);
    snprintf(scenes, sizeof scenes, "%s/scenes.jsonl", pictures);
    cr_assert_eq(vlt_scenes_write(pictures, &drawn, &err), VLT_OK, "%s", err.message);
    eval.scenes = scenes;
    cr_assert_eq(vlt_eval_run(engine, &eval, &result, &err), VLT_OK, "%s", err.message);
    const vlt_divergence *d = &result.divergence;
    double kl = d->kl_sum / (double)d->steps;
    fprintf(stderr,
            "%s: %lld of %lld right, exact %lld; %lld of %lld next tokens same, %.2g nats\n",
            quality, (long long)result.right, (long long)result.total,
            (long long)result.against_right, (long long)d->agreed, (long long)d->steps, kl);
    cr_expect_eq(result.total, SCENES);
    cr_expect_geq(result.right, result.against_right - FEWER_MAX);
    cr_expect_lt(kl, 1e-3);
    vlt_engine_close(eval.against);
    vlt_engine_close(engine);
    vlt_temp_folder_remove(&folder);
}

Test(rounded_scenes, bf16, .timeout = 600)
{
    compare("bf16");
}

Test(rounded_scenes, int8, .timeout = 600)
{
    compare("int8");
}
