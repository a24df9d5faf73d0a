/* knob_domain.h: the settings of a problem as a domain, so that strategies and `--where` see them.
 *
 * The first parameter is "variant"; each name of a knob is one parameter, with the values of all
 * variants that have it, active where one of them is chosen. A part of a restriction says nothing
 * about settings for which one of its parameters is not active: 'tile >= 16' leaves variants
 * without tiles alone. What a setting is not made of has the first value of the parameter.
 */
#ifndef VLT_TUNER_KNOB_DOMAIN_H
#define VLT_TUNER_KNOB_DOMAIN_H

#include "tuner/space.h"
#include "tuner/space/restriction.h"

typedef struct vlt_knob_domain vlt_knob_domain;

/* Every valid setting of the space that the restriction (may be NULL) leaves; both are borrowed for
 * the time of the call, but for the space's capabilities. `name` stands in messages. INPUT: none is
 * left, or the restriction cannot be computed. */
vlt_status vlt_knob_domain_create(const vlt_space *space, const char *name, vlt_restriction *where,
                                  vlt_knob_domain **out, vlt_error *err);
void vlt_knob_domain_destroy(vlt_knob_domain *domain); /* NULL is fine */

const vlt_domain *vlt_knob_domain_domain(const vlt_knob_domain *domain);

/* Numbers of the domain to settings, and back: VLT_SETTING_NONE where it does not belong. */
void vlt_knob_domain_setting(const vlt_knob_domain *domain, uint64_t number, vlt_setting *out);
uint64_t vlt_knob_domain_find(const vlt_knob_domain *domain, const vlt_setting *setting);

#endif
