#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "reports/page/page.h"
#include "reports/report_json.h"
#include "reports/terminal/terminal.h"
#include "reports/trust.h"
#include "tests/support/data.h"

static vlt_report_row rows[] = {
    {.op = "resize",
     .shape = "640x427 -> 640x416",
     .baseline_ns = 9.81e6,
     .tuned_ns = 0.62e6,
     .over_baseline = {.ratio = 0.0633,
                       .low = 0.0625,
                       .high = 0.0641,
                       .known = true,
                       .verdict = VLT_VERDICT_FASTER},
     .choice = "avx512 threads=2",
     .counted = "1.2 instructions a cycle",
     .reason = "least time",
     .trials = 12,
     .share = 0.2},
    {.op = "jpeg_decode",
     .shape = "640x427 4:4:4",
     .baseline_ns = 1.92e6,
     .tuned_ns = 1.90e6,
     .over_baseline =
         {.ratio = 0.99, .low = 0.98, .high = 1.0, .known = true, .verdict = VLT_VERDICT_SAME},
     .choice = "baseline",
     .reason = "<no gain> & \"certain\"",
     .trials = 3,
     .share = 0.1},
    {.op = "transfer",
     .shape = "host",
     .baseline_ns = NAN,
     .tuned_ns = NAN,
     .over_baseline = {.ratio = NAN, .low = NAN, .high = NAN},
     .choice = "baseline",
     .reason = "no GPU",
     .share = NAN},
};
static char question[] = "Describe the image.", ring[] = "A ring.";
static char notes[][VLT_TUNE_TEXT_BYTES] = {
    "kept baseline where the gain was not certain (2 operators)"};

static vlt_report example(void)
{
    return (vlt_report){
        .machine = "Test CPU, 2 cores \xC2\xB7 AVX-512 \xC2\xB7 no GPU",
        .model = "demo",
        .seconds = 58,
        .budget_s = 60,
        .trials = 15,
        .row = rows,
        .row_count = 3,
        .end_to_end = {.op = "end to end",
                       .shape = "JPEG -> 16 tokens",
                       .baseline_ns = 412e6,
                       .tuned_ns = 61e6,
                       .over_baseline = {.ratio = 0.148,
                                         .low = 0.145,
                                         .high = 0.151,
                                         .known = true,
                                         .verdict = VLT_VERDICT_FASTER},
                       .share = 1},
        .correctness = "correct on unseen inputs",
        .phase = {{"preprocess", 12, NAN, 1}, {"vision", 300, NAN, 40}, {"decode", 100, NAN, 20}},
        .phase_count = 3,
        .answer = {{"scene-7.jpg", question, ring, ring, ring}},
        .answer_count = 1,
        .accuracy_total = 100,
        .accuracy_baseline = 94,
        .accuracy_tuned = 94,
        .loss = {.quality = VLT_QUALITY_INT8,
                 .max_kl = 0.01,
                 .measured = {.scenes = 40,
                              .steps = 412,
                              .agreed = 411,
                              .kl_mean = 4.5e-6,
                              .kl_max = 1e-3}},
        .peak_baseline_bytes = 41e6,
        .peak_tuned_bytes = NAN,
        .note = notes,
        .note_count = 1,
        .config_path = "tuned.toml",
        .db_path = "vltune.db",
        .page_path = "report.html"};
}

Test(report, json_goes_there_and_back)
{
    vlt_report report = example(), back;
    json_t *document = vlt_report_to_json(&report);
    cr_assert_eq(vlt_report_from_json(document, &back, NULL), VLT_OK);
    json_t *again = vlt_report_to_json(&back);
    cr_assert(json_equal(document, again));
    cr_assert(isnan(back.row[2].over_baseline.ratio));
    cr_assert_not(back.row[2].over_baseline.known);
    cr_assert_str_eq(back.row[0].counted, "1.2 instructions a cycle");
    json_decref(again);
    json_decref(document);
    vlt_report_release(&back);
    json_t *other = json_pack("{s:i}", "rows", 1);
    cr_assert_eq(vlt_report_from_json(other, &back, NULL), VLT_STATUS_INPUT);
    vlt_report_release(&back);
    json_decref(other);
}

Test(report, terminal_keeps_to_its_width)
{
    vlt_report report = example();
    for (int columns = 80; columns <= 120; columns += 20) {
        char *text;
        size_t bytes;
        FILE *stream = open_memstream(&text, &bytes);
        vlt_terminal terminal = {.stream = stream, .columns = columns};
        vlt_terminal_head(&terminal, &report);
        vlt_terminal_result(&terminal, &report);
        fclose(stream);
        cr_assert(strstr(text, "15.8x"));
        cr_assert(strstr(text, "94 of 100"));
        cr_assert(strstr(text, "int8: 4.5e-06 of 0.01 nats from exact, 411 of 412 next tokens"));
        cr_assert_null(strstr(text, "\033["));
        cr_assert_null(strstr(text, "nan"));
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            int wide = 0;
            for (char *p = line; *p; p++) {
                wide += ((unsigned char)*p & 0xC0) != 0x80;
            }
            cr_assert_leq(wide, columns, "%d columns: %s", wide, line);
        }
        free(text);
    }
}

Test(report, page_is_whole_and_escaped)
{
    vlt_report report = example();
    char path[] = "/tmp/vltune-test-page-XXXXXX";
    size_t bytes;
    close(mkstemp(path));
    cr_assert_eq(vlt_page_write(&report, path, NULL), VLT_OK);
    char *text = test_read_file(path, &bytes);
    cr_assert(strstr(text, "</html>"));
    cr_assert(strstr(text, "&lt;no gain&gt; &amp; &quot;certain&quot;"));
    cr_assert(strstr(text, "15.8x"));
    cr_assert(strstr(text, "4.5e-06 nats"));
    cr_assert_null(strstr(text, "http://"));
    cr_assert_null(strstr(text, "https://"));
    const char *keep = getenv("VLT_KEEP_PAGE");
    if (keep) {
        rename(path, keep);
    }
    unlink(path);
    free(text);
    vlt_error err = {0};
    cr_assert_eq(vlt_page_write(&report, "/nonexistent/page.html", &err), VLT_STATUS_IO);
    cr_assert(strstr(err.message, "/nonexistent/page.html"));
}

static char *page_of(const vlt_report *report)
{
    char path[] = "/tmp/vltune-test-page-XXXXXX";
    size_t bytes;
    close(mkstemp(path));
    cr_assert_eq(vlt_page_write(report, path, NULL), VLT_OK);
    char *text = test_read_file(path, &bytes);
    unlink(path);
    return text;
}

/* A run whose budget ended before the tuned request: unknown is said, not drawn as 0 ns. */
Test(report, a_phase_that_was_not_measured_is_not_zero)
{
    for (int side = 0; side < 2; side++) {
        vlt_report report = example();
        for (int i = 0; i < report.phase_count; i++) {
            *(side ? &report.phase[i].tuned_ms : &report.phase[i].baseline_ms) = NAN;
        }
        char *text = page_of(&report);
        cr_assert(strstr(text, side ? "tuned: not measured in this run"
                                    : "baseline: not measured in this run"));
        cr_assert(strstr(text, side ? "baseline, 412 ms" : "tuned, 61.0 ms"));
        cr_assert_null(strstr(text, ", 0 ns"));
        cr_assert_null(strstr(text, "nan"));
        free(text);
    }
}

/* A report may be read from somebody's database: each of its texts is text and nothing else. */
static void check_shown(const char *text, size_t bytes, const char *where)
{
    cr_assert(vlt_utf8_valid(text, bytes), "%s", where);
    for (size_t i = 0; i < bytes; i++) {
        cr_assert(text[i] == '\n' || (unsigned char)text[i] >= 0x20, "%s: byte %zu", where, i);
    }
    cr_assert_null(strstr(text, "<script>x"), "%s", where);
    cr_assert(strstr(text, "\\xFF"), "%s", where);
}

/* A document in which every text is `odd`. */
static json_t *strange_document(const char *odd)
{
    static const char *const row_texts[] = {"op", "shape", "choice", "reason", "counted"};
    static const char *const texts[] = {"machine", "model", "correctness", "config", "db", "page"};
    static const char *const answer_texts[] = {"image", "question", "baseline", "tuned", "truth"};
    vlt_report report = example();
    report.row_count = 1;
    report.phase_count = 1;
    json_t *document = vlt_report_to_json(&report), *trust = json_object(), *list = json_array();
    json_t *row = json_array_get(json_object_get(document, "rows"), 0);
    json_t *answer = json_array_get(json_object_get(document, "answers"), 0);
    for (int i = 0; i < 5; i++) {
        vlt_json_set(&row, row_texts[i], json_string_nocheck(odd));
        vlt_json_set(&answer, answer_texts[i], json_string_nocheck(odd));
    }
    for (int i = 0; i < 6; i++) {
        vlt_json_set(&document, texts[i], json_string_nocheck(odd));
    }
    json_t *phase = json_array_get(json_object_get(document, "phases"), 0);
    vlt_json_set(&phase, "name", json_string_nocheck(odd));
    vlt_json_append(&list, json_string_nocheck(odd));
    json_object_set_new_nocheck(trust, odd, json_string_nocheck(odd));
    vlt_json_set(&document, "notes", list);
    vlt_json_set(&document, "trust", trust);
    cr_assert_not_null(document);
    return document;
}

Test(report, texts_of_strangers_stay_text)
{
    static const char odd[] = "\xFF<script>x\x1B[31m\xE4\xB8\xAD\xE6\x96 \"'&\xC2\x9B";
    vlt_report report;
    json_t *strange = strange_document(odd);
    cr_assert_eq(vlt_report_from_json(strange, &report, NULL), VLT_OK);
    json_decref(strange);
    char path[] = "/tmp/vltune-test-page-XXXXXX", *text;
    size_t bytes;
    vlt_error err = {0};
    close(mkstemp(path));
    cr_assert_eq(vlt_page_write(&report, path, &err), VLT_OK, "%s", err.message);
    text = test_read_file(path, &bytes);
    unlink(path);
    char *data = strstr(text, "<script type=\"application/json\"");
    cr_assert_not_null(data);
    cr_assert_null(strstr(data, "</script>x"));
    *data = '\0'; /* the JSON behind is not looked at as a page */
    bytes = (size_t)(data - text);
    check_shown(text, bytes, "page");
    free(text);
    FILE *stream = open_memstream(&text, &bytes);
    vlt_terminal terminal = {.stream = stream, .columns = 100};
    vlt_terminal_head(&terminal, &report);
    vlt_terminal_result(&terminal, &report);
    fclose(stream);
    for (char *mark; (mark = strstr(text, "<script>x")) != NULL;) {
        *mark = '('; /* a terminal may see it */
    }
    check_shown(text, bytes, "terminal");
    free(text);
    json_t *document = vlt_report_to_json(&report);
    text = vlt_json_dump(document, &err);
    cr_assert(text, "%s", err.message);
    cr_assert(vlt_utf8_valid(text, strlen(text)));
    free(text);
    json_decref(document);
    vlt_report_release(&report);
}

Test(report, trust_comes_from_a_self_check)
{
    static const char text[] =
        "{\"clock\": {\"overhead_ns\": 16, \"pair_book_keeping_ns\": 1328, \"empty_kernel_ns\": "
        "0.95},"
        " \"a_a_gates\": [{\"machine\": \"as it is\", \"gates\": 94, \"false_failures\": 0,"
        " \"upper_bound\": 0.0314}], \"rows\": [{\"machine\": \"any\", \"kernel\": \"any\","
        " \"injected\": 0.03, \"series\": 84, \"slower\": 84, \"share_low\": 0.965,"
        " \"seconds_median\": 4.19}]}";
    json_t *selfcheck, *trust;
    cr_assert_eq(vlt_json_parse(text, sizeof text - 1, "text", &selfcheck, NULL), VLT_OK);
    cr_assert_eq(vlt_trust_facts(selfcheck, &trust, NULL), VLT_OK);
    cr_assert_str_eq(json_string_value(json_object_get(
                         trust, "false failures on identical code, machine as it is")),
                     "0 of 94 gates (surely below 3.1 %)");
    cr_assert_str_eq(json_string_value(json_object_get(trust, "slowdowns of 3 % found")),
                     "84 of 84 (surely above 96.5 %), median 4.2 s");
    json_decref(trust);
    json_object_del(selfcheck, "rows");
    cr_assert_eq(vlt_trust_facts(selfcheck, &trust, NULL), VLT_STATUS_INPUT);
    json_decref(selfcheck);
}
