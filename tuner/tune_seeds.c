/* What did well elsewhere. */
#include <stdlib.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

vlt_status vlt_tuner_read_seeds(vlt_tuner *tuner, vlt_error *err)
{
    const vlt_tune_options *options = tuner->options;
    int packs = 0;
    while (vlt_seeds_pack_text(packs)) {
        packs++;
    }
    tuner->seeds = calloc((size_t)options->seed_from_count + (size_t)packs + 1,
                          sizeof *tuner->seeds);
    if (!tuner->seeds) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "seeds: out of memory");
    }
    for (int i = 0; i < options->seed_from_count; i++) {
        vlt_status status = vlt_seeds_read(options->seed_from[i], &tuner->seeds[tuner->seed_count],
                                           err);
        if (status != VLT_OK) {
            return vlt_fail_in(err, status, "--seed-from: ");
        }
        tuner->seed_count++;
    }
    int nearest;
    vlt_status status = vlt_seeds_nearest_packs(tuner->machine->caps.isa,
                                                tuner->seeds + tuner->seed_count, &nearest, err);
    tuner->seed_count += nearest;
    return status;
}

/* How near the seed comes to any problem that is tuned. */
static vlt_seed_fit fit_of(const vlt_tuner *tuner, const vlt_seed *seed)
{
    vlt_seed_fit best = VLT_SEED_OTHER_OP;
    for (int i = 0; i < tuner->item_count && best < VLT_SEED_FITS; i++) {
        const vlt_tune_item *item = &tuner->item[i];
        const vlt_seed_fit fit = vlt_seed_fits(seed, &item->problem, item->search.domain);
        best = fit > best ? fit : best;
    }
    return best;
}

void vlt_tuner_note_seeds(vlt_tuner *tuner)
{
    for (int i = 0; i < tuner->options->seed_from_count && i < tuner->seed_count; i++) {
        const vlt_seeds *seeds = &tuner->seeds[i];
        int count[VLT_SEED_FIT_COUNT] = {0};
        char text[VLT_TUNE_TEXT_BYTES] = "";
        size_t used = 0;
        for (int s = 0; s < seeds->count; s++) {
            count[fit_of(tuner, &seeds->seed[s])]++;
        }
        for (int fit = 0; fit < VLT_SEED_FITS; fit++) {
            if (count[fit]) {
                used += vlt_utf8_format(text + used, sizeof text - used, "%s%d %s",
                                        used ? ", " : "", count[fit],
                                        vlt_seed_fit_reason((vlt_seed_fit)fit));
            }
        }
        if (used) {
            vlt_tuner_note(tuner, "%d of %d seeds are of no use (%s): %s",
                           seeds->count - count[VLT_SEED_FITS], seeds->count, text,
                           tuner->options->seed_from[i]);
        }
    }
}

void vlt_tuner_release_seeds(vlt_tuner *tuner)
{
    for (int i = 0; i < tuner->seed_count; i++) {
        vlt_seeds_release(&tuner->seeds[i]);
    }
    free(tuner->seeds);
}
