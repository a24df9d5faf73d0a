/* What rounding loses in all: next tokens of the whole against what loses nothing, on unseen
 * scenes. Where that is beyond what is permitted, the operator whose variants declare the largest
 * loss is taken back to what is exact, then the next one, until the rest is within it. */
#include <math.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

enum { SCENES = 40, TOKENS = 16 };

static const vlt_setting *setting_of(const vlt_tune_item *item)
{
    return item->decided ? &item->choice : &item->search.incumbent;
}

static bool rounds(const vlt_tune_item *item)
{
    return setting_of(item)->variant->quality != VLT_QUALITY_EXACT;
}

/* The one that rounds most coarsely; NULL: none rounds. */
static const vlt_op *coarsest(const vlt_tuner *tuner)
{
    const vlt_op *op = NULL;
    double loss = -1;
    for (int i = 0; i < tuner->item_count; i++) {
        const vlt_tune_item *item = &tuner->item[i];
        if (rounds(item) && setting_of(item)->variant->loss > loss) {
            loss = setting_of(item)->variant->loss;
            op = item->problem.op;
        }
    }
    return op;
}

/* What would run if nothing might be lost. */
static vlt_status take_back(vlt_tuner *tuner, vlt_tune_item *item, const char *why, vlt_error *err)
{
    char old[VLT_SETTING_BYTES];
    vlt_space space;
    vlt_space_init(&space, &item->problem, &tuner->machine->caps, VLT_QUALITY_EXACT);
    vlt_setting_format(setting_of(item), old, sizeof old);
    if (space.variant_count < 2 || !vlt_space_default(&space, 1, &item->choice)) {
        item->choice = vlt_space_baseline(&space);
    }
    item->decided = item->reverted = item->refused = true;
    item->tuned_ns = NAN;
    item->over_baseline = vlt_comparison_unknown();
    vlt_utf8_format(item->reason, sizeof item->reason, "taken back from %s: %s", old, why);
    return vlt_tuner_note_decision(tuner, item, err);
}

/* What the whole gained was measured with what is now taken back. */
static void forget_whole(vlt_report *result, const char *why)
{
    vlt_report_row *row = &result->end_to_end;
    row->over_default = row->over_baseline = vlt_comparison_unknown();
    row->tuned_ns = NAN;
    row->is_default = false;
    vlt_utf8_format(row->reason, sizeof row->reason, "%s: not measured since", why);
}

static vlt_status refuse(vlt_tuner *tuner, const vlt_op *op, const char *why, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < tuner->item_count && status == VLT_OK; i++) {
        if (tuner->item[i].problem.op == op && rounds(&tuner->item[i])) {
            status = take_back(tuner, &tuner->item[i], why, err);
        }
    }
    vlt_tuner_note(tuner, "%s computes exactly: %s", op->name, why);
    tuner->result->loss.refused = true;
    forget_whole(tuner->result, why);
    return status;
}

/* *known: something was compared. */
static vlt_status measure(vlt_tuner *tuner, double share, bool *known, vlt_error *err)
{
    vlt_report_loss *loss = &tuner->result->loss;
    double left_s = vlt_tuner_left(tuner, share);
    vlt_error failure = {0};
    *known = false;
    if (left_s <= 0) {
        return VLT_OK;
    }
    vlt_status status = vlt_tuner_write_config(tuner, tuner->provisional, -1, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_whole_task task = vlt_tuner_task(tuner, tuner->provisional, tuner->unseen, share);
    task.scene_max = SCENES;
    task.tokens = TOKENS;
    task.limit_s = 0.4 * left_s;
    vlt_tuner_progress(tuner, "loss", NULL);
    status = vlt_whole_measure_divergence(&task, &loss->measured, &failure);
    *known = status == VLT_OK && loss->measured.steps > 0;
    if (status == VLT_STATUS_INTERRUPTED && vlt_tuner_stopped(tuner)) {
        return vlt_fail(err, status, "%s", failure.message);
    }
    if (!*known) {
        loss->measured = (vlt_whole_divergence){.kl_mean = NAN, .kl_max = NAN};
    }
    return VLT_OK;
}

/* The next operator is taken back; all of them where there was no time to look again. */
static vlt_status give_up_some(vlt_tuner *tuner, bool all, bool *more, vlt_error *err)
{
    char why[VLT_TUNED_REASON_BYTES];
    const vlt_report_loss *loss = &tuner->result->loss;
    vlt_utf8_format(why, sizeof why,
                    "%s was %.3g nats from exact on %lld unseen scenes, %.3g are permitted",
                    vlt_quality_name(loss->quality), loss->measured.kl_mean,
                    (long long)loss->measured.scenes, loss->max_kl);
    const vlt_op *op = coarsest(tuner);
    vlt_status status = op ? refuse(tuner, op, why, err) : VLT_OK;
    while (status == VLT_OK && all && (op = coarsest(tuner))) {
        status = refuse(tuner, op, why, err);
    }
    *more = coarsest(tuner) != NULL;
    if (!*more && tuner->options->only_op) {
        vlt_tuner_note(tuner, "%s alone is tuned: other operators may round still",
                       tuner->options->only_op);
    }
    return status;
}

static double permitted(double max_kl)
{
    return max_kl == 0 ? VLT_TUNE_MAX_KL : fmax(0, max_kl);
}

vlt_status vlt_tuner_check_loss(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_report_loss *loss = &tuner->result->loss;
    bool known = false, more = true;
    *loss = (vlt_report_loss){.quality = tuner->options->quality,
                              .max_kl = permitted(tuner->options->max_kl),
                              .measured = {.kl_mean = NAN, .kl_max = NAN}};
    if (loss->quality == VLT_QUALITY_EXACT || !coarsest(tuner)) {
        return VLT_OK;
    }
    vlt_status status = measure(tuner, share, &known, err);
    if (status == VLT_OK && !known) {
        vlt_tuner_note(tuner, "what %s loses was not measured: no scene fits into the budget",
                       vlt_quality_name(loss->quality));
    }
    const bool beyond = known && !(loss->measured.kl_mean <= loss->max_kl);
    while (status == VLT_OK && beyond && more &&
           !(known && loss->measured.kl_mean <= loss->max_kl)) {
        const vlt_whole_divergence last = loss->measured;
        status = give_up_some(tuner, !known, &more, err);
        if (status == VLT_OK && more) {
            status = measure(tuner, share, &known, err);
        }
        loss->measured = known ? loss->measured : last; /* to say why */
    }
    if (beyond && !more) {
        loss->quality = VLT_QUALITY_EXACT;
    }
    return status;
}
