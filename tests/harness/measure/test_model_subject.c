/* A whole batch as something to measure: what is told, what is answered, what fails. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/launch.h"
#include "harness/measure/model_subject.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"

TestSuite(model_subject, .init = test_folder_make, .fini = test_folder_remove);

static vlt_status launch(const vlt_model_request request[2], vlt_launch *launch, vlt_error *err)
{
    char *what[2];
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(vlt_model_subject_format(&request[i], &what[i], NULL), VLT_OK);
    }
    const vlt_side side[2] = {{.what = what[0]}, {.what = what[1]}};
    const vlt_launch_options options = {.program = getenv("VLT_PROGRAM"),
                                        .seed = 1,
                                        .data_seed = 1,
                                        .pairs = 2,
                                        .limit_s = 0.2,
                                        .timeout_s = 100,
                                        .threads = 2};
    const vlt_status status = vlt_launch_run(side, &options, launch, err);
    free(what[0]);
    free(what[1]);
    return status;
}

/* The third line cannot be answered: so it is known how many were asked. */
Test(model_subject, answers_the_lines_that_were_asked_for)
{
    test_folder_put("lines.jsonl", "{\"prompt\": \"How many?\", \"max_tokens\": 2}\n"
                                   "{\"prompt\": \"Which colour?\", \"max_tokens\": 2}\n"
                                   "{\"prompt\": \"Where?\", \"temperature\": -7}\n");
    vlt_model_request request[2] = {{.model = test_source("harness/model/demo/checkpoint"),
                                     .workload = test_folder_path("lines.jsonl"),
                                     .tokens = 2,
                                     .lines = 2}};
    vlt_launch measured;
    vlt_error err = {0};
    request[1] = request[0];
    request[1].force = "pipeline=overlapped:prefetch=8,pin=1";
    cr_assert_eq(launch(request, &measured, &err), VLT_OK, "%s", err.message);
    cr_expect_gt(measured.run.call_ns[0], 1e5, "two requests take their time");
    cr_expect(isfinite(measured.run.log_ratio));
    vlt_launch_release(&measured);
    request[1].lines = 0;
    cr_expect_eq(launch(request, &measured, &err), VLT_STATUS_INPUT, "%s", err.message);
    cr_expect(strstr(err.message, "lines.jsonl line 3"), "%s", err.message);
    vlt_launch_release(&measured);
    request[1].lines = 2;
    request[1].force = "pipeline=overlapped:prefetch=3";
    cr_expect_neq(launch(request, &measured, &err), VLT_OK);
    cr_expect(strstr(err.message, "prefetch"), "%s", err.message);
    vlt_launch_release(&measured);
}
