/* t1.h: T1 files: the parameters of a space, their values and constraints, without measurements.
 *
 * Values are Python lists ("[32 * i for i in range(1, 32)]"), constraints Python expressions.
 */
#ifndef VLT_TUNER_T1_H
#define VLT_TUNER_T1_H

#include "tuner/replay/recorded.h"

/* A built domain from the text of a T1 file. INPUT names the parameter or the constraint. */
vlt_status vlt_t1_parse(const char *text, size_t bytes, const char *name, vlt_domain **out,
                        vlt_error *err);

/* Gives a recording the types that the T1 file says; values and constraints are those of the
 * recording. INPUT: a parameter is named twice, or its type is unknown. */
vlt_status vlt_t1_order(const char *text, size_t bytes, const char *name, vlt_recording *recording,
                        vlt_error *err);

/* T1 text of a domain made of parameters; *out is the caller's (free). Rules in C are left out. */
vlt_status vlt_t1_write(const vlt_domain *domain, char **out, size_t *bytes, vlt_error *err);

#endif
