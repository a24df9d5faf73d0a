#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/config/tuned.h"
#include "harness/config/tuned_place.h"
#include "harness/json/json.h"

enum { MODEL = 0x1234 };

static void note_warning(void *user, const char *message)
{
    char *notes = user;
    size_t used = strlen(notes);
    snprintf(notes + used, 2048 - used, "%s\n", message);
}

/* Two decisions that this build can resolve, for this very machine. */
static vlt_tuned_config sample(void)
{
    vlt_tuned_config config = {.model_name = "demo \"quoted\" \\ ring"};
    vlt_tuned_decision second = {.op = "norm",
                                 .bucket = "rows=256,width=2048,kind=0",
                                 .variant = "baseline",
                                 .baseline_ns = 1234.5,
                                 .speedup = NAN,
                                 .speedup_low = NAN,
                                 .speedup_high = NAN,
                                 .reason = "kept: the gain was not certain"};
    vlt_tuned_decision first = {.op = "norm",
                                .bucket = "rows=1,width=2048,kind=0",
                                .variant = "avx2",
                                .baseline_ns = 1e6,
                                .speedup = 6.8125,
                                .speedup_low = 6.7,
                                .speedup_high = 7,
                                .evidence = "6f1e6f0e-0000-4000-8000-000000000001",
                                .reason = "6.81x faster, sure"};
    cr_assert_eq(vlt_tuned_key_here(MODEL, &config.key, NULL), VLT_OK);
    cr_assert_eq(vlt_tuned_config_set(&config, &second, NULL), VLT_OK);
    cr_assert_eq(vlt_tuned_config_set(&config, &first, NULL), VLT_OK);
    return config;
}

static char *sample_text(size_t *bytes)
{
    vlt_tuned_config config = sample();
    char *text;
    cr_assert_eq(vlt_tuned_format(&config, &text, bytes, NULL), VLT_OK);
    vlt_tuned_config_release(&config);
    return text;
}

static vlt_status parse(const char *text, size_t bytes, char *notes, vlt_tuned_config *config,
                        vlt_error *err)
{
    return vlt_tuned_parse(text, bytes, "t.toml", note_warning, notes, config, err);
}

Test(tuned, reading_and_writing_again_gives_the_same_bytes)
{
    size_t bytes, again_bytes;
    char *text = sample_text(&bytes), *again, notes[2048] = "";
    vlt_tuned_config config;
    vlt_error err = {0};
    cr_assert_eq(parse(text, bytes, notes, &config, &err), VLT_OK, "%s", err.message);
    cr_assert_str_eq(notes, "");
    cr_assert_not(config.edited);
    cr_assert_eq(config.count, 2);
    cr_assert_str_eq(config.model_name, "demo \"quoted\" \\ ring");
    cr_assert(isnan(config.decision[1].speedup));
    cr_assert_eq(vlt_tuned_format(&config, &again, &again_bytes, NULL), VLT_OK);
    cr_assert_eq(bytes, again_bytes);
    cr_assert_eq(memcmp(text, again, bytes), 0);
    vlt_tuned_config_release(&config);
    free(text);
    free(again);
}

Test(tuned, order_of_the_decisions_does_not_matter)
{
    vlt_tuned_config config = sample();
    vlt_tuned_decision swap = config.decision[0];
    char *a, *b;
    size_t a_bytes, b_bytes;
    cr_assert_eq(vlt_tuned_format(&config, &a, &a_bytes, NULL), VLT_OK);
    config.decision[0] = config.decision[1];
    config.decision[1] = swap;
    cr_assert_eq(vlt_tuned_format(&config, &b, &b_bytes, NULL), VLT_OK);
    cr_assert_str_eq(a, b);
    vlt_tuned_config_release(&config);
    free(a);
    free(b);
}

Test(tuned, a_file_cut_at_any_length_is_refused)
{
    size_t bytes;
    char *text = sample_text(&bytes), notes[2048] = "";
    for (size_t cut = 0; cut < bytes - 1; cut++) { /* the last byte is a line feed */
        vlt_tuned_config config;
        vlt_error err = {0};
        cr_assert_eq(parse(text, cut, notes, &config, &err), VLT_STATUS_INPUT, "cut at %zu", cut);
        cr_assert(strstr(err.message, "t.toml"), "%s", err.message);
    }
    free(text);
}

/* Editors, mail and copying by hand add or take line feeds at the end: nothing is cut or edited. */
Test(tuned, line_feeds_at_the_end_mean_nothing)
{
    static const char *const ends[] = {"", "\n", "\r\n", "\n\n\n", " \n", "\n\t"};
    size_t bytes;
    char *text = sample_text(&bytes), *copy = calloc(1, bytes + 8);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char notes[2048] = "";
        vlt_tuned_config config;
        vlt_error err = {0};
        memcpy(copy, text, bytes - 1);
        memcpy(copy + bytes - 1, ends[i], strlen(ends[i]));
        size_t length = bytes - 1 + strlen(ends[i]);
        cr_assert_eq(parse(copy, length, notes, &config, &err), VLT_OK, "%s", err.message);
        cr_assert_not(config.edited, "end %zu: %s", i, notes);
        cr_assert_str_eq(notes, "");
        vlt_tuned_config_release(&config);
        char *count = strstr(copy, "decisions = 2");
        count[12] = '3'; /* and editing is still seen */
        cr_assert_eq(parse(copy, length, notes, &config, &err), VLT_OK, "%s", err.message);
        cr_assert(config.edited);
        vlt_tuned_config_release(&config);
    }
    free(copy);
    free(text);
}

/* Every byte replaced by another one: never a crash, and never taken for what was measured unless
 * the bytes say the same. */
Test(tuned, a_changed_byte_never_passes_unnoticed)
{
    size_t bytes;
    char *text = sample_text(&bytes);
    int edited = 0, refused = 0;
    for (size_t i = 0; i < bytes; i++) {
        char notes[2048] = "", old = text[i];
        vlt_tuned_config config;
        text[i] = old == '7' ? '8' : '7';
        vlt_status status = parse(text, bytes, notes, &config, NULL);
        if (status == VLT_OK) {
            cr_assert(config.edited, "byte %zu changed from %c", i, old);
            cr_assert(strstr(notes, "edited by hand"));
            vlt_tuned_config_release(&config);
            edited++;
        } else {
            refused++;
        }
        text[i] = old;
    }
    cr_assert_gt(edited, 100);
    cr_assert_gt(refused, 100);
    free(text);
}

static vlt_tuned_loaded load(const vlt_tuned_request *request, vlt_status expected, char *message)
{
    vlt_choices choices = {0};
    vlt_tuned_loaded loaded;
    vlt_error err = {0};
    vlt_status status = vlt_tuned_load(request, &choices, &loaded, &err);
    cr_assert_eq(status, expected, "%s: %s", vlt_status_name(status), err.message);
    cr_assert_eq(choices.count > 0, !strcmp(loaded.status, "tuned") && status == VLT_OK);
    vlt_choices_release(&choices);
    snprintf(message, VLT_ERROR_BYTES, "%s", err.message);
    return loaded;
}

static const char *write_sample(const vlt_tuned_config *config)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/vltune-test-tuned-%d.toml", (int)getpid());
    cr_assert_eq(vlt_tuned_write(config, path, NULL), VLT_OK);
    return path;
}

Test(tuned, loads_on_the_machine_it_is_for)
{
    vlt_tuned_config config = sample();
    char message[VLT_ERROR_BYTES];
    vlt_tuned_request request = {
        .config = write_sample(&config), .model_hash = MODEL, .require = true};
    vlt_tuned_loaded loaded = load(&request, VLT_OK, message);
    cr_assert_str_eq(loaded.status, "tuned");
    cr_assert_str_eq(loaded.path, request.config);
    unlink(request.config);
    vlt_tuned_config_release(&config);
}

Test(tuned, every_hard_part_that_differs_is_named_with_both_values)
{
    vlt_tuned_config config = sample();
    int parts = config.key.hard.count;
    cr_assert_geq(parts, 4);
    for (int i = 0; i < parts; i++) {
        vlt_tuned_config other = sample();
        vlt_tuned_part *part = &other.key.hard.part[i];
        char message[VLT_ERROR_BYTES];
        snprintf(part->value, sizeof part->value, "another one");
        vlt_tuned_request request = {.config = write_sample(&other), .model_hash = MODEL};
        vlt_tuned_loaded loaded = load(&request, VLT_OK, message);
        cr_assert_str_eq(loaded.status, "mismatch");
        cr_assert(strstr(loaded.reason, part->name), "%s", loaded.reason);
        cr_assert(strstr(loaded.reason, "another one"), "%s", loaded.reason);
        cr_assert(strstr(loaded.reason, config.key.hard.part[i].value), "%s", loaded.reason);
        cr_assert(strstr(loaded.reason, "vltune tune"), "%s", loaded.reason);
        request.require = true;
        load(&request, VLT_STATUS_STALE, message);
        cr_assert(strstr(message, "another one"), "%s", message);
        unlink(request.config);
        vlt_tuned_config_release(&other);
    }
    vlt_tuned_config_release(&config);
}

Test(tuned, another_model_and_an_additional_part_are_mismatches)
{
    vlt_tuned_config config = sample();
    char message[VLT_ERROR_BYTES];
    vlt_tuned_request request = {.config = write_sample(&config), .model_hash = MODEL + 1};
    vlt_tuned_loaded loaded = load(&request, VLT_OK, message);
    cr_assert_str_eq(loaded.status, "mismatch");
    cr_assert(strstr(loaded.reason, "0000000000001234") &&
                  strstr(loaded.reason, "0000000000001235"),
              "%s", loaded.reason);
    vlt_tuned_parts_add(&config.key.hard, "gpu9", "H200");
    request = (vlt_tuned_request){.config = write_sample(&config), .model_hash = MODEL};
    loaded = load(&request, VLT_OK, message);
    cr_assert_str_eq(loaded.status, "mismatch");
    cr_assert(strstr(loaded.reason, "H200"), "%s", loaded.reason);
    unlink(request.config);
    vlt_tuned_config_release(&config);
}

Test(tuned, a_soft_part_that_differs_is_said_and_the_config_used)
{
    vlt_tuned_config config = sample();
    char message[VLT_ERROR_BYTES];
    snprintf(config.key.soft.part[0].value, VLT_TUNED_VALUE_BYTES, "5.0-old");
    vlt_tuned_request request = {.config = write_sample(&config), .model_hash = MODEL};
    vlt_tuned_loaded loaded = load(&request, VLT_OK, message);
    cr_assert_str_eq(loaded.status, "tuned");
    cr_assert(strstr(loaded.reason, "5.0-old"), "%s", loaded.reason);
    unlink(request.config);
    vlt_tuned_config_release(&config);
}

Test(tuned, a_config_that_may_lose_more_than_the_run_is_a_mismatch)
{
    static const struct {
        vlt_quality config, run;
        const char *status;
    } cases[] = {
        {VLT_QUALITY_EXACT, VLT_QUALITY_EXACT, "tuned"},
        {VLT_QUALITY_EXACT, VLT_QUALITY_INT8, "tuned"},
        {VLT_QUALITY_BF16, VLT_QUALITY_INT8, "tuned"},
        {VLT_QUALITY_INT8, VLT_QUALITY_INT8, "tuned"},
        {VLT_QUALITY_INT8, VLT_QUALITY_EXACT, "mismatch"},
        {VLT_QUALITY_INT8, VLT_QUALITY_BF16, "mismatch"},
    };
    char message[VLT_ERROR_BYTES], said[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_tuned_config config = sample();
        config.quality = cases[i].config;
        vlt_tuned_request request = {
            .config = write_sample(&config), .model_hash = MODEL, .quality = cases[i].run};
        vlt_tuned_loaded loaded = load(&request, VLT_OK, message);
        cr_expect_str_eq(loaded.status, cases[i].status, "%zu: %s", i, loaded.reason);
        snprintf(said, sizeof said, "tuned for --quality int8, this run has %s",
                 vlt_quality_name(cases[i].run));
        cr_expect(!strcmp(cases[i].status, "tuned") || strstr(loaded.reason, said), "%s",
                  loaded.reason);
        unlink(request.config);
        vlt_tuned_config_release(&config);
    }
}

Test(tuned, what_this_build_does_not_have_is_refused_by_name)
{
    static const struct {
        const char *op, *bucket, *variant, *knobs, *expected;
    } cases[] = {
        {"nrom", "*", "avx2", "", "unknown operator 'nrom'"},
        {"norm", "*", "avx9", "", "no variant 'avx9'"},
        {"norm", "rows=1", "avx2", "", "bucket 'rows=1'"},
        {"norm", "rows=3,width=2048,kind=0", "avx2", "", "expected 'rows=4,width=2048,kind=0'"},
        {"norm", "rows=1,width=-4,kind=0", "avx2", "", "'width' is -4"},
        {"norm", "*", "avx2", "tile=3", "tile"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_tuned_config config = sample();
        vlt_tuned_decision decision = {.reason = "by hand"};
        char message[VLT_ERROR_BYTES];
        snprintf(decision.op, sizeof decision.op, "%s", cases[i].op);
        snprintf(decision.bucket, sizeof decision.bucket, "%s", cases[i].bucket);
        snprintf(decision.variant, sizeof decision.variant, "%s", cases[i].variant);
        snprintf(decision.knobs, sizeof decision.knobs, "%s", cases[i].knobs);
        cr_assert_eq(vlt_tuned_config_set(&config, &decision, NULL), VLT_OK);
        vlt_tuned_request request = {.config = write_sample(&config), .model_hash = MODEL};
        load(&request, VLT_STATUS_INPUT, message);
        cr_assert(strstr(message, cases[i].expected), "%s", message);
        unlink(request.config);
        vlt_tuned_config_release(&config);
    }
}

Test(tuned, malformed_files_are_refused_with_their_line)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "0 bytes"},
        {"\n", "schema"},
        {"schema = 2\n", "schema 2, expected 1"},
        {"schema = \"1\"\n", "must be an integer"},
        {"schema = 1\nschema = 1\n", "t.toml:2"},
        {"schema = 1\n[model]\nname = 3\n", "t.toml:3: key 'name' must be a string"},
        {"schema = 1\n[model]\nname = \"a\"\nhash = \"12\"\n", "16 hexadecimal digits"},
        {"schema = 1\nmodel = 4\n", "[model]"},
        {"\xFF\xFE", "t.toml"},
        {"a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "t.toml"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_tuned_config config;
        char notes[2048] = "";
        vlt_error err = {0};
        cr_assert_eq(parse(cases[i].text, strlen(cases[i].text), notes, &config, &err),
                     VLT_STATUS_INPUT);
        cr_assert(strstr(err.message, cases[i].expected), "%s", err.message);
    }
    char *dots = malloc(200000);
    vlt_error err = {0};
    vlt_tuned_config config;
    for (int i = 0; i < 200000; i++) {
        dots[i] = i % 2 ? '.' : 'a';
    }
    cr_assert_eq(parse(dots, 199999, dots, &config, &err), VLT_STATUS_INPUT);
    free(dots);
}

Test(tuned, unknown_keys_warn_and_are_ignored)
{
    size_t bytes;
    char *text = sample_text(&bytes), notes[2048] = "", *more = malloc(bytes + 100);
    vlt_tuned_config config;
    const char *schema = strstr(text, "schema");
    size_t head = (size_t)(schema - text);
    memcpy(more, text, head);
    int length = snprintf(more + head, bytes + 100 - head, "colour = \"red\"\n%s", schema);
    cr_assert_eq(parse(more, head + (size_t)length, notes, &config, NULL), VLT_OK);
    cr_assert(strstr(notes, "t.toml:4: unknown key 'colour'"), "%s", notes);
    cr_assert(strstr(notes, "edited by hand"), "%s", notes);
    vlt_tuned_config_release(&config);
    free(text);
    free(more);
}

Test(tuned, looks_in_the_users_folder_then_beside_the_model)
{
    char root[] = "/tmp/vltune-test-XXXXXX", model[64], folder[64], path[96], message[1024];
    cr_assert(mkdtemp(root) != NULL);
    snprintf(model, sizeof model, "%s/model", root);
    snprintf(folder, sizeof folder, "%s/vltune", root);
    mkdir(model, 0700);
    mkdir(folder, 0700);
    setenv("XDG_CONFIG_HOME", root, 1);
    vlt_tuned_request request = {.directory = model, .model_hash = MODEL};
    cr_assert_str_eq(load(&request, VLT_OK, message).status, "default");

    vlt_tuned_config config = sample();
    char user_path[128];
    char *place = NULL;
    cr_assert_eq(vlt_tuned_place(&config.key, VLT_QUALITY_EXACT, &place, NULL, NULL), VLT_OK);
    snprintf(user_path, sizeof user_path, "%s", place);
    free(place);
    cr_assert_eq(strncmp(user_path, folder, strlen(folder)), 0, "%s", user_path);
    cr_assert_eq(vlt_tuned_write(&config, user_path, NULL), VLT_OK);
    cr_assert_str_eq(load(&request, VLT_OK, message).path, user_path);

    snprintf(path, sizeof path, "%s/tuned.toml", model);
    cr_assert_eq(vlt_write_file(path, "schema", 6, NULL), VLT_OK);
    cr_assert_str_eq(load(&request, VLT_OK, message).path, user_path);
    unlink(user_path);
    vlt_tuned_loaded broken = load(&request, VLT_OK, message);
    cr_assert_str_eq(broken.status, "default");
    cr_assert(strstr(broken.reason, "tuned.toml"), "%s", broken.reason);
    request.require = true;
    load(&request, VLT_STATUS_STALE, message);

    cr_assert_eq(vlt_tuned_write(&config, path, NULL), VLT_OK);
    cr_assert_str_eq(load(&request, VLT_OK, message).path, path);
    request.baseline = true;
    request.require = false;
    cr_assert_str_eq(load(&request, VLT_OK, message).status, "baseline");
    request = (vlt_tuned_request){.config = "/nonexistent/t.toml"};
    load(&request, VLT_STATUS_IO, message);
    unlink(path);
    rmdir(model);
    rmdir(folder);
    rmdir(root);
    vlt_tuned_config_release(&config);
}
