/* plan_table.h: the plans that an engine has prepared, by problem.
 *
 * A plan is made when its problem is first met and kept until the table is full: then the one that
 * was used longest ago goes, after the new one is there, so that what both pack of the weights is
 * packed once. Which plan serves a problem depends on the problem alone, never on what ran before.
 */
#ifndef VLT_HARNESS_PLAN_TABLE_H
#define VLT_HARNESS_PLAN_TABLE_H

#include "optimizations/core/plan.h"

enum { VLT_PLAN_TABLE_SIZE = 16 };

/* {0} is empty. Used by one thread at a time. */
typedef struct vlt_plan_table {
    vlt_plan *plan[VLT_PLAN_TABLE_SIZE];
    uint64_t used[VLT_PLAN_TABLE_SIZE]; /* when: a count of calls */
    uint64_t calls;
} vlt_plan_table;

/* *out stays the table's, good until the next call. */
vlt_status vlt_plan_table_get(vlt_plan_table *table, vlt_context *context,
                              const vlt_problem *problem, vlt_plan **out, vlt_error *err);

/* The largest tolerance of the operator's plans; 0: there is none. */
double vlt_plan_table_tolerance(const vlt_plan_table *table, const vlt_op *op);

void vlt_plan_table_release(vlt_plan_table *table); /* may be called twice */

#endif
