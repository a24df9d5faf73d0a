/* linear_steps.h: steps of a block (linear_step.h) on rows and weights that are hard to round, done
 * together and apart. For tests that include a variant's file or find it in the catalogue.
 */
#ifndef VLT_TESTS_LINEAR_STEPS_H
#define VLT_TESTS_LINEAR_STEPS_H

#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "optimizations/activation/activation.h"
#include "optimizations/core/random.h"
#include "optimizations/linear/linear_step.h"
#include "optimizations/norm/norm.h"
#include "tests/support/variants.h"

enum {
    STEP_ROWS_MAX = 60,
    STEP_OUTPUTS_MAX = 450,
    STEP_INPUTS_MAX = 200,
    STEP_ALL = VLT_LINEAR_STEP_PRODUCTS
};

/* A step as a block has it. */
struct step_shape {
    int64_t rows, m, k; /* m: rows that the plans are made for */
    int products;
    int64_t n[STEP_ALL];
    int norm, activation; /* kinds; -1: none */
};

static const struct step_shape step_shapes[] = {
    {1, 1, 1, 3, {1, 1, 1}, VLT_NORM_RMS, -1},
    {1, 1, 65, 3, {70, 33, 17}, VLT_NORM_RMS, -1},
    {1, 1, 199, 2, {450, 450}, VLT_NORM_RMS, VLT_ACTIVATION_SILU_MUL},
    {2, 3, 33, 2, {35, 35}, VLT_NORM_RMS, VLT_ACTIVATION_SILU_MUL},
    {3, 3, 100, 1, {129}, VLT_NORM_LAYER, VLT_ACTIVATION_GELU_TANH},
    {5, 5, 31, 3, {16, 40, 1}, -1, -1},
    {7, 11, 66, 2, {17, 17}, -1, VLT_ACTIVATION_SILU_MUL},
    {11, 11, 129, 1, {65}, VLT_NORM_LAYER, -1},
    {12, 12, 64, 3, {300, 33, 70}, VLT_NORM_RMS, -1},
    {13, 60, 199, 2, {71, 71}, VLT_NORM_RMS, VLT_ACTIVATION_SILU_MUL},
    {16, 16, 128, 1, {450}, VLT_NORM_LAYER, VLT_ACTIVATION_GELU_TANH},
    {17, 17, 200, 3, {64, 32, 96}, VLT_NORM_RMS, -1},
    {17, 60, 3, 1, {33}, -1, VLT_ACTIVATION_GELU_ERF},
    {33, 60, 192, 2, {71, 71}, VLT_NORM_RMS, VLT_ACTIVATION_SILU_MUL},
    {60, 60, 199, 2, {450, 450}, VLT_NORM_RMS, VLT_ACTIVATION_SILU_MUL},
    {60, 60, 192, 3, {448, 129, 63}, VLT_NORM_RMS, -1},
};

enum { STEP_SHAPES = sizeof step_shapes / sizeof *step_shapes, STEP_GATED = 3 /* a small one */ };

static struct step_data {
    float x[STEP_ROWS_MAX * STEP_INPUTS_MAX], normed[STEP_ROWS_MAX * STEP_INPUTS_MAX];
    float gain[STEP_INPUTS_MAX], shift[STEP_INPUTS_MAX];
    float w[STEP_ALL][STEP_OUTPUTS_MAX * STEP_INPUTS_MAX], bias[STEP_ALL][STEP_OUTPUTS_MAX];
    float y[STEP_ALL][STEP_ROWS_MAX * STEP_OUTPUTS_MAX];
    float apart[STEP_ALL][STEP_ROWS_MAX * STEP_OUTPUTS_MAX]; /* y of another run */
} step;

/* Zeros, outliers and subnormals, in rows by turns. */
static inline float step_element(int64_t row, int64_t i, float plain)
{
    switch (row % 8) {
    case 1:
        return 0;
    case 3:
        return i == 1 ? 1e4f : plain;
    case 5:
        return plain * 1e-39f;
    default:
        return plain;
    }
}

/* strange: infinities and what is no number in some rows of x and W. */
static inline void step_fill(const struct step_shape *s, bool strange)
{
    vlt_random random = {(uint64_t)(s->k + s->rows)};
    for (int64_t at = 0; at < s->rows * s->k; at++) {
        step.x[at] = step_element(at / s->k, at % s->k, vlt_random_signed(&random) * 2);
    }
    for (int64_t i = 0; i < s->k; i++) {
        step.gain[i] = vlt_random_signed(&random);
        step.shift[i] = vlt_random_signed(&random);
    }
    for (int p = 0; p < s->products; p++) {
        for (int64_t at = 0; at < s->n[p] * s->k; at++) {
            step.w[p][at] = step_element(at / s->k + 4 * p, at % s->k, vlt_random_signed(&random));
        }
        for (int64_t o = 0; o < s->n[p]; o++) {
            step.bias[p][o] = vlt_random_signed(&random);
        }
        if (strange) {
            step.w[p][s->n[p] / 2 * s->k] = p == 1 ? NAN : INFINITY;
        }
    }
    if (strange) {
        step.x[s->rows / 2 * s->k + s->k - 1] = -INFINITY;
        step.x[(s->rows - 1) * s->k] = NAN;
    }
}

/* Plans of a step, and what they were made of. */
struct step_plans {
    vlt_norm_constants norm_constants;
    vlt_linear_constants constants[STEP_ALL];
    vlt_plan *norm, *activation, *product[STEP_ALL];
    vlt_linear_step step;
};

static inline vlt_plan *step_plan(test_context *test, const vlt_problem *problem,
                                  const vlt_variant *variant)
{
    vlt_plan *plan = NULL;
    if (vlt_registry_applicable(variant, problem, &test->caps, NULL)) {
        cr_assert_eq(vlt_plan_create_with(&test->context, problem, variant, NULL, &plan, NULL),
                     VLT_OK);
    }
    return plan;
}

/* The operators beside linear by their variant number `other`. False where a variant is not
 * applicable; step_destroy is to be called all the same. */
static inline bool step_make(test_context *test, const struct step_shape *s,
                             const vlt_variant *linear, int other, struct step_plans *p)
{
    const vlt_problem activation = vlt_activation_problem(s->m, s->n[0], s->activation);
    *p = (struct step_plans){
        .norm_constants = {step.gain, s->norm == VLT_NORM_LAYER ? step.shift : NULL, 1e-6f}};
    const vlt_problem norm = vlt_norm_problem(s->m, s->k, s->norm, &p->norm_constants);
    bool made = true;
    if (s->norm >= 0) {
        p->norm = step_plan(test, &norm, vlt_registry_variant(&vlt_op_norm, other));
        made = p->norm;
    }
    if (s->activation >= 0) {
        p->activation = step_plan(test, &activation,
                                  vlt_registry_variant(&vlt_op_activation, other));
        made = made && p->activation;
    }
    for (int i = 0; i < s->products && made; i++) {
        p->constants[i].weight = vlt_matrix_of(VLT_FORMAT_F32, step.w[i], s->n[i], s->k);
        p->constants[i].bias = i < 2 ? step.bias[i] : NULL;
        const vlt_problem problem = vlt_linear_problem(s->m, &p->constants[i]);
        p->product[i] = step_plan(test, &problem, linear);
        made = p->product[i];
        p->step.product[i] = p->product[i];
    }
    p->step.norm = p->norm;
    p->step.products = s->products;
    p->step.activation = p->activation;
    return made;
}

static inline void step_destroy(struct step_plans *p)
{
    vlt_plan_destroy(p->norm);
    vlt_plan_destroy(p->activation);
    for (int i = 0; i < STEP_ALL; i++) {
        vlt_plan_destroy(p->product[i]);
    }
}

static inline void step_run(const struct step_plans *p, const struct step_shape *s)
{
    const vlt_linear_step_args args = {.x = step.x,
                                       .normed = step.normed,
                                       .y = {step.y[0], step.y[1], step.y[2]},
                                       .rows = s->rows};
    vlt_scratch scratch = {0};
    size_t bytes = 0;
    for (int i = 0; i < s->products; i++) {
        size_t each = vlt_plan_scratch(p->product[i]);
        bytes = each > bytes ? each : bytes;
    }
    memset(step.y, 0xFF, sizeof step.y);
    cr_assert_eq(vlt_scratch_reserve(&scratch, bytes, NULL), VLT_OK);
    cr_assert_eq(vlt_linear_step_run(&p->step, vlt_scratch_frame(&scratch), &args, NULL), VLT_OK);
    vlt_scratch_release(&scratch);
}

/* The bits, or no number in both: which one is nobody's promise. */
static inline bool step_is_same(float a, float b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* The number of outputs that differ from `apart`; of the second product only where it is kept. */
static inline int step_differences(const struct step_shape *s)
{
    int count = 0;
    for (int i = 0; i < (s->activation == VLT_ACTIVATION_SILU_MUL ? 1 : s->products); i++) {
        for (int64_t at = 0; at < STEP_ROWS_MAX * STEP_OUTPUTS_MAX; at++) {
            count += !step_is_same(step.y[i][at], step.apart[i][at]);
        }
    }
    return count;
}

/* All shapes by a variant of linear and each of those beside it: together as apart. Returns how
 * many were compared. */
static inline int test_linear_steps(test_context *test, const vlt_variant *linear, bool strange)
{
    int compared = 0;
    for (int i = 0; i < STEP_SHAPES * vlt_registry_variant_count(&vlt_op_norm); i++) {
        const struct step_shape *s = &step_shapes[i % STEP_SHAPES];
        struct step_plans p;
        step_fill(s, strange);
        if (step_make(test, s, linear, i / STEP_SHAPES, &p)) {
            step_run(&p, s);
            memcpy(step.apart, step.y, sizeof step.y);
            vlt_linear_step_join(&p.step);
            step_run(&p, s);
            cr_expect_eq(step_differences(s), 0, "linear/%s, others %d, %d x %d x %d, strange %d",
                         linear->name, i / STEP_SHAPES, (int)s->rows, (int)s->n[0], (int)s->k,
                         strange);
            compared++;
        }
        step_destroy(&p);
    }
    return compared;
}

#endif
