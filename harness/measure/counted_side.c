#include "harness/measure/counted_side.h"

#include <math.h>

static void refuse(vlt_counted_side *out, vlt_status status, const char *reason)
{
    vlt_metric_missing(&out->counted.metric[0], "bench", "counters",
                       status == VLT_STATUS_UNSUPPORTED ? VLT_METRIC_UNSUPPORTED : VLT_METRIC_ERROR,
                       (int)status, "%s", reason);
    out->counted.count = 1;
}

/* What a run costs, in the arithmetic of what does it. */
static vlt_cost cost_of(const vlt_prepared *prepared, const vlt_cost *known)
{
    vlt_cost cost = *known;
    if (vlt_prepared_workload(prepared)) {
        vlt_prepared_cost(prepared, &cost);
    }
    return cost;
}

void vlt_counted_side_measure(const vlt_side *side, const vlt_launch_options *options,
                              double call_ns, const vlt_cost *cost, const vlt_roofline *roofline,
                              vlt_counted_side *out)
{
    const vlt_prepare_request request = {.what = side->what,
                                         .seed = options->data_seed,
                                         .threads = options->threads,
                                         .quality = options->quality,
                                         .regime = options->regime,
                                         .cold_bytes = options->cold_bytes};
    vlt_prepared *prepared = NULL;
    vlt_error err = {0};
    *out = (vlt_counted_side){.roofline_share = NAN};
    if (side->library) {
        refuse(out, VLT_STATUS_UNSUPPORTED, "another build's code is counted by that build");
        return;
    }
    vlt_status status = vlt_prepared_create(&request, &prepared, &err);
    if (status != VLT_OK) {
        refuse(out, status, err.message);
        return;
    }
    const vlt_subject subject = {
        .run = vlt_prepared_run, .reset = vlt_prepared_reset, .state = prepared};
    const vlt_cost known = cost_of(prepared, cost);
    vlt_counted_measure(&subject, call_ns, &out->counted);
    out->roofline_share = vlt_roofline_share(roofline, &known, vlt_prepared_threads(prepared),
                                             options->regime == VLT_REGIME_HOT, call_ns * 1e-9);
    vlt_prepared_destroy(prepared);
}
