#include "harness/infer/plan_table.h"

#include <string.h>

static bool same(const vlt_problem *a, const vlt_problem *b)
{
    return a->op == b->op && a->constants == b->constants && !memcmp(a->dim, b->dim, sizeof a->dim);
}

vlt_status vlt_plan_table_get(vlt_plan_table *table, vlt_context *context,
                              const vlt_problem *problem, vlt_plan **out, vlt_error *err)
{
    int place = 0;
    table->calls++;
    for (int i = 0; i < VLT_PLAN_TABLE_SIZE; i++) {
        if (table->plan[i] && same(&table->plan[i]->problem, problem)) {
            table->used[i] = table->calls;
            *out = table->plan[i];
            return VLT_OK;
        }
        place = table->used[i] < table->used[place] ? i : place;
    }
    vlt_status status = vlt_plan_create(context, problem, out, err);
    if (status == VLT_OK) {
        vlt_plan_destroy(table->plan[place]);
        table->plan[place] = *out;
        table->used[place] = table->calls;
    }
    return status;
}

double vlt_plan_table_tolerance(const vlt_plan_table *table, const vlt_op *op)
{
    double largest = 0;
    for (int i = 0; i < VLT_PLAN_TABLE_SIZE; i++) {
        const vlt_plan *plan = table->plan[i];
        largest = plan && plan->problem.op == op && plan->tolerance > largest ? plan->tolerance
                                                                              : largest;
    }
    return largest;
}

void vlt_plan_table_release(vlt_plan_table *table)
{
    for (int i = 0; i < VLT_PLAN_TABLE_SIZE; i++) {
        vlt_plan_destroy(table->plan[i]);
    }
    *table = (vlt_plan_table){0};
}
