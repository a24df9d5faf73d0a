/* attention_edges.h: variants of attention that round, on inputs that are hard to round. For tests
 * that include the variant's file or find it in the catalogue; behind criterion.h.
 *
 * How far an output may lie from the exact one follows from the rounding of each operand by half a
 * step: an error e[j] of score j, the rounding of a probability in units of the largest of its
 * block of keys, and that of a value. With the exact probabilities p[j] and output o:
 *
 *     |out - o| <= sum_j p[j] (exp(e[j]) - 1) |v[j] - o| / S + what probabilities and values lose
 *     S = sum_j p[j] exp(-e[j])
 */
#ifndef VLT_TESTS_ATTENTION_EDGES_H
#define VLT_TESTS_ATTENTION_EDGES_H

#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "optimizations/attention/attention.h"
#include "optimizations/core/random.h"
#include "tests/support/variants.h"

enum { EDGE_Q = 33, EDGE_KV = 300, EDGE_HEADS = 2, EDGE_HEAD = 200, EDGE_BLOCK = 128 };
enum { EDGE_PLAN_ROWS = 128 /* of plans: no variant then declines to round */ };

static float edge_q[EDGE_Q * EDGE_HEADS * EDGE_HEAD], edge_out[EDGE_Q * EDGE_HEADS * EDGE_HEAD];
static float edge_k[EDGE_KV * EDGE_HEAD], edge_v[EDGE_KV * EDGE_HEAD]; /* as they are held */
static uint16_t edge_k16[EDGE_KV * EDGE_HEAD], edge_v16[EDGE_KV * EDGE_HEAD];

/* One run: both query heads share the key/value head. */
struct edge_case {
    int64_t q_rows, kv_rows, head;
    bool causal;
    vlt_format format; /* of keys and values */
    uint64_t seed;
};

/* What a variant rounds to. */
struct edge_steps {
    bool bytes;
    double query, probability; /* how many steps the largest has */
};

static inline struct edge_steps edge_steps_of(const vlt_variant *variant)
{
    const bool seven = !strcmp(variant->name, "int8_avx2");
    return (struct edge_steps){.bytes = variant->quality == VLT_QUALITY_INT8,
                               .query = seven ? 63 : 127,
                               .probability = seven ? 127 : 255};
}

/* How a row looks. */
enum edge_kind {
    EDGE_PLAIN,
    EDGE_ZEROS,
    EDGE_OUTLIER, /* one of 1e4 times the others */
    EDGE_EXTREMES,
    EDGE_ONE_SIGN,
    EDGE_SUBNORMAL,
    EDGE_WIDE, /* magnitudes over forty binary orders */
    EDGE_TINY, /* all of them far below the others */
    EDGE_KINDS
};

static inline float edge_element(enum edge_kind kind, bool outlier, vlt_random *random)
{
    const float plain = vlt_random_signed(random);
    switch (kind) {
    case EDGE_ZEROS:
        return 0;
    case EDGE_OUTLIER:
        return outlier ? 1e4f * plain : plain;
    case EDGE_EXTREMES:
        return plain < 0 ? -3 : 3;
    case EDGE_ONE_SIGN:
        return -3;
    case EDGE_SUBNORMAL:
        return plain * 1e-39f;
    case EDGE_WIDE:
        return ldexpf(plain, (int)vlt_random_range(random, -40, 0));
    case EDGE_TINY:
        return plain * 1e-6f;
    default:
        return plain;
    }
}

/* Rows go through all kinds, or are all of one where `kind` is one. */
static inline void edge_fill(float *to, int64_t rows, int64_t width, int kind, vlt_random *random)
{
    for (int64_t at = 0; at < rows * width; at++) {
        const int of_row = kind < EDGE_KINDS ? kind : (int)((at / width + kind) % EDGE_KINDS);
        to[at] = edge_element((enum edge_kind)of_row, at % width == width / 2, random);
    }
}

static inline void edge_hold(const struct edge_case *c, float *values, uint16_t *bits)
{
    for (int64_t at = 0; at < c->kv_rows * c->head; at++) {
        bits[at] = vlt_bf16_from_f32(values[at]);
        values[at] = c->format == VLT_FORMAT_BF16 ? vlt_f32_from_bf16(bits[at]) : values[at];
    }
}

/* kind: of all rows of keys and values, EDGE_KINDS for all in turn. */
static inline void edge_inputs(const struct edge_case *c, int kind)
{
    vlt_random random = {c->seed};
    edge_fill(edge_q, c->q_rows * EDGE_HEADS, c->head, EDGE_KINDS + (int)(c->seed % EDGE_KINDS),
              &random);
    edge_fill(edge_k, c->kv_rows, c->head, kind < EDGE_KINDS ? kind : EDGE_KINDS + 3, &random);
    edge_fill(edge_v, c->kv_rows, c->head, kind < EDGE_KINDS ? kind : EDGE_KINDS + 5, &random);
    edge_hold(c, edge_k, edge_k16);
    edge_hold(c, edge_v, edge_v16);
}

static inline vlt_kv_view edge_view(const struct edge_case *c, const float *values,
                                    const uint16_t *bits)
{
    const bool wide = c->format == VLT_FORMAT_F32;
    return (vlt_kv_view){.data = wide ? (const void *)values : (const void *)bits,
                         .row_bytes = c->head * (wide ? 4 : 2),
                         .head_bytes = 0,
                         .format = c->format};
}

static inline vlt_problem edge_problem(const struct edge_case *c)
{
    return vlt_attention_problem(EDGE_PLAN_ROWS, c->kv_rows, EDGE_HEADS, 1, c->head, c->causal,
                                 c->format);
}

static inline void edge_run(test_context *test, const vlt_variant *variant,
                            const struct edge_case *c)
{
    const vlt_problem problem = edge_problem(c);
    const int64_t width = EDGE_HEADS * c->head;
    const vlt_attention_args args = {.q = edge_q,
                                     .k = edge_view(c, edge_k, edge_k16),
                                     .v = edge_view(c, edge_v, edge_v16),
                                     .out = edge_out,
                                     .q_rows = c->q_rows,
                                     .kv_rows = c->kv_rows,
                                     .q_first = c->kv_rows > c->q_rows ? c->kv_rows - c->q_rows : 0,
                                     .q_row = width,
                                     .q_head = c->head,
                                     .out_row = width,
                                     .out_head = c->head};
    vlt_plan *plan = NULL;
    memset(edge_out, 0xFF, sizeof edge_out);
    cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                 VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    vlt_plan_destroy(plan);
}

static inline int64_t edge_visible(const struct edge_case *c, int64_t r)
{
    const int64_t first = c->kv_rows > c->q_rows ? c->kv_rows - c->q_rows : 0, last = first + r + 1;
    return c->causal && last < c->kv_rows ? last : c->kv_rows;
}

/* mean[EDGE_HEAD] that is taken off row j: of all, or of the blocks before its own. */
static inline void edge_mean(const struct edge_case *c, const float *values, int64_t j,
                             double *mean)
{
    const int64_t rows = c->causal ? j / EDGE_BLOCK * EDGE_BLOCK : c->kv_rows;
    for (int64_t i = 0; i < c->head; i++) {
        mean[i] = 0;
        for (int64_t r = 0; r < rows; r++) {
            mean[i] += (double)values[r * c->head + i] / (double)rows;
        }
    }
}

/* centred[kv_rows][head]. */
static inline void edge_centre(const struct edge_case *c, const float *values, double *centred)
{
    double mean[EDGE_HEAD];
    for (int64_t j = 0; j < c->kv_rows; j++) {
        if (j == 0 || (c->causal && j % EDGE_BLOCK == 0)) {
            edge_mean(c, values, j, mean);
        }
        for (int64_t i = 0; i < c->head; i++) {
            centred[j * c->head + i] = (double)values[j * c->head + i] - mean[i];
        }
    }
}

static double edge_ck[EDGE_KV * EDGE_HEAD], edge_cv[EDGE_KV * EDGE_HEAD];

static inline double edge_largest(const double *row, int64_t count)
{
    double largest = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(row[i]));
    }
    return largest;
}

/* The exact score, and how far the rounded one may be off. */
static inline double edge_score(const struct edge_case *c, const struct edge_steps *steps,
                                const float *q, int64_t j, double *error)
{
    const double *k = edge_ck + j * c->head, scale = 1 / sqrt((double)c->head);
    double sum = 0, wide = 0, size = 0, largest_q = 0;
    for (int64_t i = 0; i < c->head; i++) {
        largest_q = fmax(largest_q, fabs((double)q[i]));
    }
    const double step_q = largest_q / steps->query / 2 + 1e-35;
    const double step_k = edge_largest(k, c->head) / 254 + 1e-35;
    for (int64_t i = 0; i < c->head; i++) {
        const double p = (double)q[i], exact = (double)edge_k[j * c->head + i];
        sum += p * exact;
        size += fabs(p * exact) + fabs(p * k[i]);
        wide += steps->bytes ? fabs(p) * step_k + fabs(k[i]) * step_q + step_k * step_q
                             : fabs(p * k[i]) / 127;
    }
    *error = (1.01 * wide + 4e-6 * size) * scale + 2e-4;
    return sum * scale;
}

/* Of one line: probabilities of its keys, how large the rounded ones may be. */
struct edge_line {
    int64_t seen;
    double p[EDGE_KV], grown[EDGE_KV], p_error[EDGE_KV];
    double value_step[EDGE_KV], block_top[(EDGE_KV + EDGE_BLOCK - 1) / EDGE_BLOCK];
};

static inline void edge_line_of(const struct edge_case *c, const struct edge_steps *steps,
                                const float *q, int64_t seen, struct edge_line *line)
{
    double largest = -INFINITY, sum = 0, least = 0;
    line->seen = seen;
    memset(line->block_top, 0, sizeof line->block_top);
    for (int64_t j = 0; j < seen; j++) {
        line->p[j] = edge_score(c, steps, q, j, &line->p_error[j]);
        largest = fmax(largest, line->p[j]);
    }
    for (int64_t j = 0; j < seen; j++) {
        line->p[j] = exp(line->p[j] - largest);
        sum += line->p[j];
    }
    for (int64_t j = 0; j < seen; j++) {
        line->p[j] /= sum;
        least += line->p[j] * exp(-line->p_error[j]);
    }
    for (int64_t j = 0; j < seen; j++) {
        const double e = line->p_error[j], grown = line->p[j] * exp(fmin(e, 300)) / least;
        double *top = &line->block_top[j / EDGE_BLOCK];
        line->value_step[j] = edge_largest(edge_cv + j * c->head, c->head) / 127;
        line->grown[j] = fmin(1, grown);
        line->p_error[j] = fmin(1, line->p[j] * expm1(fmin(e, 300)) / least);
        *top = fmax(*top, line->grown[j] * line->value_step[j]);
    }
}

/* The exact output i of a line, and the room around it. */
static inline double edge_output(const struct edge_case *c, const struct edge_steps *steps,
                                 const struct edge_line *line, int64_t i, double *room)
{
    double exact = 0, moved = 0, farthest = 0, largest = 0, rounded = 0, stepped = 0;
    for (int64_t j = 0; j < line->seen; j++) {
        exact += line->p[j] * (double)edge_v[j * c->head + i];
    }
    for (int64_t j = 0; j < line->seen; j++) {
        const double v = (double)edge_v[j * c->head + i], step = line->value_step[j];
        const double centred = fabs(edge_cv[j * c->head + i]);
        moved += line->p_error[j] * fabs(v - exact);
        farthest = fmax(farthest, fabs(v - exact));
        largest = fmax(largest, fabs(v) + centred);
        if (steps->bytes && step > 1e-36) {
            rounded += line->block_top[j / EDGE_BLOCK] / steps->probability / 2 *
                       (centred / step + 0.5);
            stepped = fmax(stepped, step / 2);
        } else if (!steps->bytes) {
            rounded += line->grown[j] * centred / 127;
        }
    }
    *room = 1.01 * (fmin(moved, farthest) + rounded + stepped) + 1e-5 * largest + 1e-29;
    return exact;
}

static inline void edge_compare(const vlt_variant *variant, const struct edge_case *c)
{
    static struct edge_line line;
    const struct edge_steps steps = edge_steps_of(variant);
    edge_centre(c, edge_k, edge_ck);
    edge_centre(c, edge_v, edge_cv);
    for (int64_t at = 0; at < c->q_rows * EDGE_HEADS; at++) {
        edge_line_of(c, &steps, edge_q + at * c->head, edge_visible(c, at / EDGE_HEADS), &line);
        for (int64_t i = 0; i < c->head; i++) {
            double room, exact = edge_output(c, &steps, &line, i, &room);
            const double got = (double)edge_out[at * c->head + i];
            cr_assert(
                fabs(got - exact) <= room,
                "%s, %lld x %lld, head %lld, causal %d, seed %llu, row %lld, head %lld, [%lld]:"
                " %.9g, exactly %.9g, may be off by %.3g",
                variant->name, (long long)c->q_rows, (long long)c->kv_rows, (long long)c->head,
                c->causal, (unsigned long long)c->seed, (long long)(at / EDGE_HEADS),
                (long long)(at % EDGE_HEADS), (long long)i, got, exact, room);
        }
    }
}

/* An infinity in a key half way: rows before do not change by a bit, rows that see it are the
 * baseline's. */
static inline void edge_compare_strange(test_context *test, const vlt_variant *variant,
                                        const struct edge_case *c)
{
    static float before[EDGE_Q * EDGE_HEADS * EDGE_HEAD], now[EDGE_Q * EDGE_HEADS * EDGE_HEAD];
    const int64_t seen_late = c->q_rows < c->kv_rows ? c->q_rows : c->kv_rows;
    const int64_t key = c->kv_rows - 1 - seen_late / 2, at = key * c->head + c->head - 1;
    memcpy(before, edge_out, sizeof before);
    edge_k[at] = -INFINITY;
    edge_k16[at] = 0xFF80;
    edge_run(test, variant, c);
    memcpy(now, edge_out, sizeof now);
    edge_run(test, vlt_registry_variant(&vlt_op_attention, 0), c);
    for (int64_t i = 0; i < c->q_rows * EDGE_HEADS * c->head; i++) {
        const int64_t r = i / (EDGE_HEADS * c->head);
        const float to = edge_visible(c, r) <= key ? before[i] : edge_out[i];
        const float room = edge_visible(c, r) <= key ? 0 : 1e-5f * (1 + fabsf(to));
        cr_expect(isnan(to) ? isnan(now[i]) : to == now[i] || fabsf(to - now[i]) <= room,
                  "%s, %lld x %lld, head %lld: row %lld has %g, expected %g", variant->name,
                  (long long)c->q_rows, (long long)c->kv_rows, (long long)c->head, (long long)r,
                  (double)now[i], (double)to);
    }
}

/* Runs the variant on 1 to 17 rows and on more, heads and keys that make no whole tile, one key,
 * one element, rows of zeros, outliers, equal extremes, subnormals, tiny ones and infinities, with
 * keys and values in F32 and BF16, causal and not. Returns how many runs were compared. */
static inline int test_attention_edges(test_context *test, const vlt_variant *variant)
{
    static const int64_t heads[] = {1, 3, 16, 17, 64, 72, 100, 128, 200};
    static const int64_t kv_rows[] = {1, 5, 31, 33, 127, 128, 129, 200, 300};
    int compared = 0;
    for (int64_t i = 0; i < 36; i++) {
        struct edge_case c = {.q_rows = i < 17  ? i + 1
                                        : i % 2 ? EDGE_Q
                                                : 12 + i % 12,
                              .kv_rows = kv_rows[i * 5 % 9],
                              .head = heads[i % 9],
                              .causal = i % 4 < 2,
                              .format = i % 2 ? VLT_FORMAT_F32 : VLT_FORMAT_BF16,
                              .seed = (uint64_t)i};
        const vlt_problem problem = edge_problem(&c);
        if (!vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
            continue;
        }
        edge_inputs(&c, i % 3 ? EDGE_KINDS : (int)(i / 3 % EDGE_KINDS));
        edge_run(test, variant, &c);
        edge_compare(variant, &c);
        edge_compare_strange(test, variant, &c);
        compared++;
    }
    return compared;
}

#endif
