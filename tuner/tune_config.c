/* The decisions as a config. */
#include <math.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

static void describe(const vlt_tune_item *item, vlt_tuned_decision *decision)
{
    *decision = (vlt_tuned_decision){
        .baseline_ns = item->baseline_ns, .speedup = NAN, .speedup_low = NAN, .speedup_high = NAN};
    vlt_utf8_format(decision->op, sizeof decision->op, "%s", item->met.op);
    vlt_utf8_format(decision->bucket, sizeof decision->bucket, "%s", item->met.bucket);
    vlt_utf8_format(decision->variant, sizeof decision->variant, "%s", item->choice.variant->name);
    vlt_binding_format(item->choice.variant, &item->choice.binding, decision->knobs,
                       sizeof decision->knobs);
    vlt_utf8_format(decision->evidence, sizeof decision->evidence, "%s", item->evidence);
    vlt_utf8_format(decision->reason, sizeof decision->reason, "%s", item->reason);
    if (item->measured && item->judgement.verdict == VLT_VERDICT_FASTER && !item->reverted) {
        decision->speedup = 1 / item->judgement.ratio;
        decision->speedup_low = 1 / item->judgement.high;
        decision->speedup_high = item->judgement.low > 0 ? 1 / item->judgement.low : NAN;
    }
}

vlt_status vlt_tuner_write_config(const vlt_tuner *tuner, const char *path, int except,
                                  vlt_error *err)
{
    vlt_tuned_config config = {.key = tuner->key, .quality = tuner->options->quality};
    vlt_status status = VLT_OK;
    vlt_utf8_format(config.model_name, sizeof config.model_name, "%s", tuner->result->model);
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        vlt_tuned_decision decision;
        const vlt_tune_item *item = &tuner->item[i];
        if (!item->decided) {
            continue;
        }
        describe(item, &decision);
        if (i == except) {
            vlt_utf8_format(decision.variant, sizeof decision.variant, "%s",
                            item->search.space.variant[0]->name);
            decision.knobs[0] = '\0';
        }
        status = vlt_tuned_config_set(&config, &decision, err);
    }
    if (status == VLT_OK) {
        status = vlt_tuned_write(&config, path, err);
    }
    vlt_tuned_config_release(&config);
    return status;
}
