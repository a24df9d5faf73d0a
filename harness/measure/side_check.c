/* Can a side run here at all? Asked before anything is started; declared in launch.h. */
#include "harness/machine/quick_caps.h"
#include "harness/measure/launch.h"
#include "harness/measure/model_subject.h"
#include "harness/measure/probe.h"
#include "optimizations/core/utf8_text.h"

static vlt_status refuse(const vlt_variant *variant, const char *reason, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s/%s: %s", variant->op, variant->name, reason);
}

vlt_status vlt_side_check(const vlt_side *side, vlt_quality quality, vlt_error *err)
{
    int threads;
    vlt_caps caps;
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    char reason[VLT_REASON_BYTES];
    if (vlt_probe_named(side->what) || vlt_model_subject_named(side->what)) {
        return VLT_OK;
    }
    vlt_status status = vlt_what_parse(side->what, &problem, &variant, &binding, err);
    if (status != VLT_OK || !variant) {
        return status;
    }
    vlt_quick_caps(&caps, &threads);
    const bool lacks_isa = vlt_registry_needs(variant) & ~caps.isa;
    if (side->library && !lacks_isa) {
        return VLT_OK; /* for the rest that build has its own word */
    }
    status = lacks_isa ? VLT_OK : vlt_problem_check(&problem, err);
    if (status != VLT_OK) {
        return status;
    }
    if (!vlt_registry_usable(variant, &problem, &caps, &binding, reason)) {
        return refuse(variant, reason, err);
    }
    if (variant->quality > quality) {
        vlt_utf8_format(reason, sizeof reason, "it rounds, which needs --quality %s",
                        vlt_quality_name(variant->quality));
        return refuse(variant, reason, err);
    }
    return VLT_OK;
}
