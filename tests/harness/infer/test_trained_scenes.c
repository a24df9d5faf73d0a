/* The trained checkpoint on its 200 golden scenes: the reference's ids, and its accuracy. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/eval.h"
#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/golden_case.h"

struct judge {
    json_t *scenes; /* the lines of scenes.jsonl */
    int64_t same, close, different;
};

static json_t *read_lines(const char *path)
{
    json_t *lines = json_array();
    size_t bytes;
    char *text = test_read_file(path, &bytes), *next = NULL;
    for (char *line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        json_array_append_new(lines, json_loads(line, 0, NULL));
    }
    free(text);
    return lines;
}

static bool compare(void *user, int64_t index, const char *question, const char *truth,
                    const vlt_response *response, bool right)
{
    struct judge *judge = user;
    const json_t *scene = json_array_get(judge->scenes, (size_t)index);
    const json_t *ids = json_object_get(scene, "reference_ids");
    double margin = json_number_value(json_object_get(scene, "smallest_margin"));
    bool same = (int64_t)json_array_size(ids) == response->id_count;
    (void)question;
    for (int64_t i = 0; same && i < response->id_count; i++) {
        same = json_integer_value(json_array_get(ids, (size_t)i)) == response->ids[i];
    }
    judge->same += same;
    judge->close += !same && margin < GOLDEN_MARGIN;
    if (!same && margin >= GOLDEN_MARGIN) {
        fprintf(stderr, "scene %lld: '%s', expected '%s'\n", (long long)index, response->text,
                json_string_value(json_object_get(scene, "reference_answer")));
        judge->different++;
    }
    /* "right" must mean what the reference's own answer says about the truth */
    bool expected = !strcmp(json_string_value(json_object_get(scene, "reference_answer")), truth);
    cr_expect(!same || right == expected, "scene %lld", (long long)index);
    return true;
}

static void run(bool baseline, int64_t limit)
{
    const char *checkpoint = test_data("golden/model/trained/checkpoint");
    const char *scenes = test_data("golden/model/trained/scenes.jsonl");
    if (!checkpoint || !scenes) {
        test_skip("golden/model/trained");
        return;
    }
    const vlt_engine_options options = {.no_config = true, .baseline = baseline};
    struct judge judge = {.scenes = read_lines(scenes)};
    const vlt_eval eval = {.scenes = scenes, .limit = limit, .answered = compare, .user = &judge};
    vlt_eval_result result;
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_engine_open(checkpoint, &options, &engine, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_eval_run(engine, &eval, &result, &err), VLT_OK, "%s", err.message);
    fprintf(stderr, "%lld scenes: %lld with equal ids, %lld within the margin, %lld different\n",
            (long long)result.total, (long long)judge.same, (long long)judge.close,
            (long long)judge.different);
    cr_expect_eq(judge.different, 0);
    if (!limit) { /* tests/README.md#outside-vectors */
        static const int64_t right[] = {42, 70, 54, 22, 0}, total[] = {47, 75, 56, 22, 0};
        cr_expect_eq(result.total, 200);
        cr_expect_eq(result.right, 188);
        for (int i = 0; i < VLT_EVAL_KINDS; i++) {
            cr_expect_eq(result.kind[i].right, right[i], "%s", result.kind[i].name);
            cr_expect_eq(result.kind[i].total, total[i], "%s", result.kind[i].name);
        }
    }
    json_decref(judge.scenes);
    vlt_engine_close(engine);
}

Test(trained_scenes, all_with_the_default_variants)
{
    run(false, 0);
}

Test(trained_scenes, some_with_the_baselines)
{
    run(true, 40);
}
