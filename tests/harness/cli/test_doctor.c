/* doctor and probe as a user runs them, and findings for machines that we do not have. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/doctor.h"
#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/run_program.h"

static json_t *run_json(const char *arguments)
{
    test_output output = test_program(arguments);
    json_t *value = NULL;
    vlt_error err = {0};
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, arguments, &value, &err), VLT_OK,
                 "%s", err.message);
    test_output_release(&output);
    return value;
}

Test(doctor, every_lack_has_a_consequence_and_a_repair)
{
    json_t *answer = run_json("doctor --json");
    json_t *finding, *metric;
    size_t index;
    json_array_foreach(json_object_get(answer, "findings"), index, finding)
    {
        const char *state = json_string_value(json_object_get(finding, "state"));
        bool has = !strcmp(state, "has");
        cr_assert(json_string_length(json_object_get(finding, "fact")) > 0);
        cr_assert_eq(json_is_null(json_object_get(finding, "consequence")), has);
        cr_assert_eq(json_is_null(json_object_get(finding, "repair")), has);
    }
    cr_assert_gt(index, 8);
    json_array_foreach(json_object_get(answer, "counters"), index, metric)
    {
        const char *status = json_string_value(json_object_get(metric, "status"));
        cr_assert_eq(json_is_null(json_object_get(metric, "reason")), !strcmp(status, "ok"));
    }
    cr_assert_gt(index, 15);
    json_t *build = json_object_get(answer, "build");
    cr_assert(json_string_length(json_object_get(build, "compiler")) > 0);
    cr_assert(json_string_length(json_object_get(build, "revision")) > 0);
    json_decref(answer);
}

Test(doctor, the_text_fits_a_terminal)
{
    static const char *const commands[] = {"doctor --color never", "probe"};
    for (int i = 0; i < 2; i++) {
        test_output output = test_program(commands[i]);
        cr_assert_eq(output.exit_code, 0);
        for (char *rest = output.out, *line; (line = strsep(&rest, "\n")) != NULL;) {
            cr_assert_leq(strlen(line), 80, "%s: %s", commands[i], line);
        }
        test_output_release(&output);
    }
}

Test(probe, two_runs_agree_on_the_fingerprint)
{
    json_t *first = run_json("probe --json"), *second = run_json("probe --json");
    json_t *a = json_object_get(first, "fingerprint"), *b = json_object_get(second, "fingerprint");
    cr_assert_eq(json_string_length(json_object_get(a, "hard")), 16);
    cr_assert(json_equal(a, b));
    cr_assert(json_object_get(first, "gpu_reason"));
    json_decref(first);
    json_decref(second);
}

static const vlt_finding *find(const vlt_doctor *doctor, const char *subject)
{
    for (int i = 0; i < doctor->count; i++) {
        if (!strcmp(doctor->finding[i].subject, subject)) {
            return &doctor->finding[i];
        }
    }
    return NULL;
}

Test(doctor, a_small_container_is_warned_about)
{
    vlt_machine machine = {.caps = {.cpu_count = 1,
                                    .core_count = 1,
                                    .cpu_name = "tiny",
                                    .gpu_reason = "none",
                                    .memory_bytes = 256 << 20},
                           .core_count = 64,
                           .kind_count = 1,
                           .limits = {.memory_limit_bytes = 256 << 20,
                                      .memory_budget_bytes = 100 << 20,
                                      .memory_limited_by = "/sys/fs/cgroup/a",
                                      .cpu_quota = 0.5,
                                      .cpu_limited_by = "/sys/fs/cgroup/a"},
                           .system = {.governor = "powersave", .huge_pages = "never"}};
    vlt_pressure pressure = {.cpu = {NAN, NAN, NAN, NAN}};
    vlt_metric metric;
    vlt_metric_missing(&metric, "papi", "cycles", VLT_METRIC_NOT_PERMITTED, -15, "paranoid");
    static vlt_doctor doctor;
    vlt_doctor_examine(&machine, &pressure, &metric, 1, &doctor);
    cr_assert_eq(find(&doctor, "cpu")->state, VLT_FINDING_WARNING);
    cr_assert_eq(find(&doctor, "cpu limit")->state, VLT_FINDING_WARNING);
    cr_assert_eq(find(&doctor, "binding")->state, VLT_FINDING_LACKS);
    cr_assert_eq(find(&doctor, "AVX2")->state, VLT_FINDING_LACKS);
    cr_assert_null(find(&doctor, "AVX512"));
    cr_assert_eq(find(&doctor, "memory")->state, VLT_FINDING_WARNING);
    cr_assert(strstr(find(&doctor, "memory")->fact, "/sys/fs/cgroup/a"));
    cr_assert_eq(find(&doctor, "huge pages")->state, VLT_FINDING_LACKS);
    cr_assert_eq(find(&doctor, "pressure")->state, VLT_FINDING_LACKS);
    cr_assert_eq(find(&doctor, "governor")->state, VLT_FINDING_WARNING);
    cr_assert(strstr(find(&doctor, "counters")->repair, "perf_event_paranoid"));
    cr_assert_null(find(&doctor, "bare metal"));
}
