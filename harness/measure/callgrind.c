#include "harness/measure/callgrind.h"

void vlt_callgrind_metric(const vlt_side *side, const vlt_launch_options *options, vlt_metric *out)
{
    vlt_error err = {0};
    double instructions;
    vlt_status status = vlt_instructions_count(side, options, &instructions, &err);
    bool refused = status == VLT_STATUS_UNSUPPORTED || status == VLT_STATUS_USAGE;
    vlt_metric_missing(out, "callgrind", "instructions",
                       refused ? VLT_METRIC_UNSUPPORTED : VLT_METRIC_ERROR, (int)status, "%s",
                       err.message);
    if (status == VLT_OK) {
        vlt_metric_set(out, instructions);
    }
}
