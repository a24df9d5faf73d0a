#include "harness/measure/launch.h"

#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "harness/measure/child.h"
#include "harness/measure/launch_internal.h"

void vlt_launch_release(vlt_launch *launch)
{
    vlt_pair_run_release(&launch->run);
    *launch = (vlt_launch){0};
}

static vlt_status run_child(const char *request, const vlt_launch_options *options,
                            vlt_launch *launch, vlt_error *err)
{
    const vlt_child_options child = {.program = options->program,
                                     .command = "_launch",
                                     .request = request,
                                     .request_bytes = strlen(request),
                                     .timeout_s = options->timeout_s,
                                     .memory_bytes = options->memory_bytes,
                                     .seed = options->seed,
                                     .stop = options->stop};
    vlt_child_answer answer;
    json_t *document = NULL;
    vlt_status status = vlt_child_run(&child, &answer, err);
    if (status == VLT_OK) {
        status = vlt_json_parse(answer.text, answer.bytes, "launch answer", &document, err);
    }
    if (status == VLT_OK) {
        status = vlt_launch_answer_from_json(document, launch, err);
    }
    launch->end = answer.end;
    json_decref(document);
    free(answer.text);
    return status;
}

vlt_status vlt_launch_run(const vlt_side side[2], const vlt_launch_options *options,
                          vlt_launch *launch, vlt_error *err)
{
    *launch = (vlt_launch){0};
    json_t *request = vlt_launch_request_to_json(side, options);
    char *text = vlt_json_dump(request, err);
    json_decref(request);
    if (!text) {
        return VLT_STATUS_NOMEM;
    }
    vlt_status status = run_child(text, options, launch, err);
    free(text);
    return status;
}
