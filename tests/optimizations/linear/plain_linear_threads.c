/* One and three threads give the same bits, for every variant of the operators that share work
 * among threads; under ThreadSanitizer also without a race. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/activation/activation.h"
#include "optimizations/attention/attention.h"
#include "optimizations/decoder_block/decoder_block.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"
#include "optimizations/rope/rope.h"
#include "optimizations/vision_block/vision_block.h"
#include "tests/support/variants.h"

static size_t bytes_of(const vlt_output *output)
{
    return output->count * vlt_dtype_bytes(output->dtype);
}

/* Outputs of a run, one behind the other; NULL on failure. */
static unsigned char *run(const vlt_context *shape, vlt_threads *threads,
                          const vlt_problem *problem, const vlt_variant *variant, size_t *bytes)
{
    vlt_context context = *shape;
    vlt_workload workload;
    vlt_plan *plan = NULL;
    vlt_error err = {0};
    unsigned char *copy = NULL;
    context.threads = threads;
    *bytes = 0;
    if (vlt_workload_init(&workload, &context, problem, 5, &err) != VLT_OK ||
        vlt_plan_create_with(&context, &workload.problem, variant, NULL, &plan, &err) != VLT_OK) {
        goto done;
    }
    if (workload.reset) {
        workload.reset(&workload);
    }
    if (test_run(plan, workload.args, &err) != VLT_OK) {
        goto done;
    }
    for (int i = 0; i < workload.output_count; i++) {
        *bytes += bytes_of(&workload.output[i]);
    }
    copy = malloc(*bytes);
    for (size_t i = 0, at = 0; copy && i < (size_t)workload.output_count; i++) {
        memcpy(copy + at, workload.output[i].data, bytes_of(&workload.output[i]));
        at += bytes_of(&workload.output[i]);
    }
done:
    if (!copy) {
        fprintf(stderr, "%s/%s: %s\n", variant->op, variant->name, err.message);
    }
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    return copy;
}

static int check(const test_context *test, vlt_threads *three, const vlt_problem *problem)
{
    int failed = 0;
    for (int v = 0; v < vlt_registry_variant_count(problem->op); v++) {
        const vlt_variant *variant = vlt_registry_variant(problem->op, v);
        size_t bytes, again;
        if (!vlt_registry_applicable(variant, problem, &test->caps, NULL)) {
            continue;
        }
        unsigned char *one = run(&test->context, NULL, problem, variant, &bytes);
        unsigned char *many = run(&test->context, three, problem, variant, &again);
        if (!one || !many || bytes != again || memcmp(one, many, bytes) != 0) {
            fprintf(stderr, "%s/%s: three threads differ from one\n", variant->op, variant->name);
            failed = 1;
        }
        free(one);
        free(many);
    }
    return failed;
}

int main(void)
{
    const vlt_problem problems[] = {
        {.op = &vlt_op_linear, .dim = {1, 2100, 300, VLT_FORMAT_BF16}},
        {.op = &vlt_op_linear, .dim = {5, 700, 300, VLT_FORMAT_F16}},
        {.op = &vlt_op_linear, .dim = {270, 130, 600, VLT_FORMAT_BF16}},
        {.op = &vlt_op_linear, .dim = {300, 70, 133, VLT_FORMAT_F32}},
        {.op = &vlt_op_attention, .dim = {1, 2300, 8, 4, 64, 1, VLT_FORMAT_F32}},
        {.op = &vlt_op_attention, .dim = {150, 170, 4, 2, 36, 1, VLT_FORMAT_BF16}},
        {.op = &vlt_op_norm, .dim = {2000, 72, VLT_NORM_LAYER}},
        {.op = &vlt_op_rope, .dim = {1100, 4, 64}},
        {.op = &vlt_op_activation, .dim = {200, 300, VLT_ACTIVATION_GELU_TANH}},
        {.op = &vlt_op_vision_block, .dim = {300, 200, 72, 2, 130, VLT_FORMAT_BF16}},
        {.op = &vlt_op_decoder_block,
         .dim = {150, 200, 96, 4, 2, 36, 130, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
        {.op = &vlt_op_decoder_block,
         .dim = {1, 900, 192, 4, 2, 64, 512, VLT_FORMAT_BF16, VLT_FORMAT_BF16}},
    };
    vlt_threads *three = NULL;
    vlt_threads_options options = {.count = 3, .spin_us = 5};
    test_context test;
    int failed = 0;
    test_context_init(&test);
    if (vlt_threads_create(&options, &three, NULL) != VLT_OK) {
        return 1;
    }
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        failed |= check(&test, three, &problems[i]);
    }
    vlt_threads_destroy(three);
    test_context_release(&test);
    return failed;
}
