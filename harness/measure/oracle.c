#include "harness/measure/oracle.h"

#include <math.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "harness/measure/verify_internal.h"
#include "optimizations/attention/attention.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/linear/linear.h"

/* A plain loop's speed: a guess, for deciding what can be afforded. */
static const double plain_flops = 1.5e9, plain_bytes = 2e9;

double vlt_baseline_guess_s(const vlt_problem *problem)
{
    vlt_cost cost = {0};
    problem->op->cost(problem, &cost);
    return cost.flops / plain_flops + cost.bytes / plain_bytes;
}

/* Rows of a problem that stand alone: how many, and the arguments of one of them. */
struct row_view {
    int64_t rows, elements; /* of a row of output 0 */
    union {
        vlt_linear_args linear;
        vlt_attention_args attention;
    } args;
    void *out;
};

static bool is_rows(const vlt_problem *problem)
{
    return problem->op == &vlt_op_linear || problem->op == &vlt_op_attention;
}

static void view_row(const vlt_workload *workload, int64_t row, struct row_view *view)
{
    const vlt_problem *problem = &workload->problem;
    if (problem->op == &vlt_op_linear) {
        vlt_linear_args *args = &view->args.linear;
        *args = *(const vlt_linear_args *)workload->args;
        view->rows = args->rows;
        view->elements = problem->dim[VLT_LINEAR_DIM_N];
        args->x += row * args->x_stride;
        args->y += row * args->y_stride;
        args->rows = 1;
        view->out = args->y;
    } else {
        vlt_attention_args *args = &view->args.attention;
        *args = *(const vlt_attention_args *)workload->args;
        view->rows = args->q_rows;
        view->elements = problem->dim[VLT_ATTENTION_DIM_HEADS] *
                         problem->dim[VLT_ATTENTION_DIM_HEAD];
        args->q += row * args->q_row;
        args->out += row * args->out_row;
        args->q_first += row;
        args->q_rows = 1;
        view->out = args->out;
    }
}

static void add_row(vlt_oracle *oracle, int64_t row, int64_t rows)
{
    bool there = row < 0 || row >= rows;
    for (int k = 0; k < oracle->rows; k++) {
        there |= oracle->row[k] == row;
    }
    if (!there) {
        oracle->row[oracle->rows++] = row;
    }
}

/* First, last, then in turn random ones and those beside borders of tiles. */
static void choose_rows(int64_t rows, int wanted, uint64_t seed, vlt_oracle *oracle)
{
    static const int64_t borders[] = {8, 7, 14, 13, 16, 15, 32, 31};
    vlt_random random = {seed};
    add_row(oracle, 0, rows);
    add_row(oracle, rows - 1, rows);
    for (int i = 0; i < 16 && oracle->rows < wanted; i++) {
        add_row(oracle, i & 1 ? borders[i / 2] : vlt_random_range(&random, 0, rows - 1), rows);
    }
}

/* The mean of the rows' times, times a factor up and down, holds the mean of all with 95 %, as far
 * as the chosen rows stand for the others. */
static double spread_of(const double *row_ms, int rows)
{
    double mean = rows > 2 ? vlt_mean(row_ms, rows) : 0;
    return mean > 0 ? exp(vlt_student_quantile(rows - 1) * sqrt(vlt_variance(row_ms, rows) / rows) /
                          mean)
                    : NAN;
}

static vlt_status compute_rows(const vlt_plan *plan, vlt_workload *workload, double limit_s,
                               uint64_t seed, vlt_oracle *oracle, vlt_error *err)
{
    struct row_view view;
    vlt_scratch scratch = {0};
    view_row(workload, 0, &view);
    double row_s = vlt_baseline_guess_s(&workload->problem) / (double)view.rows;
    int wanted = (int)fmin(VLT_ORACLE_ROWS_MAX, fmax(4, limit_s / row_s));
    choose_rows(view.rows, wanted, seed, oracle);
    size_t row_bytes = (size_t)view.elements * sizeof(float);
    vlt_status status = vlt_alloc((size_t)oracle->rows * row_bytes, &oracle->expected[0], err);
    double begin_ms = vlt_now_ms(), row_ms[VLT_ORACLE_ROWS_MAX];
    for (int i = 0; i < oracle->rows && status == VLT_OK; i++) {
        view_row(workload, oracle->row[i], &view);
        double row_begin_ms = vlt_now_ms();
        status = vlt_plan_run_in(&scratch, plan, &view.args, err);
        row_ms[i] = vlt_now_ms() - row_begin_ms;
        if (status == VLT_OK) {
            memcpy((char *)oracle->expected[0] + (size_t)i * row_bytes, view.out, row_bytes);
        }
    }
    oracle->baseline_ns = (vlt_now_ms() - begin_ms) * 1e6 / fmax(1, oracle->rows) *
                          (double)view.rows;
    oracle->baseline_spread = spread_of(row_ms, status == VLT_OK ? oracle->rows : 0);
    oracle->kind = VLT_ORACLE_ROWS;
    vlt_scratch_release(&scratch);
    return status;
}

static vlt_status compute_whole(const vlt_plan *plan, vlt_workload *workload, vlt_oracle *oracle,
                                vlt_error *err)
{
    vlt_scratch scratch = {0};
    double begin_ms = vlt_now_ms();
    vlt_status status = vlt_verify_run(plan, &scratch, workload, err);
    oracle->baseline_ns = (vlt_now_ms() - begin_ms) * 1e6;
    for (int i = 0; i < workload->output_count && status == VLT_OK; i++) {
        const vlt_output *output = &workload->output[i];
        status = vlt_alloc(vlt_output_bytes(output), &oracle->expected[i], err);
        if (status == VLT_OK) {
            memcpy(oracle->expected[i], output->data, vlt_output_bytes(output));
        }
    }
    oracle->kind = VLT_ORACLE_WHOLE;
    vlt_scratch_release(&scratch);
    return status;
}

vlt_status vlt_oracle_create(const vlt_context *context, vlt_workload *workload, double limit_s,
                             uint64_t seed, vlt_oracle *out, vlt_error *err)
{
    vlt_context baseline = *context;
    vlt_plan *plan = NULL;
    const vlt_problem *problem = &workload->problem;
    baseline.policy = VLT_POLICY_BASELINE;
    baseline.choices = NULL;
    baseline.ledger = NULL;
    *out = (vlt_oracle){.baseline_ns = NAN, .baseline_spread = NAN};
    bool whole = vlt_baseline_guess_s(problem) <= limit_s;
    if (!whole && !is_rows(problem)) {
        return VLT_OK;
    }
    uint64_t before = vlt_inputs_hash(workload);
    vlt_status status = vlt_plan_create_with(
        &baseline, problem, vlt_registry_variant(problem->op, 0), NULL, &plan, err);
    if (status == VLT_OK) {
        status = whole ? compute_whole(plan, workload, out, err)
                       : compute_rows(plan, workload, limit_s, seed, out, err);
    }
    out->changes_inputs = vlt_inputs_hash(workload) != before;
    vlt_plan_destroy(plan);
    if (status != VLT_OK) {
        vlt_oracle_release(out);
    }
    return status;
}

void vlt_oracle_release(vlt_oracle *oracle)
{
    for (int i = 0; i < VLT_OUTPUT_MAX; i++) {
        vlt_free(oracle->expected[i]);
    }
    *oracle = (vlt_oracle){0};
}

static vlt_status check_rows(const vlt_oracle *oracle, const vlt_plan *plan,
                             const vlt_workload *workload, vlt_error *err)
{
    vlt_verify_result result = {0};
    vlt_status status = VLT_OK;
    for (int i = 0; i < oracle->rows && status == VLT_OK; i++) {
        struct row_view view;
        view_row(workload, oracle->row[i], &view);
        vlt_output row = workload->output[0];
        row.data = view.out;
        row.count = (size_t)view.elements;
        status = vlt_verify_compare(
            plan, &row, (const float *)oracle->expected[0] + i * view.elements, &result, err);
        if (status != VLT_OK) {
            status = vlt_fail_in(err, status, "row %lld: ", (long long)oracle->row[i]);
        }
    }
    return status;
}

vlt_status vlt_oracle_check(const vlt_oracle *oracle, const vlt_plan *plan,
                            const vlt_workload *workload, vlt_error *err)
{
    vlt_verify_result result = {0};
    vlt_status status = VLT_OK;
    if (oracle->kind == VLT_ORACLE_ROWS) {
        return check_rows(oracle, plan, workload, err);
    }
    for (int i = 0; oracle->kind == VLT_ORACLE_WHOLE && i < workload->output_count; i++) {
        if (status == VLT_OK) {
            status = vlt_verify_compare(plan, &workload->output[i], oracle->expected[i], &result,
                                        err);
        }
    }
    return status;
}

uint64_t vlt_inputs_hash(const vlt_workload *workload)
{
    enum { PART = 1 << 16, PARTS = 16 };
    uint64_t hash = 0;
    for (int i = 0; i < workload->block_count; i++) {
        const unsigned char *block = workload->block[i];
        const size_t bytes = workload->block_bytes[i];
        bool output = false;
        for (int k = 0; k < workload->output_count; k++) {
            output |= (const unsigned char *)workload->output[k].data - VLT_GUARD_BYTES == block;
        }
        size_t step = bytes <= (size_t)PART * PARTS ? PART : bytes / PARTS;
        for (size_t at = 0; at < bytes && !output; at += step) {
            size_t part = bytes - at < PART ? bytes - at : PART;
            hash = vlt_hash_bytes(block + at, part, hash);
        }
    }
    return hash;
}
