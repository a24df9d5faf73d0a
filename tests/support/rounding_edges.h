/* rounding_edges.h: variants of linear that round, on inputs that are hard to round. For tests that
 * include the variant's file or find it in the catalogue; behind criterion.h.
 */
#ifndef VLT_TESTS_ROUNDING_EDGES_H
#define VLT_TESTS_ROUNDING_EDGES_H

#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "optimizations/core/random.h"
#include "tests/support/multiply.h"

enum { EDGE_ROWS_MAX = 49, EDGE_OUTPUTS_MAX = 35, EDGE_INPUTS_MAX = 200 };

static float edge_x[EDGE_ROWS_MAX * EDGE_INPUTS_MAX], edge_y[EDGE_ROWS_MAX * EDGE_OUTPUTS_MAX],
    edge_expected[EDGE_ROWS_MAX * EDGE_OUTPUTS_MAX];
static float
    edge_value[EDGE_OUTPUTS_MAX * EDGE_INPUTS_MAX]; /* of the weights, as BF16 holds them */
static uint16_t edge_w[EDGE_OUTPUTS_MAX * EDGE_INPUTS_MAX];

/* How a row looks; rows go through all of them, weights from another start. */
enum edge_kind {
    ROW_PLAIN,
    ROW_ZEROS,
    ROW_OUTLIER,  /* one of 1e4 */
    ROW_EXTREMES, /* all as large as can be, signs as they fall */
    ROW_ONE_SIGN,
    ROW_SUBNORMAL,
    ROW_WIDE, /* magnitudes over forty binary orders */
    ROW_KINDS
};

static inline float edge_element(enum edge_kind kind, int64_t i, int64_t outlier,
                                 vlt_random *random)
{
    const float plain = vlt_random_signed(random);
    switch (kind) {
    case ROW_ZEROS:
        return 0;
    case ROW_OUTLIER:
        return i == outlier ? 1e4f : plain;
    case ROW_EXTREMES:
        return plain < 0 ? -3 : 3;
    case ROW_ONE_SIGN:
        return -3;
    case ROW_SUBNORMAL:
        return plain * 1e-39f;
    case ROW_WIDE:
        return ldexpf(plain, (int)vlt_random_range(random, -40, 0));
    default:
        return plain;
    }
}

static inline void edge_fill(int64_t m, int64_t n, int64_t k, uint64_t seed)
{
    vlt_random random = {seed};
    for (int64_t at = 0; at < m * k; at++) {
        const enum edge_kind kind = (enum edge_kind)((at / k + (int64_t)seed) % ROW_KINDS);
        edge_x[at] = edge_element(kind, at % k, k / 2, &random);
    }
    for (int64_t at = 0; at < n * k; at++) {
        const enum edge_kind kind = (enum edge_kind)((at / k + (int64_t)seed / ROW_KINDS) %
                                                     ROW_KINDS);
        edge_w[at] = vlt_bf16_from_f32(edge_element(kind, at % k, k / 3, &random));
        edge_value[at] = vlt_f32_from_bf16(edge_w[at]);
    }
}

static inline double edge_largest_of(const float *row, int64_t k)
{
    double largest = 0;
    for (int64_t i = 0; i < k; i++) {
        largest = fmax(largest, fabs((double)row[i]));
    }
    return largest;
}

/* The exact product, and how far from it one of rounded operands may lie: half a step each of 8
 * bits with a scale a row; a 256th of x and nothing of BF16 weights in BF16. A hundredth more for
 * the sums in f32, and what is too small to be kept. */
static inline double edge_product(vlt_quality quality, int64_t r, int64_t o, int64_t k,
                                  double *room)
{
    const float *a = edge_x + r * k, *b = edge_value + o * k;
    const double step_a = edge_largest_of(a, k) / 254, step_b = edge_largest_of(b, k) / 254;
    double sum = 0, wide = 0;
    for (int64_t i = 0; i < k; i++) {
        const double p = (double)a[i], q = (double)b[i];
        sum += p * q;
        wide += quality == VLT_QUALITY_INT8 ? fabs(p) * step_b + fabs(q) * step_a + step_a * step_b
                                            : fabs(p * q) / 256;
    }
    *room = 1.01 * wide + 1e-30 * (1 + edge_largest_of(a, k)) * (1 + edge_largest_of(b, k));
    return sum;
}

static inline void edge_compare_finite(const vlt_variant *variant, int64_t m, int64_t n, int64_t k)
{
    for (int64_t at = 0; at < m * n; at++) {
        double room, exact = edge_product(variant->quality, at / n, at % n, k, &room);
        cr_expect(fabs((double)edge_y[at] - exact) <= room,
                  "%s, %lld x %lld x %lld, [%lld, %lld]: %.9g, exactly %.9g, may be off by %.3g",
                  variant->name, (long long)m, (long long)n, (long long)k, (long long)(at / n),
                  (long long)(at % n), (double)edge_y[at], exact, room);
    }
}

/* BF16 instructions take a subnormal for zero, of which an infinity makes no number. */
static inline bool edge_may_vanish(const vlt_variant *variant, const float *row, int64_t k)
{
    return variant->quality == VLT_QUALITY_BF16 && edge_largest_of(row, k - 1) < 1e-37;
}

/* Infinities in one row of x and one of W: outputs of these are the baseline's, others keep their
 * bits. */
static inline void edge_compare_strange(test_context *test, const vlt_variant *variant,
                                        const vlt_matrix *matrix, int64_t m)
{
    static float before[EDGE_ROWS_MAX * EDGE_OUTPUTS_MAX];
    const int64_t n = matrix->rows, k = matrix->columns, row = m / 2, output = n / 2;
    memcpy(before, edge_y, sizeof before);
    edge_x[row * k + k - 1] = -INFINITY;
    edge_w[output * k] = 0x7F80;
    cr_assert_eq(
        test_multiply(test, vlt_registry_variant(&vlt_op_linear, 0), matrix, edge_x, m, edge_y),
        VLT_OK);
    memcpy(edge_expected, edge_y, sizeof edge_expected);
    cr_assert_eq(test_multiply(test, variant, matrix, edge_x, m, edge_y), VLT_OK);
    for (int64_t at = 0; at < m * n; at++) {
        const int64_t r = at / n, o = at % n;
        const bool strange = r == row || o == output;
        const float to = strange ? edge_expected[at] : before[at];
        const bool vanished = strange && isnan(edge_y[at]) &&
                              (edge_may_vanish(variant, edge_x + r * k, k) ||
                               edge_may_vanish(variant, edge_value + o * k, k));
        cr_expect(vanished || (isnan(to) ? isnan(edge_y[at]) : edge_y[at] == to),
                  "%s, %lld x %lld x %lld, [%lld, %lld]: %g, expected %g", variant->name,
                  (long long)m, (long long)n, (long long)k, (long long)r, (long long)o,
                  (double)edge_y[at], (double)to);
    }
}

/* Runs the variant on 1 to 17 rows and on more, inputs that make no whole tile, one output, rows
 * of zeros, outliers of 1e4 times the others, equal extremes, subnormals and infinities. Every
 * output must lie within what rounding each operand by half a step may cost; what cannot be
 * rounded must be the baseline's. Shapes that the variant is not applicable to are left out;
 * returns how many products were compared. */
static inline int test_rounding_edges(test_context *test, const vlt_variant *variant)
{
    static const int64_t rows_more[] = {23, 36, 49}, outputs[] = {1, 2, 16, 17, 33, 35};
    static const int64_t inputs[] = {1, 3, 31, 32, 33, 64, 65, 100, 128, 199};
    int compared = 0;
    for (int64_t i = 0; i < 20; i++) {
        const int64_t m = i < 17 ? i + 1 : rows_more[i - 17];
        for (size_t j = 0; j < sizeof inputs / sizeof *inputs; j++) {
            const int64_t k = inputs[j], n = outputs[(size_t)(i + (int64_t)j) % 6];
            const vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_BF16, edge_w, n, k);
            const vlt_linear_constants constants = {.weight = matrix};
            const vlt_problem problem = vlt_linear_problem(m, &constants);
            if (!vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
                continue;
            }
            edge_fill(m, n, k, (uint64_t)(i * 10 + (int64_t)j));
            cr_assert_eq(test_multiply(test, variant, &matrix, edge_x, m, edge_y), VLT_OK);
            edge_compare_finite(variant, m, n, k);
            edge_compare_strange(test, variant, &matrix, m);
            compared++;
        }
    }
    return compared;
}

#endif
