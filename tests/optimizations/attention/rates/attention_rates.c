/* Variants of attention side by side at one shape: medians of interleaved rounds.
 *
 *     attention_rates Q_ROWS KV_ROWS HEADS KV_HEADS HEAD CAUSAL f32|bf16 SEQUENCES THREADS
 *                     ROUNDS VARIANT...
 *
 * Ratios are those of the first variant's median over the others'. SEQUENCES are copies of one in
 * one call; below 0 as many calls of one each. See optimizations/attention/README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/attention/attention.h"
#include "optimizations/core/clock.h"
#include "tests/support/variants.h"

enum { VARIANTS_MAX = 6, ROUNDS_MAX = 101, SEQUENCES_MAX = 64 };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct rates {
    test_context test;
    vlt_workload workload;
    vlt_plan *plan[VARIANTS_MAX];
    vlt_scratch scratch;
    int sequences, variants, rounds;
    double ms[VARIANTS_MAX][ROUNDS_MAX];
};

/* All sequences in one call, or each in its own. */
static vlt_status run_once(struct rates *r, int variant, vlt_error *err)
{
    const vlt_attention_args *one = r->workload.args;
    vlt_attention_args args[SEQUENCES_MAX];
    const int count = abs(r->sequences);
    vlt_status status = VLT_OK;
    for (int i = 0; i < count; i++) {
        args[i] = *one;
        args[i].more = i == 0 && r->sequences > 0 ? count - 1 : 0;
    }
    for (int i = 0; i < (r->sequences > 0 ? 1 : count) && status == VLT_OK; i++) {
        status = vlt_plan_run_in(&r->scratch, r->plan[variant], &args[i], err);
    }
    return status;
}

static vlt_status prepare(struct rates *r, const vlt_problem *problem, char **names, vlt_error *err)
{
    vlt_status status = vlt_workload_init(&r->workload, &r->test.context, problem, 1, err);
    for (int i = 0; i < r->variants && status == VLT_OK; i++) {
        const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_attention, names[i]);
        char reason[VLT_REASON_BYTES] = "unknown";
        if (!variant || !vlt_registry_applicable(variant, problem, &r->test.caps, reason)) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s: %s", names[i], reason);
        }
        status = vlt_plan_create_with(&r->test.context, problem, variant, NULL, &r->plan[i], err);
    }
    return status;
}

static vlt_status measure(struct rates *r, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int round = -1; round < r->rounds && status == VLT_OK; round++) { /* the first warms up */
        for (int i = 0; i < r->variants && status == VLT_OK; i++) {
            const double begin_ms = vlt_now_ms();
            status = run_once(r, i, err);
            if (round >= 0) {
                r->ms[i][round] = vlt_now_ms() - begin_ms;
            }
        }
    }
    return status;
}

static void print(struct rates *r, char **names)
{
    for (int i = 0; i < r->variants; i++) {
        qsort(r->ms[i], (size_t)r->rounds, sizeof r->ms[i][0], compare);
        const double median = r->ms[i][r->rounds / 2];
        printf("%-18s %9.3f ms  %5.2f\n", names[i], median, r->ms[0][r->rounds / 2] / median);
    }
}

int main(int argc, char **argv)
{
    enum { NUMBERS = 10, FORMAT = 6 };
    static struct rates r;
    int64_t number[NUMBERS] = {0};
    vlt_error err = {0};
    for (int i = 0; i < NUMBERS && i + 1 < argc; i++) {
        number[i] = i == FORMAT ? strcmp(argv[i + 1], "bf16") ? VLT_FORMAT_F32 : VLT_FORMAT_BF16
                                : strtoll(argv[i + 1], NULL, 10);
    }
    const int64_t *n = number;
    r.sequences = (int)n[7];
    r.rounds = (int)n[9];
    r.variants = argc - 1 - NUMBERS;
    if (r.variants < 1 || r.variants > VARIANTS_MAX || abs(r.sequences) > SEQUENCES_MAX ||
        r.rounds < 1 || r.rounds > ROUNDS_MAX) {
        fprintf(stderr,
                "attention_rates Q_ROWS KV_ROWS HEADS KV_HEADS HEAD CAUSAL f32|bf16 SEQUENCES "
                "THREADS ROUNDS VARIANT...\nat most %d sequences, 1 to %d rounds, 1 to %d "
                "variants\n",
                SEQUENCES_MAX, ROUNDS_MAX, VARIANTS_MAX);
        return 2;
    }
    const vlt_problem problem = vlt_attention_problem(n[0], n[1], n[2], n[3], n[4], n[5] != 0,
                                                      (vlt_format)n[6]);
    const vlt_threads_options threads = {.count = (int)n[8], .spin_us = 20};
    test_context_init(&r.test);
    vlt_threads_destroy(r.test.context.threads);
    r.test.context.threads = NULL;
    vlt_status status = vlt_threads_create(&threads, &r.test.context.threads, &err);
    if (status == VLT_OK) {
        status = prepare(&r, &problem, argv + 1 + NUMBERS, &err);
    }
    if (status == VLT_OK) {
        status = measure(&r, &err);
    }
    if (status == VLT_OK) {
        print(&r, argv + 1 + NUMBERS);
    }
    if (status != VLT_OK) {
        fprintf(stderr, "%s\n", err.message);
    }
    for (int i = 0; i < r.variants; i++) {
        vlt_plan_destroy(r.plan[i]);
    }
    vlt_scratch_release(&r.scratch);
    vlt_workload_release(&r.workload);
    test_context_release(&r.test);
    return status == VLT_OK ? 0 : 1;
}
