#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/gate/gate_format.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/gates.h"

static const vlt_gate_facts facts = {
    .baseline = "old <&\"'|.so", .candidate = "this build", .machine = "1 \x01 CPU", .seed = 7};

/* One stage of every verdict; the names and reasons hold what formats must escape. */
static vlt_gate make_gate(void)
{
    vlt_gate_options options = vlt_gate_defaults();
    vlt_judge_options once = options.experiment.judge;
    once.anytime = false;
    vlt_gate gate = {0};
    test_gate_stage(&gate, "passes", 1.0, 0.002, 12, 0.1);
    test_gate_stage(&gate, "open | <b>", 1.01, 0.05, 12, 0.1);
    vlt_gate_stage *slow = test_gate_stage(&gate, "slow & \"quoted\"", 1.05, 0.002, 12, 0.1);
    test_gate_row(&slow->confirm, 1.05, 0.002, 15, 0.1, &once);
    const vlt_side side[2] = {{.what = "a"}, {.what = "b"}};
    vlt_gate_stage *wrong = vlt_gate_add(&gate, "wrong", side, 0.01, NULL);
    wrong->screen.status = VLT_STATUS_WRONG;
    snprintf(wrong->screen.invalid_reason, sizeof wrong->screen.invalid_reason,
             "differs: <1> & \"2\" \x02 | ends");
    vlt_gate_judge(&gate, &options);
    return gate;
}

static char *write_gate(vlt_gate_format format, vlt_gate_facts with)
{
    vlt_gate gate = make_gate();
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    vlt_error err = {0};
    cr_assert_eq(vlt_gate_write(&gate, format, &with, stream, &err), VLT_OK, "%s", err.message);
    fclose(stream);
    vlt_gate_release(&gate);
    return text;
}

/* Reads XML of elements, attributes and text; returns elements of `name`, or -1 when it is not
 * well-formed. */
static int count_elements(const char *xml, const char *name)
{
    char open[64][64];
    int depth = 0, count = 0;
    const char *p = strstr(xml, "?>");
    p = p ? p + 2 : xml;
    while (*p) {
        if (*p == '&') {
            static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"};
            bool known = false;
            for (int i = 0; i < 5; i++) {
                known |= !strncmp(p, entities[i], strlen(entities[i]));
            }
            if (!known) {
                return -1;
            }
        }
        if ((unsigned char)*p < 0x20 && !isspace((unsigned char)*p)) {
            return -1;
        }
        if (*p++ != '<') {
            continue;
        }
        bool closing = *p == '/';
        p += closing;
        size_t length = strcspn(p, " />\n");
        if (length == 0 || length >= sizeof open[0] || depth >= 63) {
            return -1;
        }
        char tag[64];
        memcpy(tag, p, length); /* it is shorter than open[0] */
        tag[length] = '\0';
        p += length;
        bool quoted = false;
        char last = 0;
        while (*p && (quoted || *p != '>')) {
            if (quoted && *p == '<') {
                return -1;
            }
            quoted ^= *p == '"';
            last = *p++;
        }
        if (*p++ != '>') {
            return -1;
        }
        if (closing) {
            if (depth == 0 || strcmp(open[--depth], tag)) {
                return -1;
            }
        } else {
            count += !strcmp(tag, name);
            if (last != '/') {
                memcpy(open[depth++], tag, sizeof tag);
            }
        }
    }
    return depth == 0 ? count : -1;
}

/* How busy the machine was: of all stages, and in the reason of the one that is open. */
Test(gate_format, pressure_is_told)
{
    static const vlt_gate_format formats[] = {VLT_GATE_TEXT, VLT_GATE_MARKDOWN};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char *text = write_gate(formats[i], facts);
        const char *first = strstr(text, "CPUs were waited for 10 % of the time");
        cr_assert(first, "%s", text);
        cr_expect(strstr(first + 1, "waited for 10 %") || formats[i] == VLT_GATE_TEXT, "%s", text);
        free(text);
    }
    char *text = write_gate(VLT_GATE_TEXT, facts);
    cr_expect(strstr(text, "noise      CPUs were waited for 10 % of the time\n"), "%s", text);
    free(text);
}

Test(gate_format, junit_is_well_formed)
{
    char *xml = write_gate(VLT_GATE_JUNIT, facts);
    cr_assert_eq(count_elements(xml, "testcase"), 4, "%s", xml);
    cr_assert_eq(count_elements(xml, "failure"), 1);
    cr_assert_eq(count_elements(xml, "error"), 1);
    cr_assert_eq(count_elements(xml, "skipped"), 1);
    cr_assert(strstr(xml, "tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\""));
    cr_assert(strstr(xml, "slow &amp; &quot;quoted&quot;"));
    free(xml);
}

static json_t *parse(const char *text)
{
    json_t *document = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_json_parse(text, strlen(text), "gate", &document, &err), VLT_OK, "%s",
                 err.message);
    return document;
}

Test(gate_format, json_has_verdicts_and_rows)
{
    char *text = write_gate(VLT_GATE_JSON, facts);
    json_t *document = parse(text);
    static const char *const verdicts[] = {"pass", "inconclusive", "regression", "wrong"};
    const json_t *rows = json_object_get(document, "rows");
    cr_assert_eq(json_array_size(rows), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *row = json_array_get(rows, i);
        cr_assert_str_eq(json_string_value(json_object_get(row, "verdict")), verdicts[i]);
        cr_assert(json_object_get(row, "ratio"));
        cr_assert(strlen(json_string_value(json_object_get(row, "reason"))) > 0);
    }
    cr_assert(json_is_null(json_object_get(json_array_get(rows, 3), "ratio")));
    cr_assert_str_eq(json_string_value(json_object_get(document, "verdict")), "wrong");
    json_decref(document);
    free(text);
}

/* What readers of Google Benchmark's JSON require (reports/gate/README.md#other-tools). */
static void check_gbench(const json_t *document, size_t expected_rows)
{
    static const char *const texts[] = {"name", "run_name", "run_type", "time_unit"};
    static const char *const numbers[] = {"repetitions", "repetition_index", "threads",
                                          "iterations",  "real_time",        "cpu_time"};
    const json_t *context = json_object_get(document, "context");
    cr_assert(json_is_array(json_object_get(context, "caches")));
    cr_assert_eq(json_integer_value(json_object_get(context, "json_schema_version")), 1);
    cr_assert(json_is_string(json_object_get(context, "date")));
    const json_t *rows = json_object_get(document, "benchmarks");
    cr_assert_eq(json_array_size(rows), expected_rows);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            cr_assert(json_is_string(json_object_get(row, texts[k])), "%s", texts[k]);
        }
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            const json_t *value = json_object_get(row, numbers[k]);
            cr_assert(json_is_number(value) && isfinite(json_number_value(value)), "%s",
                      numbers[k]);
        }
        cr_assert_gt(json_number_value(json_object_get(row, "real_time")), 0);
        cr_assert_str_eq(json_string_value(json_object_get(row, "run_type")), "iteration");
    }
}

Test(gate_format, gbench_as_its_readers_demand)
{
    vlt_gate_facts with = facts;
    char *text[3];
    json_t *document[3];
    text[0] = write_gate(VLT_GATE_GBENCH, with); /* A's times */
    with.side = 1;
    text[1] = write_gate(VLT_GATE_GBENCH, with);
    with.medians = true;
    text[2] = write_gate(VLT_GATE_GBENCH, with);
    for (int i = 0; i < 3; i++) {
        document[i] = parse(text[i]);
        check_gbench(document[i], i == 2 ? 3 : 36);
    }
    /* the slow stage stands last: 5 % between the files */
    double time[2];
    for (int i = 0; i < 2; i++) {
        const json_t *rows = json_object_get(document[i], "benchmarks");
        time[i] = json_number_value(json_object_get(json_array_get(rows, 35), "real_time"));
    }
    cr_assert_float_eq(time[1] / time[0], 1.05, 0.005);
    for (int i = 0; i < 3; i++) {
        json_decref(document[i]);
        free(text[i]);
    }
}

Test(gate_format, text_fits_80_columns_and_puts_the_worst_first)
{
    char *text = write_gate(VLT_GATE_TEXT, facts);
    const char *wrong = strstr(text, "\nwrong"), *slow = strstr(text, "\nslow"),
               *passes = strstr(text, "\npasses");
    cr_assert(wrong && slow && passes && wrong < slow && slow < passes, "%s", text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        cr_assert_leq(strlen(line), 80, "%s", line);
    }
    free(text);
}

Test(gate_format, markdown_tables_keep_their_columns)
{
    char *text = write_gate(VLT_GATE_MARKDOWN, facts);
    cr_assert(strstr(text, "### vltune gate: wrong"));
    cr_assert(strstr(text, "<details>"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        int bars = 0;
        for (char *p = line; *p; p++) {
            bars += *p == '|' && (p == line || p[-1] != '\\');
        }
        cr_assert(bars == 0 || bars == 8, "%s", line);
    }
    free(text);
}

Test(gate_format, the_step_summary_is_appended)
{
    char path[] = "/tmp/vlt_summary_XXXXXX", read_back[65536] = "";
    close(mkstemp(path));
    setenv("GITHUB_STEP_SUMMARY", path, 1);
    vlt_gate gate = make_gate();
    cr_assert_eq(vlt_gate_step_summary(&gate, &facts, NULL), VLT_OK);
    cr_assert_eq(vlt_gate_step_summary(&gate, &facts, NULL), VLT_OK);
    FILE *file = fopen(path, "r");
    fread(read_back, 1, sizeof read_back - 1, file);
    fclose(file);
    const char *first = strstr(read_back, "### vltune gate");
    cr_assert(first && strstr(first + 1, "### vltune gate"));
    remove(path);
    setenv("GITHUB_STEP_SUMMARY", "/nonexistent/summary", 1);
    vlt_error err = {0};
    cr_assert_eq(vlt_gate_step_summary(&gate, &facts, &err), VLT_STATUS_IO);
    cr_assert(strstr(err.message, "/nonexistent/summary"));
    vlt_gate_release(&gate);
}

/* A full disk is an error, not a silent half of a document. */
Test(gate_format, a_full_disk_is_said)
{
    FILE *full = fopen("/dev/full", "w");
    vlt_gate gate = make_gate();
    vlt_error err = {0};
    if (full) {
        for (int format = VLT_GATE_TEXT; format <= VLT_GATE_GBENCH; format++) {
            cr_assert_eq(vlt_gate_write(&gate, (vlt_gate_format)format, &facts, full, &err),
                         VLT_STATUS_IO, "format %d", format);
        }
        fclose(full);
    }
    vlt_gate_release(&gate);
}

/* One self-contained page; what needs attention comes first, names are escaped. */
Test(gate_format, the_page_shows_the_worst_first, .init = test_folder_make,
     .fini = test_folder_remove)
{
    const char *path = test_folder_path("gate.html");
    size_t bytes = 0;
    vlt_gate gate = make_gate();
    vlt_error err = {0};
    cr_assert_eq(vlt_gate_write_page(&gate, &facts, NULL, path, &err), VLT_OK, "%s", err.message);
    char *text = test_read_file(path, &bytes);
    cr_assert(text && strstr(text, "</html>"));
    cr_assert_null(strstr(text, "://"));
    cr_assert_null(strstr(text, "nan"));
    const char *table = strstr(text, "<h2>Verdicts"), *wrong = strstr(table, ">wrong<"),
               *slow = strstr(table, "slow &amp; &quot;quoted&quot;"),
               *open = strstr(table, "open | &lt;b&gt;"), *passes = strstr(table, "<td>passes");
    cr_assert(wrong && slow && open && passes);
    cr_assert(wrong < slow && slow < open && open < passes);
    int dots = 0;
    for (const char *p = text; (p = strstr(p, "class=\"launch\"")) != NULL; p++) {
        dots++;
    }
    cr_assert_eq(dots, 36, "three stages of 12 processes, %d dots", dots);
    free(text);
    cr_assert_eq(vlt_gate_write_page(&gate, &facts, "/nonexistent.json", path, &err),
                 VLT_STATUS_IO);
    cr_assert(strstr(err.message, "/nonexistent.json"));
    vlt_gate_release(&gate);
}
