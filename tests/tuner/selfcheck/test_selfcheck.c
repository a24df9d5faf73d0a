#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/core/random.h"
#include "tests/support/data.h"
#include "tests/support/run_program.h"
#include "tuner/selfcheck/selfcheck.h"

/* Values from the formula by hand, as scipy.stats.mannwhitneyu(method="asymptotic") gives. */
Test(rivals, mann_whitney_p)
{
    const double a[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, b[] = {10, 11, 12, 13, 14, 15, 16, 17, 18};
    const double tied[] = {1, 1, 2, 2, 3, 3, 4, 4, 5}, equal[] = {1, 1, 1};
    cr_assert_float_eq(vlt_mann_whitney_p(a, 9, b, 9), 0.000412295, 1e-8);
    cr_assert_float_eq(vlt_mann_whitney_p(a, 9, a, 9), 1, 1e-12);
    cr_assert_float_eq(vlt_mann_whitney_p(a, 9, tied, 9), 0.082352215, 1e-8);
    cr_assert_eq(vlt_mann_whitney_p(equal, 3, equal, 3), 1);
}

Test(rivals, rules_see_what_they_are_made_to_see)
{
    double a[50], b[50], slow[50];
    vlt_random random = {3};
    for (int i = 0; i < 50; i++) {
        a[i] = 1000 + 4 * vlt_random_unit(&random);
        b[i] = 1000 + 4 * vlt_random_unit(&random);
        slow[i] = 1.08 * b[i];
    }
    cr_assert(!vlt_rival_criterion(a, b, 50, 1) && !vlt_rival_threshold(a, b, 50));
    cr_assert(vlt_rival_criterion(a, slow, 50, 1) && vlt_rival_threshold(a, slow, 50));
    cr_assert(!vlt_rival_criterion(slow, a, 50, 1) && !vlt_rival_google_benchmark(slow, a, 9));
    cr_assert(vlt_rival_google_benchmark(a, slow, 9));
}

static vlt_selfcheck_line line_of(int busy, int gate, int kernel, int work, bool slower)
{
    vlt_selfcheck_line line = {.busy = busy,
                               .gate = gate,
                               .kernel = kernel,
                               .work = work,
                               .seed = 77,
                               .verdict = slower ? VLT_GATE_REGRESSION : VLT_GATE_PASS,
                               .seconds = 1.5,
                               .confirmed = slower ? 15 : 0,
                               .rivals = {8, 3, 2, 1},
                               .launches = 3,
                               .ppm = {100, -2000, 300}};
    return line;
}

Test(selfcheck, table_there_and_back)
{
    vlt_selfcheck check = {0};
    char text[8192], line_text[2048];
    snprintf(text, sizeof text, "# remark\n%s\n", vlt_selfcheck_header());
    for (int i = 0; i < 6; i++) {
        vlt_selfcheck_line line = line_of(i % 2, i / 3, i % 3, i % 4, i == 4);
        vlt_selfcheck_format_line(&line, line_text, sizeof line_text);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n", line_text);
    }
    size_t whole = strlen(text);
    strncat(text, "0\t2\tgemm\t10", sizeof text - whole - 1); /* cut by a kill */
    vlt_error err = {0};
    cr_assert_eq(vlt_selfcheck_parse(text, "table", &check, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(check.count, 6);
    for (int i = 0; i < 6; i++) {
        vlt_selfcheck_line line = line_of(i % 2, i / 3, i % 3, i % 4, i == 4);
        char again[2048];
        vlt_selfcheck_format_line(&line, line_text, sizeof line_text);
        vlt_selfcheck_format_line(&check.line[i], again, sizeof again);
        cr_assert_str_eq(again, line_text);
    }
    vlt_selfcheck_release(&check);
}

Test(selfcheck, nonsense_is_refused_with_its_line)
{
    static const char *const good = "0\t0\tgemm\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t2\t1,2";
    static const char *const bad[] = {
        "0\t0\tgemm",
        "2\t0\tgemm\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t2\t1,2",
        "0\t-1\tgemm\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t2\t1,2",
        "0\t0\tgem\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t2\t1,2",
        "0\t0\tgemm\t1001\t5\tpass\t1.0\t0\t8\t0\t0\t0\t2\t1,2",
        "0\t0\tgemm\t1000\tx\tpass\t1.0\t0\t8\t0\t0\t0\t2\t1,2",
        "0\t0\tgemm\t1000\t5\tfine\t1.0\t0\t8\t0\t0\t0\t2\t1,2",
        "0\t0\tgemm\t1000\t5\tpass\tnan\t0\t8\t0\t0\t0\t2\t1,2",
        "0\t0\tgemm\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t65\t1,2",
        "0\t0\tgemm\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t3\t1,2",
        "0\t0\tgemm\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t1\t1,2",
        "0\t0\tgemm\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t2\t1,99999999999",
        "0\t0\tgemm\t1000\t5\tpass\t1.0\t0\t8\t0\t0\t0\t2\t1,2\tmore",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vlt_selfcheck check = {0};
        char text[4096];
        vlt_error err = {0};
        snprintf(text, sizeof text, "%s\n%s\n%s\n", vlt_selfcheck_header(), good, bad[i]);
        cr_assert_eq(vlt_selfcheck_parse(text, "t.tsv", &check, &err), VLT_STATUS_INPUT, "%zu", i);
        cr_assert(strstr(err.message, "t.tsv:3"), "%s", err.message);
        vlt_selfcheck_release(&check);
    }
    vlt_selfcheck check = {0};
    cr_assert_eq(vlt_selfcheck_parse("a\tb\n", "t", &check, NULL), VLT_STATUS_INPUT);
    vlt_selfcheck_release(&check);
}

Test(selfcheck, figures_count_gates_and_series)
{
    vlt_selfcheck check = {0};
    vlt_selfcheck_figures f;
    for (int busy = 0; busy < 2; busy++) {
        for (int gate = 0; gate < 5; gate++) {
            for (int kernel = 0; kernel < VLT_PROBE_COUNT; kernel++) {
                vlt_selfcheck_line line = line_of(busy, gate, kernel, 0, gate == 3 && kernel < 2);
                cr_assert_eq(vlt_selfcheck_add(&check, &line, NULL), VLT_OK);
            }
        }
    }
    vlt_selfcheck_line power = line_of(0, 0, 1, 2, true);
    vlt_selfcheck_add(&check, &power, NULL);
    vlt_selfcheck_figure(&check, -1, -1, 0, &f);
    cr_assert_eq(f.gates, 10);
    cr_assert_eq(f.failed_gates, 2); /* two kernels of one gate are one failure */
    cr_assert_eq(f.series, 30);
    cr_assert_eq(f.slower, 4);
    cr_assert_float_eq(f.failed_upper, 0.5069, 1e-3);
    cr_assert_eq(f.rivals.replays, 240);
    vlt_selfcheck_figure(&check, 0, 1, 2, &f);
    cr_assert_eq(f.series, 1);
    cr_assert_eq(f.slower, 1);
    cr_assert_float_eq(f.launch_sigma, 1.4826 * 200e-6, 1e-9);
    vlt_selfcheck_figure(&check, 1, -1, 3, &f);
    cr_assert_eq(f.series, 0);
    cr_assert(isnan(f.failed_upper) && isnan(f.seconds_median));
    json_t *document = vlt_selfcheck_to_json(&check);
    cr_assert_eq(json_array_size(json_object_get(document, "a_a_gates")), 3);
    cr_assert(json_is_null(json_object_get(json_object_get(document, "clock"), "overhead_ns")));
    json_decref(document);
    vlt_selfcheck_release(&check);
}

/* A slice as CI runs it: one gate of each kind, then a resumed run that has nothing left to do. */
Test(selfcheck, runs_and_resumes)
{
    char arguments[512], table[] = "/tmp/vlt_selfcheck_XXXXXX";
    close(mkstemp(table));
    snprintf(arguments, sizeof arguments,
             "bench --self-check --json --gates 2 --trials 0 --budget 60s --table %s", table);
    test_output first = test_program(arguments);
    cr_assert_eq(first.exit_code, 0, "%s", first.err);
    json_t *document = NULL;
    cr_assert_eq(vlt_json_parse(first.out, first.out_bytes, "check", &document, NULL), VLT_OK);
    const json_t *any = json_array_get(json_object_get(document, "a_a_gates"), 0);
    cr_assert_eq(json_integer_value(json_object_get(any, "gates")), 2);
    cr_assert_eq(json_integer_value(json_object_get(any, "false_failures")), 0);
    const json_t *clock = json_object_get(document, "clock");
    cr_assert_lt(json_number_value(json_object_get(clock, "empty_kernel_ns")), 100);
    test_output second = test_program(arguments);
    cr_assert_eq(second.exit_code, 0, "%s", second.err);
    vlt_selfcheck check = {0};
    cr_assert_eq(vlt_selfcheck_read(table, &check, NULL), VLT_OK);
    cr_assert_eq(check.count, 2 * VLT_PROBE_COUNT, "%d lines", check.count);
    vlt_selfcheck_release(&check);
    json_decref(document);
    test_output_release(&first);
    test_output_release(&second);
    remove(table);

    test_output full = test_program("bench --self-check --gates 1 --trials 0 --table /dev/full");
    cr_assert_eq(full.exit_code, 2, "%d %s", full.exit_code, full.err);
    cr_assert(strstr(full.err, "/dev/full"), "%s", full.err);
    cr_assert(strstr(full.out, "A/A"), "what was measured is still shown: %s", full.out);
    test_output_release(&full);
}

/* The committed runs: what the documentation claims stands in their lines. */
static void read_committed(const char *path, vlt_selfcheck *check)
{
    vlt_error err = {0};
    *check = (vlt_selfcheck){0};
    cr_assert_eq(vlt_selfcheck_read(test_source(path), check, &err), VLT_OK, "%s", err.message);
}

Test(selfcheck, the_complete_table_supports_its_claims)
{
    vlt_selfcheck check;
    vlt_selfcheck_figures f;
    read_committed("tests/reports/trust/selfcheck-epyc-vm.tsv", &check);
    vlt_selfcheck_figure(&check, -1, -1, 0, &f);
    cr_assert_eq(f.gates, 628);
    cr_assert_leq(f.failed_gates, 2);
    cr_assert_lt(f.failed_upper, 0.01);
    for (int kernel = 0; kernel < VLT_PROBE_COUNT; kernel++) {
        const char *name = vlt_probe_name(kernel);
        vlt_selfcheck_figure(&check, -1, kernel, 1, &f);
        cr_assert(f.series == 93 && f.slower_lower >= 0.8, "2 %% on %s: %d", name, f.slower);
        vlt_selfcheck_figure(&check, -1, kernel, 2, &f);
        cr_assert(f.series == 93 && f.slower_lower >= 0.95, "3 %% on %s: %d", name, f.slower);
        for (int busy = 0; busy <= 1; busy++) {
            vlt_selfcheck_figure(&check, busy, kernel, -1, &f);
            cr_assert_leq(f.seconds_median, 3, "%s: %g s", name, f.seconds_median);
        }
    }
    vlt_selfcheck_figure(&check, -1, -1, 0, &f);
    cr_assert(f.rivals.google_benchmark > 0.05 * f.rivals.replays &&
              f.rivals.criterion > 0.05 * f.rivals.replays &&
              f.rivals.threshold > 0.1 * f.rivals.replays);
    vlt_selfcheck_release(&check);
}

Test(selfcheck, the_incomplete_table_supports_its_claims)
{
    vlt_selfcheck check;
    vlt_selfcheck_figures f;
    read_committed("tests/reports/trust/selfcheck-xeon-vm.tsv", &check);
    vlt_selfcheck_figure(&check, -1, -1, 0, &f);
    cr_assert_eq(f.gates, 188);
    cr_assert_eq(f.failed_gates, 0);
    for (int kernel = 0; kernel < VLT_PROBE_COUNT; kernel++) {
        vlt_selfcheck_figure(&check, -1, kernel, 2, &f);
        cr_assert(f.slower_lower > 0.8, "3 %% on %s: %d of %d", vlt_probe_name(kernel), f.slower,
                  f.series);
    }
    vlt_selfcheck_release(&check);
}
