#include "optimizations/linear/linear_int8.h"

#include <stdlib.h>

#include "optimizations/core/utf8_text.h"
#include "optimizations/linear/linear_around.h"

bool vlt_linear_int8_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    enum { INPUTS_MAX = INT32_MAX / (VLT_INT8_LEVELS * VLT_INT8_LEVELS) };
    (void)caps;
    if (problem->dim[VLT_LINEAR_DIM_K] > INPUTS_MAX) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "k=%lld, at most %d",
                        (long long)problem->dim[VLT_LINEAR_DIM_K], INPUTS_MAX);
        return false;
    }
    return true;
}

void vlt_linear_int8_cost(const vlt_problem *problem, vlt_cost *cost)
{
    double n = (double)problem->dim[VLT_LINEAR_DIM_N], k = (double)problem->dim[VLT_LINEAR_DIM_K];
    double m = (double)problem->dim[VLT_LINEAR_DIM_M];
    cost->compute = VLT_COMPUTE_INT8;
    cost->bytes = n * (k + sizeof(float)) + (m * k + m * n) * sizeof(float);
}

static bool is_any_strange(const float *scale, int64_t count)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        found += scale[i] < 0;
    }
    return found > 0;
}

vlt_status vlt_int8_state_set(vlt_plan *plan, const vlt_pack *pack, vlt_error *err)
{
    vlt_int8_state *state = calloc(1, sizeof *state);
    if (!state) {
        vlt_packs_drop(pack);
        return vlt_fail(err, VLT_STATUS_NOMEM, "linear: no memory for a plan");
    }
    state->pack = pack;
    state->strange = is_any_strange(vlt_pack_data(pack), plan->problem.dim[VLT_LINEAR_DIM_N]);
    plan->state = state;
    return VLT_OK;
}

void vlt_int8_state_release(vlt_plan *plan)
{
    vlt_int8_state *state = plan->state;
    if (state) {
        vlt_packs_drop(state->pack);
        free(state);
    }
}

static float exact_product(const vlt_matrix *w, const float *x, int64_t o)
{
    enum { PIECE = 256 };
    float values[PIECE], sum = 0;
    for (int64_t first = 0; first < w->columns; first += PIECE) {
        int64_t count = w->columns - first < PIECE ? w->columns - first : PIECE;
        vlt_matrix_values(w, o, first, count, values);
        for (int64_t i = 0; i < count; i++) {
            sum += x[first + i] * values[i];
        }
    }
    return sum;
}

bool vlt_linear_int8_is_strange(const vlt_plan *plan, const float *x_scale, int64_t rows)
{
    const vlt_int8_state *state = plan->state;
    return state->strange || is_any_strange(x_scale, rows);
}

void vlt_linear_int8_add_strange(const vlt_plan *plan, const vlt_linear_args *args,
                                 const float *x_scale, const vlt_int8_piece *piece, float *buffer)
{
    const vlt_linear_constants *constants = plan->problem.constants;
    const vlt_int8_state *state = plan->state;
    const vlt_matrix *w = &constants->weight;
    const float *w_scale = (const float *)vlt_pack_data(state->pack) + piece->o;
    for (int64_t r = 0; r < piece->rows; r++) {
        const bool whole = x_scale[piece->row + r] < 0;
        if (!whole && !is_any_strange(w_scale, piece->width)) {
            continue;
        }
        const float *x = vlt_linear_view_of(args, w->columns, piece->row + r, 1, buffer).x;
        for (int64_t o = 0; o < piece->width; o++) {
            if (whole || w_scale[o] < 0) {
                piece->y[r * piece->y_stride + o] += exact_product(w, x, piece->o + o);
            }
        }
    }
}

void vlt_linear_int8_add_all_strange(const vlt_plan *plan, const vlt_linear_args *args,
                                     const float *x_scale)
{
    if (vlt_linear_int8_is_strange(plan, x_scale, args->rows)) {
        const vlt_int8_piece all = {.rows = args->rows,
                                    .width = plan->problem.dim[VLT_LINEAR_DIM_N],
                                    .y = args->y,
                                    .y_stride = args->y_stride};
        vlt_linear_int8_add_strange(plan, args, x_scale, &all, NULL);
    }
}
