/* variants.h: every variant of an operator against its baseline, on shapes a test names. */
#ifndef VLT_TESTS_VARIANTS_H
#define VLT_TESTS_VARIANTS_H

#include "optimizations/core/plan.h"

/* A context for tests: this machine's ISA, two threads. Released by test_context_release. */
typedef struct test_context {
    vlt_caps caps;
    vlt_context context;
} test_context;

void test_context_init(test_context *test);
void test_context_release(test_context *test);

/* Runs a plan with a frame of exactly what it asks for. */
vlt_status test_run(const vlt_plan *plan, const void *args, vlt_error *err);

/* Verifies every applicable variant with default knobs and with each knob at each of its values,
 * on the dimensions given, with a few seeds. Returns how many (variant, binding) pairs were
 * verified, or -1 after printing the first difference. */
int test_variants(test_context *test, const vlt_op *op, const int64_t *dims);

#endif
