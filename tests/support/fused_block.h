/* fused_block.h: blocks that do at once what their children do one after the other. */
#ifndef VLT_TESTS_FUSED_BLOCK_H
#define VLT_TESTS_FUSED_BLOCK_H

#include <criterion/criterion.h>
#include <string.h>

#include "optimizations/core/op.h"
#include "optimizations/core/registry.h"
#include "tests/support/variants.h"

enum { FUSED_VALUES_MAX = 128 * 74 };

/* A block's problem, whose first dimension are its rows; hidden: the rows [rows, width] of a run's
 * arguments, in place. */
typedef struct fused_block {
    vlt_problem problem;
    int64_t width;
    float *(*hidden)(const void *args);
} fused_block;

static inline void fused_block_run(const fused_block *block, test_context *test,
                                   vlt_workload *workload, const char *name, float *hidden,
                                   size_t count)
{
    vlt_plan *plan = NULL;
    cr_assert_eq(vlt_plan_create_with(&test->context, &workload->problem,
                                      vlt_registry_find_variant(block->problem.op, name), NULL,
                                      &plan, NULL),
                 VLT_OK);
    workload->reset(workload);
    cr_assert_eq(test_run(plan, workload->args, NULL), VLT_OK);
    memcpy(hidden, block->hidden(workload->args), count * sizeof *hidden);
    vlt_plan_destroy(plan);
}

/* `fused` gives the bits of `baseline`, exact and in int8, for each of rows[rows_count]. */
static inline void test_fused_block(fused_block block, const int64_t *rows, int rows_count)
{
    static float one[FUSED_VALUES_MAX], other[FUSED_VALUES_MAX];
    test_context test;
    test_context_init(&test);
    for (int i = 0; i < 2 * rows_count; i++) {
        const size_t count = (size_t)(rows[i / 2] * block.width);
        vlt_workload workload;
        block.problem.dim[0] = rows[i / 2];
        test.context.quality = i % 2 ? VLT_QUALITY_INT8 : VLT_QUALITY_EXACT;
        cr_assert_leq(count, FUSED_VALUES_MAX);
        cr_assert_eq(vlt_workload_init(&workload, &test.context, &block.problem, 5, NULL), VLT_OK);
        fused_block_run(&block, &test, &workload, "baseline", one, count);
        fused_block_run(&block, &test, &workload, "fused", other, count);
        cr_expect_arr_eq(one, other, count * sizeof *one, "%s, %d rows",
                         vlt_quality_name(test.context.quality), (int)rows[i / 2]);
        vlt_workload_release(&workload);
    }
    test_context_release(&test);
}

#endif
