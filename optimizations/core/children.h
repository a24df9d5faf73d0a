/* children.h: the child plans of a composite operator, as a list that its enum indexes. */
#ifndef VLT_CORE_CHILDREN_H
#define VLT_CORE_CHILDREN_H

#include "optimizations/core/plan.h"

/* child[i] = a plan of problem[i] for each i < count; problems without an operator are left out.
 * On failure destroy is still to be called. */
vlt_status vlt_children_create(vlt_context *context, const vlt_problem *problem, int count,
                               vlt_plan **child, vlt_error *err);
void vlt_children_destroy(vlt_plan **child, int count); /* NULLs are fine */

/* Bytes of the frame that the deepest of them needs; they run one after the other. */
size_t vlt_children_scratch(vlt_plan *const *child, int count);

#endif
