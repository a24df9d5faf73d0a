/* space_domain.h: the settings of a space as a domain that explorers understand.
 *
 * The variant is a parameter without an order; each of its knobs is a parameter that counts only
 * beside it. What is valid is listed, so that constraints in C need no other form.
 */
#ifndef VLT_TUNER_SPACE_DOMAIN_H
#define VLT_TUNER_SPACE_DOMAIN_H

#include "tuner/space.h"
#include "tuner/space/domain.h"

typedef struct vlt_space_domain {
    vlt_domain *domain;               /* owned */
    int first[VLT_SPACE_VARIANT_MAX]; /* parameter of a variant's first knob */
    const vlt_space *space;           /* borrowed */
} vlt_space_domain;

/* from: number of the first variant that takes part (1: the plainest one does not). LIMIT: more
 * parameters or settings than are worth listing. */
vlt_status vlt_space_domain_init(vlt_space_domain *out, const vlt_space *space, int from,
                                 vlt_error *err);
void vlt_space_domain_release(vlt_space_domain *map); /* fine on {0} */

/* VLT_SETTING_NONE: it does not belong. */
uint64_t vlt_space_domain_find(const vlt_space_domain *map, const vlt_setting *setting);
void vlt_space_domain_setting(const vlt_space_domain *map, uint64_t number, vlt_setting *out);

#endif
