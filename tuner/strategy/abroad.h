/* abroad.h: what other machines say about a label: a weighted sum of their costs, as far as the
 * labels here agree with them. */
#ifndef VLT_TUNER_ABROAD_H
#define VLT_TUNER_ABROAD_H

#include "tuner/strategy/explorer.h"

enum { VLT_ABROAD_MAX = 16 };

typedef struct vlt_abroad_entry {
    uint64_t setting;
    double cost;
} vlt_abroad_entry;

typedef struct vlt_abroad {
    int count; /* machines whose costs differ; beyond VLT_ABROAD_MAX they are left out */
    vlt_abroad_entry *entry[VLT_ABROAD_MAX]; /* owned, ascending by setting */
    int entries[VLT_ABROAD_MAX];
    double beyond[VLT_ABROAD_MAX]; /* cost of what the list does not have */
    double weight[VLT_ABROAD_MAX];
} vlt_abroad;

vlt_status vlt_abroad_init(vlt_abroad *abroad, const vlt_foreign *foreign, int count,
                           vlt_error *err);
void vlt_abroad_release(vlt_abroad *abroad); /* fine on {0} */

/* Weights that explain the labels best, not far from equal ones while there are few. */
vlt_status vlt_abroad_fit(vlt_abroad *abroad, const uint64_t *setting, const double *label,
                          int count, vlt_error *err);

/* By how much machines differ, as the variance of a cost over them: of one machine alone, its costs
 * are all that is known. 0 where there are none. */
double vlt_abroad_variance(const vlt_abroad *abroad);

/* The weighted sum for a setting; 0 where there are no other machines. */
double vlt_abroad_offset(const vlt_abroad *abroad, uint64_t setting);

#endif
