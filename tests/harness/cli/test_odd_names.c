/* Names of files and folders that are no UTF-8, or long: as a user meets them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tests/support/demo.h"

#define CHINESE_10 "\xE4\xB8\xAD\xE6\x96\x87\xE8\xB7\xAF\xE5\xBE\x84\xE5\x90\x8D\xE5\xAD\x97"
#define CHINESE_60 CHINESE_10 CHINESE_10 CHINESE_10 CHINESE_10 CHINESE_10 CHINESE_10

/* Latin-1, GBK, Shift-JIS, overlong, surrogate, half a character; and what is UTF-8 but awkward. */
static const char *const names[] = {
    "caf\xE9",       "\xD6\xD0\xCE\xC4", "\x93\xFA\x96\x7B", "\xC0\xAE",        "\xED\xA0\x80",
    "x\xF0\x9F\x98", CHINESE_60,         "it's \"a\" %41",   "back\\xE9 slash", "-dash",
};
enum { NAMES = sizeof names / sizeof *names };

/* In a folder of that name: a model, a picture and a tuned config of another machine. */
static const char arrange[] =
    "mkdir ./\"$N\" && cd ./\"$N\" && ln -s \"$DEMO\" ./\"m$N\" && cp ../scenes/scene-000.jpg "
    "./\"i$N.jpg\" && cp ../scenes/scene-001.jpg ./\"j$N.jpg\" && "
    "printf 'schema = 1\\n[model]\\nname = \"x\"\\nhash = \"0123456789abcdef\"\\n"
    "[fingerprint.hard]\\ncpu = \"another\"\\n[fingerprint.soft]\\n[end]\\ndecisions = 0\\n"
    "digest = \"0123456789abcdef\"\\n' > ./\"t$N.toml\" && ";

static test_output script(const char *name, const char *commands)
{
    char text[4096];
    cr_assert_eq(setenv("N", name, 1), 0);
    snprintf(text, sizeof text, "%s%s; code=$?; cd ..; rm -r ./\"$N\"; (exit $code)", arrange,
             commands);
    test_output output = test_demo_script(text);
    cr_assert(vlt_utf8_valid(output.out, output.out_bytes), "%s", vlt_quoted_path(name).text);
    cr_assert(vlt_utf8_valid(output.err, strlen(output.err)), "%s", vlt_quoted_path(name).text);
    return output;
}

static json_t *parse(const test_output *output, const char *name)
{
    json_t *document = NULL;
    vlt_error err = {0};
    cr_assert_eq(output->exit_code, 0, "%s: %s", vlt_quoted_path(name).text, output->err);
    cr_assert_eq(vlt_json_parse(output->out, output->out_bytes, "stdout", &document, &err), VLT_OK,
                 "%s: %s", vlt_quoted_path(name).text, err.message);
    return document;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    cr_assert_not_null(text, "%s", key);
    return text;
}

Test(odd_names, run_answers_in_any_folder, .init = test_demo_make, .fini = test_demo_remove,
     .timeout = 300)
{
    json_t *plain = test_demo_json("run %s --image scenes/scene-000.jpg --prompt 'Describe the "
                                   "image.' --greedy --max-tokens 6 --json%s",
                                   "");
    for (int i = 0; i < NAMES; i++) {
        test_output output = script(names[i], "\"$VLTUNE\" run ./\"m$N\" --image ./\"i$N.jpg\" "
                                              "--prompt 'Describe the image.' --greedy "
                                              "--max-tokens 6 --json --config ./\"t$N.toml\"");
        json_t *answer = parse(&output, names[i]);
        cr_assert_str_eq(text_at(answer, "text"), text_at(plain, "text"));
        const json_t *config = json_object_get(answer, "config");
        char shown[VLT_QUOTED_PATH_BYTES + 16];
        vlt_utf8_format(shown, sizeof shown, "./t%s.toml", names[i]);
        cr_assert_str_eq(text_at(config, "path"), shown); /* whole: the file can be told */
        cr_assert_str_eq(text_at(config, "status"), "mismatch");
        cr_assert(strstr(text_at(config, "reason"), shown), "%s", text_at(config, "reason"));
        cr_assert_null(strstr(output.err, "does nothing"), "%s", output.err);
        json_decref(answer);
        test_output_release(&output);
    }
    json_decref(plain);
}

/* The picture of the first turn is read again for the second one, from the session. */
Test(odd_names, sessions_find_their_pictures_again, .init = test_demo_make,
     .fini = test_demo_remove, .timeout = 300)
{
    for (int i = 0; i < 3; i++) {
        test_output output = script(
            names[i], "\"$VLTUNE\" run ./\"m$N\" --image ./\"i$N.jpg\" --prompt 'Describe the "
                      "image.' --greedy --max-tokens 4 --session ./\"s$N\" --quiet >&2 && "
                      "\"$VLTUNE\" run ./\"m$N\" --image ./\"j$N.jpg\" --prompt 'Describe the "
                      "image.' --greedy --max-tokens 4 --session ./\"s$N\" --json");
        json_t *answer = parse(&output, names[i]);
        cr_assert_eq(json_array_size(json_object_get(answer, "images")), 2);
        cr_assert_null(strstr(output.err, "warning"), "%s", output.err);
        json_decref(answer);
        test_output_release(&output);
    }
}

Test(odd_names, batch_and_eval_work_beside_such_files, .init = test_demo_make,
     .fini = test_demo_remove, .timeout = 300)
{
    for (int i = 0; i < NAMES; i++) {
        test_output output = script(
            names[i],
            "cp -r ../scenes ./\"e$N\" && "
            "printf '{\"id\":1,\"prompt\":\"Describe the image.\",\"images\":[\"scene-000.jpg\"],"
            "\"max_tokens\":2}\\n{\"id\":2,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
            "\"image\",\"image\":\"scene-001.jpg\"}]}],\"max_tokens\":2}\\n' > ./\"e$N/b$N.jsonl\" "
            "&& \"$VLTUNE\" batch ./\"m$N\" ./\"e$N/b$N.jsonl\" -o ./\"o$N.jsonl\" --config "
            "./\"t$N.toml\" && cat ./\"o$N.jsonl\" && "
            "\"$VLTUNE\" model eval ./\"m$N\" ./\"e$N/scenes.jsonl\" --count 1 >&2 && "
            "\"$VLTUNE\" preprocess ./\"m$N\" ./\"i$N.jpg\" >&2");
        cr_assert_eq(output.exit_code, 0, "%s: %s", vlt_quoted_path(names[i]).text, output.err);
        char *rest = output.out, *line;
        int lines = 0;
        while ((line = strsep(&rest, "\n")) != NULL && *line) {
            json_t *answer = NULL;
            cr_assert_eq(vlt_json_parse(line, strlen(line), "line", &answer, NULL), VLT_OK, "%s",
                         line);
            cr_assert_not_null(json_object_get(answer, "text"), "%s", line);
            json_decref(answer);
            lines++;
        }
        cr_assert_eq(lines, 2);
        test_output_release(&output);
    }
}

/* What is missing or refused is named whole. */
Test(odd_names, errors_tell_the_file, .init = test_demo_make, .fini = test_demo_remove,
     .timeout = 300)
{
    for (int i = 0; i < NAMES; i++) {
        char shown[VLT_QUOTED_PATH_BYTES];
        vlt_utf8_format(shown, sizeof shown, "no%s.jpg", names[i]);
        test_output output = script(names[i],
                                    "\"$VLTUNE\" run ./\"m$N\" --image ./\"no$N.jpg\" --prompt x");
        cr_assert_eq(output.exit_code, 2, "%s", output.err);
        cr_assert(strstr(output.err, shown), "%s", output.err);
        test_output_release(&output);
        output = script(names[i], "\"$VLTUNE\" preprocess ./\"m$N\" --json ./\"no$N.jpg\"; "
                                  "[ $? = 2 ]");
        json_t *all = parse(&output, names[i]);
        cr_assert(strstr(text_at(json_array_get(all, 0), "file"), shown));
        cr_assert(strstr(text_at(json_array_get(all, 0), "error"), shown));
        json_decref(all);
        test_output_release(&output);
    }
}

/* 1,023 bytes were the limit once, and what was longer was not looked for. */
Test(odd_names, a_long_path_of_a_config_is_used, .init = test_demo_make, .fini = test_demo_remove,
     .timeout = 300)
{
    static const char *const letters[] = {"d", "\xE4\xB8\xAD", "\xE9"};
    for (int i = 0; i < 3; i++) {
        char part[200] = "";
        for (int k = 0; k < (i == 1 ? 60 : 180); k++) {
            memcpy(part + strlen(part), letters[i], strlen(letters[i]) + 1);
        }
        cr_assert_eq(setenv("P", part, 1), 0);
        test_output output = script(
            "long", "mkdir -p $P/$P/$P/$P/$P/$P/$P && L=$P/$P/$P/$P/$P/$P/$P/t.toml "
                    "&& cp tlong.toml $L && \"$VLTUNE\" run mlong --prompt x "
                    "--max-tokens 1 --json --config $L");
        json_t *answer = parse(&output, "long");
        const json_t *config = json_object_get(answer, "config");
        cr_assert_str_eq(text_at(config, "status"), "mismatch");
        cr_assert_geq(strlen(text_at(config, "path")), 7 * 180);
        cr_assert(strstr(text_at(config, "reason"), "/t.toml"));
        json_decref(answer);
        test_output_release(&output);
        output = script("long",
                        "\"$VLTUNE\" run mlong --prompt x --config $P/$P/$P/$P/$P/$P/no.toml");
        cr_assert_eq(output.exit_code, 2);
        cr_assert(strstr(output.err, "/no.toml: No such file"), "%s", output.err);
        test_output_release(&output);
    }
}

Test(odd_names, a_stop_string_is_whole_characters, .init = test_demo_make, .fini = test_demo_remove,
     .timeout = 100)
{
    static const char *const halves[] = {"\xE4\xB8", "a\xFF", "\x80", "\xF0\x9F\x98",
                                         "\xED\xA0\x80"};
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        char shown[64];
        cr_assert_eq(setenv("S", halves[i], 1), 0);
        test_output output = script("stop", "\"$VLTUNE\" run mstop --prompt x --stop \"$S\"");
        vlt_utf8_format(shown, sizeof shown, "stop string '%s' is no valid UTF-8", halves[i]);
        cr_assert_eq(output.exit_code, 2, "%s", output.err);
        cr_assert(strstr(output.err, shown), "%s", output.err);
        cr_assert_eq(output.out_bytes, 0);
        test_output_release(&output);
    }
    cr_assert_eq(setenv("S", "\xE4\xB8\xAD", 1), 0);
    test_output output = script("stop",
                                "\"$VLTUNE\" run mstop --prompt x --max-tokens 1 --stop \"$S\"");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    test_output_release(&output);
}

/* Nothing that a name holds is obeyed by a terminal or ends a line. */
Test(odd_names, control_characters_are_shown, .init = test_demo_make, .fini = test_demo_remove,
     .timeout = 100)
{
    static const char *const controls[] = {"a\x1B[31mb", "a\nb", "a\rb", "\x7F",
                                           "\xC2\x9B"
                                           "1m"};
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        char shown[64];
        vlt_utf8_format(shown, sizeof shown, "%s", controls[i]);
        test_output output = script(controls[i], "\"$VLTUNE\" run ./\"no$N\" --prompt x");
        cr_assert_eq(output.exit_code, 2, "%s", output.err);
        cr_assert(strstr(output.err, shown), "%s", output.err);
        for (const char *c = output.err; *c; c++) {
            cr_assert((unsigned char)*c >= 0x20 || *c == '\n');
        }
        cr_assert_eq(strchr(output.err, '\n'), output.err + strlen(output.err) - 1);
        test_output_release(&output);
    }
}
