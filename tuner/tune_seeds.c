/* What did well elsewhere. */
#include <stdlib.h>

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

void vlt_tuner_release_seeds(vlt_tuner *tuner)
{
    for (int i = 0; i < tuner->seed_count; i++) {
        vlt_seeds_release(&tuner->seeds[i]);
    }
    free(tuner->seeds);
}
