/* vltune run, batch, model check and eval as a user runs them, on the demo model. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "harness/model/safetensors.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/folder.h"

TestSuite(run_command, .init = test_demo_make, .fini = test_demo_remove);

Test(run_command, json_has_every_promised_field)
{
    static const char *const phases[] = {"load",   "image_decode", "preprocess", "tokenize",
                                         "vision", "prefill",      "decode",     "other"};
    json_t *answer = test_demo_json(
        "run %s --image scenes/scene-000.jpg --prompt 'Describe the image.' "
        "--greedy --json %s",
        "--seed 9");
    const json_t *times = json_object_get(answer, "timings_ms");
    const json_t *image = json_array_get(json_object_get(answer, "images"), 0);
    const json_t *ids = json_object_get(answer, "ids");
    double sum = 0;
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        cr_expect_geq(test_demo_number(times, phases[i]), 0, "%s", phases[i]);
        sum += test_demo_number(times, phases[i]);
    }
    /* texts are encoded while pictures decode */
    cr_expect_float_eq(sum - test_demo_number(times, "overlap"), test_demo_number(times, "total"),
                       0.02 * sum);
    cr_expect_gt(test_demo_number(times, "vision"), 0);
    cr_expect_eq(json_array_size(json_object_get(image, "grid_thw")), 3);
    cr_expect_eq(test_demo_number(image, "tokens"), 16);
    cr_expect_str_eq(json_string_value(json_object_get(answer, "finish")), "stop");
    cr_expect_eq(json_integer_value(json_array_get(ids, json_array_size(ids) - 1)), 404,
                 "the end token is kept");
    cr_expect_eq(test_demo_number(answer, "rope_delta"), 4 - 16);
    cr_expect_eq(test_demo_number(answer, "seed"), 9);
    cr_expect_gt(test_demo_number(answer, "decode_tokens_per_s"), 0);
    double rss = test_demo_number(answer, "peak_rss_bytes");
    cr_expect(rss > 4e6 && rss < 200e6, "%g", rss);
    cr_expect_str_eq(
        json_string_value(json_object_get(json_object_get(answer, "config"), "status")), "default");
    cr_expect_gt(json_array_size(json_object_get(answer, "prompt_ids")), 16);
    cr_expect_not_null(strstr(json_string_value(json_object_get(answer, "text")), "background"));
    json_decref(answer);
}

/* Every choice of a --baseline run is a baseline; --force goes before it. */
Test(run_command, baseline_means_every_operator)
{
    json_t *answer = test_demo_json("run %s --image scenes/scene-000.jpg --prompt 'How many?' "
                                    "--baseline --json %s",
                                    "--force norm=avx2");
    const json_t *choices = json_object_get(answer, "choices");
    const char *op, *bucket;
    json_t *buckets, *choice;
    int ops = 0;
    json_object_foreach((json_t *)choices, op, buckets)
    {
        json_object_foreach(buckets, bucket, choice)
        {
            const char *variant = json_string_value(json_object_get(choice, "variant"));
            const char *expected = strcmp(op, "norm") ? "baseline" : variant;
            cr_expect_str_eq(variant, expected, "%s %s", op, bucket);
        }
        ops++;
    }
    cr_expect_geq(ops, 12, "%d operators", ops);
    cr_expect_str_eq(
        json_string_value(json_object_get(json_object_get(answer, "config"), "status")),
        "baseline");
    json_decref(answer);
}

/* The variant's entry in `vltune list --json`. */
static const json_t *listed(const json_t *list, const char *op, const char *variant)
{
    size_t i, k;
    json_t *entry, *found;
    json_array_foreach(list, i, entry)
    {
        json_array_foreach(json_object_get(entry, "variants"), k, found)
        {
            if (!strcmp(json_string_value(json_object_get(entry, "op")), op) &&
                !strcmp(json_string_value(json_object_get(found, "name")), variant)) {
                return found;
            }
        }
    }
    return NULL;
}

/* What runs is listed as applicable, and what refuses some shapes names them. */
Test(run_command, what_runs_is_listed_as_applicable)
{
    json_t *answer = test_demo_json("run %s --json %s",
                                    "--image scenes/scene-001.jpg --prompt 'How many?'");
    test_output output = test_program("list --json");
    json_t *list = json_loads(output.out, 0, NULL), *buckets, *choice;
    const char *op, *bucket;
    json_object_foreach(json_object_get(answer, "choices"), op, buckets)
    {
        json_object_foreach(buckets, bucket, choice)
        {
            const char *variant = json_string_value(json_object_get(choice, "variant"));
            const json_t *entry = listed(list, op, variant);
            cr_expect(json_is_true(json_object_get(entry, "applicable")), "%s/%s at %s", op,
                      variant, bucket);
        }
    }
    const json_t *restart = listed(list, "jpeg_decode", "restart");
    cr_expect(json_is_true(json_object_get(restart, "applicable")));
    cr_expect_gt(json_array_size(json_object_get(restart, "refused")), 0);
    json_decref(list);
    json_decref(answer);
    test_output_release(&output);
}

/* A forced operator that is not met is said once, at the end, and costs nothing. */
Test(run_command, a_force_without_effect_is_one_warning)
{
    static const char *const asks[] = {
        "run %s --prompt a %s --max-tokens 1 --no-config --force transfer=baseline",
        "batch %s %s --max-tokens 1 --no-config --force transfer=baseline"};
    test_demo_write("in.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n");
    for (int i = 0; i < 2; i++) {
        test_output output = test_demo_run(asks[i], i ? "in.jsonl" : "");
        cr_expect_eq(output.exit_code, 0, "%s", output.err);
        cr_expect_str_eq(output.err, "vltune: warning: --force transfer=baseline had no effect: "
                                     "operator 'transfer' was never met\n");
        test_output_release(&output);
    }
}

Test(run_command, streams_text_and_agrees_with_json)
{
    static const char *const ask =
        "run %s --no-config --image scenes/scene-001.jpg --prompt 'Describe the image.' %s";
    json_t *answer = test_demo_json(ask, "--json");
    test_output output = test_demo_run(ask, "");
    char *expected = NULL;
    cr_assert_gt(asprintf(&expected, "%s\n", json_string_value(json_object_get(answer, "text"))),
                 0);
    cr_expect_str_eq(output.out, expected);
    cr_expect_str_eq(output.err, "");
    free(expected);
    test_output_release(&output);
    json_decref(answer);
}

/* Messages with a path, a data URI through base64(1), and --image must all be one prompt. */
Test(run_command, messages_in_every_form)
{
    test_demo_write(
        "scenes/m1.json",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"scene-002.jpg\"},"
        "{\"type\":\"text\",\"text\":\"How many shapes are there?\"}]}]");
    cr_assert_eq(system("printf '[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                        "\"image_url\":{\"url\":\"data:image/jpeg;base64,%s\"}},{\"type\":\"text\","
                        "\"text\":\"How many shapes are there?\"}]}]' "
                        "\"$(base64 -w0 scenes/scene-002.jpg)\" > m2.json"),
                 0);
    json_t *a = test_demo_json("run %s --json %s", "--messages scenes/m1.json");
    json_t *b = test_demo_json("run %s --json %s", "--messages m2.json");
    json_t *c = test_demo_json(
        "run %s --json %s", "--image scenes/scene-002.jpg --prompt 'How many shapes are there?'");
    json_t *d = test_demo_json("run %s --json %s",
                               "--files scenes --messages scenes/m1.json --dump dump.safetensors");
    cr_expect(json_equal(json_object_get(a, "ids"), json_object_get(b, "ids")));
    cr_expect(json_equal(json_object_get(a, "ids"), json_object_get(c, "ids")));
    cr_expect(json_equal(json_object_get(a, "ids"), json_object_get(d, "ids")));
    cr_expect(json_equal(json_object_get(a, "prompt_ids"), json_object_get(c, "prompt_ids")));

    vlt_safetensors *dump = NULL;
    cr_assert_eq(vlt_safetensors_open("dump.safetensors", &dump, NULL), VLT_OK);
    int64_t rows = (int64_t)json_array_size(json_object_get(a, "prompt_ids"));
    const vlt_tensor *norm = vlt_safetensors_find(dump, "text.final_norm");
    const vlt_tensor *position = vlt_safetensors_find(dump, "position_ids");
    cr_assert(norm && position);
    cr_expect_eq(norm->shape[0], rows);
    cr_expect(position->shape[0] == 3 && position->shape[1] == rows);
    vlt_safetensors_close(dump);
    json_decref(a);
    json_decref(b);
    json_decref(c);
    json_decref(d);
}

Test(run_command, a_session_goes_on_where_it_ended)
{
    json_t *first = test_demo_json("run %s --json --session s %s",
                                   "--image scenes/scene-000.jpg --prompt 'Describe the image.'");
    json_t *second = test_demo_json("run %s --json --session s %s", "--prompt 'How many?'");
    cr_expect_eq(test_demo_number(first, "cached_tokens"), 0);
    cr_expect_geq(test_demo_number(second, "cached_tokens"),
                  (double)json_array_size(json_object_get(first, "prompt_ids")) - 1);
    cr_expect_lt(test_demo_number(json_object_get(second, "timings_ms"), "vision"), 1,
                 "the image is not computed again");
    test_output output = test_demo_run("run %s --session s --system x --prompt y %s", "");
    cr_expect_eq(output.exit_code, 2);
    test_output_release(&output);
    test_demo_write("s", "VLTSESS?");
    output = test_demo_run("run %s --session s --prompt y %s", "");
    cr_expect_eq(output.exit_code, 2);
    test_output_release(&output);
    json_decref(first);
    json_decref(second);
}

/* A whole conversation begins a session, and replaces none. */
Test(run_command, messages_do_not_replace_a_session)
{
    test_demo_write("m", "[{\"role\":\"user\",\"content\":\"q\"}]");
    json_decref(test_demo_json("run %s --json -n 1 --session s %s", "--messages m"));
    json_decref(test_demo_json("run %s --json -n 1 --session s %s", "--prompt more"));
    test_output output = test_demo_script(
        "cp s was; ln -s s link; for f in s ./s link; do"
        " $VLTUNE run $DEMO -n 1 --session $f --messages m; echo $?; cmp s was; done");
    cr_expect_str_eq(output.out, "2\n2\n2\n", "%s", output.err);
    cr_expect(strstr(output.err, "go on with --prompt, or give --session a new file"), "%s",
              output.err);
    test_output_release(&output);
}

Test(run_command, refusals_name_what_is_wrong)
{
    static const char *const cases[][2] = {
        {"", "--prompt or --messages"},
        {"--prompt a --messages bad.json", "'--messages' does nothing beside '--prompt'"},
        {"--messages bad.json --image bad.jpg", "'--image' does nothing beside '--messages'"},
        {"--prompt a --image absent.jpg", "absent.jpg"},
        {"--prompt a --image bad.jpg", "bad.jpg"},
        {"--prompt a --context 4", "4"},
        {"--prompt a --top-p 2", "top-p"},
        {"--prompt a --dialect 6", "6"},
        {"--prompt a --reference opencv", "opencv"},
        {"--prompt a --force linear=fast", "fast"},
        {"--prompt a --config absent.toml", "absent.toml"},
        {"--prompt a --require-tuned", "tuned config"},
        {"--prompt a --max-token 3", "--max-tokens"},
        {"--messages bad.json", "bad.json"},
        {"--messages video.json", "no frames"},
        {"--messages pads.json", "placeholder"},
        {"--prompt a --dump /absent/dump", "/absent/dump"},
        {"--prompt a --session /absent/s", "/absent/s"},
    };
    test_demo_write("bad.jpg", "no picture at all");
    test_demo_write("bad.json", "[{\"role\":\"user\",\"content\":");
    test_demo_write("video.json",
                    "[{\"role\":\"user\",\"content\":[{\"type\":\"video\",\"video\":[]}]}]");
    test_demo_write("pads.json", "[{\"role\":\"user\",\"content\":\"<|image_pad|>\"}]");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_output output = test_demo_run("run %s %s", cases[i][0]);
        cr_expect_eq(output.exit_code, 2, "%s: exit code %d: %s", cases[i][0], output.exit_code,
                     output.err);
        cr_expect_not_null(strstr(output.err, cases[i][1]), "%s: %s", cases[i][0], output.err);
        cr_expect(i + 1 == sizeof cases / sizeof *cases || output.out_bytes == 0);
        test_output_release(&output);
    }
    cr_expect_neq(access("dump", F_OK), 0);
}

Test(run_command, a_batch_is_answered_and_continued)
{
    test_demo_write(
        "scenes/in.jsonl",
        "{\"id\":\"a\",\"prompt\":\"Describe the image.\",\"images\":[\"scene-000.jpg\"]}\n"
        "{\"id\":\"b\",\"messages\":7}\n"
        "{\"id\":\"c\",\"prompt\":\"How many?\",\"images\":[\"scene-001.jpg\"]}\n"
        "{\"id\":\"d\",\"prompt\":\"How many?\",\"images\":[\"scene-002.jpg\"],"
        "\"max_tokens\":2,\"temperature\":1,\"seed\":3,\"logprobs\":1}\n");
    test_output output = test_demo_run("batch %s scenes/in.jsonl -o out.jsonl %s", "");
    cr_assert_eq(output.exit_code, 1, "%s", output.err);
    cr_expect_not_null(strstr(output.err, "1 of 4 lines have an error"), "%s", output.err);
    test_output_release(&output);
    cr_expect_eq(test_demo_count_lines("out.jsonl", "\"text\""), 3);
    cr_expect_eq(test_demo_count_lines("out.jsonl", "\"error\""), 1);
    cr_expect_eq(test_demo_count_lines("out.jsonl", "\"logprobs\""), 1);

    /* Cut in the third line: the same command ends with the same answers. */
    size_t bytes;
    char *whole = test_read_file(test_folder_path("out.jsonl"), &bytes);
    char *third = strchr(strchr(whole, '\n') + 1, '\n') + 1;
    cr_assert_eq(truncate(test_folder_path("out.jsonl"), third - whole + 100), 0);
    output = test_demo_run("batch %s scenes/in.jsonl -o out.jsonl %s", "");
    cr_assert_eq(output.exit_code, 1, "an error before the cut counts: %s", output.err);
    test_output_release(&output);
    cr_expect_eq(test_demo_count_lines("out.jsonl", "\"id\": \"c\""), 1);
    cr_expect_eq(test_demo_count_lines("out.jsonl", "\"id\": \"d\""), 1);
    cr_expect_eq(test_demo_count_lines("out.jsonl", "\"text\""), 3);
    free(whole);

    test_demo_write("scenes/other.jsonl", "{\"id\":\"x\",\"prompt\":\"a\"}\n");
    output = test_demo_run("batch %s scenes/other.jsonl -o out.jsonl %s", "");
    cr_expect_eq(output.exit_code, 2);
    test_output_release(&output);
    cr_expect_eq(test_demo_count_lines("out.jsonl", "\"text\""), 3, "nothing is lost");
}

Test(run_command, interrupts_end_in_good_order)
{
    test_output output = test_demo_script(
        "timeout -s INT 1 $VLTUNE run $DEMO --prompt a --ignore-eos -n 100000 --json");
    json_t *answer = json_loads(output.out, 0, NULL);
    cr_expect_not_null(answer, "%s", output.err);
    cr_expect_str_eq(json_string_value(json_object_get(answer, "finish")), "interrupted");
    json_decref(answer);
    test_output_release(&output);

    char line[128], *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    for (int i = 0; i < 2000; i++) {
        snprintf(line, sizeof line, "{\"id\":%d,\"prompt\":\"a\",\"max_tokens\":64}\n", i);
        fputs(line, file);
    }
    fclose(file);
    test_demo_write("long.jsonl", text);
    free(text);
    output = test_demo_script("timeout -s INT 1 $VLTUNE batch $DEMO long.jsonl -o long.out "
                              "--ignore-eos; echo code $?");
    cr_expect(strstr(output.out, "code 124") || strstr(output.out, "code 75"), "%s", output.out);
    test_output_release(&output);
    cr_expect_eq(test_demo_count_lines("long.out", "\"finish\": \"interrupted\""), 0);
}

Test(run_command, check_looks_at_every_weight)
{
    json_t *answer = test_demo_json("model check %s --json %s", "");
    cr_expect_eq(test_demo_number(answer, "parameters"), 4458816);
    cr_expect_eq(test_demo_number(answer, "tensor_count"), 121);
    json_decref(answer);
    test_output output = test_demo_script(
        "cp -r $DEMO broken && chmod -R u+w broken && printf '\\377\\177' | dd "
        "of=broken/model.safetensors bs=1 seek=5000000 conv=notrunc 2>/dev/null && $VLTUNE model "
        "check broken");
    cr_expect_eq(output.exit_code, 2);
    cr_expect_not_null(strstr(output.err, "finite"), "%s", output.err);
    test_output_release(&output);
}

/* The same quality twice has nothing between its next tokens; int8 has little, and says so. */
Test(run_command, eval_compares_with_another_quality)
{
    json_t *same = test_demo_json("model eval %s scenes/scenes.jsonl --against exact --json %s",
                                  "");
    json_t *int8 = test_demo_json(
        "model eval %s scenes/scenes.jsonl --quality int8 --against exact "
        "--pack-cache 0 --json %s",
        "");
    const json_t *none = json_object_get(same, "against"), *some = json_object_get(int8, "against");
    cr_expect_str_eq(json_string_value(json_object_get(some, "quality")), "exact");
    cr_expect_eq(test_demo_number(none, "kl_max"), 0);
    cr_expect_eq(test_demo_number(none, "agreed"), test_demo_number(none, "steps"));
    cr_expect_eq(test_demo_number(none, "same_answers"), 3);
    cr_expect_gt(test_demo_number(some, "steps"), 3);
    cr_expect_gt(test_demo_number(some, "kl_max"), 0);
    cr_expect_leq(test_demo_number(some, "kl_mean"), test_demo_number(some, "kl_max"));
    cr_expect_lt(test_demo_number(some, "kl_mean"), 0.05);
    cr_expect_eq(test_demo_number(some, "right"), test_demo_number(none, "right"));
    json_decref(same);
    json_decref(int8);
}

/* The head's loss on its own is some, and another than that of everything. */
Test(run_command, eval_rounds_the_head_alone)
{
    static const char *const options[] = {"--head-alone", ""};
    double kl[2];
    for (int i = 0; i < 2; i++) {
        json_t *answer = test_demo_json("model eval %s scenes/scenes.jsonl --quality int8 --json "
                                        "--no-config --pack-cache 0 --against exact %s",
                                        options[i]);
        const json_t *against = json_object_get(answer, "against");
        kl[i] = json_number_value(json_object_get(against, "kl_mean"));
        json_decref(answer);
    }
    cr_expect(kl[0] > 0 && kl[0] < 1e-3 && kl[1] > 0 && kl[0] != kl[1],
              "head alone %g, everything %g", kl[0], kl[1]);
}

Test(run_command, eval_counts_by_kind)
{
    json_t *answer = test_demo_json("model eval %s scenes/scenes.jsonl --json %s", "");
    const json_t *kinds = json_object_get(answer, "kinds");
    const char *kind;
    json_t *count;
    double right = 0, total = 0;
    json_object_foreach((json_t *)kinds, kind, count)
    {
        right += test_demo_number(count, "right");
        total += test_demo_number(count, "total");
    }
    cr_expect_eq(test_demo_number(answer, "total"), 3);
    cr_expect_eq(total, 3);
    cr_expect_eq(right, test_demo_number(answer, "right"));
    cr_expect_eq(json_array_size(json_object_get(answer, "answers")), 3);
    json_decref(answer);
}
