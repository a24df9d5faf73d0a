#include "tests/support/variants.h"

#include <stdio.h>
#include <string.h>

#include "harness/machine/isa.h"
#include "harness/measure/verify.h"

enum { SEEDS = 2 };

void test_context_init(test_context *test)
{
    *test = (test_context){.caps = {.isa = vlt_isa_detect(),
                                    .cpu_count = 2,
                                    .core_count = 2,
                                    .l1d_bytes = 32 << 10,
                                    .l2_bytes = 1 << 20,
                                    .l3_bytes = 8 << 20,
                                    .memory_bytes = UINT64_C(4) << 30}};
    test->context.caps = &test->caps;
    vlt_threads_options options = {.count = 2, .spin_us = 20};
    vlt_threads_create(&options, &test->context.threads, NULL);
}

void test_context_release(test_context *test)
{
    vlt_threads_destroy(test->context.threads);
}

vlt_status test_run(const vlt_plan *plan, const void *args, vlt_error *err)
{
    vlt_scratch scratch = {0};
    vlt_status status = vlt_plan_run_in(&scratch, plan, args, err);
    vlt_scratch_release(&scratch);
    return status;
}

static int verify(test_context *test, const vlt_problem *problem, const vlt_variant *variant,
                  const vlt_binding *binding)
{
    vlt_error err = {0};
    if (variant->valid && !variant->valid(problem, &test->caps, binding)) {
        return 0;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        if (vlt_verify(&test->context, problem, variant, binding, seed, NULL, &err) != VLT_OK) {
            char knobs[256];
            vlt_binding_format(variant, binding, knobs, sizeof knobs);
            fprintf(stderr, "seed %llu, %s/%s %s: %s\n", (unsigned long long)seed, variant->op,
                    variant->name, knobs, err.message);
            return -1;
        }
    }
    return 1;
}

int test_variants(test_context *test, const vlt_op *op, const int64_t *dims)
{
    vlt_problem problem = {.op = op};
    int verified = 0;
    memcpy(problem.dim, dims, (size_t)op->dim_count * sizeof *dims);
    for (int v = 0; v < vlt_registry_variant_count(op); v++) {
        const vlt_variant *variant = vlt_registry_variant(op, v);
        if (!vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
            continue;
        }
        vlt_binding binding;
        vlt_binding_defaults(variant, &binding);
        int result = verify(test, &problem, variant, &binding);
        for (int k = 0; k < variant->knob_count && result >= 0; k++) {
            vlt_knob_list list = vlt_variant_knob_values(variant, k, &test->caps, NULL);
            for (int i = 0; i < list.count && result >= 0; i++) {
                vlt_binding_defaults(variant, &binding);
                if (list.value[i] != variant->knobs[k].default_value) {
                    binding.value[k] = list.value[i];
                    verified += result;
                    result = verify(test, &problem, variant, &binding);
                }
            }
        }
        if (result < 0) {
            return -1;
        }
        verified += result;
    }
    return verified;
}
