/* `vltune tune --replay` as a user runs it: figures, restrictions, and what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

static void write_file(const char *name, const char *text, size_t bytes)
{
    FILE *file = fopen(test_folder_path(name), "wb");
    cr_assert(file);
    cr_assert_eq(fwrite(text, 1, bytes, file), bytes);
    fclose(file);
}

/* A folder "spaces" with kernel k of two machines: 40 settings, the best at tile 8, depth 2. */
static void make_spaces(void)
{
    char command[512];
    snprintf(command, sizeof command, "mkdir -p '%s'", test_folder_path("spaces/k"));
    cr_assert_eq(system(command), 0);
    for (int machine = 0; machine < 2; machine++) {
        char *text = malloc(1 << 16);
        size_t used = (size_t)sprintf(text, "{\"results\": [\n");
        for (int i = 0; i < 40; i++) {
            int tile = i / 4 + 1, depth = i % 4;
            double ms = 1 + 0.1 * abs(tile - 8) + 0.2 * abs(depth - 2) + 0.05 * machine * depth;
            bool fails = tile == 1 && depth == 3;
            used += (size_t)sprintf(
                text + used,
                "%s{\"configuration\": {\"tile\": %d, \"depth\": %d}, \"times\": {\"runtimes\": "
                "[%g, %g]}, \"invalidity\": \"%s\"}",
                i ? ",\n" : "", tile, depth, ms - 0.01, ms + 0.01, fails ? "runtime" : "correct");
        }
        used += (size_t)sprintf(text + used, "]}\n");
        write_file(machine ? "spaces/k/two_T4.json" : "spaces/k/one_T4.json", text, used);
        free(text);
    }
}

static test_output replay(const char *folder, const char *options)
{
    char arguments[2048];
    snprintf(arguments, sizeof arguments, "tune --replay '%s' %s", folder, options);
    return test_program(arguments);
}

static double member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    cr_assert(json_is_number(value), "%s", key);
    return json_number_value(value);
}

static json_t *replay_json(const char *folder, const char *options)
{
    char with_json[1024];
    vlt_error err;
    json_t *document;
    snprintf(with_json, sizeof with_json, "%s --json", options);
    test_output output = replay(folder, with_json);
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, "stdout", &document, &err), VLT_OK,
                 "%s", err.message);
    test_output_release(&output);
    return document;
}

TestSuite(tune_replay, .init = test_folder_make, .fini = test_folder_remove, .timeout = 300);

/* The members of the reference; the whole space is searched to its end, equal seeds are equal. */
Test(tune_replay, json)
{
    make_spaces();
    json_t *all = replay_json(test_folder_path("spaces"), "--seeds 3 --evaluations 40,5,20");
    json_t *again = replay_json(test_folder_path("spaces"), "--seeds 3 --evaluations 5,20,40");
    const json_t *spaces = json_object_get(all, "spaces");
    const json_t *strategies = json_object_get(all, "strategies");
    cr_assert(json_equal(all, again));
    cr_assert_eq(json_array_size(spaces), 2);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(spaces, 0), "name")),
                     "k/one");
    cr_expect_eq(member(json_array_get(spaces, 0), "settings"), 40);
    cr_assert_geq(json_array_size(strategies), 7);
    for (size_t i = 0; i < json_array_size(strategies); i++) {
        const json_t *row = json_array_get(strategies, i);
        const json_t *mean = json_object_get(row, "mean");
        cr_expect_eq(member(mean, "40"), 1);
        cr_expect(member(mean, "5") <= member(mean, "20") && member(mean, "20") <= 1);
        cr_expect_gt(member(mean, "5"), 0.3);
        const json_t *own = json_object_get(json_object_get(row, "spaces"), "k/two");
        cr_expect_eq(member(own, "40"), 1);
        cr_expect_gt(member(json_object_get(row, "warm"), "5"), 0.95);
    }
    json_decref(all);
    json_decref(again);
}

Test(tune_replay, strategy_and_where)
{
    make_spaces();
    json_t *document = replay_json(test_folder_path("spaces"),
                                   "--seeds 2 --evaluations 5 --strategy local "
                                   "--where 'tile <= 4 && depth != 1'");
    const json_t *strategies = json_object_get(document, "strategies");
    cr_assert_eq(json_array_size(strategies), 1);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(strategies, 0), "name")),
                     "local");
    cr_expect_eq(member(json_array_get(json_object_get(document, "spaces"), 1), "settings"), 12);
    json_decref(document);
    test_output text = replay(test_folder_path("spaces"), "--seeds 2");
    cr_expect_eq(text.exit_code, 0);
    cr_expect(strstr(text.out, "k/one") && strstr(text.out, "auto") && strstr(text.out, "warm"));
    test_output_release(&text);
}

static void refused(const char *folder, const char *options, const char *with, const char *also)
{
    test_output output = replay(folder, options);
    cr_expect_eq(output.exit_code, 2, "%s: %d", options, output.exit_code);
    cr_expect_eq(output.out_bytes, 0);
    cr_expect(strstr(output.err, with) && strstr(output.err, also), "%s: %s", options, output.err);
    test_output_release(&output);
}

Test(tune_replay, options_are_refused)
{
    make_spaces();
    const char *spaces = test_folder_path("spaces");
    refused(spaces, "--where 'tile > 99'", "--where", "no setting");
    refused(spaces, "--where '8 / (tile - 3) > 1'", "column 3", "tile=3");
    refused(spaces, "--where 'tyle > 1'", "column 1", "'tile'");
    refused(spaces, "--where 'tile >'", "column 7", "--where");
    refused(spaces, "--where 'tile == 1 && depth == 3'", "--where", "no setting is correct");
    refused(spaces, "--where 'tile > 1' --where 'depth > 1'", "--where is given 2 times", "&&");
    refused(spaces, "--strategy anealing", "'anealing'", "'annealing'");
    refused(spaces, "--evaluations 25,,100", "byte 3", "");
    refused(spaces, "--evaluations 0", "byte 0", "");
    refused(spaces, "--evaluations 25,25", "25", "twice");
    refused(spaces, "--seeds 0", "--seeds", "0");
    refused(test_folder_path("nowhere"), "", "nowhere", "");
    refused(test_folder_path("spaces/k/one_T4.json"), "", "one_T4.json", "");
}

/* Each broken file beside good ones: named with the place, nothing is printed. */
Test(tune_replay, files_are_refused)
{
    static const struct {
        const char *text, *with, *also;
    } table[] = {
        {"{\"results\": [{\"configuration\": {\"tile\": 1}", "three_T4.json", "byte"},
        {"{\"results\": [{\"configuration\": {\"tile\": 1}, \"times\": {\"runtimes\": []}, "
         "\"invalidity\": \"compile\"}]}",
         "three_T4.json", "no setting is correct, of 1"},
        {"{\"results\": [{\"configuration\": {\"tile\": 1, \"tile\": 2}, \"times\": "
         "{\"runtimes\": [1]}, \"invalidity\": \"correct\"}]}",
         "three_T4.json: results[0]", "'tile' is named twice"},
        {"{\"results\": [{\"configuration\": {\"tile\": 1}, \"times\": {\"runtimes\": [1]}, "
         "\"invalidity\": \"correct\", \"measurements\": [{\"name\": \"time\", \"value\": 1, "
         "\"unit\": \"ms\"}]}, {\"configuration\": {\"tile\": 2}, \"times\": {\"runtimes\": [1]}, "
         "\"invalidity\": \"correct\", \"measurements\": [{\"name\": \"time\", \"value\": 1, "
         "\"unit\": \"seconds\"}]}]}",
         "three_T4.json: results[1]", "before in 'ms'"},
        {"", "three_T4.json", "byte"},
        {"\x1f\x8b\x08", "three_T4.json", ""},
    };
    make_spaces();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        write_file("spaces/k/three_T4.json", table[i].text, strlen(table[i].text));
        refused(test_folder_path("spaces"), "--seeds 1", table[i].with, table[i].also);
    }
    unlink(test_folder_path("spaces/k/three_T4.json"));
    cr_assert_eq(mkfifo(test_folder_path("spaces/k/three_T4.json"), 0600), 0);
    refused(test_folder_path("spaces"), "--seeds 1", "three_T4.json", "no regular file");
}

/* What a figure is not made of is said: files that hold no results, parts of a space, packed ones.
 */
Test(tune_replay, what_is_passed_over_is_said)
{
    static const char part[] = "{\"metadata\": {\"space_settings\": \"7\"}, \"results\": "
                               "[{\"configuration\": {\"tile\": 1}, "
                               "\"times\": {\"runtimes\": [1]}, \"invalidity\": \"correct\"}]}";
    make_spaces();
    write_file("spaces/k/three_T4.json", "{\"machine\": \"x\"}", 16);
    write_file("spaces/k/notes.json", "{\"machine\": \"x\"}", 16);
    write_file("spaces/k/four_T4.json", part, sizeof part - 1);
    write_file("spaces/k/five_T4.json.xz", "x", 1);
    test_output output = replay(test_folder_path("spaces"), "--seeds 1 --strategy random");
    cr_expect_eq(output.exit_code, 0, "%s", output.err);
    cr_expect(strstr(output.err, "three_T4.json: no T4 results"), "%s", output.err);
    cr_expect_null(strstr(output.err, "notes.json"), "%s", output.err);
    cr_expect(strstr(output.err, "four_T4.json: 1 of 7 settings are recorded"), "%s", output.err);
    cr_expect(strstr(output.err, "five_T4.json.xz is packed"), "%s", output.err);
    test_output_release(&output);

    char command[512];
    snprintf(command, sizeof command, "cd '%s' && rm -f *.json", test_folder_path("spaces/k"));
    cr_assert_eq(system(command), 0);
    refused(test_folder_path("spaces"), "", "no recorded space", "unxz");
}

/* A fraction of the optimum is at most 1, so are the ends of its interval. */
Test(tune_replay, intervals_stop_at_the_optimum)
{
    make_spaces();
    json_t *document = replay_json(test_folder_path("spaces"),
                                   "--seeds 4 --evaluations 3,10,30 --strategy auto");
    const json_t *row = json_array_get(json_object_get(document, "strategies"), 0);
    const char *key;
    json_t *interval;
    int at_the_end = 0;
    json_object_foreach(json_object_get(row, "interval"), key, interval)
    {
        double mean = member(json_object_get(row, "mean"), key);
        double high = json_number_value(json_array_get(interval, 1));
        cr_expect(high <= 1 && high >= mean, "%s: %g above %g", key, high, mean);
        at_the_end += high == 1;
    }
    cr_expect_geq(at_the_end, 1);
    json_decref(document);
}

/* Packed files that are cut or damaged anywhere. */
Test(tune_replay, packed_files)
{
    char command[1024];
    make_spaces();
    snprintf(command, sizeof command, "cd '%s' && gzip -n one_T4.json two_T4.json",
             test_folder_path("spaces/k"));
    cr_assert_eq(system(command), 0);
    json_t *document = replay_json(test_folder_path("spaces"), "--seeds 1 --strategy random");
    cr_expect_eq(json_array_size(json_object_get(document, "spaces")), 2);
    json_decref(document);
    size_t bytes;
    char *data = test_read_file(test_folder_path("spaces/k/one_T4.json.gz"), &bytes);
    cr_assert(data);
    write_file("spaces/k/one_T4.json.gz", data, bytes - 9);
    refused(test_folder_path("spaces"), "--seeds 1", "one_T4.json.gz", "");
    data[bytes / 2] ^= 0x55;
    write_file("spaces/k/one_T4.json.gz", data, bytes);
    refused(test_folder_path("spaces"), "--seeds 1", "one_T4.json.gz", "");
    free(data);
}

/* The default on spaces of others, with few seeds: what tuner/README.md promises, less what so few
 * seeds may differ by. */
Test(tune_replay, spaces_of_others)
{
    const char *folder = test_data("data/tuning-spaces");
    if (!folder) {
        test_skip("no recorded spaces");
        return;
    }
    json_t *document = replay_json(folder, "--seeds 20 --strategy auto");
    const json_t *row = json_array_get(json_object_get(document, "strategies"), 0);
    const json_t *mean = json_object_get(row, "mean");
    cr_expect_geq(member(mean, "25"), 0.86, "%g", member(mean, "25"));
    cr_expect_geq(member(mean, "100"), 0.95, "%g", member(mean, "100"));
    cr_expect_geq(member(mean, "220"), 0.98, "%g", member(mean, "220"));
    cr_expect_geq(member(json_object_get(row, "warm"), "25"), 0.94);
    json_decref(document);
}

/* Our own recordings of CPU problems (tests/reference/spaces): the default is near the optimum
 * after 25 evaluations. */
Test(tune_replay, our_own_spaces)
{
    char command[4096];
    const char *folder = test_folder_path("own");
    snprintf(
        command, sizeof command,
        "cd '%s' && for f in */*.xz; do mkdir -p '%s'/$(dirname $f) && xz -dc $f >'%s'/${f%%.xz} "
        "&& cp $(dirname $f)/T1.json '%s'/$(dirname $f)/ || exit 1; done",
        test_source("tests/reference/spaces"), folder, folder, folder);
    if (system("xz --version >/dev/null 2>&1") != 0) {
        test_skip("no xz");
        return;
    }
    cr_assert_eq(system(command), 0);
    json_t *document = replay_json(folder, "--seeds 20 --evaluations 25 --strategy auto");
    const json_t *spaces = json_object_get(document, "spaces");
    cr_assert_geq(json_array_size(spaces), 6);
    for (size_t i = 0; i < json_array_size(spaces); i++) {
        cr_expect_geq(member(json_array_get(spaces, i), "settings"), 100);
    }
    const json_t *row = json_array_get(json_object_get(document, "strategies"), 0);
    double mean = member(json_object_get(row, "mean"), "25");
    cr_expect_geq(mean, 0.97, "%g", mean);
    json_decref(document);
}
