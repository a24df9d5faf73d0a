/* What decisions are worth: of one problem, and of the whole from its parts. */
#include <math.h>

#include "tuner/tune_internal.h"

vlt_report_comparison vlt_comparison_unknown(void)
{
    return (vlt_report_comparison){.ratio = NAN, .low = NAN, .high = NAN};
}

vlt_report_comparison vlt_comparison_one(vlt_tune_how how)
{
    return (vlt_report_comparison){
        .ratio = 1, .low = 1, .high = 1, .known = true, .verdict = VLT_VERDICT_SAME, .how = how};
}

vlt_report_comparison vlt_comparison_of(const vlt_judgement *judgement, vlt_tune_how how)
{
    return (vlt_report_comparison){.ratio = judgement->ratio,
                                   .low = judgement->low > 0 ? judgement->low : NAN,
                                   .high = isfinite(judgement->high) ? judgement->high : NAN,
                                   .known = true,
                                   .verdict = judgement->verdict,
                                   .how = how};
}

vlt_report_comparison vlt_item_over_default(const vlt_tune_item *item)
{
    if (!item->decided || item->refused) { /* what runs, the default or not, was not raced */
        return vlt_comparison_unknown();
    }
    if (item->over_inside.known) {
        return item->over_inside;
    }
    if (!vlt_item_differs(item)) {
        return vlt_comparison_one(VLT_TUNE_MEASURED);
    }
    return vlt_comparison_of(&item->judgement, VLT_TUNE_MEASURED);
}

/* The sum over the problems that differ of share times ln ratio; so are the ends of the intervals,
 * which is wider than the interval of a sum. A composite's gain counts with the part of the request
 * that it is, where its own choice differs. */
vlt_report_comparison vlt_tuner_compose_default(const vlt_tuner *tuner)
{
    double total = vlt_tuner_request_ns(tuner), log_ratio = 0, low = 0, high = 0;
    int differing = 0;
    for (int i = 0; i < tuner->item_count; i++) {
        const vlt_tune_item *item = &tuner->item[i];
        if (!vlt_item_differs(item)) {
            continue;
        }
        const vlt_judgement *j = &item->judgement;
        double share = fmin(1, vlt_item_weight(item, false) / total);
        log_ratio += share * log(j->ratio);
        low += share * log(j->low > 0 ? j->low : j->ratio * j->ratio);
        high += share * (isfinite(j->high) ? log(j->high) : 0);
        differing++;
    }
    if (!differing) {
        return vlt_comparison_one(VLT_TUNE_COMPOSED);
    }
    return (vlt_report_comparison){.ratio = exp(log_ratio),
                                   .low = exp(low),
                                   .high = exp(high),
                                   .known = true,
                                   .verdict = high < 0  ? VLT_VERDICT_FASTER
                                              : low > 0 ? VLT_VERDICT_SLOWER
                                                        : VLT_VERDICT_INCONCLUSIVE,
                                   .how = VLT_TUNE_COMPOSED};
}

/* A part whose comparison has no interval may be off by so much, up and down. */
static const double unbounded = 1.5;

/* Times of the baseline in one request: as known, and at the ends of the intervals. */
struct sums {
    double tuned_ns, baseline_ns, least_ns, most_ns;
    double rest_ns; /* tuned; of leaves that were not compared with the baseline */
};

static void add_leaf(struct sums *sums, const vlt_tune_item *item)
{
    const vlt_report_comparison *over = &item->over_baseline;
    double own_ns = item->met.runs * (isnan(item->tuned_ns) ? item->default_ns : item->tuned_ns);
    double baseline_ns = item->met.runs * item->baseline_ns;
    if (!over->known || !isfinite(baseline_ns)) {
        sums->rest_ns += isnan(own_ns) ? item->met.runs * item->estimate_ns : own_ns;
        return;
    }
    sums->tuned_ns += own_ns;
    sums->baseline_ns += baseline_ns;
    sums->least_ns += baseline_ns * (over->high > 0 ? over->ratio / over->high : 1 / unbounded);
    sums->most_ns += baseline_ns * (over->low > 0 ? over->ratio / over->low : unbounded);
}

/* Of the leaves of which both times are known. The ends of the interval are those of all parts at
 * once, which is wider than the interval of a sum; at the upper one the other leaves gain nothing.
 */
vlt_report_comparison vlt_tuner_compose_baseline(const vlt_tuner *tuner)
{
    struct sums sums = {0};
    for (int i = 0; i < tuner->item_count; i++) {
        if (tuner->item[i].kind == VLT_TUNE_LEAF) {
            add_leaf(&sums, &tuner->item[i]);
        }
    }
    if (!(sums.baseline_ns > 0 && sums.tuned_ns > 0)) {
        return vlt_comparison_unknown();
    }
    double low = sums.tuned_ns / sums.most_ns;
    double high = fmax(sums.tuned_ns / sums.least_ns,
                       (sums.tuned_ns + sums.rest_ns) / (sums.least_ns + sums.rest_ns));
    return (vlt_report_comparison){.ratio = sums.tuned_ns / sums.baseline_ns,
                                   .low = low,
                                   .high = high,
                                   .known = true,
                                   .verdict = high < 1  ? VLT_VERDICT_FASTER
                                              : low > 1 ? VLT_VERDICT_SLOWER
                                                        : VLT_VERDICT_INCONCLUSIVE,
                                   .how = VLT_TUNE_COMPOSED};
}
