#include <math.h>
#include <stdio.h>

#include "optimizations/core/memory.h"
#include "optimizations/patchify/patchify_internal.h"

enum { LANES = 16 };

static const int64_t store_values[] = {0, 1};
static const char *const store_labels[] = {"cached", "streaming"};

const vlt_knob vlt_patchify_knobs[] = {
    VLT_KNOB_THREADS,
    {"stores", "through the cache or around it", store_values, 2, 0, store_labels},
};

static float formula_value(const vlt_patchify_formula *formula, int c, float v)
{
    float u = fmaf(v, formula->high, v * formula->low) - formula->mean[c];
    float q = u * formula->inverse[c];
    return fmaf(fmaf(-formula->std[c], q, u), formula->inverse[c], q);
}

void vlt_patchify_formula_init(vlt_patchify_formula *formula,
                               const vlt_patchify_constants *constants)
{
    formula->exact = true;
    formula->high = (float)constants->factor;
    formula->low = (float)(constants->factor - (double)formula->high);
    for (int c = 0; c < 3; c++) {
        formula->mean[c] = constants->mean[c];
        formula->std[c] = constants->std[c];
        formula->inverse[c] = constants->std[c] != 0 ? 1 / constants->std[c] : 0;
        for (int v = 0; v < 256; v++) {
            float value = formula_value(formula, c, (float)v);
            formula->exact = formula->exact &&
                             vlt_bits_from_f32(value) == vlt_bits_from_f32(constants->table[c][v]);
        }
    }
}

bool vlt_patchify_applicable_16(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    int64_t patch = problem->dim[VLT_PATCHIFY_DIM_PATCH];
    if (patch % LANES) {
        snprintf(reason, VLT_REASON_BYTES, "patches of %lld pixels, expected a multiple of %d",
                 (long long)patch, LANES);
        return false;
    }
    return true;
}

vlt_status vlt_patchify_check(const vlt_problem *problem, vlt_error *err)
{
    const int64_t *dim = problem->dim;
    int64_t tile = dim[VLT_PATCHIFY_DIM_PATCH] * dim[VLT_PATCHIFY_DIM_MERGE];
    if (dim[VLT_PATCHIFY_DIM_H] % tile || dim[VLT_PATCHIFY_DIM_W] % tile) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "patchify: %lldx%lld pixels, expected multiples of %lld",
                        (long long)dim[VLT_PATCHIFY_DIM_W], (long long)dim[VLT_PATCHIFY_DIM_H],
                        (long long)tile);
    }
    return VLT_OK;
}

vlt_status vlt_patchify_prepare(vlt_plan *plan, vlt_patchify_patch *f32, vlt_patchify_patch *bytes,
                                vlt_error *err)
{
    const int64_t *dim = plan->problem.dim;
    vlt_status status = vlt_patchify_check(&plan->problem, err);
    if (status == VLT_OK) {
        status = vlt_alloc(sizeof(vlt_patchify_state), &plan->state, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    vlt_patchify_state *state = plan->state;
    state->constants = plan->problem.constants;
    state->patch = dim[VLT_PATCHIFY_DIM_PATCH];
    state->temporal = dim[VLT_PATCHIFY_DIM_TEMPORAL];
    state->merge = dim[VLT_PATCHIFY_DIM_MERGE];
    state->grid_h = dim[VLT_PATCHIFY_DIM_H] / state->patch;
    state->grid_w = dim[VLT_PATCHIFY_DIM_W] / state->patch;
    state->row_bytes = vlt_patchify_row_bytes(&plan->problem);
    state->body = dim[VLT_PATCHIFY_DIM_BYTES] ? bytes : f32;
    state->threads = (int)vlt_plan_knob(plan, VLT_PATCHIFY_KNOB_THREADS);
    state->stream = vlt_plan_knob(plan, VLT_PATCHIFY_KNOB_STORES) == 1;
    if (!dim[VLT_PATCHIFY_DIM_BYTES]) {
        vlt_patchify_formula_init(&state->formula, state->constants);
    }
    return VLT_OK;
}

struct job {
    const vlt_patchify_state *state;
    const vlt_patchify_args *args;
    int frames;  /* distinct ones */
    bool stream; /* wanted, and the output is aligned */
};

/* Rows of tokens [begin, end): the patches in the order of the output. */
static void token_rows(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    const vlt_patchify_state *state = job->state;
    int64_t merge = state->merge, patch = state->patch, stride = job->args->stride;
    unsigned char *out = job->args->out;
    const uint8_t *frame[VLT_PATCHIFY_TEMPORAL_MAX];
    out += begin * state->grid_w * merge * state->row_bytes;
    for (int64_t row = begin; row < end; row++) {
        for (int64_t column = 0; column < state->grid_w / merge; column++) {
            for (int64_t k = 0; k < merge * merge; k++, out += state->row_bytes) {
                int64_t y = (row * merge + k / merge) * patch;
                int64_t x = (column * merge + k % merge) * patch;
                for (int f = 0; f < job->frames; f++) {
                    frame[f] = job->args->frame[f] + y * stride + x * 3;
                }
                state->body(state, frame, job->frames, stride, job->stream, out);
            }
        }
    }
}

vlt_status vlt_patchify_run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_patchify_state *state = plan->state;
    struct job job = {.state = state, .args = args, .frames = 1};
    for (int64_t t = 1; t < state->temporal; t++) {
        if (job.args->frame[t] != job.args->frame[0]) {
            job.frames = (int)state->temporal;
        }
    }
    job.stream = state->stream && (uintptr_t)job.args->out % VLT_ALIGN == 0;
    vlt_threads_for(plan->context->threads, state->grid_h / state->merge, 1, state->threads,
                    token_rows, &job);
    return VLT_OK;
}

void vlt_patchify_release(vlt_plan *plan)
{
    vlt_free(plan->state);
}
