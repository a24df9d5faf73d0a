#include "optimizations/core/children.h"

vlt_status vlt_children_create(vlt_context *context, const vlt_problem *problem, int count,
                               vlt_plan **child, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < count && status == VLT_OK; i++) {
        if (problem[i].op) {
            status = vlt_plan_create(context, &problem[i], &child[i], err);
        }
    }
    return status;
}

void vlt_children_destroy(vlt_plan **child, int count)
{
    for (int i = 0; i < count; i++) {
        vlt_plan_destroy(child[i]);
        child[i] = NULL;
    }
}

size_t vlt_children_scratch(vlt_plan *const *child, int count)
{
    size_t deepest = 0;
    for (int i = 0; i < count; i++) {
        size_t bytes = vlt_plan_scratch(child[i]);
        deepest = bytes > deepest ? bytes : deepest;
    }
    return deepest;
}
