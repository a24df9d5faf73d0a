/* restriction.h: what `--where` leaves of one or several domains.
 *
 * "A && B" asks for A and for B: each part applies to the domains that have all its parameters, so
 * that one text may speak of several operators. A part that applies nowhere is a mistake.
 */
#ifndef VLT_TUNER_RESTRICTION_H
#define VLT_TUNER_RESTRICTION_H

#include "tuner/space/domain.h"

typedef struct vlt_restriction vlt_restriction;

/* `name` stands in messages: "--where". */
vlt_status vlt_restriction_parse(const char *text, const char *name, vlt_restriction **out,
                                 vlt_error *err);
/* As it was parsed: applied nowhere. */
vlt_status vlt_restriction_copy(const vlt_restriction *restriction, vlt_restriction **out,
                                vlt_error *err);
void vlt_restriction_destroy(vlt_restriction *restriction); /* NULL is fine */

/* Adds the parts that apply to a domain that is not built yet. */
vlt_status vlt_restriction_apply(vlt_restriction *restriction, vlt_domain *domain, vlt_error *err);

/* After all domains: INPUT when a part names a parameter that none of them has (with the nearest
 * name), or parameters that no one of them has together. */
vlt_status vlt_restriction_check(const vlt_restriction *restriction, vlt_error *err);

/* Puts the restriction in front of a message that does not name it yet; returns `status`. */
vlt_status vlt_restriction_blame(const vlt_restriction *restriction, vlt_status status,
                                 vlt_error *err);

#endif
