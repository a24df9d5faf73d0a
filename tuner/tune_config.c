/* The decisions as a config. */
#include <math.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

static void describe(const vlt_tune_item *item, bool as_default, vlt_tuned_decision *decision)
{
    const vlt_setting *choice = as_default ? &item->search.incumbent : &item->choice;
    const vlt_report_comparison over = vlt_item_over_default(item);
    *decision = (vlt_tuned_decision){.baseline_ns = item->baseline_ns,
                                     .default_ns = item->default_ns,
                                     .speedup = NAN,
                                     .speedup_low = NAN,
                                     .speedup_high = NAN,
                                     .over_default = NAN};
    vlt_utf8_format(decision->op, sizeof decision->op, "%s", item->met.op);
    vlt_utf8_format(decision->bucket, sizeof decision->bucket, "%s", item->met.bucket);
    vlt_utf8_format(decision->variant, sizeof decision->variant, "%s", choice->variant->name);
    vlt_binding_format(choice->variant, &choice->binding, decision->knobs, sizeof decision->knobs);
    vlt_utf8_format(decision->evidence, sizeof decision->evidence, "%s", item->evidence);
    vlt_utf8_format(decision->reason, sizeof decision->reason, "%s", item->reason);
    if (!as_default && over.known) {
        decision->over_default = 1 / over.ratio;
    }
    if (!as_default && item->over_baseline.known &&
        item->over_baseline.verdict == VLT_VERDICT_FASTER) {
        decision->speedup = 1 / item->over_baseline.ratio;
        decision->speedup_low = 1 / item->over_baseline.high;
        decision->speedup_high = 1 / item->over_baseline.low;
    }
}

vlt_status vlt_tuner_write_config(const vlt_tuner *tuner, const char *path, int except,
                                  vlt_error *err)
{
    const vlt_report_comparison *whole = &tuner->result->end_to_end.over_default;
    vlt_tuned_config config = {.key = tuner->key,
                               .quality = tuner->options->quality,
                               .threads = tuner->options->threads,
                               .over_default = whole->known ? 1 / whole->ratio : NAN,
                               .over_default_low = whole->known ? 1 / whole->high : NAN,
                               .over_default_high = whole->known ? 1 / whole->low : NAN};
    vlt_status status = VLT_OK;
    vlt_utf8_format(config.model_name, sizeof config.model_name, "%s", tuner->result->model);
    vlt_utf8_format(config.how, sizeof config.how, "%s",
                    whole->known ? vlt_tune_how_name(whole->how) : "");
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        vlt_tuned_decision decision;
        if (tuner->item[i].decided) {
            describe(&tuner->item[i], i == except, &decision);
            status = vlt_tuned_config_set(&config, &decision, err);
        }
    }
    if (status == VLT_OK) {
        status = vlt_tuned_write(&config, path, err);
    }
    vlt_tuned_config_release(&config);
    return status;
}
