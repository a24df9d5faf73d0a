#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "harness/infer/eval.h"
#include "harness/model/make.h"
#include "harness/model/scenes.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"

static vlt_engine *open_engine(const char *directory)
{
    vlt_error err = {0};
    vlt_engine *engine = NULL;
    vlt_engine_options options = {.threads = 2, .no_config = true};
    cr_assert_eq(vlt_engine_open(directory, &options, &engine, &err), VLT_OK, "%s", err.message);
    return engine;
}

/* 94 % of unseen scenes are right by training; of 200 scenes at least 90 %, or the drawing, the
 * picture's way into the model, or the model is wrong. */
Test(demo_model, answers_the_scenes_that_the_program_draws, .init = test_folder_make,
     .fini = test_folder_remove)
{
    vlt_error err = {0};
    vlt_scenes_options options = {.seed = 3, .count = 200};
    cr_assert_eq(vlt_scenes_write(test_folder_path(""), &options, &err), VLT_OK, "%s", err.message);
    vlt_engine *engine = open_engine(test_source("harness/model/demo/checkpoint"));
    vlt_eval eval = {.scenes = test_folder_path("scenes.jsonl")};
    vlt_eval_result result;
    cr_assert_eq(vlt_eval_run(engine, &eval, &result, &err), VLT_OK, "%s", err.message);
    fprintf(stderr, "demo model: %d of %d right\n", (int)result.right, (int)result.total);
    cr_assert_eq(result.total, 200);
    cr_assert_geq(result.right, 180);
    for (int i = 0; i < VLT_EVAL_KINDS; i++) {
        const vlt_eval_count *kind = &result.kind[i];
        cr_assert_geq(kind->right * 4, kind->total * 3, "%s: %d of %d", kind->name,
                      (int)kind->right, (int)kind->total);
        cr_assert_eq(kind->total > 0, strcmp(kind->name, "other") != 0, "%s", kind->name);
    }
    vlt_engine_close(engine);
}

/* A picture larger than the scenes passes through resize and gives some answer. */
static void ask_about_a_picture(const char *directory)
{
    vlt_error err = {0};
    vlt_scenes_options options = {.seed = 1, .count = 2, .width = 640, .height = 480};
    cr_assert_eq(vlt_scenes_write(test_folder_path(""), &options, &err), VLT_OK, "%s", err.message);
    vlt_engine *engine = open_engine(directory);
    vlt_eval eval = {.scenes = test_folder_path("scenes.jsonl"), .max_tokens = 4};
    vlt_eval_result result;
    cr_assert_eq(vlt_eval_run(engine, &eval, &result, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(result.total, 2);
    vlt_engine_close(engine);
}

Test(demo_model, takes_a_large_picture, .init = test_folder_make, .fini = test_folder_remove)
{
    ask_about_a_picture(test_source("harness/model/demo/checkpoint"));
}

Test(demo_model, a_random_checkpoint_runs, .init = test_folder_make, .fini = test_folder_remove)
{
    vlt_error err = {0};
    vlt_make_options options = {.size = "tiny", .seed = 9};
    cr_assert_eq(vlt_model_make(test_folder_path("model"), &options, NULL, &err), VLT_OK, "%s",
                 err.message);
    ask_about_a_picture(test_folder_path("model"));
}
