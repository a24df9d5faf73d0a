/* Why a seed is of no use for a problem. */
#include <string.h>

#include "tuner/pack/seeds.h"

static const char *const reasons[VLT_SEED_FIT_COUNT] = {
    "of operators that are not tuned here",
    "of variants that this build does not have",
    "with knobs that their variant does not have",
    "not possible or not permitted here",
    "fit",
};

const char *vlt_seed_fit_reason(vlt_seed_fit fit)
{
    return reasons[fit];
}

vlt_seed_fit vlt_seed_setting(const vlt_seed *seed, const vlt_problem *problem, vlt_setting *out)
{
    *out = (vlt_setting){.variant = NULL};
    if (strcmp(seed->op, problem->op->name) != 0) {
        return VLT_SEED_OTHER_OP;
    }
    out->variant = vlt_registry_find_variant(problem->op, seed->variant);
    if (!out->variant) {
        return VLT_SEED_NO_VARIANT;
    }
    return vlt_binding_parse(out->variant, seed->knobs, &out->binding, NULL) == VLT_OK
               ? VLT_SEED_FITS
               : VLT_SEED_NO_KNOBS;
}

vlt_seed_fit vlt_seed_fits(const vlt_seed *seed, const vlt_problem *problem,
                           const vlt_knob_domain *domain)
{
    vlt_setting setting;
    const vlt_seed_fit fit = vlt_seed_setting(seed, problem, &setting);
    /* the baseline, which is first, is beside every domain */
    return fit != VLT_SEED_FITS || setting.variant == vlt_registry_variant(problem->op, 0) ||
                   (domain && vlt_knob_domain_find(domain, &setting) != VLT_SETTING_NONE)
               ? fit
               : VLT_SEED_NOT_HERE;
}
