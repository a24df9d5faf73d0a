/* No allocation in any run: every applicable variant of every operator runs its first bench shape
 * with the allocator counted. The counting stands before libc's functions, so it also sees what
 * libraries allocate, on every thread. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/plan.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

#if !VLT_ASAN
static atomic_bool counting;
static atomic_long allocations;

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *block, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

static void note(void)
{
    if (atomic_load(&counting)) {
        atomic_fetch_add(&allocations, 1);
    }
}

void *malloc(size_t bytes)
{
    note();
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    note();
    return __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    note();
    return __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    note();
    return __libc_memalign(alignment, bytes);
}

/* Why a run may allocate after all. */
static const char *excuse(const vlt_op *op, const vlt_variant *variant)
{
    if (!strcmp(op->name, "jpeg_decode")) {
        return "libjpeg allocates its working memory per image";
    }
    if (!strcmp(op->name, "tensor_pool") && !strcmp(variant->name, "baseline")) {
        return "the baseline is malloc itself";
    }
    return NULL;
}

static void check(test_context *test, const vlt_op *op, const vlt_variant *variant)
{
    vlt_problem problem = {.op = op};
    vlt_workload workload = {0};
    vlt_plan *plan = NULL;
    vlt_scratch scratch = {0};
    vlt_error err = {0};
    memcpy(problem.dim, op->shapes[0].dim, sizeof problem.dim);
    if (excuse(op, variant) || !vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
        return;
    }
    cr_assert_eq(vlt_workload_init(&workload, &test->context, &problem, 1, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(
        vlt_plan_create_with(&test->context, &workload.problem, variant, NULL, &plan, &err), VLT_OK,
        "%s", err.message);
    cr_assert_eq(vlt_scratch_reserve(&scratch, vlt_plan_scratch(plan), &err), VLT_OK);
    /* a pool takes from the system what nobody gave back yet: its first run fills it */
    int first = !strcmp(op->name, "tensor_pool") ? 1 : 0;
    for (int i = 0; i < 2 + first; i++) {
        if (workload.reset) {
            workload.reset(&workload);
        }
        atomic_store(&allocations, 0);
        atomic_store(&counting, i >= first);
        vlt_status status = vlt_plan_run(plan, vlt_scratch_frame(&scratch), workload.args, &err);
        atomic_store(&counting, false);
        cr_assert_eq(status, VLT_OK, "%s", err.message);
        cr_expect_eq(atomic_load(&allocations), 0, "%s/%s allocates %ld times in run %d", op->name,
                     variant->name, atomic_load(&allocations), i + 1);
    }
    vlt_scratch_release(&scratch);
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
}

Test(no_allocation, in_any_run, .timeout = 300)
{
    test_context test;
    test_context_init(&test);
    for (int i = 0; i < vlt_registry_op_count(); i++) {
        const vlt_op *op = vlt_registry_op(i);
        for (int v = 0; v < vlt_registry_variant_count(op); v++) {
            check(&test, op, vlt_registry_variant(op, v));
        }
    }
    test_context_release(&test);
}

Test(no_allocation, is_noticed)
{
    atomic_store(&allocations, 0);
    atomic_store(&counting, true);
    void *volatile block = malloc(10);
    atomic_store(&counting, false);
    free(block);
    cr_assert_eq(atomic_load(&allocations), 1);
}
#else
Test(no_allocation, in_any_run)
{
    test_skip("allocations are counted in builds without a sanitizer");
}
#endif
