/* activation_vector_internal.h: GELU and SiLU on vectors; see core/simd.h. Fused blocks use the
 * three functions of one vector in their epilogues.
 *
 *   silu(x)      = x / (1 + exp(-x))
 *   gelu_tanh(x) = x / (1 + exp(-2 z)), z = 0.7978845608028654 (x + 0.044715 x^3), because
 *                  (1 + tanh(z)) / 2 = 1 / (1 + exp(-2 z))
 *   gelu_erf(x)  = 0.5 x (1 + erf(t)), t = x / sqrt(2). erf(t) / t is a polynomial in t^2 below
 *                  0.9, ln(1 - erf(t)) one in t - 2.4 up to 4, where erf is 1 in f32. Both
 *                  interpolate at Chebyshev nodes; erf is within 1.8e-7 relative.
 * Against the baseline: within 5e-7 of the larger of |x| and 1.
 */
#ifndef VLT_ACTIVATION_VECTOR_INTERNAL_H
#define VLT_ACTIVATION_VECTOR_INTERNAL_H

#include "optimizations/core/simd.h"

#ifdef VLT_SIMD
#include "optimizations/activation/activation.h"

VLT_ALWAYS_INLINE vec vec_sigmoid_times(vec x, vec minus_z)
{
    return vec_div(x, vec_add(vec_set(1), vec_exp(minus_z)));
}

VLT_ALWAYS_INLINE vec vec_silu(vec x)
{
    return vec_sigmoid_times(x, vec_sub(vec_zero(), x));
}

VLT_ALWAYS_INLINE vec vec_gelu_tanh(vec x)
{
    vec cubic = vec_fma(vec_mul(vec_mul(x, x), x), vec_set(0.044715f), x);
    return vec_sigmoid_times(x, vec_mul(cubic, vec_set(-2 * 0.7978845608028654f)));
}

VLT_ALWAYS_INLINE vec vec_polynomial(vec x, const float *coefficient, int count)
{
    vec value = vec_set(coefficient[count - 1]);
    VLT_UNROLL
    for (int i = count - 2; i >= 0; i--) {
        value = vec_fma(value, x, vec_set(coefficient[i]));
    }
    return value;
}

VLT_ALWAYS_INLINE vec vec_erf(vec t)
{
    static const float near[] = {1.128379225730896f,     -0.37612634897232056f,
                                 0.11283718049526215f,   -0.026860665529966354f,
                                 0.0052042268216609955f, -0.0008179632131941617f,
                                 8.529401384294033e-05f};
    static const float far[] = {
        -7.280974864959717f,    -5.164236545562744f,      -0.9405019283294678f,
        -0.011768260039389133f, 0.0023875199258327484f,   -0.00046940319589339197f,
        8.702625200385228e-05f, -1.4617036868003197e-05f, 1.6430636833320023e-06f};
    vec magnitude = vec_abs(t);
    vec inner = vec_mul(t, vec_polynomial(vec_mul(t, t), near, 7));
    vec shifted = vec_sub(vec_min(vec_set(4), magnitude), vec_set(2.4f));
    vec outer = vec_sub(vec_set(1), vec_exp(vec_polynomial(shifted, far, 9)));
    return vec_if_less(magnitude, vec_set(0.9f), inner, vec_copy_sign(outer, t));
}

VLT_ALWAYS_INLINE vec vec_gelu_erf(vec x)
{
    vec erf_of = vec_erf(vec_mul(x, vec_set(0.7071067811865476f)));
    return vec_mul(vec_mul(vec_set(0.5f), x), vec_add(vec_set(1), erf_of));
}

VLT_ALWAYS_INLINE vec vec_activation(int64_t kind, vec x)
{
    return kind == VLT_ACTIVATION_GELU_TANH  ? vec_gelu_tanh(x)
           : kind == VLT_ACTIVATION_GELU_ERF ? vec_gelu_erf(x)
                                             : vec_silu(x);
}

enum { ROWS_AT_ONCE = 4, SERIAL_ELEMENTS = 1 << 15 };

static const vlt_knob vector_knobs[] = {VLT_KNOB_THREADS};

struct activation_job {
    const vlt_activation_args *args;
    int64_t width, kind;
};

VLT_ALWAYS_INLINE void activate_rows(const struct activation_job *job, int64_t kind, int64_t begin,
                                     int64_t end)
{
    const vlt_activation_args *a = job->args;
    for (int64_t row = begin; row < end; row++) {
        const float *x = a->x + row * a->x_stride;
        const float *up = kind == VLT_ACTIVATION_SILU_MUL ? a->up + row * a->up_stride : NULL;
        float *out = a->out + row * a->out_stride;
        int64_t i = 0;
        for (; i + VEC_LANES <= job->width; i += VEC_LANES) {
            vec v = vec_activation(kind, vec_load(x + i));
            vec_store(out + i, up ? vec_mul(v, vec_load(up + i)) : v);
        }
        if (i < job->width) {
            int64_t left = job->width - i;
            vec v = vec_activation(kind, vec_load_part(x + i, left));
            vec_store_part(out + i, left, up ? vec_mul(v, vec_load_part(up + i, left)) : v);
        }
    }
}

static void activation_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct activation_job *job = argument;
    switch (job->kind) {
    case VLT_ACTIVATION_GELU_TANH:
        activate_rows(job, VLT_ACTIVATION_GELU_TANH, begin, end);
        break;
    case VLT_ACTIVATION_GELU_ERF:
        activate_rows(job, VLT_ACTIVATION_GELU_ERF, begin, end);
        break;
    default:
        activate_rows(job, VLT_ACTIVATION_SILU_MUL, begin, end);
        break;
    }
}

static vlt_status vector_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_activation_args *a = args;
    struct activation_job job = {.args = a,
                                 .width = vlt_activation_width(plan, a),
                                 .kind = plan->problem.dim[VLT_ACTIVATION_DIM_KIND]};
    bool small = a->rows * job.width < SERIAL_ELEMENTS;
    vlt_threads_for(plan->context->threads, a->rows, ROWS_AT_ONCE,
                    small ? 1 : (int)vlt_plan_knob(plan, 0), activation_body, &job);
    return VLT_OK;
}

#endif
#endif
