/* Counters of finalists: for the store, and as words for the report. */
#include <math.h>
#include <stdlib.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

/* What the ceilings of the machine may take of a budget, and from which budget on. */
static const double roofline_s = 0.5, roofline_budget_s = 20;

/* Measured when the first counters come; NULL: there is no time for it, or it failed. */
static const vlt_roofline *ceilings(vlt_tuner *tuner)
{
    if (!tuner->roofline_tried && tuner->budget_s >= roofline_budget_s &&
        vlt_tuner_left(tuner, 1) > 4 * roofline_s) {
        tuner->roofline = calloc(1, sizeof *tuner->roofline);
        if (tuner->roofline &&
            vlt_roofline_measure(tuner->machine, roofline_s, tuner->roofline, NULL) != VLT_OK) {
            free(tuner->roofline);
            tuner->roofline = NULL;
        }
    }
    tuner->roofline_tried = true;
    return tuner->roofline;
}

static vlt_store_counter roof_share(vlt_tuner *tuner, const vlt_cost *cost, double call_ns)
{
    const vlt_roofline *roofline = ceilings(tuner);
    double share = roofline ? vlt_roofline_share(roofline, cost, tuner->options->threads, true,
                                                 call_ns * 1e-9)
                            : NAN;
    bool known = isfinite(share);
    return (vlt_store_counter){.name = "roofline_share",
                               .value = known ? share : NAN,
                               .status = known ? "ok" : "unsupported",
                               .source = "roofline",
                               .reason = known      ? NULL
                                         : roofline ? "the operator does not say what it costs"
                                                    : "the machine's ceilings were not measured"};
}

/* Of the setting that was raced, as its plan said it. */
static vlt_cost cost_of(const vlt_launch *launch)
{
    const double *cost = launch->cost[1];
    const bool known = isfinite(cost[VLT_LAUNCH_COMPUTE]);
    return (vlt_cost){.flops = cost[VLT_LAUNCH_FLOPS],
                      .bytes = cost[VLT_LAUNCH_BYTES],
                      .work = cost[VLT_LAUNCH_WORK],
                      .compute = known ? (vlt_compute)cost[VLT_LAUNCH_COMPUTE] : VLT_COMPUTE_NONE,
                      .products = known ? (int)cost[VLT_LAUNCH_PRODUCTS] : 0};
}

/* For misses a byte, later on. */
static vlt_store_counter moved_bytes(const vlt_cost *cost)
{
    return (vlt_store_counter){
        .name = "bytes", .value = cost->bytes, .status = "ok", .source = "operator"};
}

int vlt_tuner_keep_counters(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                            const vlt_launch *launch,
                            vlt_store_counter counter[VLT_COUNTERS_STORED_MAX])
{
    int count = vlt_counters_stored(&launch->counted, counter);
    bool other = !vlt_setting_equal(setting, &item->search.incumbent);
    const vlt_cost cost = cost_of(launch);
    if (count == 0) {
        return 0;
    }
    counter[count++] = moved_bytes(&cost);
    counter[count++] = roof_share(tuner, &cost, launch->run.call_ns[1]);
    vlt_counters_tell(counter, count, cost.bytes, item->counted_text[other],
                      sizeof item->counted_text[other]);
    if (other) {
        item->counted = *setting;
    }
    return count;
}
