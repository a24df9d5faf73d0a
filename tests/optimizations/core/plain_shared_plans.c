/* A plan does not change after prepare: one plan of every variant runs on several threads at the
 * same time, each with its own frame and buffers, and gives the bits that it gives alone. Under
 * ThreadSanitizer also without a race. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/plan.h"
#include "tests/support/variants.h"

enum { THREADS = 4, RUNS = 3 };

/* One thread's own buffers, equal to the others' at first. */
struct side {
    const vlt_plan *plan;
    vlt_workload workload;
    vlt_scratch scratch;
    vlt_status status;
    vlt_error err;
};

static void run_once(struct side *side)
{
    if (side->workload.reset) {
        side->workload.reset(&side->workload);
    }
    side->status = vlt_plan_run_in(&side->scratch, side->plan, side->workload.args, &side->err);
}

static void *run_many(void *argument)
{
    struct side *side = argument;
    for (int i = 0; i < RUNS && side->status == VLT_OK; i++) {
        run_once(side);
    }
    return NULL;
}

static bool same_outputs(const vlt_workload *a, const vlt_workload *b)
{
    for (int i = 0; i < a->output_count; i++) {
        size_t bytes = a->output[i].count * vlt_dtype_bytes(a->output[i].dtype);
        if (memcmp(a->output[i].data, b->output[i].data, bytes) != 0) {
            return false;
        }
    }
    return true;
}

/* Side 0 runs alone first, then the others together. */
static bool run_sides(struct side side[THREADS + 1], const char *name)
{
    pthread_t thread[THREADS];
    run_once(&side[0]);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&thread[i], NULL, run_many, &side[i + 1]) != 0) {
            abort();
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    for (int i = 0; i <= THREADS; i++) {
        if (side[i].status != VLT_OK || !same_outputs(&side[0].workload, &side[i].workload)) {
            fprintf(stderr, "%s: side %d: %s\n", name, i,
                    side[i].status != VLT_OK ? side[i].err.message : "other bits");
            return false;
        }
    }
    return true;
}

static bool check(test_context *test, const vlt_problem *problem, const vlt_variant *variant)
{
    struct side side[THREADS + 1] = {0};
    vlt_plan *plan = NULL;
    vlt_error err = {0};
    char name[64];
    bool good = true;
    snprintf(name, sizeof name, "%s/%s", variant->op, variant->name);
    for (int i = 0; i <= THREADS && good; i++) {
        good = vlt_workload_init(&side[i].workload, &test->context, problem, 7, &err) == VLT_OK;
    }
    good = good && vlt_plan_create_with(&test->context, &side[0].workload.problem, variant, NULL,
                                        &plan, &err) == VLT_OK;
    if (!good) {
        fprintf(stderr, "%s: %s\n", name, err.message);
    }
    for (int i = 0; i <= THREADS; i++) {
        side[i].plan = plan;
    }
    good = good && run_sides(side, name);
    vlt_plan_destroy(plan);
    for (int i = 0; i <= THREADS; i++) {
        vlt_scratch_release(&side[i].scratch);
        vlt_workload_release(&side[i].workload);
    }
    return good;
}

int main(void)
{
    test_context test;
    int failed = 0, checked = 0;
    test_context_init(&test);
    for (int i = 0; i < vlt_registry_op_count(); i++) {
        const vlt_op *op = vlt_registry_op(i);
        vlt_problem problem = {.op = op};
        memcpy(problem.dim, op->shapes[0].dim, sizeof problem.dim);
        for (int v = 0; v < vlt_registry_variant_count(op) && !op->keeps_state; v++) {
            const vlt_variant *variant = vlt_registry_variant(op, v);
            if (vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
                failed += !check(&test, &problem, variant);
                checked++;
            }
        }
    }
    test_context_release(&test);
    return failed || checked < 20;
}
